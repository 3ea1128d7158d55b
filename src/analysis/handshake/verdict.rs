//! The verdict on a handshake: the one place that decides its outcome, from its segments, the
//! listener, the clock and the answer of the server's kernel.

use super::{
    attempt::{Attempt, Reset},
    findings,
    listeners::Listening,
    outcome::{Outcome, Reason, Remark},
    transmissions::Transmissions,
};
use crate::model::{Address, End, State};

const SECOND_NS: u64 = 1_000_000_000;
/// Systems wait for up to three seconds before the first retransmission (RFC 6298, section 2.1; RFC
/// 1122 before it), Linux for one.
const FIRST_WAIT_NS: u64 = 3_500_000_000;
/// A Linux server that dropped the ACK retransmits its SYN-ACK after one second (`TCP_TIMEOUT_INIT`,
/// include/net/tcp.h).
const HOLD_NS: u64 = 1_500_000_000;

/// Why a handshake is judged now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its segments decide it.
    Decided,
    /// Its deadline passed.
    TimedOut,
    /// A new handshake with the same 4-tuple began.
    Superseded,
    CaptureEnds,
    /// The tracker is full.
    Evicted,
}

/// The state of the capture when a handshake ended.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// On the clock that does not step.
    pub now: u64,
    /// Steps of the clock so far.
    pub clock_steps: u32,
    /// Packets that the capture dropped so far.
    pub lost: u64,
}

/// What the kernel of this host reports about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelAnswer {
    /// The state of the server's socket; `None` when it has none.
    pub state: Option<State>,
    /// An accept queue of this network namespace overflowed during the trace.
    pub has_overflowed: bool,
}

/// A handshake that ended, with everything it is judged by.
#[derive(Debug)]
pub struct Evidence {
    pub(super) attempt: Box<Attempt>,
    pub(super) ending: Ending,
    pub(super) context: Context,
    pub(super) kernel: Option<KernelAnswer>,
}

/// What is concluded about a handshake.
#[derive(Debug)]
pub struct Verdict {
    pub outcome: Outcome,
    pub confirmed: bool,
    pub reason: Option<Reason>,
    pub remarks: Vec<Remark>,
}

/// When an attempt is judged if nothing more passes: a segment would have been retransmitted by then.
pub fn deadline(attempt: &Attempt) -> u64 {
    let twice = |sent: &Transmissions| sent.spacing.saturating_mul(2);
    let patience = |sent: &Transmissions| {
        let wait = FIRST_WAIT_NS.max(twice(sent).saturating_add(SECOND_NS));
        sent.last.saturating_add(wait)
    };
    let syn_ack = attempt.syn_ack.as_ref();
    match (attempt.is_open(), syn_ack, attempt.ack) {
        (true, Some(answer), _) if answer.count == 1 => answer.last.saturating_add(HOLD_NS),
        (true, Some(answer), _) => {
            let wait = twice(answer).saturating_add(SECOND_NS / 2);
            answer.last.saturating_add(wait)
        }
        (false, Some(answer), _) => patience(answer),
        (true, None, Some(ack)) => ack.saturating_add(HOLD_NS),
        (_, None, _) => attempt.syn.as_ref().map_or(attempt.first, patience),
    }
}

impl Evidence {
    /// The client, the server and the interface of a handshake that looks established on the wire
    /// and that only the server's kernel can confirm; see [`Evidence::answer`].
    ///
    /// A server that answers with SYN cookies keeps nothing of a connection whose ACK finds the
    /// accept queue full, and so never retransmits its SYN-ACK (`cookie_v4_check`,
    /// net/ipv4/syncookies.c).
    pub fn question(&self) -> Option<(Address, Address, u32)> {
        let attempt = &self.attempt;
        let is_here = matches!(attempt.listening, Some(Listening::There(_)));
        let is_open = self.outcome_on_the_wire() == Outcome::Established;
        let is_open_question = is_open && !attempt.confirmed && is_here;
        is_open_question.then_some((attempt.client, attempt.server, attempt.interface))
    }

    /// Adds the answer of the server's kernel to a [`Evidence::question`].
    pub fn answer(&mut self, answer: KernelAnswer) {
        self.kernel = Some(answer);
    }

