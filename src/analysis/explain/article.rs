//! One article: a Markdown file with a head.
//!
//! ```text
//! ---
//! title: Accept queue
//! aliases: full queue, completed connection queue
//! see-also: queues, net.core.somaxconn
//! live: queues
//! ---
//! What it is, one line per paragraph.
//!
//! ## It does not mean
//! …
//! ```
//!
//! The head is optional, as is each of its lines. `live` names counters and sysctls whose values on
//! this host are shown below the text, or `queues`. In the file of a counter `also` names others that
//! the text is about: IPv6 counters, the members of a family.

use schemars::JsonSchema;
use serde::Serialize;

use super::index::plain;

/// What an article is about. The order is that of preference where several have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Term,
    State,
    Finding,
    Sysctl,
    Counter,
    Column,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::Term,
        Kind::State,
        Kind::Finding,
        Kind::Sysctl,
        Kind::Counter,
        Kind::Column,
    ];

    /// As in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Term => "term",
            Kind::State => "state",
            Kind::Finding => "finding",
            Kind::Sysctl => "sysctl",
            Kind::Counter => "counter",
            Kind::Column => "column",
        }
    }

    /// Its folder, which is also the word for all of them.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Term => "terms",
            Kind::State => "states",
            Kind::Finding => "findings",
            Kind::Sysctl => "sysctls",
            Kind::Counter => "counters",
            Kind::Column => "columns",
        }
    }

    /// By its word or its plural.
    pub fn named(word: &str) -> Option<Kind> {
        let is_meant = |kind: &Kind| [kind.word(), kind.plural()].contains(&word);
        Kind::ALL.into_iter().find(is_meant)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Article {
    /// The name it stands under: `accept_queue_overflow`, `TcpExtListenDrops`, `net.core.somaxconn`.
    pub term: String,
    /// What it is about.
    pub kind: Kind,
    /// Its heading.
    pub title: String,
    /// The text, in Markdown.
    pub text: String,
    /// Other names that it is found by.
    pub aliases: Vec<String>,
    /// Terms of related articles.
    pub see_also: Vec<String>,
    /// Counters and sysctls whose values belong to it, or `queues`.
    #[serde(skip)]
    pub live: Vec<String>,
}

/// A file of a folder: (folder, name, text).
pub(super) type File = (&'static str, &'static str, &'static str);

pub(super) static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/articles.rs"));

const FENCE: &str = "---\n";

impl Article {
    pub(super) fn from_file(kind: Kind, term: &str, file: &'static str) -> Self {
        let list = |key| items(file, key).map(str::to_owned).collect();
        Article {
            term: term.to_owned(),
            kind,
            title: field(file, "title").unwrap_or(term).to_owned(),
            text: body(file).to_owned(),
            aliases: list("aliases"),
            see_also: list("see-also"),
            live: list("live"),
        }
    }

    /// Its title, with the term where the title does not spell it.
    pub fn heading(&self) -> String {
        let is_spelt = match self.kind {
            Kind::Finding | Kind::Sysctl => self.title.contains(&self.term),
            _ => plain(&self.title).contains(&plain(&self.term)),
        };
        match is_spelt {
            true => self.title.clone(),
            false => format!("{} ({})", self.title, self.term),
        }
    }

    /// Its first paragraph.
    pub fn summary(&self) -> &str {
        self.text.split("\n\n").next().unwrap_or_default()
    }
}

/// The items of a line of the head.
pub(super) fn items(file: &'static str, key: &str) -> impl Iterator<Item = &'static str> {
    let values = field(file, key).into_iter();
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// A line of the head.
fn field(file: &'static str, key: &str) -> Option<&'static str> {
    let head = file.strip_prefix(FENCE)?.split_once(FENCE)?.0;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(name, value)| (name == key).then(|| value.trim()))
}

/// What follows the head.
const fn body(file: &'static str) -> &'static str {
    let text = file.as_bytes();
    if !is_at(text, 0, FENCE.as_bytes()) {
        return file.trim_ascii();
    }
    let mut at = FENCE.len();
    while at < text.len() && !is_at(text, at, FENCE.as_bytes()) {
        at += 1;
    }
    assert!(at < text.len(), "the head of an article has no end");
    file.split_at(at + FENCE.len()).1.trim_ascii()
}

/// The first paragraph of a file.
pub const fn summary(file: &'static str) -> &'static str {
    let text = body(file);
    let mut at = 0;
    while at < text.len() && !is_at(text.as_bytes(), at, b"\n\n") {
        at += 1;
    }
    text.split_at(at).0
}

const fn is_at(text: &[u8], at: usize, part: &[u8]) -> bool {
    let mut index = 0;
    while index < part.len() {
        if at + index >= text.len() || text[at + index] != part[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "---\ntitle: The title\naliases: one, two words\n---\nFirst: line.\n\n## Do\nSecond.\n";

    #[test]
    fn a_file_has_a_head_and_a_text() {
        let article = Article::from_file(Kind::Term, "name", FILE);
        assert_eq!(article.title, "The title");
        assert_eq!(article.aliases, ["one", "two words"]);
        assert_eq!(article.see_also, [""; 0]);
        assert_eq!(article.text, "First: line.\n\n## Do\nSecond.");
        assert_eq!(article.summary(), "First: line.");
        assert_eq!(summary(FILE), "First: line.");
    }

    #[test]
    fn a_file_without_a_head_is_all_text() {
        let article = Article::from_file(Kind::Finding, "an_id", "Critical: x.\n");
        assert_eq!(
            (article.title.as_str(), article.text.as_str()),
            ("an_id", "Critical: x.")
        );
        assert_eq!(summary("Critical: x.\n"), "Critical: x.");
    }
}
