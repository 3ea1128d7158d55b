//! What a reading holds.

use sockdiag::source::Families;

use super::super::OwnersArg;

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub families: Families,
    pub unix: bool,
    pub udp: bool,
    pub syn: bool,
    pub owners: OwnersArg,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// LISTEN alone.
    Listeners,
    /// And the counters and limits that go with it.
    Counters,
    /// And what needs a walk, and the owners.
    Full,
}
