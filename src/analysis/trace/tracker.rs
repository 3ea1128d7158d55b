//! Follows every handshake in a stream of segments. Memory is bounded: a flood of SYNs only makes
//! the oldest unfinished ones be forgotten, and those are counted.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{
    Close, Handshake, Queues, Waiting,
    attempt::Attempt,
    clock::Clock,
    pair::Pair,
    past::{Past, Pasts},
    taking::Taken,
    verdict::{Context, Ending},
};
use crate::model::{Flags, Segment};

/// Handshakes that may be unfinished at once.
const MOST: usize = 65_536;
/// A SYN-ACK that comes so much later than its handshake's end is not a copy of one seen before.
const LATE_NS: u64 = 100_000_000;
/// An answer takes less, unless something is wrong.
const WAITING_NS: u64 = 1_000_000_000;

/// What the tracker has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A handshake ended.
    Handshake(Box<Handshake>),
    /// A connection ended.
    Close(Box<Close>),
}

/// What it could not follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shortcomings {
    /// Unfinished handshakes that were forgotten for want of room.
    pub evicted: u64,
    /// Connections that were forgotten for want of room, so that their end will not be told.
    pub forgotten: u64,
    /// Handshakes called established whose SYN-ACK came again after that.
    pub contradicted: u64,
}

/// All handshakes.
#[derive(Debug, Default)]
pub struct Tracker {
    clock: Clock,
    /// In boxes: a table keeps room for more than it holds, and moves all when it grows.
    attempts: HashMap<Pair, Box<Attempt>>,
    /// Deadlines, some of them out of date: each is looked at again when it comes.
    deadlines: BinaryHeap<Reverse<(u64, u64, Pair)>>,
    pasts: Pasts,
    events: Vec<Event>,
    queues: Queues,
    serial: u64,
    lost: u64,
    evicted: u64,
    contradicted: u64,
    follows_closes: bool,
}

impl Tracker {
    /// One that has seen nothing. It tells also how connections end if `follows_closes` is set.
    pub fn new(follows_closes: bool) -> Self {
        Tracker {
            follows_closes,
            ..Self::default()
        }
    }

    /// Takes a segment. Whether it may be the one that tells a handshake's outcome.
    pub fn segment(&mut self, segment: &Segment) -> bool {
        let at = self.clock.at(segment.time_ns);
        self.end_overdue();
        let pair = Pair::of(segment);
        let Some(attempt) = self.attempts.get_mut(&pair) else {
            return self.without_attempt(pair, segment, at);
        };
        let due = attempt.deadline();
        let taken = attempt.take(segment, at);
        // A copy may be the first to tell that the server is here.
        if taken != Taken::Ignored || attempt.listening.is_none() {
            attempt.look_at(&self.queues, segment);
        }
        if taken == Taken::Ignored {
            return false;
        }
        if attempt.deadline() < due {
            let earlier = (attempt.deadline(), attempt.serial, pair);
            self.deadlines.push(Reverse(earlier));
        }
        match taken {
            Taken::Superseded => {
                self.end(pair, Ending::Superseded);
                self.begin(pair, segment, at);
            }
            Taken::Decided => {
                self.end(pair, Ending::Decided);
                if closes(segment) {
                    self.close(pair, segment, at);
                }
            }
            Taken::Noted | Taken::Ignored => {}
        }
        true
    }

    /// Time passes without packets, by the clock that gives packets their times.
    pub fn pass(&mut self, time_ns: u64) {
        self.clock.at(time_ns);
        self.end_overdue();
    }

    /// That clock was set, by so many nanoseconds.
    pub fn clock_set_by(&mut self, nanoseconds: i128) {
        self.clock.set_by(nanoseconds);
    }

    /// The kernel has lost so many packets since the capture began.
    pub fn has_lost(&mut self, packets: u64) {
        self.lost = packets;
    }

    /// The accept queues as they are now.
    pub fn look_at(&mut self, queues: Queues) {
        self.queues = queues;
    }

    /// The capture ends, and with it every handshake.
    pub fn finish(&mut self) {
        self.end_overdue();
        let mut left: Vec<_> = self.attempts.iter().collect();
        left.sort_by_key(|(_, attempt)| attempt.serial);
        let left: Vec<Pair> = left.into_iter().map(|(pair, _)| *pair).collect();
        for pair in left {
            self.end(pair, Ending::CaptureEnds);
        }
    }

    /// Of what there is to say, the handshakes that look established and that only the server's
    /// kernel can judge; see [`Handshake::judge`].
    pub fn doubtful(&mut self) -> impl Iterator<Item = &mut Handshake> {
        let handshakes = self.events.iter_mut().filter_map(|event| match event {
            Event::Handshake(handshake) => Some(&mut **handshake),
            Event::Close(_) => None,
        });
        handshakes.filter(|handshake| handshake.is_doubtful())
    }

