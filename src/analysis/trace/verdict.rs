//! What an attempt came to, and when that can be said.

use super::{
    Listening, Outcome, Queues,
    attempt::{Attempt, Reset},
    handshake::{
        CapturedOn, Handshake, Offer, Options, Remark, ResetReport, Sequence, Side, milliseconds,
        written,
    },
    leg::Leg,
};
use crate::model::{Direction, End, Segment};

const SECOND_NS: u64 = 1_000_000_000;
/// Systems wait for up to three seconds before they repeat an unanswered segment for the first
/// time (RFC 6298, section 2.1; RFC 1122 before it), Linux for one.
const FIRST_WAIT_NS: u64 = 3_500_000_000;
/// A Linux server that did not take the ACK repeats its SYN-ACK after one second
/// (`TCP_TIMEOUT_INIT`, include/net/tcp.h).
const HOLD_NS: u64 = 1_500_000_000;

/// Why an attempt is brought to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its segments tell it.
    Decided,
    /// Nothing more came in time.
    TimedOut,
    /// A new one with the same four numbers came.
    Superseded,
    /// The capture ends.
    CaptureEnds,
    /// Its room was wanted.
    Evicted,
}

/// What the tracker knows beside an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The latest time.
    pub now: u64,
    /// Steps of the clock so far.
    pub clock_steps: u32,
    /// Packets that the kernel lost so far.
    pub lost: u64,
}

impl Attempt {
    /// When no more is to be expected: a segment would have been repeated by then.
    pub fn deadline(&self) -> u64 {
        let twice = |leg: &Leg| leg.spacing.saturating_mul(2);
        let patience = |leg: &Leg| {
            let wait = FIRST_WAIT_NS.max(twice(leg).saturating_add(SECOND_NS));
            leg.last.saturating_add(wait)
        };
        let answered = self.syn_ack.as_ref();
        match (self.is_open(), answered, self.ack) {
            (true, Some(answer), _) if answer.count == 1 => answer.last.saturating_add(HOLD_NS),
            (true, Some(answer), _) => {
                let wait = twice(answer).saturating_add(SECOND_NS / 2);
                answer.last.saturating_add(wait)
            }
            (false, Some(answer), _) => patience(answer),
            (true, None, Some(ack)) => ack.saturating_add(HOLD_NS),
            (_, None, _) => self.syn.as_ref().map_or(self.first, patience),
        }
    }

    /// Whose accept queue matters: that of a server on this host.
    pub fn server_is_here(&self) -> bool {
        self.captured_on().is_some_and(CapturedOn::has_server)
    }

    fn captured_on(&self) -> Option<CapturedOn> {
        if self.client.address.is_loopback() && self.server.address.is_loopback() {
            return Some(CapturedOn::Both);
        }
        let to_server = self.syn.as_ref().and_then(Leg::direction);
        let from_server = || self.syn_ack.as_ref().and_then(Leg::direction);
        let (direction, incoming, outgoing) = match to_server {
            Some(direction) => (direction, CapturedOn::Server, CapturedOn::Client),
            None => (from_server()?, CapturedOn::Client, CapturedOn::Server),
        };
        Some(match direction {
            Direction::Internal => CapturedOn::Both,
            Direction::Passing => CapturedOn::Between,
            Direction::Incoming => incoming,
            Direction::Outgoing => outgoing,
        })
    }

    /// SYN-ACKs that nothing but a lost acknowledgement explains. Each SYN that was sent again may
    /// have been answered on its own; on the server, only those that came after the first answer.
    fn unexplained_repeats(&self) -> u32 {
        let syns = self.syn.as_ref().map_or(0, |syn| syn.count);
        let explained = match self.server_is_here() {
            true => syns.saturating_sub(self.syns_before_answer),
            false => syns.saturating_sub(1),
        };
        let repeats = self.syn_ack.as_ref().map_or(0, Leg::retransmits);
        self.repeated_after_ack
            .min(repeats.saturating_sub(explained))
    }

    fn outcome(&self, ending: Ending, now: u64) -> Outcome {
        if let Some(reset) = &self.reset {
            return self.broken_off(reset);
        }
        let is_open = self.is_open();
        if self.is_to_itself() && self.syn_ack.is_some() {
            return Outcome::SelfConnect;
        }
        if self.crossing.is_some() && is_open {
            return Outcome::SimultaneousOpen;
        }
        if self.unexplained_repeats() > 0 {
            return Outcome::AckDropped;
        }
        if is_open {
            return Outcome::Established;
        }
        let waited = now.saturating_sub(self.first) >= SECOND_NS;
        match &self.syn_ack {
            // An answer could still have come.
            _ if !waited && ending != Ending::TimedOut => Outcome::Incomplete,
            Some(_) => Outcome::SynAckUnanswered,
            None => Outcome::NoReply,
        }
    }

    fn broken_off(&self, reset: &Reset) -> Outcome {
        match (reset.by, &self.syn_ack, &self.crossing) {
            (End::Client, ..) => Outcome::ResetByClient,
            (End::Server, None, None) => Outcome::Refused,
            (End::Server, ..) => Outcome::ResetByServer,
        }
    }

