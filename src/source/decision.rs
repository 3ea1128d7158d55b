//! What the two compilers of filters share: a filter as a sequence of tests, each of which leads to
//! a later test, accepts or rejects.

use crate::model::filter::{self, Filter};

/// Where a test leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To a test, by its index.
    Test(usize),
    Accept,
    Reject,
}

/// Where a condition leads when it holds and when it does not.
#[derive(Clone, Copy)]
pub struct Ways {
    pub yes: Target,
    pub no: Target,
    is_negated: bool,
}

impl Ways {
    /// The ways out of a whole filter.
    pub const OUT: Self = Ways {
        yes: Target::Accept,
        no: Target::Reject,
        is_negated: false,
    };

    pub fn with_yes(self, yes: Target) -> Self {
        Ways { yes, ..self }
    }

    pub fn inverted(self) -> Self {
        Ways {
            yes: self.no,
            no: self.yes,
            is_negated: !self.is_negated,
        }
    }

    /// Where a condition leads that cannot be tested. The filter may then accept too much, but
    /// rejects nothing that meets it.
    pub fn unknown(self) -> Target {
        if self.is_negated { self.no } else { self.yes }
    }
}

/// A test and where it leads.
pub struct Branch<T> {
    pub test: T,
    pub yes: Target,
    pub no: Target,
}

/// The tests, the last one first: they are added in that order, so that a test only leads to tests
/// that are there already. What cannot change the verdict is left out.
pub struct Decision<T> {
    branches: Vec<Branch<T>>,
}

impl<T> Decision<T> {
    pub const EMPTY: Self = Decision {
        branches: Vec::new(),
    };

    /// Each test with its index, in the order in which they run.
    pub fn in_order(&self) -> impl Iterator<Item = (usize, &Branch<T>)> {
        self.branches.iter().enumerate().rev()
    }

    /// Each test, the last one first.
    pub fn backwards(&self) -> impl Iterator<Item = &Branch<T>> {
        self.branches.iter()
    }

    /// Adds a filter and returns where it begins; `lower` adds a single condition.
    pub fn filter(
        &mut self,
        filter: &Filter,
        ways: Ways,
        lower: &impl Fn(&mut Self, &filter::Test, Ways) -> Target,
    ) -> Target {
        let add = |this: &mut Self, part: &Filter, ways: Ways| this.filter(part, ways, lower);
        match filter {
            Filter::All(parts) => self.all(parts.iter(), ways, add),
            Filter::Any(parts) => self.any(parts.iter(), ways, add),
            Filter::Not(part) => self.filter(part, ways.inverted(), lower),
            Filter::Test(test) => lower(self, test, ways),
        }
    }

    /// Adds parts that must all hold.
    pub fn all<P>(
        &mut self,
        parts: impl DoubleEndedIterator<Item = P>,
        ways: Ways,
        add: impl Fn(&mut Self, P, Ways) -> Target,
    ) -> Target {
        let end = self.branches.len();
        let mut next = ways.yes;
        for part in parts.rev() {
            next = add(self, part, ways.with_yes(next));
            if next == ways.no {
                // A part that never holds: the parts behind it are not reached.
                self.branches.truncate(end);
            }
        }
        next
    }

    /// Adds parts of which at least one must hold: not all of their contraries.
    pub fn any<P>(
        &mut self,
        parts: impl DoubleEndedIterator<Item = P>,
        ways: Ways,
        add: impl Fn(&mut Self, P, Ways) -> Target,
    ) -> Target {
        self.all(parts, ways.inverted(), |this, part, ways| {
            add(this, part, ways.inverted())
        })
    }

    /// Adds one test.
    pub fn test(&mut self, test: T, ways: Ways) -> Target {
        let Ways { yes, no, .. } = ways;
        if yes == no {
            return yes;
        }
        self.branches.push(Branch { test, yes, no });
        Target::Test(self.branches.len() - 1)
    }
}
