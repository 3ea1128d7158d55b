//! Why a handshake failed or was delayed, and what the reasons of a whole trace lead to.

use std::net::SocketAddr;

use super::{
    attempt::Attempt,
    listeners::Listening,
    outcome::{Basis, CapturedOn, Outcome, Reason},
    summary::{Failure, ListenerSummary, Summary},
};
use crate::{
    analysis::{
        Finding, Severity,
        finding::{Rule, worst_first},
        rules,
    },
    model::End,
};

/// The `TcpExt` counter of SYNs dropped because the SYN queue was full.
const SYN_QUEUE_DROPS: &str = "TCPReqQFullDrop";

/// The kernel has no socket for a connection that looks established.
pub(super) const NOTHING_KEPT: Reason = full_queue(
    "the accept queue was full: the server kept nothing, the client believes it is connected",
);

const fn full_queue(text: &'static str) -> Reason {
    let basis = Basis::FullQueue;
    Reason { text, basis }
}

const fn certain(text: &'static str) -> Reason {
    let basis = Basis::Evidence;
    Reason { text, basis }
}

const fn likely(text: &'static str) -> Reason {
    let basis = Basis::Inference;
    Reason { text, basis }
}

/// `None` where nothing failed or was delayed. Durations are only compared if `is_timed`.
pub(super) fn reason(outcome: Outcome, attempt: &Attempt, is_timed: bool) -> Option<Reason> {
    match outcome {
        Outcome::Established => delay(attempt).filter(|_| is_timed),
        Outcome::Refused => Some(refusal(attempt)),
        Outcome::NoReply => Some(silence(attempt)),
        Outcome::SynAckUnanswered => Some(match attempt.captured_on() {
            Some(CapturedOn::Client) => {
                likely("this host did not answer it: a firewall of its own")
            }
            _ => likely(
                "the client did not get it, or never sent the SYN: no route back, a spoofed address",
            ),
        }),
        Outcome::AckDropped => Some(match queue_is_full(attempt) {
            Some(true) => full_queue("the accept queue was full"),
            Some(false) => {
                likely("the accept queue was full before, or TCP_DEFER_ACCEPT waits for data")
            }
            None => likely(
                "the server's accept queue was full, the ACK was lost, or TCP_DEFER_ACCEPT waits for data",
            ),
        }),
        Outcome::ResetByServer | Outcome::ResetByClient => reset(attempt),
        Outcome::SimultaneousOpen | Outcome::SelfConnect | Outcome::Incomplete => None,
    }
}

fn queue_is_full(attempt: &Attempt) -> Option<bool> {
    let queue = attempt.listening.and_then(Listening::queue);
    queue.map(|queue| queue.is_full())
}

fn delay(attempt: &Attempt) -> Option<Reason> {
    let (syn, answer) = (attempt.syn.as_ref()?, attempt.syn_ack.as_ref()?);
    let retransmitted = syn.first + syn.retransmitted_after.first()?;
    if answer.first < retransmitted {
        return None;
    }
    Some(match (queue_is_full(attempt), attempt.server_is_here()) {
        (Some(true), _) => full_queue("late: the accept queue was full"),
        (_, true) => {
            likely("late: a SYN before was not answered, as when the accept queue is full")
        }
        (_, false) => likely("late: a SYN before, or its answer, was lost"),
    })
}

fn refusal(attempt: &Attempt) -> Reason {
    match attempt.listening {
        Some(Listening::There(_)) => likely("somebody listens there, so a firewall rejected it"),
        Some(Listening::Elsewhere) => {
            certain("at that port somebody listens on another address only")
        }
        Some(Listening::Nowhere) => certain("nobody listened there"),
        None => likely("nobody listens there, or a firewall rejects it"),
    }
}

fn silence(attempt: &Attempt) -> Reason {
    match (attempt.listening, queue_is_full(attempt)) {
        (_, Some(true)) => full_queue("the accept queue was full"),
        (_, Some(false)) => {
            likely("a firewall, a full SYN queue, or no route back; the accept queue had room")
        }
        (Some(_), None) => likely("a firewall: nobody listens there, and no reset was sent"),
        (None, None) if attempt.server_is_here() => {
            likely("a firewall, a full accept queue, a full SYN queue, or no route back")
        }
        (None, None) => likely("lost on the way, a firewall, or a full accept queue of the server"),
    }
}

fn reset(attempt: &Attempt) -> Option<Reason> {
    let reset = attempt.reset?;
    let after_ack = attempt.is_acknowledged();
    Some(likely(match (reset.by, reset.with_ack, after_ack) {
        (End::Server, false, true) => {
            "the ACK was refused: tcp_abort_on_overflow, a bad SYN cookie, or a listener that went"
        }
        (End::Server, ..) => {
            "closed before anything was sent: the listener went, or closed it at once"
        }
        (End::Client, false, false) => {
            "the client did not want it: a port scan, a spoofed address, or it gave up"
        }
        (End::Client, true, false) => "the client went away before it was open",
        (End::Client, _, true) => {
            "the client opened it and threw it away: a health check, or an abort"
        }
    }))
}