    fn remarks(&self, ending: Ending, context: &Context, outcome: Outcome) -> Vec<Remark> {
        let is_open_question = !self.confirmed && self.reset.is_none();
        let is_overdue = context.now >= self.deadline();
        let answer = self.syn_ack.as_ref();
        let waited_in_vain = outcome == Outcome::SynAckUnanswered
            && (ending == Ending::TimedOut && is_overdue)
            && answer.is_some_and(|answer| answer.count == 1);
        let all = [
            (self.syn.is_none(), Remark::BegunBefore),
            (
                ending == Ending::CaptureEnds && !is_overdue,
                Remark::EndedEarly,
            ),
            (
                is_open_question && context.lost > self.lost_before,
                Remark::LossPossible,
            ),
            (context.clock_steps > self.clock_steps, Remark::ClockStepped),
            (self.challenge_ack, Remark::ChallengeAck),
            (waited_in_vain, Remark::SynAckNotRepeated),
            (self.sequence_changed, Remark::ServerSequenceChanged),
            (ending == Ending::Evicted, Remark::Evicted),
        ];
        let held = all.into_iter().filter(|(holds, _)| *holds);
        held.map(|(_, remark)| remark).collect()
    }

    /// The report on it.
    pub fn report(&self, ending: Ending, context: &Context) -> Handshake {
        let outcome = self.outcome(ending, context.now);
        let is_timed = context.clock_steps == self.clock_steps;
        let between = |from: Option<u64>, to: Option<u64>| {
            let time = to?.saturating_sub(from?);
            is_timed.then(|| milliseconds(time))
        };
        let (syn, answer) = (self.syn.as_ref(), self.syn_ack.as_ref());
        let (asked, answered) = (syn.map(|syn| syn.first), answer.map(|leg| leg.first));
        // SYN-ACKs that cross acknowledge each other; the later one opens.
        let opened = self.ack.map(|ack| ack.max(answered.unwrap_or(ack)));
        let mut told = Handshake {
            client: self.client,
            server: self.server,
            interface: None,
            vlan: self.vlan,
            started: written(self.began_ns),
            outcome,
            reason: None,
            confirmed: self.confirmed,
            captured_on: self.captured_on(),
            syn_retransmits: syn.map_or(0, Leg::retransmits),
            syn_ack_retransmits: answer.map_or(0, Leg::retransmits),
            syn_after_ms: repetitions(syn, is_timed),
            syn_ack_after_ms: repetitions(answer, is_timed),
            syn_to_syn_ack_ms: between(asked, answered),
            syn_ack_to_ack_ms: between(answered, self.ack),
            total_ms: between(asked, opened),
            host_ms: None,
            network_ms: None,
            options: Options {
                client: syn.map(|leg| Offer::of(&leg.segment)),
                server: answer.map(|leg| Offer::of(&leg.segment)),
            },
            fast_open_bytes: self.fast_open_bytes(),
            sequence: Sequence {
                client_isn: self.client_sequence(),
                server_isn: self.server_sequence(),
            },
            listener_queue: match self.listening {
                Some(Listening::There(queue)) => Some(queue),
                Some(Listening::Elsewhere | Listening::Nowhere) | None => None,
            },
            reset: self.reset.map(|reset| self.reset_report(&reset)),
            reused_after_ms: self.reused_after.map(milliseconds),
            packet: self.packet,
            remarks: self.remarks(ending, context, outcome),
            started_ns: self.began_ns,
            interface_index: self.interface,
            listening: self.listening,
        };
        told.reason = told.cause();
        (told.host_ms, told.network_ms) = told.halves();
        told
    }

    fn reset_report(&self, reset: &Reset) -> ResetReport {
        ResetReport {
            by: reset.by.into(),
            with_ack: reset.with_ack,
            after_ack: self.is_acknowledged(),
        }
    }

    fn fast_open_bytes(&self) -> Option<u32> {
        let sent = self
            .syn
            .as_ref()
            .filter(|syn| syn.segment.payload_bytes > 0)?;
        let answer = self.syn_ack.as_ref()?;
        let first = sent.sequence().wrapping_add(1);
        Some(answer.segment.acknowledgement.wrapping_sub(first))
    }

    /// Keeps who listens where the server is here: now, unless a queue that was full has told more.
    pub fn look_at(&mut self, queues: &Queues, packet: &Segment) {
        let was_full = matches!(self.listening, Some(Listening::There(queue)) if queue.is_full());
        if !was_full && self.server_is_here() {
            let seen = queues.listening(&self.server, packet);
            self.listening = seen.or(self.listening);
        }
    }
}

impl Handshake {
    /// This host's part of its time, and the rest.
    fn halves(&self) -> (Option<f64>, Option<f64>) {
        let (answer, ack) = (self.syn_to_syn_ack_ms, self.syn_ack_to_ack_ms);
        match self.captured_on {
            Some(CapturedOn::Server) => (answer, ack),
            Some(CapturedOn::Client) => (ack, answer),
            Some(CapturedOn::Both | CapturedOn::Between) | None => (None, None),
        }
    }
}

impl From<End> for Side {
    fn from(end: End) -> Self {
        match end {
            End::Client => Side::Client,
            End::Server => Side::Server,
        }
    }
}

fn repetitions(leg: Option<&Leg>, is_timed: bool) -> Vec<f64> {
    let times = leg.filter(|_| is_timed).map_or(&[][..], |leg| &leg.again);
    times.iter().map(|time| milliseconds(*time)).collect()
}
