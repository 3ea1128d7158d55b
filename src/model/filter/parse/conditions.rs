//! Conditions on more than addresses and ports.

use super::{Language, Parser};
use crate::model::{
    StateSet,
    filter::{Filter, FilterError, Measure, Subject, Test},
};

impl Parser<'_> {
    /// The words `state` and `exclude` that follow each other make one set, as in `ss`: the union
    /// of the first, less the second.
    pub(super) fn states(&mut self) -> Result<Filter, FilterError> {
        let mut states: Option<StateSet> = None;
        while let Some(word @ ("state" | "exclude")) = self.peek() {
            self.next += 1;
            let Some(named) = self.peek().and_then(StateSet::named) else {
                return Err(self.fail(
                    "not a state: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, \
                     time-wait, close-wait, last-ack, closing, listening, closed, bound, \
                     or all, connected, synchronized, bucket, big",
                ));
            };
            self.next += 1;
            states = Some(match word {
                "state" => states.unwrap_or(StateSet::NONE).and(named),
                _ => states.unwrap_or(StateSet::ALL).without(named),
            });
        }
        Ok(Filter::Test(Test::State(states.unwrap_or(StateSet::ALL))))
    }

    pub(super) fn interface(&mut self) -> Result<Filter, FilterError> {
        let index = |word: &str| word.parse().ok().or_else(|| self.names.interface(word));
        let index = self.peek().and_then(index);
        let index = index.ok_or_else(|| self.fail("not an interface: a name or an index"))?;
        self.next += 1;
        Ok(Filter::Test(Test::Interface(index)))
    }

    /// `MARK` or `MARK/MASK`, each decimal or `0x…`.
    pub(super) fn mark(&mut self) -> Result<Filter, FilterError> {
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let parsed = self.peek().and_then(|word| match word.split_once('/') {
            Some((mark, mask)) => Some((number(mark)?, number(mask)?)),
            None => Some((number(word)?, u32::MAX)),
        });
        let why = "not a mark: a number, or MARK/MASK as 0x1/0xff";
        let (mark, mask) = parsed.ok_or_else(|| self.fail(why))?;
        self.next += 1;
        Ok(Filter::Test(Test::Mark { mark, mask }))
    }

    pub(super) fn cgroup(&mut self) -> Result<Filter, FilterError> {
        let Some(path) = self.peek() else {
            return Err(self.fail("the path of a cgroup is missing, as /system.slice"));
        };
        let id = self.names.cgroup(path).map_err(|why| self.fail(why))?;
        self.next += 1;
        Ok(Filter::Test(Test::Cgroup(id)))
    }

    /// `@FILE`: the filter in a file, which may not name another file.
    pub(super) fn file(&mut self, subject: Subject) -> Result<Filter, FilterError> {
        let path = self.peek().map_or("", |word| &word[1..]);
        if self.file.is_some() {
            return Err(self.fail("a filter file cannot name another"));
        }
        let text = self.names.file(path).map_err(|why| self.fail(why))?;
        self.next += 1;
        let mut inside = Parser::new(&text, Language::Sockets(subject), self.names);
        inside.file = Some(path);
        inside.whole()
    }

    pub(super) fn measured(&mut self) -> Result<Filter, FilterError> {
        let names = || Measure::ALL.map(|(name, _)| name).join(", ");
        let what = self.peek().and_then(Measure::named);
        let what =
            what.ok_or_else(|| self.fail(format!("a number to compare is missing: {}", names())))?;
        self.next += 1;
        let is = self.comparison();
        let is = is.ok_or_else(|| self.fail("a comparison is missing: <, <=, =, !=, >= or >"))?;
        let value = what.unit().parse(self.peek().unwrap_or_default());
        let value = value.map_err(|expected| self.fail(format!("{expected} is missing")))?;
        self.next += 1;
        Ok(Filter::Test(Test::Measured { what, is, value }))
    }
}
