//! A filter as a sequence of tests, each of which jumps to a later test, accepts or rejects. Both
//! filter compilers (sock_diag bytecode and packet filters) start from it.

use crate::model::filter::{self, Filter};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
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

    /// Where a condition leads that cannot be tested: the filter may accept too much, but never
    /// rejects what matches.
    pub fn unknown(self) -> Target {
        if self.is_negated { self.no } else { self.yes }
    }
}

pub struct Branch<T> {
    pub test: T,
    pub yes: Target,
    pub no: Target,
}

/// Tests are added in reverse order, so that each leads only to tests that exist already. Tests
/// that cannot change the verdict are left out.
pub struct Decision<T> {
    /// In reverse order.
    pub branches: Vec<Branch<T>>,
}

impl<T> Decision<T> {
    pub const EMPTY: Self = Decision {
        branches: Vec::new(),
    };

    pub fn in_order(&self) -> impl Iterator<Item = (usize, &Branch<T>)> {
        self.branches.iter().enumerate().rev()
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
                // This part never holds, so the parts behind it are not reached.
                self.branches.truncate(end);
            }
        }
        next
    }

    /// Adds parts of which at least one must hold: by De Morgan, not all of their negations.
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

    pub fn test(&mut self, test: T, ways: Ways) -> Target {
        let Ways { yes, no, .. } = ways;
        if yes == no {
            return yes;
        }
        self.branches.push(Branch { test, yes, no });
        Target::Test(self.branches.len() - 1)
    }
}