/// One finding for each listed server and reason, the worst first.
pub(super) fn findings(summary: &Summary) -> Vec<Finding> {
    let counters = summary.counters.as_ref();
    let syn_drops = counters.and_then(|all| all.get(SYN_QUEUE_DROPS));
    let syn_drops = syn_drops.copied().unwrap_or(0);
    let mut findings = Vec::new();
    for server in &summary.listeners {
        let reasons = server.reasons.iter();
        findings.extend(reasons.filter_map(|failure| finding(server, failure, syn_drops)));
    }
    worst_first(&mut findings);
    findings
}

fn finding(server: &ListenerSummary, failure: &Failure, syn_drops: u64) -> Option<Finding> {
    let (symptom, name, event) = symptom(failure.outcome)?;
    let (count, all) = (failure.count, server.handshakes);
    let may_be_syn_queue = failure.outcome == Outcome::NoReply && server.queue_max.is_some();
    let rule = match failure.reason.basis {
        Basis::FullQueue => &rules::ACCEPT_QUEUE_OVERFLOW,
        _ if may_be_syn_queue && syn_drops > 0 => &rules::SYN_QUEUE_FULL,
        Basis::Evidence | Basis::Inference => symptom,
    };
    let severity = match rule == symptom {
        false => Severity::Critical,
        true if count * rules::HANDSHAKES_WARNING_ONE_IN >= all => Severity::Warning,
        true => Severity::Info,
    };
    let address = SocketAddr::new(server.address, server.port);
    let message = event.replace("{}", &format!("{count} of {all} handshakes"));
    let mut finding = rule
        .finding(severity, address.to_string(), message)
        .count(name, count, "handshakes")
        .count("handshakes", all, "handshakes");
    if let Some(queue) = server.queue_max {
        finding = finding
            .count("listener_queue.length", queue.length, "connections")
            .count("listener_queue.limit", queue.limit, "connections");
    }
    if *rule == rules::SYN_QUEUE_FULL {
        finding = finding.count(SYN_QUEUE_DROPS, syn_drops, "SYNs");
    }
    let finding = explain(finding, rule, &failure.reason);
    Some(advise(finding, rule, server))
}

fn explain(finding: Finding, rule: &Rule, reason: &Reason) -> Finding {
    let cause = reason.text.strip_prefix("late: ").unwrap_or(reason.text);
    match reason.basis {
        _ if *rule == rules::SYN_QUEUE_FULL => finding.likely("a SYN queue was full"),
        Basis::FullQueue | Basis::Evidence => finding.because(cause),
        Basis::Inference => finding.likely(cause),
    }
}

/// The rule of an outcome whose cause has none, the outcome's name in JSON, and the message.
fn symptom(outcome: Outcome) -> Option<(&'static Rule, &'static str, &'static str)> {
    Some(match outcome {
        Outcome::Established => (
            &rules::HANDSHAKES_SLOW,
            "established",
            "established {} only after a SYN retransmission",
        ),
        Outcome::Refused => (&rules::HANDSHAKES_REFUSED, "refused", "refused {}"),
        Outcome::NoReply => (
            &rules::HANDSHAKES_UNANSWERED,
            "no_reply",
            "left {} without a reply",
        ),
        Outcome::SynAckUnanswered => (
            &rules::HANDSHAKES_UNANSWERED,
            "syn_ack_unanswered",
            "got no answer to its SYN-ACK in {}",
        ),
        Outcome::AckDropped => (
            &rules::HANDSHAKES_ACK_DROPPED,
            "ack_dropped",
            "dropped the ACK of {}",
        ),
        Outcome::ResetByServer => (&rules::HANDSHAKES_RESET, "reset_by_server", "reset {}"),
        Outcome::ResetByClient => (
            &rules::HANDSHAKES_RESET,
            "reset_by_client",
            "saw the client reset {}",
        ),
        Outcome::SimultaneousOpen | Outcome::SelfConnect | Outcome::Incomplete => return None,
    })
}

fn advise(finding: Finding, rule: &Rule, server: &ListenerSummary) -> Finding {
    let finding = match rule {
        _ if *rule == rules::ACCEPT_QUEUE_OVERFLOW => finding
            .remedy("accept(2) faster, or raise the listen(2) backlog and net.core.somaxconn"),
        _ if *rule == rules::SYN_QUEUE_FULL => {
            finding.remedy("set net.ipv4.tcp_syncookies=1, or raise the listen(2) backlog")
        }
        _ => finding,
    };
    let port = server.port;
    let is_here = server.captured_on.is_some_and(CapturedOn::has_server);
    finding.next(match (is_here, *rule == rules::HANDSHAKES_SLOW) {
        (true, _) => format!("sockdiag queues :{port}"),
        (false, true) => format!("sockdiag trace --slow 1s :{port}"),
        (false, false) => format!("sockdiag trace --failed :{port}"),
    })
}
