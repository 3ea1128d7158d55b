//! The verdict on a handshake: the one place that decides its outcome, from its segments, the
//! listener, the clock and the answer of the server's kernel.

use super::{
    attempt::Attempt,
    findings,
    listeners::{Listeners, Listening},
    outcome::{Outcome, Reason, Remark, Side},
    row::Translated,
    transmissions::Transmissions,
};
use crate::model::{Address, State};

const SECOND_NS: u64 = 1_000_000_000;
/// Systems wait at most three seconds before the first retransmission (RFC 1122), Linux one (RFC
/// 6298, section 2.1).
const FIRST_WAIT_NS: u64 = 3_500_000_000;
/// A Linux client gives up at an ICMP error; one that does not retransmits its SYN after a second.
/// A Linux server that dropped the ACK retransmits its SYN-ACK after one second (`TCP_TIMEOUT_INIT`,
/// include/net/tcp.h).
const HOLD_NS: u64 = 1_500_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Decided,
    TimedOut,
    /// A new handshake with the same 4-tuple began.
    Superseded,
    CaptureEnds,
    /// The tracker is full.
    Evicted,
}

/// What the kernel of this host reports about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelAnswer {
    /// The state of the server's socket; `None` when it has none.
    pub state: Option<State>,
    /// An accept queue of this network namespace overflowed during the trace.
    pub has_overflowed: bool,
}

/// What the connection tracker of this host did to the addresses of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    None,
    /// It is for this server instead.
    To(Address),
    /// It may have translated them.
    Unknown,
}

/// A handshake that ended, with everything that its verdict depends on.
#[derive(Debug)]
pub struct Evidence {
    pub(super) attempt: Box<Attempt>,
    pub(super) ending: Ending,
    /// When it ended, on the clock that does not step.
    pub(super) now: u64,
    /// Steps of the clock until it ended.
    pub(super) clock_steps: u32,
    /// Packets that the capture had dropped when it ended.
    pub(super) lost: u64,
    pub(super) kernel: Option<KernelAnswer>,
    pub(super) translated_to: Option<Address>,
}

/// When an attempt is judged if no segment follows: one would have been retransmitted by then.
pub fn deadline(attempt: &Attempt) -> u64 {
    let twice = |sent: &Transmissions| sent.spacing.saturating_mul(2);
    let after = |sent: &Transmissions, wait| sent.last.saturating_add(wait);
    let patience = |sent: &Transmissions| {
        after(
            sent,
            FIRST_WAIT_NS.max(twice(sent).saturating_add(SECOND_NS)),
        )
    };
    let syn_ack = attempt.syn_ack.as_ref();
    let last = syn_ack.or(attempt.syn.as_ref()).map_or(0, |sent| sent.last);
    if let Some((_, at)) = attempt.unreachable.filter(|(_, at)| *at >= last)
        && !attempt.is_open()
    {
        return at.saturating_add(HOLD_NS);
    }
    match (attempt.is_open(), syn_ack, attempt.ack) {
        (true, Some(answer), _) if answer.count == 1 => after(answer, HOLD_NS),
        (true, Some(answer), _) => after(answer, twice(answer).saturating_add(SECOND_NS / 2)),
        (false, Some(answer), _) => patience(answer),
        (true, None, Some(ack)) => ack.saturating_add(HOLD_NS),
        (_, None, _) => attempt.syn.as_ref().map_or(attempt.first, patience),
    }
}

impl Evidence {
    /// The client, the server and the interface of a handshake that looks established on the wire
    /// and that only the server's kernel can confirm; see [`Evidence::answer`].
    ///
    /// With SYN cookies, the server keeps no state of a connection whose ACK finds the accept queue
    /// full, and so never retransmits its SYN-ACK (`cookie_v4_check`, net/ipv4/syncookies.c).
    pub fn question(&self) -> Option<(Address, Address, u32)> {
        let attempt = &self.attempt;
        let is_open_question = !attempt.confirmed
            && matches!(attempt.listening, Some(Listening::There(_)))
            && self.outcome_on_the_wire() == Outcome::Established;
        is_open_question.then_some((attempt.client, attempt.server, attempt.interface))
    }

    /// The client and the server of a handshake that this host did not let through as it should, as
    /// far as was captured: the listener at another address may be to blame, see
    /// [`Evidence::translate`].
    pub fn doubt(&self) -> Option<(Address, Address)> {
        let attempt = &self.attempt;
        let is_doubtful = attempt.server_is_here()
            && attempt.before_translation.is_none()
            && self.reason().is_some();
        is_doubtful.then_some((attempt.client, attempt.server))
    }

