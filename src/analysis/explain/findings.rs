//! Articles on findings: the file of the rule, with the severities and the area that the code uses.

use super::Article;
use crate::analysis::{Severity, finding::Rule};

/// Adds what the table of rules knows, below the first paragraph.
pub fn complete(article: &mut Article, rule: &Rule) {
    let severities: Vec<&str> = rule
        .severities
        .iter()
        .copied()
        .map(Severity::word)
        .collect();
    let area = format!("{:?}", rule.area);
    let facts = format!(
        "Severity: {}. Area: {}.",
        severities.join(" or "),
        words(&area)
    );
    let (first, rest) = article
        .text
        .split_once("\n\n")
        .unwrap_or((&article.text, ""));
    article.text = [first, &facts, rest].join("\n\n").trim_end().to_owned();
}

/// `AcceptQueue` as `accept queue`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
