//! One owner of a listener: whether it could accept, by its threads now and before.

use std::time::Duration;

use super::{HostPressures, blocked, cause::Plight, cpu, memory, stopped};
use crate::model::{CallKind, Doing, ProcessActivity, SystemCall, ThreadActivity};

pub struct Owner<'a> {
    /// Of the listener.
    pub inode: u32,
    pub now: &'a ProcessActivity,
    /// An earlier reading of the same process.
    pub before: Option<&'a ProcessActivity>,
    pub host: HostPressures,
    /// `fs.nr_open`, which bounds every limit of descriptors.
    pub nr_open: Option<u64>,
    /// Connections waited in the accept queue before the threads were read.
    pub connections_wait: bool,
}

pub enum State {
    /// It waits for connections, or may do so as far as is known.
    MayAccept,
    /// Something keeps its threads from running, or accept() from succeeding.
    Hindered(Plight),
    /// Its threads wait for something else.
    Idle(Plight),
}

/// What a thread's state says about the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// It sleeps, and a connection would end that.
    ForListener,
    /// It sleeps, and a connection would not end that.
    ForOther,
    /// It is on a CPU or waits for one.
    Runs,
    Unknown,
}

impl Owner<'_> {
    /// The order is that of proof: a thread of a stopped process may be in accept(), and one that
    /// cannot accept for want of a descriptor may be busy with trying.
    pub fn state(&self) -> State {
        let hindered = stopped::by_signal_or_freezer(self)
            .or_else(|| stopped::by_debugger(self))
            .or_else(|| blocked::for_descriptors(self));
        if let Some(plight) = hindered {
            return State::Hindered(plight);
        }
        if self
            .threads()
            .any(|thread| self.waits(thread) == Waits::ForListener)
        {
            return State::MayAccept;
        }
        if let Some(plight) = cpu::throttled(self).or_else(|| memory::pressure(self)) {
            return State::Hindered(plight);
        }
        if let Some(plight) = blocked::for_other(self) {
            return State::Idle(plight);
        }
        cpu::busy_or_starved(self).map_or(State::MayAccept, State::Hindered)
    }

    pub fn threads(&self) -> impl Iterator<Item = &ThreadActivity> {
        self.now.threads.iter()
    }

    pub fn waits(&self, thread: &ThreadActivity) -> Waits {
        match (thread.state, &thread.doing) {
            ('R', _) | (_, Some(Doing::Running)) => Waits::Runs,
            // No call that waits for connections sleeps uninterruptibly.
            ('D', _) => Waits::ForOther,
            ('S', Some(Doing::Kernel)) => Waits::ForOther,
            ('S', Some(Doing::Call(call))) => match call.waits_for(self.inode) {
                Some(true) => Waits::ForListener,
                Some(false) => Waits::ForOther,
                None if self.polls_for_other(thread, call) => Waits::ForOther,
                None => Waits::Unknown,
            },
            _ => Waits::Unknown,
        }
    }

    /// Every poll() and select() of a listener ends when a connection waits, so that one which goes
    /// on all the time while connections wait is about other descriptors.
    fn polls_for_other(&self, thread: &ThreadActivity, call: &SystemCall) -> bool {
        let is_poll = matches!(call.kind, Some(CallKind::Poll | CallKind::Select));
        let goes_on = || {
            let before = self.before(thread);
            let is_same = before.is_some_and(|before| before.doing == thread.doing);
            is_same && self.ran(thread) == Some(false)
        };
        is_poll && self.connections_wait && goes_on()
    }

    /// Time since the earlier reading.
    pub fn elapsed(&self) -> Option<Duration> {
        let elapsed = self.now.at.checked_sub(self.before?.at)?;
        (!elapsed.is_zero()).then_some(elapsed)
    }

    /// A thread in the earlier reading.
    pub fn before(&self, thread: &ThreadActivity) -> Option<&ThreadActivity> {
        let mut threads = self.before?.threads.iter();
        threads.find(|other| other.tid == thread.tid)
    }

    /// Whether a thread was on a CPU since the earlier reading; `None` where that is unknown.
    pub fn ran(&self, thread: &ThreadActivity) -> Option<bool> {
        Some(self.before(thread)?.slices? != thread.slices?)
    }
}
