//! The parser of filters. An error points at the word that is wrong.

mod conditions;

use std::fmt;

use super::{
    Comparison, End, Filter, Names, NoNames, Subject, Test,
    address::{self, NOT_A_PORT, Wrong, address},
    words::words,
};

/// Why a text is not a filter, and where it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The file that the text came from.
    file: Option<String>,
    text: String,
    at: usize,
    why: String,
}

impl fmt::Display for FilterError {
    /// Three lines: the reason, the line of the filter, a caret under the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = &self.text[..self.at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let column = before[start..].chars().count();
        if let Some(file) = &self.file {
            write!(f, "{file}:{}: ", before.matches('\n').count() + 1)?;
        }
        write!(f, "{}\n  {line}\n  {:column$}^", self.why, "")
    }
}

impl std::error::Error for FilterError {}

/// The deepest nesting of parentheses.
const DEEPEST: usize = 50;

pub fn filter(text: &str, subject: Subject, names: &dyn Names) -> Result<Filter, FilterError> {
    Parser::new(text, Language::Sockets(subject), names).whole()
}

pub fn measures(text: &str) -> Result<Filter, FilterError> {
    let whole = Parser::new(text, Language::Measures, &NoNames).whole();
    whole.map(Filter::of_comparisons)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Sockets(Subject),
    Measures,
}

struct Parser<'a> {
    text: &'a str,
    file: Option<&'a str>,
    language: Language,
    names: &'a dyn Names,
    words: Vec<(usize, &'a str)>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, language: Language, names: &'a dyn Names) -> Self {
        Parser {
            text,
            file: None,
            language,
            names,
            words: words(text),
            next: 0,
            depth: 0,
        }
    }

    fn whole(mut self) -> Result<Filter, FilterError> {
        let expression = self.or()?;
        match self.peek() {
            None => Ok(expression),
            Some(_) => Err(self.fail("a closing parenthesis without an opening one")),
        }
    }

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
            .map_or(self.text.trim_end().len(), |(at, _)| *at);
        FilterError {
            file: self.file.map(str::to_owned),
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
            match self.language {
                Language::Sockets(subject) => self.term(subject)?,
                Language::Measures => self.measured()?,
            }
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn term(&mut self, subject: Subject) -> Result<Filter, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("a condition is missing, as :8080 or src 10.0.0.0/8"));
        };
        let parse: fn(&mut Self, Subject) -> Result<Filter, FilterError> = match word {
            "sport" => |parser, _| parser.compared_port(End::Local),
            "dport" => |parser, _| parser.compared_port(End::Peer),
            "src" => |parser, subject| parser.compared_address(subject, End::Local),
            "dst" => |parser, subject| parser.compared_address(subject, End::Peer),
            "state" | "exclude" => |parser, _| parser.states(),
            "dev" => |parser, _| parser.compared("dev", Self::interface),
            "fwmark" => |parser, _| parser.compared("fwmark", Self::mark),
            "cgroup" => |parser, _| parser.compared("cgroup", Self::cgroup),
            "autobound" => |_, _| Ok(Filter::Test(Test::Autobound)),
            _ if word.starts_with('@') => return self.file(subject),
            _ => return self.address(subject, subject.bare(), None),
        };
        if let Some(why) = subject.lacks(word) {
            return Err(self.fail(why));
        }
        if !matches!(word, "state" | "exclude") {
            self.next += 1;
        }
        parse(self, subject)
    }

    fn compared_port(&mut self, end: End) -> Result<Filter, FilterError> {
        let is = self.comparison().unwrap_or(Comparison::Equal);
        Ok(Filter::port(end, is, self.port()?))
    }

    fn compared_address(&mut self, subject: Subject, end: End) -> Result<Filter, FilterError> {
        let hosts = Some(self.names);
        self.compared("addresses", |parser| parser.address(subject, &[end], hosts))
    }

    /// A condition that holds or does not, behind an optional `=` or `!=`.
    fn compared(
        &mut self,
        what: &str,
        parse: impl Fn(&mut Self) -> Result<Filter, FilterError>,
    ) -> Result<Filter, FilterError> {
        let at = self.next;
        let is = self.comparison().unwrap_or(Comparison::Equal);
        match is {
            Comparison::Equal => parse(self),
            Comparison::NotEqual => Ok(Filter::Not(Box::new(parse(self)?))),
            _ => {
                self.next = at;
                Err(self.fail(format!("{what} can only be equal or not")))
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
        let port = name.and_then(|name| address::port(name, self.names));
        let port = port.ok_or_else(|| self.fail(NOT_A_PORT))?;
        self.next += 1;
        Ok(port)
    }

    /// `hosts` finds their addresses; a word that stands alone is no host's name.
    fn address(
        &mut self,
        subject: Subject,
        ends: &[End],
        hosts: Option<&dyn Names>,
    ) -> Result<Filter, FilterError> {
        let Some(word) = self.peek() else {
            return Err(self.fail("an address is missing"));
        };
        let name = word.strip_prefix("unix:").unwrap_or(word);
        let is_path = name.len() < word.len() || name.starts_with(['/', '@']);
        let expression = match subject.has_paths() {
            true if is_path && ends == [End::Peer] => {
                return Err(self.fail("a unix socket's path is its local end: use src"));
            }
            true if is_path => Filter::Test(Test::Path(name.to_owned())),
            false if is_path => {
                return Err(self.fail("a unix socket's path: its connections are on no network"));
            }
            _ => {
                let one = |end: &End| address(word, *end, self.names, hosts);
                let found: Result<_, _> = ends.iter().map(one).collect();
                Filter::any(found.map_err(|wrong| self.at(subject, word, wrong))?)
            }
        };
        self.next += 1;
        Ok(expression)
    }

    fn at(
        &self,
        subject: Subject,
        word: &str,
        Wrong { part, why, is_word }: Wrong<'_>,
    ) -> FilterError {
        let inside = part.as_ptr().addr() - word.as_ptr().addr();
        let hint = match is_word && subject == Subject::Listener {
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
