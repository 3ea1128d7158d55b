//! A value with its unit, and how it is written.

use std::cmp::Ordering;

use crate::render::{
    Tone,
    text::{self, MISSING},
};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Missing,
    /// A word or sentence of this program, which needs no escaping.
    Word(&'static str),
    /// A name chosen by others.
    Text(String),
    /// Written differently for people and for programs.
    Both {
        shown: String,
        raw: String,
        /// What `--sort` compares; without it, the text.
        rank: Option<f64>,
    },
    Count(i128),
    Change(i128),
    /// A rate or a mean.
    Decimal(f64),
    /// A share, 1 is all.
    Ratio(f64),
    Milliseconds(u64),
    Bytes(u64),
}

impl Value {
    pub fn count(number: impl Into<i128>) -> Self {
        Value::Count(number.into())
    }

    pub fn change(number: impl Into<i128>) -> Self {
        Value::Change(number.into())
    }

    pub fn ranked(shown: impl Into<String>, raw: impl Into<String>, rank: f64) -> Self {
        Value::Both {
            shown: shown.into(),
            raw: raw.into(),
            rank: Some(rank),
        }
    }

    /// As a person reads it, names escaped.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        self.show(&mut text);
        text
    }

    pub fn show(&self, text: &mut String) {
        match self {
            Value::Missing => text.push_str(MISSING),
            Value::Word(word) => text.push_str(word),
            Value::Text(name) | Value::Both { shown: name, .. } => text::escape_into(name, text),
            Value::Count(number) => text.push_str(&number.to_string()),
            Value::Change(number) => text.push_str(&text::signed(*number)),
            Value::Decimal(number) => text.push_str(&text::decimal(*number)),
            Value::Ratio(share) => text.push_str(&text::percent(*share)),
            Value::Milliseconds(duration) => text.push_str(&text::duration(*duration)),
            Value::Bytes(size) => text.push_str(&text::bytes(*size)),
        }
    }

    /// As a program reads it: unrounded, in the base unit; empty if missing.
    pub fn raw(&self) -> String {
        match self {
            Value::Missing => String::new(),
            Value::Word(word) => (*word).to_owned(),
            Value::Text(name) | Value::Both { raw: name, .. } => name.clone(),
            Value::Count(number) | Value::Change(number) => number.to_string(),
            Value::Decimal(number) | Value::Ratio(number) => number.to_string(),
            Value::Milliseconds(number) | Value::Bytes(number) => number.to_string(),
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Missing | Value::Word(_) | Value::Text(_) => None,
            Value::Both { rank, .. } => *rank,
            Value::Count(number) | Value::Change(number) => Some(*number as f64),
            Value::Decimal(number) | Value::Ratio(number) => Some(*number),
            Value::Milliseconds(number) | Value::Bytes(number) => Some(*number as f64),
        }
    }

    /// The order of `--sort`: largest number first, names alphabetically, unknown last.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self.number(), other.number()) {
            (Some(mine), Some(theirs)) => theirs.total_cmp(&mine),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (self, other) {
                (Value::Missing, Value::Missing) => Ordering::Equal,
                (_, Value::Missing) => Ordering::Less,
                (Value::Missing, _) => Ordering::Greater,
                (mine, theirs) => mine.shown().cmp(&theirs.shown()),
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub value: Value,
    pub tone: Tone,
}

impl Cell {
    pub fn tone(self, tone: Tone) -> Self {
        Cell { tone, ..self }
    }

    pub fn tone_if(self, applies: bool, tone: Tone) -> Self {
        if applies { self.tone(tone) } else { self }
    }

    pub fn word(word: &'static str) -> Self {
        Value::Word(word).into()
    }

    pub fn text(name: impl Into<String>) -> Self {
        Value::Text(name.into()).into()
    }

    /// A name that is written differently for people and for programs.
    pub fn name(shown: impl Into<String>, raw: impl Into<String>) -> Self {
        Cell::from(Value::Both {
            shown: shown.into(),
            raw: raw.into(),
            rank: None,
        })
    }

    pub fn count(number: Option<impl Into<i128>>) -> Self {
        Cell::known(number, Value::count)
    }

    pub fn known<T>(part: Option<T>, value: impl FnOnce(T) -> Value) -> Self {
        part.map_or(Value::Missing, value).into()
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Cell {
            value,
            tone: Tone::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_puts_large_numbers_first_and_the_unknown_last() {
        let mut values = vec![
            Value::Missing,
            Value::Count(3),
            Value::Ratio(0.5),
            Value::Count(20),
        ];
        values.sort_by(Value::order);
        assert_eq!(
            values,
            [
                Value::Count(20),
                Value::Count(3),
                Value::Ratio(0.5),
                Value::Missing
            ]
        );
        let mut names = vec![
            Value::Missing,
            Value::Text("b".into()),
            Value::Text("a".into()),
        ];
        names.sort_by(Value::order);
        assert_eq!(
            names,
            [
                Value::Text("a".into()),
                Value::Text("b".into()),
                Value::Missing
            ]
        );
    }

    #[test]
    fn a_program_gets_the_exact_name_and_a_terminal_a_harmless_one() {
        let name = Value::Text("a\x1b[2J".to_owned());
        assert_eq!(name.raw(), "a\x1b[2J");
        assert_eq!(name.shown(), "a\\x1b[2J");
    }
}
