//! One line of the report: a tuple, or several that have something in common.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Tuple, Window};
use crate::{
    analysis::{Spread, rules::PORTS_TIGHT_PERCENT},
    model::{Address, Netns, Owner, State},
};

/// How near to running out, the worst last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pressure {
    /// Less than half is held.
    #[default]
    Ok,
    /// Half is held: connect(2) has used up the ports that it tries first, and searches longer.
    Busy,
    /// Nine of ten are held.
    Tight,
    /// None is left, if what was inferred holds.
    LikelyExhausted,
    /// None is left: connect(2) fails with EADDRNOTAVAIL.
    Exhausted,
}

impl Pressure {
    /// `free_likely` is `free` with what was inferred. Ports that only TIME_WAITs leave to a
    /// connection are not there for sure.
    pub fn of(usable: u64, free: u64, free_likely: u64, reusable: Reusable) -> Self {
        let likely = match reusable {
            Reusable::Surely(reusable) => free_likely + reusable,
            Reusable::Perhaps(_) => free_likely,
        };
        let held = usable.saturating_sub(likely);
        match () {
            () if free + reusable.count() == 0 => Pressure::Exhausted,
            () if free_likely == 0 && reusable.count() == 0 => Pressure::LikelyExhausted,
            () if held * 100 >= usable * PORTS_TIGHT_PERCENT => Pressure::Tight,
            () if held * 2 >= usable => Pressure::Busy,
            () => Pressure::Ok,
        }
    }

    /// Its word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Pressure::Ok => "ok",
            Pressure::Busy => "busy",
            Pressure::Tight => "tight",
            Pressure::LikelyExhausted => "likely_exhausted",
            Pressure::Exhausted => "exhausted",
        }
    }
}

/// TIME_WAITs that connect(2) may take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reusable {
    /// Both ends are here, so the settings hold for both.
    Surely(u64),
    /// Where the peer sends timestamps, and nobody bound the port.
    Perhaps(u64),
}

impl Reusable {
    /// How many.
    pub fn count(self) -> u64 {
        match self {
            Reusable::Surely(count) | Reusable::Perhaps(count) => count,
        }
    }
}

/// How many ports are held in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct States {
    /// Open connections.
    pub established: u64,
    /// connect(2) waits for an answer.
    pub syn_sent: u64,
    /// Opened from both sides at once.
    pub syn_recv: u64,
    /// Closed here; the FIN is not acknowledged.
    pub fin_wait_1: u64,
    /// Closed here and not by the peer; kept by the kernel where nobody holds it any more.
    pub fin_wait_2: u64,
    /// Kept for a minute after both have closed, here first.
    pub time_wait: u64,
    /// Closed by the peer and not here.
    pub close_wait: u64,
    /// Closed by both, the last ACK is missing.
    pub last_ack: u64,
    /// Closed by both at once.
    pub closing: u64,
}

impl States {
    /// Those of a tuple.
    pub fn of(tuple: &Tuple) -> Self {
        let mut states = States::default();
        for state in State::ALL {
            states.add(state, tuple.in_state(state).into());
        }
        states
    }

    /// Counts more in one state.
    pub fn add(&mut self, state: State, count: u64) {
        *self.of_state(state) += count;
    }

    /// Counts one less.
    pub fn remove(&mut self, state: State) {
        let count = self.of_state(state);
        *count = count.saturating_sub(1);
    }

    /// How many there are in all.
    pub fn sum(&self) -> u64 {
        self.each().iter().map(|(_, count)| count).sum()
    }

    fn of_state(&mut self, state: State) -> &mut u64 {
        match state {
            State::Established => &mut self.established,
            State::SynSent => &mut self.syn_sent,
            State::SynRecv => &mut self.syn_recv,
            State::FinWait1 => &mut self.fin_wait_1,
            State::FinWait2 => &mut self.fin_wait_2,
            State::TimeWait => &mut self.time_wait,
            State::CloseWait => &mut self.close_wait,
            State::LastAck => &mut self.last_ack,
            State::Closing => &mut self.closing,
        }
    }

    /// Each with its number.
    pub fn each(&self) -> [(State, u64); State::ALL.len()] {
        [
            (State::Established, self.established),
            (State::SynSent, self.syn_sent),
            (State::SynRecv, self.syn_recv),
            (State::FinWait1, self.fin_wait_1),
            (State::FinWait2, self.fin_wait_2),
            (State::TimeWait, self.time_wait),
            (State::CloseWait, self.close_wait),
            (State::LastAck, self.last_ack),
            (State::Closing, self.closing),
        ]
    }
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ProcessReport {
    /// Process id.
    pub pid: u32,
    /// Its own name for itself.
    pub name: String,
}

/// The ports of a tuple or of a group of tuples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TupleReport {
    /// The network namespace.
    pub netns: Netns,
    /// Local address; `null` for a group of several.
    pub source: Option<IpAddr>,
    /// Where the connections go; `null` for a group of several.
    pub destination: Option<Address>,
    /// The device that the sockets are bound to.
    pub interface: Option<String>,
    /// The process that holds the sockets (`--by process`); `null` for what nobody holds, as
    /// TIME_WAIT.
    pub process: Option<ProcessReport>,
    /// How many tuples there are in the group; 1 for a tuple.
    pub tuples: u64,
    /// How near the tuple, or the fullest of the group, is to running out; the worst of all samples
    /// (`--for`).
    pub state: Pressure,
    /// Different local ports of the range held towards the destination, in any state. A sum for a
    /// group.
    pub used: u64,
    /// Ports that connect(2) may still choose: usable less used less those that bind(2) holds for
    /// every destination. Of the fullest tuple in a group, as all that follows up to
    /// `full_in_seconds`.
    pub free: u64,
    /// The same, less ports of connections that were probably bound before connect(2); those are
    /// taken for every destination, too.
    pub free_likely: u64,
    /// TIME_WAITs that connect(2) may take over (tcp_tw_reuse).
    pub reusable: u64,
    /// 1 less free of usable.
    pub used_ratio: f64,
    /// Seconds until no port is left if it goes on as since the reading before; `null` when it does
    /// not come to that within a day.
    pub full_in_seconds: Option<f64>,
    /// Its ports by state; sums for a group.
    pub states: States,
    /// How many of its ports were, by their parity, given by bind(2) before connect(2); `null` where
    /// it does not tell.
    pub bound_first: Option<u64>,
    /// Where its ports lie so close together that the sockets probably have a range of their own
    /// (IP_LOCAL_PORT_RANGE); `free` knows nothing of that.
    pub window: Option<Window>,
    /// Change of `used` since the reading before.
    pub delta: Option<i64>,
    /// Ports newly taken a second: those that were not held before, or more where TIME_WAITs tell
    /// that ports were given back and taken again meanwhile.
    pub per_second: Option<f64>,
    /// How `used` was spread over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// Who holds the tuple's connections, the oldest eight of them.
    pub owners: Vec<Owner>,
    /// Every descriptor of every process was looked at, for every connection; `null` when none was.
    pub owners_complete: Option<bool>,
}

impl TupleReport {
    /// Ports that are left for sure, as far as is known or inferred: free ones, and those that may be
    /// taken over.
    pub fn room(&self) -> u64 {
        self.free_likely + self.reusable
    }
}
