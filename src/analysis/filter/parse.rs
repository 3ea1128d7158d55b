//! Reads a filter, and says where it cannot.

use std::fmt;

use super::{
    Expression, Subject,
    address::{NOT_A_PORT, Wrong, address},
};
use crate::model::{Comparison, End};

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    at: usize,
    why: String,
}

impl fmt::Display for FilterError {
    /// Three lines: the reason, the filter, a caret under the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.text[..self.at].chars().count();
        write!(f, "{}\n  {}\n  {:column$}^", self.why, self.text, "")
    }
}

impl std::error::Error for FilterError {}

/// Parentheses may not be nested deeper than this.
const DEEPEST: usize = 50;

pub fn filter(text: &str, subject: Subject) -> Result<Expression, FilterError> {
    let mut parser = Parser {
        text,
        subject,
        words: words(text),
        next: 0,
        depth: 0,
    };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.fail("a closing parenthesis without an opening one")),
    }
}

struct Parser<'a> {
    text: &'a str,
    subject: Subject,
    words: Vec<(usize, &'a str)>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|(_, word)| *word)
    }

    fn take_any(&mut self, wanted: &[&str]) -> bool {
        let taken = self.peek().is_some_and(|word| wanted.contains(&word));
        self.next += usize::from(taken);
        taken
    }

    fn fail(&self, why: impl Into<String>) -> FilterError {
        let at = self
            .words
            .get(self.next)
            .map_or(self.text.len(), |(at, _)| *at);
        FilterError {
            text: self.text.to_owned(),
            at,
            why: why.into(),
        }
    }

    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.and()?];
        while self.take_any(&["or", "|", "||"]) {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    /// Conditions that merely follow each other must all hold, as in `ss`.
    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.not()?];
        loop {
            let more = self.take_any(&["and", "&", "&&"])
                || self
                    .peek()
                    .is_some_and(|word| !matches!(word, ")" | "or" | "|" | "||"));
            if !more {
                return Ok(one_or(parts, Expression::And));
            }
            let at = self.next;
            let part = self.not()?;
            if clash(parts.last(), &part) {
                self.next = at;
                return Err(self.fail("no socket has two ports: write `or` between them"));
            }
            parts.push(part);
        }
    }

    fn not(&mut self) -> Result<Expression, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fail("nested too deeply"));
        }
        let expression = if self.take_any(&["not", "!"]) {
            Expression::Not(Box::new(self.not()?))
        } else if self.take_any(&["("]) {
            let inside = self.or()?;
            if !self.take_any(&[")"]) {
                return Err(self.fail("a closing parenthesis is missing"));
            }
            inside
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn term(&mut self) -> Result<Expression, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("a condition is missing, as :8080 or src 10.0.0.0/8"));
        };
        let (end, is_port) = match word {
            "sport" => (End::Server, true),
            "dport" => (End::Client, true),
            "src" => (End::Server, false),
            "dst" => (End::Client, false),
            _ => return self.address(End::Server),
        };
        if end == End::Client && self.subject == Subject::Listener {
            return Err(self.fail("a listener has no peer: use sport or src"));
        }
        self.next += 1;
        match is_port {
            true => self.compared_port(end),
            false => self.compared_address(end),
        }
    }

    fn compared_port(&mut self, end: End) -> Result<Expression, FilterError> {
        let is = self.comparison().unwrap_or(Comparison::Equal);
        let port = self.port()?;
        Ok(Expression::Port { end, is, port })
    }

    fn compared_address(&mut self, end: End) -> Result<Expression, FilterError> {
        let is = self.comparison().unwrap_or(Comparison::Equal);
        let address = self.address(end)?;
        match is {
            Comparison::Equal => Ok(address),
            Comparison::NotEqual => Ok(Expression::Not(Box::new(address))),
            _ => {
                self.next -= 2;
                Err(self.fail("addresses can only be equal or not"))
            }
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let is = match self.peek()? {
            "=" | "==" | "eq" => Comparison::Equal,
            "!=" | "ne" | "neq" => Comparison::NotEqual,
            "<" | "lt" => Comparison::Less,
            "<=" | "le" | "leq" => Comparison::LessOrEqual,
            ">" | "gt" => Comparison::Greater,
            ">=" | "ge" | "geq" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(is)
    }

    fn port(&mut self) -> Result<u16, FilterError> {
        let digits = self
            .peek()
            .map(|word| word.strip_prefix(':').unwrap_or(word));
        let port = digits.and_then(|digits| digits.parse().ok());
        let port = port.ok_or_else(|| self.fail(NOT_A_PORT))?;
        self.next += 1;
        Ok(port)
    }

    fn address(&mut self, end: End) -> Result<Expression, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("an address is missing"));
        };
        let expression = match word {
            _ if word.starts_with(['/', '@']) && self.subject == Subject::Connection => {
                return Err(self.fail("a unix socket's path: its connections are on no network"));
            }
            _ if word.starts_with(['/', '@']) => Expression::Path(word.to_owned()),
            _ => address(word, end).map_err(|Wrong { part, why, is_word }| {
                let inside = part.as_ptr().addr() - word.as_ptr().addr();
                let hint = match is_word && self.subject == Subject::Listener {
                    true => "; a process is chosen with --process",
                    false => "",
                };
                let error = self.fail(why + hint);
                FilterError {
                    at: error.at + inside,
                    ..error
                }
            })?,
        };
        self.next += 1;
        Ok(expression)
    }
}

