//! A reading of all TCP sockets that can be left over.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::{
    analysis::leaks::{LeakTally, LeaksReport, Orphans},
    collect::{Namespaces, OwnerNeeds, Place, SocketNeeds, SocketSink, read_sockets},
    model::{
        Families, Filter, Incomplete, SocketProtocol, SocketRow, SocketState, State, StateSet,
        filter::Test,
    },
    source::{Kernel, cpu_time},
};

use super::chosen::Chosen;
use crate::command::{sockets::Inodes, with_way_in};

/// The time is looked at once for so many sockets.
const CHECKED_EVERY: u64 = 256;
const MAX_ORPHANS: &str = "net.ipv4.tcp_max_orphans";

/// Which sockets are read.
#[derive(Debug, Clone)]
pub struct Question {
    pub families: Families,
    pub filter: Filter,
    pub uid: Option<u32>,
    pub states: StateSet,
}

impl Question {
    /// States in which a connection may be without progress, although both ends have it open.
    pub fn stuck() -> Self {
        Question {
            families: Families::BOTH,
            filter: Filter::ALL,
            uid: None,
            states: states(&[
                State::Established,
                State::FinWait1,
                State::LastAck,
                State::Closing,
            ]),
        }
    }

    /// Every state that something can be wrong with.
    pub fn all() -> Self {
        let closed = states(&[State::CloseWait, State::FinWait2]);
        let stuck = Question::stuck();
        Question {
            states: stuck.states.and(closed),
            ..stuck
        }
    }

    /// Listeners are wanted whatever the filter is: they are the services.
    fn needs(&self) -> SocketNeeds {
        let in_states = |states| Filter::Test(Test::State(states));
        let connections = Filter::all(vec![in_states(self.states), self.filter.clone()]);
        SocketNeeds {
            protocols: vec![SocketProtocol::Tcp],
            families: self.families,
            filter: Filter::any(vec![in_states(StateSet::LISTEN), connections]),
            info: true,
            ..SocketNeeds::default()
        }
    }
}

fn states(of: &[State]) -> StateSet {
    let one = |state: &State| StateSet::of(&[SocketState::Connection(*state)]);
    of.iter().map(one).fold(StateSet::NONE, StateSet::and)
}

pub struct LeakReading {
    question: Question,
    tally: LeakTally,
    missing: Vec<Incomplete>,
    /// The CPU time of this process at which the reading has to be over.
    limit: Option<Duration>,
    read: u64,
    began: Instant,
    ended: Instant,
}

impl LeakReading {
    pub fn new(question: Question, idle: Duration) -> Self {
        LeakReading {
            question,
            tally: LeakTally::new(idle),
            missing: Vec::new(),
            limit: None,
            read: 0,
            began: Instant::now(),
            ended: Instant::now(),
        }
    }

    /// Ends the reading, without all sockets, when it takes more CPU time than this.
    pub fn within(self, budget: Duration) -> Self {
        LeakReading {
            limit: Some(cpu_time() + budget),
            ..self
        }
    }

    /// The reading to compare with this one, which begins now, and how long before it this one
    /// began.
    pub fn again(self) -> (Self, Duration) {
        let (between, elapsed) = (self.ended.elapsed(), self.began.elapsed());
        let reading = LeakReading {
            tally: self.tally.again(between, elapsed),
            missing: self.missing,
            ..LeakReading::new(self.question, Duration::ZERO)
        };
        (reading, elapsed)
    }

    /// Only the sockets of chosen processes.
    pub fn only(&mut self, chosen: Option<Chosen>) {
        if let Some(chosen) = chosen {
            self.missing.extend(chosen.missing());
            self.tally.only(chosen.inodes);
        }
    }

    pub fn read(&mut self, kernel: &Kernel, namespaces: &Namespaces) -> anyhow::Result<()> {
        let needs = self.question.needs();
        let missing = read_sockets(kernel, namespaces, &needs, self);
        let missing = missing.map_err(|error| with_way_in(anyhow::Error::from(error)))?;
        self.missing.extend(missing);
        self.ended = Instant::now();
        if self.is_over() {
            self.tally.end_early();
        }
        Ok(())
    }

    /// What this reading shows beside the one before.
    pub fn report(self, kernel: &Kernel, owners: OwnerNeeds) -> anyhow::Result<LeaksReport> {
        let inodes: HashSet<u32> = self.tally.inodes().collect();
        let owners = match inodes.is_empty() {
            true => None,
            false => Inodes(inodes).owners(kernel, owners),
        };
        let counts = kernel.socket_counts().context("counting sockets")?;
        let orphans = counts.value("sockstat.TCP", "orphan");
        let limit = kernel.sysctls([MAX_ORPHANS]);
        let limit = limit.get(MAX_ORPHANS).and_then(|limit| limit.value());
        let orphans = Orphans {
            count: orphans.and_then(|count| count.try_into().ok()),
            limit: limit.and_then(|limit| limit.parse().ok()),
        };
        let mut report = self.tally.report(owners.as_ref(), orphans);
        for missing in self.missing {
            // Of two readings alike.
            if !report.incomplete.contains(&missing) {
                report.incomplete.push(missing);
            }
        }
        Ok(report)
    }
}

impl SocketSink for LeakReading {
    fn enter(&mut self, place: Place) {
        let Place {
            netns,
            interfaces,
            ephemeral,
            why_no_range,
            ..
        } = place;
        let assumed = |why| format!("{why}: 32768 to 60999 is assumed");
        let unread = why_no_range.map(|why| Incomplete::new("port range", assumed(why)));
        self.missing.extend(unread);
        self.tally.enter(netns, interfaces, ephemeral);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.read += 1;
        if self.read.is_multiple_of(CHECKED_EVERY) && self.is_over() {
            return ControlFlow::Break(());
        }
        let is_wanted = socket.is_listener()
            || self
                .question
                .uid
                .is_none_or(|uid| socket.user() == Some(uid));
        if is_wanted {
            self.tally.add(&socket);
        }
        ControlFlow::Continue(())
    }

    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| cpu_time() > limit)
    }
}
