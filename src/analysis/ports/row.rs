//! One row of the report: a tuple, or several that have something in common.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Tuple, Window};
use crate::{
    analysis::{Spread, rules::PORTS_TIGHT_PERCENT},
    model::{Address, Netns, Owner, State},
};

/// How near a tuple is to running out of ports, in rising order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pressure {
    /// Less than half of the ports are used.
    #[default]
    Ok,
    /// Half are used: connect(2) has used up the ports that it tries first, and searches longer.
    Busy,
    /// 90 % are used.
    Tight,
    /// No port is left, if what was inferred is right.
    LikelyExhausted,
    /// No port is left: connect(2) fails with EADDRNOTAVAIL.
    Exhausted,
}

impl Pressure {
    /// `free_likely` is `free` less the ports that were inferred to be bound.
    pub(super) fn of(usable: u64, free: u64, free_likely: u64, reusable: Reusable) -> Self {
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

    /// The word for it, as in JSON.
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
    /// Both ends are on this host, so the settings apply to both.
    Surely(u64),
    /// Only where the peer sends timestamps, and bind(2) did not choose the port.
    Perhaps(u64),
}

impl Reusable {
    pub(super) fn count(self) -> u64 {
        match self {
            Reusable::Surely(count) | Reusable::Perhaps(count) => count,
        }
    }
}

/// Number of ports in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct States {
    /// Open connections.
    pub established: u64,
    /// connect(2) waits for a SYN-ACK.
    pub syn_sent: u64,
    /// Simultaneous open.
    pub syn_recv: u64,
    /// Closed here; the FIN is not acknowledged yet.
    pub fin_wait_1: u64,
    /// Closed here and not by the peer; the kernel keeps it when it has no owner any more.
    pub fin_wait_2: u64,
    /// Closed by both, here first; kept for a minute.
    pub time_wait: u64,
    /// Closed by the peer and not here.
    pub close_wait: u64,
    /// Closed by both, the peer first; the last ACK is missing.
    pub last_ack: u64,
    /// Closed by both at the same time.
    pub closing: u64,
}

impl States {
    pub(super) fn of(tuple: &Tuple) -> Self {
        let mut states = States::default();
        for state in State::ALL {
            states.add(state, tuple.in_state(state).into());
        }
        states
    }

    pub(super) fn add(&mut self, state: State, count: u64) {
        *self.of_state(state) += count;
    }

    pub(super) fn remove(&mut self, state: State) {
        let count = self.of_state(state);
        *count = count.saturating_sub(1);
    }

    pub(super) fn sum(&self) -> u64 {
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

    /// Each state with its number.
    pub fn each(mut self) -> [(State, u64); State::ALL.len()] {
        State::ALL.map(|state| (state, *self.of_state(state)))
    }
}

/// A process that owns sockets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ProcessReport {
    /// Process id.
    pub pid: u32,
    /// Its name (`/proc/PID/comm`).
    pub name: String,
}

/// The ports of a tuple or of a group of tuples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TupleReport {
    /// The network namespace.
    pub netns: Netns,
    /// Local address; `null` for a group of several.
    pub source: Option<IpAddr>,
    /// Remote address and port; `null` for a group of several.
    pub destination: Option<Address>,
    /// The interface that the sockets are bound to.
    pub interface: Option<String>,
    /// The owner of the sockets (`--by process`); `null` without one, as for TIME_WAITs.
    pub process: Option<ProcessReport>,
    /// Number of tuples in the group; 1 for a tuple.
    pub tuples: u64,
    /// State of the tuple or of the fullest tuple of the group; the worst of all samples (`--for`).
    pub state: Pressure,
    /// Distinct local ports of the range in use, in any state; a sum for a group.
    pub used: u64,
    /// Ports that connect(2) may still choose: usable less used less the ports that bind(2) took from
    /// every destination. In a group this and the fields up to `full_in_seconds` are the fullest
    /// tuple's.
    pub free: u64,
    /// `free` less ports that were probably bound before connect(2).
    pub free_likely: u64,
    /// TIME_WAITs that connect(2) may take over (tcp_tw_reuse).
    pub reusable: u64,
    /// 1 − free ÷ usable.
    pub used_ratio: f64,
    /// Time until no port is left at the net growth since the previous reading; `null` where that is
    /// no more than ports that come and go make by chance, and when it is more than a day.
    pub full_in_seconds: Option<f64>,
    /// Ports by state; sums for a group.
    pub states: States,
    /// Ports that were probably bound before connect(2), by their parity; `null` is unknown.
    pub bound_first: Option<u64>,
    /// The span of ports that lie so close together that the sockets probably have their own range
    /// (IP_LOCAL_PORT_RANGE), which `free` does not account for.
    pub window: Option<Window>,
    /// Change of `used` since the previous reading.
    pub delta: Option<i64>,
    /// Ports newly taken per second: ports not used before, or more where TIME_WAITs show that ports
    /// were released and taken again in between.
    pub per_second: Option<f64>,
    /// `used` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// Owners of the tuple's eight oldest connections.
    pub owners: Vec<Owner>,
    /// All descriptors were searched for the owners of all connections; `null` without a search.
    pub owners_complete: Option<bool>,
}

impl TupleReport {
    /// Ports that connect(2) may still take: likely free ones, and TIME_WAITs.
    pub fn room(&self) -> u64 {
        self.free_likely + self.reusable
    }
}