/// Two conditions that name different ports of one end.
fn clash(one: Option<&Expression>, other: &Expression) -> bool {
    let port = |expression: &Expression| match expression {
        Expression::Address { end, port, .. } => port.map(|port| (*end, port)),
        _ => None,
    };
    one.and_then(port)
        .zip(port(other))
        .is_some_and(|(one, other)| one.0 == other.0 && one.1 != other.1)
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        join(parts)
    }
}

/// Words with their places. Parentheses, `!`, and comparisons stand for themselves also without
/// spaces around them.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..]
        .find(|c: char| !c.is_whitespace())
        .map(|skip| at + skip)
    {
        let length = word_length(&text[start..]);
        words.push((start, &text[start..start + length]));
        at = start + length;
    }
    words
}

fn word_length(text: &str) -> usize {
    const SIGNS: [&str; 12] = [
        "<=", ">=", "!=", "==", "||", "&&", "(", ")", "!", "<", ">", "=",
    ];
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return sign.len();
    }
    let ends = |c: char| c.is_whitespace() || "()!<>=".contains(c);
    text.find(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listeners(text: &str) -> Result<Expression, FilterError> {
        filter(text, Subject::Listener)
    }

    fn error(text: &str) -> String {
        listeners(text).unwrap_err().to_string()
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            error("sport = :80 or sport = :x"),
            format!(
                "not a port: a number from 0 to 65535\n  sport = :80 or sport = :x\n{:25}^",
                ""
            )
        );
        assert!(error("10.0.0.1:8x").ends_with("\n  10.0.0.1:8x\n           ^"));
        assert!(error("(:80").ends_with("\n  (:80\n      ^"));
        assert!(error(":80)").ends_with("\n  :80)\n     ^"));
        assert!(error("not").ends_with("\n  not\n     ^"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "dport = :80",
            "10.0.0.0/33",
            "[::1]/129",
            ":99999",
            "src < 10.0.0.1",
            "frog",
            "8080",
            ":80 :443",
            "*",
            "[::1",
            "or :80",
            ":80 and",
        ] {
            assert!(listeners(text).is_err(), "{text}");
        }
        assert!(error(&"(".repeat(1000)).starts_with("nested too deeply"));
    }

    #[test]
    fn two_ports_clash_and_one_port_named_twice_does_not() {
        assert!(error(":80 :443").starts_with("no socket has two ports"));
        assert!(listeners(":80 127.0.0.1:80").is_ok());
        assert!(listeners(":80 or :443").is_ok());
    }

    #[test]
    fn spaces_around_signs_are_not_needed() {
        assert_eq!(listeners("sport>=:80"), listeners("sport >= :80"));
        assert_eq!(listeners("!(:80 or :81)"), listeners("not ( :80 || :81 )"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = listeners(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn words_of_the_language_in_any_order_do_not_make_it_panic(
            words in prop::collection::vec(prop::sample::select(vec!["(", ")", "not", "and", "or", "sport", "src", "=", "<", ":80", "10.0.0.1", "[::1]:9", "/x", "!"]), 0..12)
        ) {
            let _ = listeners(&words.join(" ")).map_err(|error| error.to_string());
        }
    }
}
