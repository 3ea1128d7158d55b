//! Articles on counters: what the catalogue knows, and the file that names the counter.

use std::collections::HashMap;

use super::{
    Article, Kind,
    article::{FILES, items},
};
use crate::{
    analysis::counters::{self, Entry, Scope, entries},
    model::CounterId,
};

/// One article per counter of the catalogue, in its order.
pub fn articles() -> Vec<Article> {
    let files: HashMap<_, _> = files().collect();
    let file = |name| files.get(name).copied().unwrap_or_default();
    entries()
        .map(|entry| article(&entry, file(entry.kernel_name)))
        .collect()
}

fn article(entry: &Entry, file: &'static str) -> Article {
    let name = entry.kernel_name;
    let mut article = Article::from_file(Kind::Counter, name, file);
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

/// Each counter that a file is about, and the file: its own, or one of a family.
fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = FILES.iter();
    let files = files.filter(|(folder, _, _)| *folder == Kind::Counter.plural());
    files.flat_map(|(_, name, file)| {
        let names = std::iter::once(*name).chain(items(file, "also"));
        names.map(|name| (name, *file))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_text_in_one_file() {
        let mut of_counter: HashMap<&str, &'static str> = HashMap::new();
        for (name, file) in files() {
            let other = of_counter.insert(name, file);
            assert_eq!(other, None, "{name} is in two files");
        }
        for entry in entries() {
            let name = entry.kernel_name;
            let file = of_counter.remove(name).expect(name);
            let own = Article::from_file(Kind::Counter, name, file);
            let words = own.text.split_whitespace().count();
            assert!(words >= 30, "{name}: {words} words");
            let is_own = own.see_also.iter().any(|other| other == name);
            assert!(!is_own, "{name} refers to itself");
            assert!(article(&entry, file).text.contains(own.summary()), "{name}");
        }
        assert_eq!(of_counter, HashMap::new(), "no such counters");
    }
}
