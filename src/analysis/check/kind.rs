//! What can be checked: its metrics, its findings, and by what it can be restricted.

use super::{Metric, Scope};
use crate::analysis::{
    Finding,
    finding::{Area, Rule},
    rules::{
        ACCEPT_QUEUE_OVERFLOW, BACKLOG_TOO_SMALL, FD_LEAK, LISTEN_DROPS_OTHER,
        REUSEPORT_MEMBER_STUCK, SYN_FLOOD, SYN_QUEUE_FULL,
    },
};

/// A name that `check` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Queues,
    Drops,
    Syn,
    Ports,
    TimeWait,
    Fds,
    Leaks,
    Counters,
    Tune,
}

/// Packets that were dropped are the point of these; a queue that is merely full is not among them.
static DROPS: [&Rule; 6] = [
    &ACCEPT_QUEUE_OVERFLOW,
    &BACKLOG_TOO_SMALL,
    &REUSEPORT_MEMBER_STUCK,
    &SYN_QUEUE_FULL,
    &SYN_FLOOD,
    &LISTEN_DROPS_OTHER,
];

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Queues,
        Kind::Drops,
        Kind::Syn,
        Kind::Ports,
        Kind::TimeWait,
        Kind::Fds,
        Kind::Leaks,
        Kind::Counters,
        Kind::Tune,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Queues => "queues",
            Kind::Drops => "drops",
            Kind::Syn => "syn",
            Kind::Ports => "ports",
            Kind::TimeWait => "timewait",
            Kind::Fds => "fds",
            Kind::Leaks => "leaks",
            Kind::Counters => "counters",
            Kind::Tune => "tune",
        }
    }

    pub fn named(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// In the order in which a threshold looks for one of its unit. Those of `counters` are named
    /// by the user.
    pub fn metrics(self) -> &'static [Metric] {
        use super::metric as m;
        match self {
            Kind::Queues => &[m::QUEUES_FILL, m::QUEUES_LENGTH, m::QUEUES_WAIT],
            Kind::Drops => &[m::DROPS, m::DROPS_RATE],
            Kind::Syn => &[m::SYN_LENGTH, m::SYN_FILL],
            Kind::Ports => &[m::PORTS_USED, m::PORTS_COUNT],
            Kind::TimeWait => &[m::TIMEWAIT_FILL, m::TIMEWAIT_COUNT],
            Kind::Fds => &[m::FDS_USED, m::FDS_OPEN, m::HOST_FILES_USED],
            Kind::Leaks | Kind::Counters | Kind::Tune => &[],
        }
    }

    /// Whether it has numbers to compare with thresholds or a baseline.
    pub fn is_measured(self) -> bool {
        self == Kind::Counters || !self.metrics().is_empty()
    }

    pub fn judges(self, finding: &Finding) -> bool {
        let (id, area) = (finding.id, finding.area);
        match self {
            Kind::Queues => matches!(area, Area::AcceptQueue | Area::Acceptor),
            Kind::Drops => {
                matches!(area, Area::Memory | Area::Network)
                    || DROPS.iter().any(|rule| rule.id == id)
            }
            Kind::Syn => area == Area::SynQueue,
            Kind::Ports => area == Area::Ports,
            Kind::TimeWait => area == Area::TimeWait,
            Kind::Fds => area == Area::Descriptors && id != FD_LEAK.id,
            Kind::Leaks => area == Area::Connections || id == FD_LEAK.id,
            Kind::Tune => area == Area::Settings,
            Kind::Counters => false,
        }
    }

    /// Without these, there is nothing to judge by.
    pub(super) fn areas(self) -> &'static [Area] {
        match self {
            Kind::Queues => &[Area::AcceptQueue],
            Kind::Drops => &[
                Area::AcceptQueue,
                Area::SynQueue,
                Area::Memory,
                Area::Network,
            ],
            Kind::Syn => &[Area::SynQueue],
            Kind::Ports => &[Area::Ports],
            Kind::TimeWait => &[Area::TimeWait],
            Kind::Fds => &[Area::Descriptors],
            Kind::Leaks => &[Area::Connections],
            Kind::Tune => &[Area::Settings],
            Kind::Counters => &[],
        }
    }

    /// Whether it can be restricted so: a limit of a whole network namespace cannot.
    pub fn can_be(self, scope: &Scope) -> bool {
        let (port, process, unit) = match self {
            Kind::Queues | Kind::Drops | Kind::Syn => (true, true, true),
            Kind::Ports => (true, true, false),
            Kind::Fds | Kind::Leaks => (false, true, true),
            Kind::TimeWait | Kind::Counters | Kind::Tune => (false, false, false),
        };
        (port || scope.port.is_none())
            && (process || scope.process.is_none())
            && (unit || scope.unit.is_none())
    }
}