    pub(super) fn verdict(&self) -> Verdict {
        let is_unknown = self.kernel.is_some_and(KernelAnswer::is_dropped);
        let outcome = match is_unknown {
            true => Outcome::AckDropped,
            false => self.outcome_on_the_wire(),
        };
        let reason = match is_unknown {
            true => Some(findings::NOTHING_KEPT),
            false => findings::reason_for(outcome, &self.attempt, self.is_timed()),
        };
        Verdict {
            outcome,
            confirmed: self.attempt.confirmed || self.kernel.is_some_and(KernelAnswer::is_open),
            reason,
            remarks: self.remarks(),
        }
    }

    /// The clock did not step during the handshake.
    pub(super) fn is_timed(&self) -> bool {
        self.context.clock_steps == self.attempt.clock_steps
    }

    fn outcome_on_the_wire(&self) -> Outcome {
        let attempt = &self.attempt;
        if let Some(reset) = &attempt.reset {
            return reset_outcome(attempt, reset);
        }
        let is_open = attempt.is_open();
        if attempt.is_self_connect() && attempt.syn_ack.is_some() {
            return Outcome::SelfConnect;
        }
        if attempt.crossing.is_some() && is_open {
            return Outcome::SimultaneousOpen;
        }
        if unexplained_repeats(attempt) > 0 {
            return Outcome::AckDropped;
        }
        if is_open {
            return Outcome::Established;
        }
        let waited = self.context.now.saturating_sub(attempt.first) >= SECOND_NS;
        match &attempt.syn_ack {
            // An answer could still have come.
            _ if !waited && self.ending != Ending::TimedOut => Outcome::Incomplete,
            Some(_) => Outcome::SynAckUnanswered,
            None => Outcome::NoReply,
        }
    }

    fn remarks(&self) -> Vec<Remark> {
        let (attempt, context) = (&self.attempt, &self.context);
        let is_open_question = !attempt.confirmed && attempt.reset.is_none();
        let is_overdue = context.now >= deadline(attempt);
        let syn_ack = attempt.syn_ack.as_ref();
        let is_unrepeated = self.outcome_on_the_wire() == Outcome::SynAckUnanswered
            && (self.ending == Ending::TimedOut && is_overdue)
            && syn_ack.is_some_and(|answer| answer.count == 1);
        let is_cut = self.ending == Ending::CaptureEnds && !is_overdue;
        let is_lossy = is_open_question && context.lost > attempt.lost_before;
        let all = [
            (attempt.syn.is_none(), Remark::BegunBefore),
            (is_cut, Remark::EndedEarly),
            (is_lossy, Remark::LossPossible),
            (!self.is_timed(), Remark::ClockStepped),
            (attempt.challenge_ack, Remark::ChallengeAck),
            (is_unrepeated, Remark::SynAckNotRepeated),
            (attempt.sequence_changed, Remark::ServerSequenceChanged),
            (self.ending == Ending::Evicted, Remark::Evicted),
        ];
        let true_ones = all.into_iter().filter(|(holds, _)| *holds);
        true_ones.map(|(_, remark)| remark).collect()
    }
}

impl KernelAnswer {
    /// A request socket still waits for an ACK that is accepted.
    fn is_open(self) -> bool {
        self.state.is_some_and(|state| state != State::SynRecv)
    }

    /// A missing socket proves a drop only where a queue overflowed meanwhile: it may be in another
    /// network namespace that shares the address.
    fn is_dropped(self) -> bool {
        self.state.is_none() && self.has_overflowed
    }
}

fn reset_outcome(attempt: &Attempt, reset: &Reset) -> Outcome {
    match (reset.by, &attempt.syn_ack, &attempt.crossing) {
        (End::Client, ..) => Outcome::ResetByClient,
        (End::Server, None, None) => Outcome::Refused,
        (End::Server, ..) => Outcome::ResetByServer,
    }
}

/// SYN-ACKs that only a lost acknowledgement explains. Each retransmitted SYN may have been answered
/// by a SYN-ACK of its own; on the server, only those that came after the first answer.
fn unexplained_repeats(attempt: &Attempt) -> u32 {
    let syns = attempt.syn.as_ref().map_or(0, |syn| syn.count);
    let explained = match attempt.server_is_here() {
        true => syns.saturating_sub(attempt.syns_before_answer),
        false => syns.saturating_sub(1),
    };
    let repeats = attempt.syn_ack.as_ref();
    let repeats = repeats.map_or(0, Transmissions::retransmits);
    attempt
        .repeated_after_ack
        .min(repeats.saturating_sub(explained))
}
