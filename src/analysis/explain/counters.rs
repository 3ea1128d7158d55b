//! Articles on counters: what the catalogue knows, and the file of the counter where there is one.

use super::{Article, Kind, article::FILES};
use crate::{
    analysis::counters::{self, Entry, Scope, entries},
    model::CounterId,
};

/// One article per counter of the catalogue, in its order.
pub fn articles() -> Vec<Article> {
    entries().map(|entry| article(&entry)).collect()
}

fn article(entry: &Entry) -> Article {
    let name = entry.kernel_name;
    // IPv6 counters have the names and meanings of the IPv4 counters.
    let file = file(name).or_else(|| file(&name.replacen('6', "", 1)));
    let mut article = Article::from_file(Kind::Counter, name, file.unwrap_or_default());
    article.title = name.to_owned();
    let own = std::mem::take(&mut article.text);
    let (own, remedy) = match own.find("## Do") {
        Some(at) => own.split_at(at),
        None => (own.as_str(), ""),
    };
    let (facts, look) = (facts(entry), look(entry));
    let parts = [facts.as_str(), own.trim_end(), &look, remedy].into_iter();
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    article.text = parts.join("\n\n");
    article.aliases.extend(other_names(entry));
    article.live.push(name.to_owned());
    article
}

fn file(name: &str) -> Option<&'static str> {
    let mut files = FILES.iter();
    let file = files.find(|(folder, stem, _)| *folder == Kind::Counter.plural() && *stem == name);
    file.map(|(_, _, text)| *text)
}

fn facts(entry: &Entry) -> String {
    let kind = match entry.kind {
        counters::Kind::Gauge => "A level, which rises and falls",
        counters::Kind::Counter => "A count, which only rises",
    };
    let scope = match entry.scope {
        Scope::Host => "of the whole host",
        Scope::Netns => "per network namespace",
    };
    let group = entry.group.replace('_', " ");
    let mut text = format!(
        "{}.\n\n{kind}, {scope}; group {group}.",
        capital(entry.meaning)
    );
    if !entry.phrase.is_empty() {
        let phrase = match entry.phrase.contains("{}") {
            true => entry.phrase.replace("{}", "N"),
            false => format!("N {}", entry.phrase),
        };
        text += &format!(" `netstat -s` prints \"{phrase}\".");
    }
    text
}

fn look(entry: &Entry) -> String {
    let name = entry.kernel_name;
    format!("## Look at\n`sockdiag counters {name} -w` for its rate.")
}

/// The name without its table, and the phrase of `netstat -s`.
fn other_names(entry: &Entry) -> Vec<String> {
    let bare = CounterId::from(entry.kernel_name).name.to_string();
    let names = [bare, entry.phrase.replace("{}", "")];
    let is_other = |name: &String| !name.is_empty() && name != entry.kernel_name;
    names.into_iter().filter(is_other).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
