//! Tracks every handshake in a stream of segments, in bounded memory: in a flood of SYNs the oldest
//! unfinished handshakes are forgotten and counted.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{
    attempt::Attempt,
    clock::Clock,
    history::{Close, Finished, FlowKey, History, Shortcomings},
    legs::Legs,
    listeners::Listeners,
    report::Event,
    row::Handshake,
    transitions::Transition,
    verdict::{Ending, Evidence, deadline},
};
use crate::model::{Address, Flags, IcmpError, Segment};

/// At most this many handshakes are unfinished at once.
const MAX_ATTEMPTS: usize = 65_536;
const WAITING_NS: u64 = 1_000_000_000;

/// Handshakes whose SYN has had no answer for more than a second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    pub count: u64,
    /// The longest wait: its server, and nanoseconds.
    pub longest: Option<(Address, u64)>,
}

/// What ended since the last [`Tracker::events`].
#[derive(Debug)]
enum Ended {
    Handshake(Evidence),
    Close(Box<Close>),
}

/// Segments in, handshakes and closed connections out.
#[derive(Debug, Default)]
pub struct Tracker {
    clock: Clock,
    /// Boxed: the table allocates more slots than it has entries, and moves all when it grows.
    attempts: HashMap<FlowKey, Box<Attempt>>,
    /// Some are outdated: a deadline is checked again when it is due.
    pub(super) deadlines: BinaryHeap<Reverse<(u64, u64, FlowKey)>>,
    legs: Legs,
    history: History,
    ended: Vec<Ended>,
    listeners: Listeners,
    serial: u64,
    lost: u64,
    follows_closes: bool,
}

impl Tracker {
    /// `follows_closes`: report also how connections end.
    pub fn new(follows_closes: bool) -> Self {
        Tracker {
            follows_closes,
            ..Self::default()
        }
    }

