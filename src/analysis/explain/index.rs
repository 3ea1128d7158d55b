//! Finds an article by whatever people call its subject.

use std::collections::HashMap;

use super::{Article, Column, Kind, article::FILES, columns, counters, findings};
use crate::analysis::finding::RULES;

pub struct Articles {
    all: Vec<Article>,
    /// Articles by each of their names in plain letters, the best first.
    names: HashMap<String, Vec<usize>>,
}

/// Files are read for these; counters and columns are made of more than their files.
const OF_FILES: [Kind; 4] = [Kind::Term, Kind::State, Kind::Finding, Kind::Sysctl];
/// Shorter words are part of too many names.
const SHORTEST_PART: usize = 4;

impl Articles {
    /// Every article; `columns` has the columns of all reports.
    pub fn new(columns: &[Column]) -> Self {
        let of_files = OF_FILES.iter().flat_map(|kind| {
            let files = FILES.iter().filter(|file| file.0 == kind.plural());
            files.map(|(_, name, text)| {
                let mut article = Article::from_file(*kind, name, text);
                if *kind == Kind::Sysctl {
                    article.live.insert(0, (*name).to_owned());
                }
                let rule = RULES.iter().find(|rule| rule.id == *name);
                if let Some(rule) = rule.filter(|_| *kind == Kind::Finding) {
                    findings::complete(&mut article, rule);
                }
                article
            })
        });
        let all = of_files.chain(counters::articles());
        let all: Vec<Article> = all.chain(columns::articles(columns)).collect();
        Articles {
            names: by_name(&all),
            all,
        }
    }

    pub fn all(&self) -> &[Article] {
        &self.all
    }

    /// Finds an article by its term, an alias, a sysctl with or without its path, a counter with or
    /// without its table, a line of `netstat -s`, or a part of a term that only one has. Case and
    /// punctuation do not matter. The word for a kind may come first: `column state`.
    pub fn find(&self, term: &str) -> Option<&Article> {
        let by_name = self.named(term).first().copied();
        by_name.or_else(|| match self.with_part(term)[..] {
            [only] => Some(only),
            _ => None,
        })
    }

    /// The other articles that have this very name.
    pub fn others(&self, term: &str) -> Vec<&Article> {
        self.named(term).into_iter().skip(1).collect()
    }

    /// Articles whose term contains this one; where there is none, those with such an alias.
    pub fn with_part(&self, term: &str) -> Vec<&Article> {
        let part = plain(term);
        if part.chars().count() < SHORTEST_PART {
            return Vec::new();
        }
        let with = |is_alias| {
            let has = |(alias, name): (bool, String)| alias == is_alias && name.contains(&part);
            let all = self.all.iter();
            all.filter(|article| names(article).any(has))
                .collect::<Vec<_>>()
        };
        let own = with(false);
        if own.is_empty() { with(true) } else { own }
    }

    /// Articles with all of these words, first those that have them in a name.
    pub fn search(&self, words: &str) -> Vec<&Article> {
        let words = words.to_lowercase();
        let has = |text: &str| words.split_whitespace().all(|word| text.contains(word));
        let named = |article: &Article| {
            let names = [
                article.term.clone(),
                article.title.clone(),
                article.aliases.join(" "),
            ];
            has(&names.join(" ").to_lowercase())
        };
        let text = |article: &Article| {
            let text = format!("{} {} {}", article.term, article.title, article.text);
            has(&text.to_lowercase())
        };
        let (mut found, rest): (Vec<&Article>, Vec<&Article>) =
            self.all.iter().partition(|article| named(article));
        found.extend(rest.into_iter().filter(|article| text(article)));
        found
    }

    fn named(&self, term: &str) -> Vec<&Article> {
        let (kind, rest) = match term.trim().split_once(char::is_whitespace) {
            Some((word, rest)) => (Kind::named(&word.to_lowercase()), rest),
            None => (None, ""),
        };
        let of_kind = kind.map(|kind| {
            let found = self.exactly(rest).into_iter();
            found
                .filter(|article| article.kind == kind)
                .collect::<Vec<_>>()
        });
        match of_kind {
            Some(found) if !found.is_empty() => found,
            _ => self.exactly(term),
        }
    }

    /// First the article whose term is spelt just so, as the id of a finding is.
    fn exactly(&self, term: &str) -> Vec<&Article> {
        let mut found = spellings(term)
            .into_iter()
            .filter_map(|name| self.names.get(&name));
        let found = found.next().map_or(&[][..], Vec::as_slice);
        let found = found.iter().map(|index| &self.all[*index]);
        let mut found: Vec<&Article> = found.collect();
        found.sort_by_key(|article| article.term != term.trim());
        found
    }
}

/// Articles by name: whose own term it is comes before whose alias, then the kinds in order.
fn by_name(all: &[Article]) -> HashMap<String, Vec<usize>> {
    let mut ranked: Vec<(bool, Kind, usize, String)> = Vec::new();
    for (index, article) in all.iter().enumerate() {
        for (is_alias, name) in names(article) {
            ranked.push((is_alias, article.kind, index, name));
        }
    }
    ranked.sort();
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    for (_, _, index, name) in ranked {
        let found = names.entry(name).or_default();
        if !found.contains(&index) {
            found.push(index);
        }
    }
    names.remove("");
    names
}

/// Every name of an article in plain letters, and whether it is an alias.
fn names(article: &Article) -> impl Iterator<Item = (bool, String)> {
    let last = article.term.rsplit('.').next();
    let last = last.filter(|_| article.kind == Kind::Sysctl);
    let own = [Some(article.term.as_str()), last].into_iter().flatten();
    let aliases = article.aliases.iter().map(String::as_str);
    let own = own.map(|name| (false, plain(name)));
    own.chain(aliases.map(|name| (true, plain(name))))
}

/// The ways to read what was typed: as it is, without a command or a path before it and a value
/// behind it, without numbers. A message of ICMP has its type at its end: `Icmp6OutType135`.
fn spellings(term: &str) -> Vec<String> {
    const BEFORE: [&str; 7] = ["sudo", "cat", "sysctl", "-w", "watch", "-d", "explain"];
    let term = term.trim().trim_matches(['\'', '"', '`']);
    let value = term.split_once('=').map_or(term, |(key, _)| key);
    let words = value.split_whitespace();
    let words: Vec<&str> = words.skip_while(|word| BEFORE.contains(word)).collect();
    let key = words.join(" ");
    let path = key.strip_prefix("/proc/sys/").unwrap_or(&key);
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let without_numbers: String = words
        .iter()
        .filter(|word| !is_number(word))
        .copied()
        .collect();
    let stem = term.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let stem = if stem.ends_with("Type") { stem } else { term };
    let spellings = [term, value, &key, path, &without_numbers, stem];
    spellings
        .map(plain)
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect()
}

/// Letters and digits only, in lower case. `/s` and `Δ/s` stay apart by their letters.
pub(super) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
