//! The parser of filters. An error points at the word that is wrong.

use std::fmt;

use super::{
    Comparison, End, Filter, Services, Test,
    address::{self, NOT_A_PORT, Wrong, address},
};

/// Why a text is not a filter, and where it goes wrong.
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

/// What a filter selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Listeners, of which only the local end is known. A bare port is theirs.
    Listener,
    /// Handshakes on the wire: the local end is the server, and a bare port is the server's.
    Handshake,
    /// Ephemeral ports in use towards a destination, to which a bare port belongs.
    Destination,
    /// Closed connections. A bare port is that of either end: a client's is not kept, so it is the
    /// service's.
    Closed,
}

impl Subject {
    /// The ends that a condition without `src`, `dst`, `sport` or `dport` may refer to.
    fn bare(self) -> &'static [End] {
        match self {
            Subject::Listener | Subject::Handshake => &[End::Local],
            Subject::Destination => &[End::Peer],
            Subject::Closed => &[End::Local, End::Peer],
        }
    }

    /// Why a word of the language does not apply.
    fn lacks(self, word: &str) -> Option<&'static str> {
        match (self, word) {
            (Subject::Listener, "dport" | "dst") => {
                Some("a listener has no peer: use sport or src")
            }
            (Subject::Destination, "sport") => {
                Some("local ports are counted per source and destination: use src, dst or dport")
            }
            _ => None,
        }
    }
}

/// The deepest nesting of parentheses.
const DEEPEST: usize = 50;

pub fn filter(text: &str, subject: Subject, services: Services<'_>) -> Result<Filter, FilterError> {
    let mut parser = Parser {
        text,
        subject,
        services,
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
    services: Services<'a>,
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

    fn or(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.and()?];
        while self.take_any(&["or", "|", "||"]) {
            parts.push(self.and()?);
        }
        Ok(Filter::any(parts))
    }

    /// Conditions that merely follow each other must all hold, as in `ss`.
    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.not()?];
        loop {
            let more = self.take_any(&["and", "&", "&&"])
                || self
                    .peek()
                    .is_some_and(|word| !matches!(word, ")" | "or" | "|" | "||"));
            if !more {
                return Ok(Filter::all(parts));
            }
            let at = self.next;
            let part = self.not()?;
            if parts.iter().any(|other| clash(other, &part)) {
                self.next = at;
                return Err(self.fail("no socket has two ports: write `or` between them"));
            }
            parts.push(part);
        }
    }

    fn not(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fail("nested too deeply"));
        }
        let expression = if self.take_any(&["not", "!"]) {
            Filter::Not(Box::new(self.not()?))
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

    fn term(&mut self) -> Result<Filter, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("a condition is missing, as :8080 or src 10.0.0.0/8"));
        };
        let (end, is_port) = match word {
            "sport" => (End::Local, true),
            "dport" => (End::Peer, true),
            "src" => (End::Local, false),
            "dst" => (End::Peer, false),
            _ => return self.address(self.subject.bare()),
        };
        if let Some(why) = self.subject.lacks(word) {
            return Err(self.fail(why));
        }
        self.next += 1;
        match is_port {
            true => self.compared_port(end),
            false => self.compared_address(end),
        }
    }

    fn compared_port(&mut self, end: End) -> Result<Filter, FilterError> {
        let is = self.comparison().unwrap_or(Comparison::Equal);
        Ok(Filter::port(end, is, self.port()?))
    }

    fn compared_address(&mut self, end: End) -> Result<Filter, FilterError> {
        let is = self.comparison().unwrap_or(Comparison::Equal);
        let address = self.address(&[end])?;
        match is {
            Comparison::Equal => Ok(address),
            Comparison::NotEqual => Ok(Filter::Not(Box::new(address))),
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
        let name = self
            .peek()
            .map(|word| word.strip_prefix(':').unwrap_or(word));
        let port = name.and_then(|name| address::port(name, self.services));
        let port = port.ok_or_else(|| self.fail(NOT_A_PORT))?;
        self.next += 1;
        Ok(port)
    }

    fn address(&mut self, ends: &[End]) -> Result<Filter, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("an address is missing"));
        };
        let is_path = word.starts_with(['/', '@']);
        let expression = match self.subject {
            Subject::Listener if is_path => Filter::Test(Test::Path(word.to_owned())),
            _ if is_path => {
                return Err(self.fail("a unix socket's path: its connections are on no network"));
            }
            _ => {
                let one = |end: &End| address(word, *end, self.services);
                let found: Result<_, _> = ends.iter().map(one).collect();
                Filter::any(found.map_err(|wrong| self.at(word, wrong))?)
            }
        };
        self.next += 1;
        Ok(expression)
    }

    fn at(&self, word: &str, Wrong { part, why, is_word }: Wrong<'_>) -> FilterError {
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
    }
}

/// Whether two conditions name different ports of one end.
fn clash(one: &Filter, other: &Filter) -> bool {
    [End::Local, End::Peer].into_iter().any(|end| {
        let ports = one.required_port(end).zip(other.required_port(end));
        ports.is_some_and(|(one, other)| one != other)
    })
}

/// The words, each with its byte offset. Parentheses, `!` and comparisons need no spaces around
/// them.
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