    /// What there is to say since it was asked last.
    pub fn events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }

    /// Handshakes without an answer to what was sent more than a second ago.
    pub fn waiting(&self) -> Waiting {
        let now = self.clock.now();
        let mut waiting = Waiting::default();
        for attempt in self.attempts.values().filter(|attempt| !attempt.is_open()) {
            let waited = now.saturating_sub(attempt.first);
            if waited > WAITING_NS {
                waiting.add(attempt.server, waited);
            }
        }
        waiting
    }

    /// What it could not follow so far.
    pub fn shortcomings(&self) -> Shortcomings {
        Shortcomings {
            evicted: self.evicted,
            forgotten: self.pasts.forgotten,
            contradicted: self.contradicted,
        }
    }

    #[cfg(test)]
    pub(super) fn deadlines_kept(&self) -> usize {
        self.deadlines.len()
    }

    fn without_attempt(&mut self, pair: Pair, segment: &Segment, at: u64) -> bool {
        let flags = segment.flags;
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            let is_new = !self.is_of_the_past(&pair, segment, at);
            if is_new {
                self.begin(pair, segment, at);
            }
            return is_new;
        }
        if closes(segment) {
            self.close(pair, segment, at);
        }
        false
    }

    /// A SYN or SYN-ACK of a handshake that has ended is no other handshake.
    fn is_of_the_past(&mut self, pair: &Pair, segment: &Segment, at: u64) -> bool {
        let Some(past) = self.pasts.find(pair) else {
            return false;
        };
        let is_answer = segment.flags.has(Flags::ACK);
        let is_late = at.saturating_sub(past.since) > LATE_NS;
        let is_same = past.began_with(segment);
        if is_same && is_answer && past.is_connection && is_late && !past.is_contradicted {
            past.is_contradicted = true;
            self.contradicted += 1;
        }
        is_same
    }

    fn begin(&mut self, pair: Pair, segment: &Segment, at: u64) {
        let past = self.pasts.remove(&pair).and_then(|past| past.ended);
        self.serial += 1;
        let mut attempt = Box::new(Attempt::new(segment, at));
        attempt.serial = self.serial;
        attempt.clock_steps = self.clock.steps();
        attempt.lost_before = self.lost;
        attempt.reused_after = past.map(|ended| at.saturating_sub(ended));
        attempt.look_at(&self.queues, segment);
        let deadline = Reverse((attempt.deadline(), attempt.serial, pair));
        self.deadlines.push(deadline);
        self.attempts.insert(pair, attempt);
        self.make_room();
    }

    fn end(&mut self, pair: Pair, ending: Ending) {
        let Some(attempt) = self.attempts.remove(&pair) else {
            return;
        };
        let report = attempt.report(ending, &self.context());
        let is_connection = attempt.reset.is_none() && attempt.is_open();
        let past = Past::of(&attempt, is_connection, self.clock.now());
        self.pasts.insert(pair, past);
        self.events.push(Event::Handshake(Box::new(report)));
        if let Some(fin) = attempt.fin {
            self.close(pair, &fin.0, fin.1);
        }
    }

    fn close(&mut self, pair: Pair, segment: &Segment, at: u64) {
        if self.follows_closes && self.pasts.find(&pair).is_none() {
            self.pasts.insert(pair, Past::unseen(segment, at));
        }
        let past = self.pasts.find(&pair);
        let close = past.and_then(|past| past.close(segment, at));
        let told = close.filter(|_| self.follows_closes);
        self.events
            .extend(told.map(|close| Event::Close(Box::new(close))));
    }

    fn context(&self) -> Context {
        Context {
            now: self.clock.now(),
            clock_steps: self.clock.steps(),
            lost: self.lost,
        }
    }

    fn end_overdue(&mut self) {
        let now = self.clock.now();
        while let Some(Reverse((due, serial, pair))) = self.deadlines.peek().copied()
            && due < now
        {
            self.deadlines.pop();
            let attempt = self.attempts.get(&pair);
            match attempt.filter(|attempt| attempt.serial == serial) {
                Some(attempt) if attempt.deadline() < now => self.end(pair, Ending::TimedOut),
                Some(attempt) => {
                    let later = (attempt.deadline(), serial, pair);
                    self.deadlines.push(Reverse(later));
                }
                None => {}
            }
        }
    }

    fn make_room(&mut self) {
        while self.attempts.len() > MOST
            && let Some(Reverse((_, serial, pair))) = self.deadlines.pop()
        {
            let attempt = self.attempts.get(&pair);
            match attempt.filter(|attempt| attempt.serial == serial) {
                Some(attempt) if attempt.ack.is_some() => self.end(pair, Ending::Evicted),
                Some(_) => {
                    self.attempts.remove(&pair);
                    self.evicted += 1;
                }
                None => {}
            }
        }
        if self.deadlines.len() > 4 * self.attempts.len() + 1024 {
            let current = self.attempts.iter();
            self.deadlines = current
                .map(|(pair, attempt)| Reverse((attempt.deadline(), attempt.serial, *pair)))
                .collect();
        }
    }
}

fn closes(segment: &Segment) -> bool {
    segment.flags.has(Flags::FIN) || segment.flags.has(Flags::RST)
}