    /// Adds what the connection tracker did to the addresses, and the listeners as they are now.
    /// A listener that dropped packets meanwhile is to blame, wherever others went.
    pub fn translate(&mut self, translation: Translation, listeners: &Listeners) {
        let attempt = &mut *self.attempt;
        let dropped = attempt.listening.and_then(Listening::queue);
        let dropped = dropped.and_then(|queue| queue.dropped);
        match translation {
            Translation::None => {}
            Translation::To(server) => {
                let syn = attempt.syn.as_ref();
                attempt.listening = syn.and_then(|syn| listeners.now(&server, &syn.segment));
                self.translated_to = Some(server);
            }
            Translation::Unknown if dropped > Some(0) => {}
            Translation::Unknown => attempt.listening = None,
        }
    }

    pub(super) fn translated(&self) -> Option<Translated> {
        let (client, own) = (self.attempt.client, self.attempt.server);
        let seen = self.attempt.before_translation.map(|_| own);
        let server = seen.or(self.translated_to)?;
        Some(Translated { client, server })
    }

    /// Adds the answer of the server's kernel to a [`Evidence::question`].
    pub fn answer(&mut self, answer: KernelAnswer) {
        self.kernel = Some(answer);
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.is_unknown_to_kernel() {
            true => Outcome::AckDropped,
            false => self.outcome_on_the_wire(),
        }
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        match self.is_unknown_to_kernel() {
            true => Some(findings::NOTHING_KEPT),
            false => findings::reason_for(self.outcome(), &self.attempt, self.is_timed()),
        }
    }

    /// The server received the ACK. A request socket (SYN_RECV) still waits for one.
    pub(super) fn is_confirmed(&self) -> bool {
        let state = self.kernel.and_then(|kernel| kernel.state);
        self.attempt.confirmed || state.is_some_and(|state| state != State::SynRecv)
    }

    /// A missing socket proves a drop only where a queue overflowed meanwhile: it may be in another
    /// network namespace that shares the address.
    fn is_unknown_to_kernel(&self) -> bool {
        let is_dropped = |kernel: KernelAnswer| kernel.state.is_none() && kernel.has_overflowed;
        self.kernel.is_some_and(is_dropped)
    }

    /// The clock did not step during the handshake.
    pub(super) fn is_timed(&self) -> bool {
        self.clock_steps == self.attempt.clock_steps
    }

    fn outcome_on_the_wire(&self) -> Outcome {
        let attempt = &self.attempt;
        if let Some(reset) = &attempt.reset {
            return match (reset.by, &attempt.syn_ack, &attempt.crossing) {
                (Side::Client, ..) => Outcome::ResetByClient,
                (_, None, None) => Outcome::Refused,
                _ => Outcome::ResetByServer,
            };
        }
        let is_open = attempt.is_open();
        let waited = self.now.saturating_sub(attempt.first) >= SECOND_NS;
        match &attempt.syn_ack {
            Some(_) if attempt.is_self_connect() => Outcome::SelfConnect,
            _ if attempt.crossing.is_some() && is_open => Outcome::SimultaneousOpen,
            _ if unexplained_repeats(attempt) > 0 => Outcome::AckDropped,
            _ if is_open => Outcome::Established,
            _ if attempt.unreachable.is_some() => Outcome::Unreachable,
            // An answer could still have come.
            _ if !waited && self.ending != Ending::TimedOut => Outcome::Incomplete,
            Some(_) => Outcome::SynAckUnanswered,
            None => Outcome::NoReply,
        }
    }

    pub(super) fn remarks(&self) -> Vec<Remark> {
        let attempt = &self.attempt;
        let is_open_question = !attempt.confirmed && attempt.reset.is_none();
        let is_overdue = self.now >= deadline(attempt);
        let answers = attempt.syn_ack.as_ref().map_or(0, |answer| answer.count);
        let is_unrepeated = self.outcome_on_the_wire() == Outcome::SynAckUnanswered
            && (self.ending == Ending::TimedOut && is_overdue)
            && answers == 1;
        let is_cut = self.ending == Ending::CaptureEnds && !is_overdue;
        let is_lossy = is_open_question && self.lost > attempt.lost_before;
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
        let remark = |(holds, remark): (bool, Remark)| holds.then_some(remark);
        all.into_iter().filter_map(remark).collect()
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
    let answers = attempt.syn_ack.as_ref();
    let repeats = answers.map_or(0, Transmissions::retransmits);
    let unexplained = repeats.saturating_sub(explained);
    attempt.repeated_after_ack.min(unexplained)
}
