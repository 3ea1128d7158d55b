//! A value with its unit, and how it is written.

use std::{borrow::Cow, cmp::Ordering};

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
    /// A command line, whose middle tells least.
    Command(String),
    /// Processes: name and what follows it, which is never cut.
    Processes {
        all: Vec<(String, String)>,
        raw: String,
    },
    Count(i128),
    /// A number that identifies something, and is not grouped.
    Id(u64),
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

    pub fn truth(is: bool) -> Self {
        Value::Word(if is { "true" } else { "false" })
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
            Value::Text(name) | Value::Command(name) | Value::Both { shown: name, .. } => {
                text::escape_into(name, text);
            }
            Value::Processes { all, .. } => {
                let one =
                    |(name, tail): &(String, String)| format!("{} {tail}", text::escape(name));
                text.push_str(&all.iter().map(one).collect::<Vec<_>>().join(", "));
            }
            Value::Count(number) => text.push_str(&text::grouped(*number)),
            Value::Id(number) => text.push_str(&number.to_string()),
            Value::Change(number) => text.push_str(&text::signed(*number)),
            Value::Decimal(number) => text.push_str(&text::decimal(*number)),
            Value::Ratio(share) => text.push_str(&text::percent(*share)),
            Value::Milliseconds(duration) => text.push_str(&text::duration(*duration)),
            Value::Bytes(size) => text.push_str(&text::bytes(*size)),
        }
    }

    /// As a person reads it, in at most so many columns; of processes the names are shortened.
    pub fn within(&self, columns: usize) -> String {
        let whole = self.shown();
        match self {
            Value::Processes { all, .. } if text::width(&whole) > columns => {
                within(all, columns).unwrap_or_else(|| text::shorten(&whole, columns))
            }
            Value::Command(_) => text::shorten_middle(&whole, columns),
            _ => text::shorten(&whole, columns),
        }
    }

    /// Its width with names cut to so many columns.
    pub fn narrowest(&self, name_width: usize) -> usize {
        match self {
            Value::Processes { all, .. } => all.first().map_or(0, |(name, tail)| {
                text::width(name).min(name_width) + text::width(tail) + 1
            }),
            other => text::width(&other.shown()).min(name_width),
        }
    }

    /// As a program reads it: unrounded, in the base unit; empty if missing.
    pub fn raw(&self) -> Cow<'_, str> {
        match self {
            Value::Missing => "".into(),
            Value::Word(word) => (*word).into(),
            Value::Text(name)
            | Value::Command(name)
            | Value::Both { raw: name, .. }
            | Value::Processes { raw: name, .. } => name.into(),
            Value::Count(0) | Value::Id(0) | Value::Milliseconds(0) | Value::Bytes(0) => "0".into(),
            Value::Id(number) => number.to_string().into(),
            Value::Count(number) | Value::Change(number) => number.to_string().into(),
            Value::Decimal(number) | Value::Ratio(number) => number.to_string().into(),
            Value::Milliseconds(number) | Value::Bytes(number) => number.to_string().into(),
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Missing
            | Value::Word(_)
            | Value::Text(_)
            | Value::Command(_)
            | Value::Processes { .. } => None,
            Value::Id(number) => Some(*number as f64),
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

/// The first of these processes, its name shortened; `None` where not even its id fits.
fn within(processes: &[(String, String)], columns: usize) -> Option<String> {
    let (name, tail) = processes.first()?;
    let more = if processes.len() > 1 { ", …" } else { "" };
    let fit = |end: &str| {
        let room = columns.checked_sub(text::width(tail) + text::width(end) + 1)?;
        let name = text::shorten(&text::escape(name), room);
        (room > 0).then(|| format!("{name} {tail}{end}"))
    };
    fit(more).or_else(|| fit(""))
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

    /// `api (4121)`
    pub fn process(name: &str, pid: u32, raw: String) -> Self {
        let all = vec![(name.to_owned(), format!("({pid})"))];
        Value::Processes { all, raw }.into()
    }

    pub fn id(number: impl Into<u64>) -> Self {
        Value::Id(number.into()).into()
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