    /// Applies a segment. Returns whether it may decide the outcome of a handshake.
    pub fn segment(&mut self, segment: &Segment) -> bool {
        let at = self.clock.at(segment.time_ns);
        self.end_overdue();
        let key = FlowKey::of(segment);
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return self.without_attempt(key, segment, at);
        };
        let due = deadline(attempt);
        let transition = attempt.apply(segment, at);
        // A copy may be the first to show that the server is on this host.
        if transition != Transition::Ignored || attempt.listening.is_none() {
            attempt.observe(&self.listeners, segment);
        }
        if transition == Transition::Ignored {
            return false;
        }
        if deadline(attempt) < due {
            let earlier = (deadline(attempt), attempt.serial, key);
            self.deadlines.push(Reverse(earlier));
        }
        match transition {
            Transition::Superseded => {
                self.end(key, Ending::Superseded);
                self.begin(key, segment, at);
            }
            Transition::Decided => {
                self.end(key, Ending::Decided);
                if closes(segment) {
                    self.close(key, segment, at);
                }
            }
            Transition::Noted | Transition::Ignored => {}
        }
        true
    }

    /// Applies an ICMP error. Returns whether it may decide the outcome of a handshake.
    pub fn icmp_error(&mut self, error: &IcmpError) -> bool {
        let at = self.clock.at(error.time_ns);
        self.end_overdue();
        let key = FlowKey::between(error.source, error.destination);
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return false;
        };
        let is_noted = attempt.apply_error(error, at);
        if is_noted {
            let due = (deadline(attempt), attempt.serial, key);
            self.deadlines.push(Reverse(due));
        }
        is_noted
    }

    /// Advances the clock of the capture without a packet.
    pub fn pass(&mut self, time_ns: u64) {
        self.clock.at(time_ns);
        self.end_overdue();
    }

    /// The clock of the capture was set forward by this much.
    pub fn clock_set_by(&mut self, nanoseconds: i128) {
        self.clock.set_by(nanoseconds);
    }

    /// The number of packets that the capture has dropped so far.
    pub fn has_lost(&mut self, packets: u64) {
        self.lost = packets;
    }

    /// Replaces the listeners that handshakes are attributed to.
    pub fn set_listeners(&mut self, listeners: Listeners) {
        let earlier = std::mem::take(&mut self.listeners);
        self.listeners = listeners.after(earlier);
    }

    /// Ends every handshake: the capture ends.
    pub fn finish(&mut self) {
        self.end_overdue();
        let mut left: Vec<_> = self.attempts.iter().collect();
        left.sort_by_key(|(_, attempt)| attempt.serial);
        let left: Vec<FlowKey> = left.into_iter().map(|(key, _)| *key).collect();
        for key in left {
            self.end(key, Ending::CaptureEnds);
        }
    }

    /// The handshakes that ended and that only the server's kernel can confirm; see
    /// [`Evidence::question`].
    pub fn questions(&mut self) -> impl Iterator<Item = &mut Evidence> {
        let evidence = self.ended.iter_mut().filter_map(|ended| match ended {
            Ended::Handshake(evidence) => Some(evidence),
            Ended::Close(_) => None,
        });
        evidence.filter(|evidence| evidence.question().is_some())
    }

    /// The handshakes that ended and may have been for another server, and the listeners as they are
    /// now; see [`Evidence::doubt`].
    pub fn doubts(&mut self) -> (impl Iterator<Item = &mut Evidence>, &Listeners) {
        let evidence = self.ended.iter_mut().filter_map(|ended| match ended {
            Ended::Handshake(evidence) => Some(evidence),
            Ended::Close(_) => None,
        });
        let doubtful = evidence.filter(|evidence| evidence.doubt().is_some());
        (doubtful, &self.listeners)
    }

    /// What ended since the last call.
    pub fn events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.ended.drain(..).map(|ended| match ended {
            Ended::Handshake(evidence) => Event::Handshake(Box::new(Handshake::new(&evidence))),
            Ended::Close(close) => Event::Close(close),
        })
    }

    /// Handshakes without an answer for more than a second.
    pub fn waiting(&self) -> Waiting {
        let now = self.clock.now();
        let unanswered = self.attempts.values().filter(|attempt| !attempt.is_open());
        let waited = unanswered.map(|attempt| (attempt.server, now.saturating_sub(attempt.first)));
        let mut waiting = Waiting::default();
        for (server, waited) in waited.filter(|(_, waited)| *waited > WAITING_NS) {
            waiting.count += 1;
            if waiting.longest.is_none_or(|(_, longest)| waited > longest) {
                waiting.longest = Some((server, waited));
            }
        }
        waiting
    }

    /// What could not be tracked so far.
    pub fn shortcomings(&self) -> Shortcomings {
        self.history.shortcomings
    }

    fn without_attempt(&mut self, key: FlowKey, segment: &Segment, at: u64) -> bool {
        let flags = segment.flags;
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            let is_new = !self.history.explains(&key, segment, at);
            if is_new {
                self.begin(key, segment, at);
            }
            return is_new;
        }
        if closes(segment) {
            self.close(key, segment, at);
        }
        false
    }

    fn begin(&mut self, key: FlowKey, segment: &Segment, at: u64) {
        let ended = self
            .history
            .remove(&key)
            .and_then(|previous| previous.ended);
        self.serial += 1;
        let mut attempt = Box::new(Attempt::new(segment, at));
        attempt.serial = self.serial;
        attempt.clock_steps = self.clock.steps();
        attempt.lost_before = self.lost;
        attempt.reused_after = ended.map(|ended| at.saturating_sub(ended));
        self.join(key, &mut attempt);
        attempt.observe(&self.listeners, segment);
        let due = (deadline(&attempt), attempt.serial, key);
        self.deadlines.push(Reverse(due));
        self.attempts.insert(key, attempt);
        self.make_room();
    }

    /// Finds the attempt that this one goes on with, behind a translation of addresses.
    fn join(&mut self, key: FlowKey, attempt: &mut Attempt) {
        let earlier = self.legs.replace(key, attempt);
        if let Some(earlier) = earlier.and_then(|earlier| self.attempts.get_mut(&earlier))
            && let (Some(syn), Some(before)) = (&attempt.syn, &earlier.syn)
            && syn.is_translated(before)
        {
            attempt.follow(earlier);
        }
    }

    fn end(&mut self, key: FlowKey, ending: Ending) {
        let Some(mut attempt) = self.attempts.remove(&key) else {
            return;
        };
        self.legs.forget(key, &attempt);
        let finished = Finished::new(&attempt, self.clock.now());
        self.history.insert(key, finished);
        if attempt.goes_on {
            return;
        }
        let fin = attempt.fin.take();
        self.ended.push(Ended::Handshake(Evidence {
            attempt,
            ending,
            now: self.clock.now(),
            clock_steps: self.clock.steps(),
            lost: self.lost,
            kernel: None,
            translated_to: None,
        }));
        if let Some(fin) = fin {
            self.close(key, &fin.0, fin.1);
        }
    }

    fn close(&mut self, key: FlowKey, segment: &Segment, at: u64) {
        if self.follows_closes && self.history.find(&key).is_none() {
            self.history.insert(key, Finished::unseen(segment, at));
        }
        let connection = self.history.find(&key);
        let close = connection.and_then(|connection| connection.close(segment, at));
        let close = close.filter(|_| self.follows_closes).map(Box::new);
        self.ended.extend(close.map(Ended::Close));
    }

    fn attempt(&self, key: FlowKey, serial: u64) -> Option<&Attempt> {
        let attempt = self.attempts.get(&key)?;
        (attempt.serial == serial).then_some(attempt)
    }

    fn end_overdue(&mut self) {
        let now = self.clock.now();
        while let Some(Reverse((due, serial, key))) = self.deadlines.peek().copied()
            && due < now
        {
            self.deadlines.pop();
            match self.attempt(key, serial).map(deadline) {
                Some(due) if due < now => self.end(key, Ending::TimedOut),
                Some(due) => self.deadlines.push(Reverse((due, serial, key))),
                None => {}
            }
        }
    }

    fn make_room(&mut self) {
        while self.attempts.len() > MAX_ATTEMPTS
            && let Some(Reverse((_, serial, key))) = self.deadlines.pop()
        {
            match self.attempt(key, serial) {
                Some(attempt) if attempt.ack.is_some() => self.end(key, Ending::Evicted),
                Some(_) => {
                    if let Some(attempt) = self.attempts.remove(&key) {
                        self.legs.forget(key, &attempt);
                    }
                    self.history.shortcomings.evicted += 1;
                }
                None => {}
            }
        }
        if self.deadlines.len() > 4 * self.attempts.len() + 1024 {
            let due = |key: &FlowKey, one: &Attempt| Reverse((deadline(one), one.serial, *key));
            let current = self.attempts.iter();
            self.deadlines = current.map(|(key, attempt)| due(key, attempt)).collect();
        }
    }
}

fn closes(segment: &Segment) -> bool {
    segment.flags.has(Flags::FIN) || segment.flags.has(Flags::RST)
}
