//! What a reading holds.

use clap::ValueEnum;
use sockdiag::source::Families;

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

/// `--owners`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OwnersArg {
    /// Low descriptors of every process, and of the rest what 250 ms allow
    Auto,
    /// Every descriptor of every process
    All,
    /// Not at all
    None,
}
