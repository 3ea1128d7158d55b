//! Why a handshake failed or was delayed, and the findings that the reasons of a whole trace lead to.

use std::net::SocketAddr;

use super::{
    attempt::Attempt,
    listeners::Listening,
    outcome::{
        Basis::{self, *},
        CapturedOn,
        Outcome::{self, *},
        Reason, Side,
    },
    summary::{Failure, ListenerSummary, Summary},
};
use crate::analysis::{
    Finding, Severity,
    finding::{Rule, worst_first},
    rules::{self, *},
};

/// The `TcpExt` counter of SYNs dropped because the SYN queue was full.
const SYN_QUEUE_DROPS: &str = "TCPReqQFullDrop";

/// The kernel has no socket for a connection that looks established.
pub const NOTHING_KEPT: Reason = reason(
    FullQueue,
    "the accept queue was full: the server kept nothing, the client believes it is connected",
);

const fn reason(basis: Basis, text: &'static str) -> Reason {
    Reason { text, basis }
}

/// What the listener's accept queue may have done to a handshake.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Unknown,
    /// Nothing: the listener dropped no packet meanwhile.
    DroppedNothing,
    HadRoom,
    /// Some sockets of a SO_REUSEPORT group were full, and which one was chosen is not known.
    PartlyFull,
    FullAtAnotherTime,
    Full,
}

/// A sample that was taken later, or longer ago, does not show what the packet found.
const STALE_MS: f64 = 1000.0;

fn part(attempt: &Attempt) -> Part {
    let Some(Listening::There(queue)) = attempt.listening else {
        return Part::Unknown;
    };
    match queue.full_members {
        _ if queue.dropped == Some(0) => Part::DroppedNothing,
        _ if queue.is_full() && queue.sampled_after_ms.abs() > STALE_MS => Part::FullAtAnotherTime,
        _ if queue.is_full() => Part::Full,
        1.. => Part::PartlyFull,
        0 => Part::HadRoom,
    }
}

/// Why a handshake failed or was delayed; `None` where it was not. Durations are only compared if
/// `is_timed`.
pub fn reason_for(outcome: Outcome, attempt: &Attempt, is_timed: bool) -> Option<Reason> {
    let part = part(attempt);
    let basis = match (outcome, attempt.listening) {
        (Established, _) if attempt.challenge_ack => Evidence,
        (Established | NoReply | AckDropped, _) if part == Part::Full => FullQueue,
        (NoReply | AckDropped, _) if part == Part::DroppedNothing => NotTheListener,
        (Refused, Some(Listening::Elsewhere | Listening::Nowhere)) => Evidence,
        (Unreachable, _) => return rejection(attempt),
        _ => Inference,
    };
    let text = match outcome {
        Established if is_timed => delay(attempt, part)?,
        Refused => refusal(attempt),
        NoReply => silence(attempt, part),
        SynAckUnanswered => match attempt.captured_on() {
            Some(CapturedOn::Client) => "this host did not answer: its own firewall",
            _ => "it did not reach the client (no route back), or the SYN was spoofed",
        },
        AckDropped => match part {
            Part::Full => "the accept queue was full",
            Part::FullAtAnotherTime => "likely the accept queue, which was full at another time",
            Part::PartlyFull => {
                "perhaps a full accept queue: a socket of the SO_REUSEPORT group has one"
            }
            Part::HadRoom => {
                "the accept queue was full before, TCP_DEFER_ACCEPT waits for data, or a firewall dropped it"
            }
            // An ACK that TCP_DEFER_ACCEPT ignores counts as dropped.
            Part::DroppedNothing => {
                "a firewall of this host or a bad checksum; the listener dropped nothing"
            }
            Part::Unknown => "accept queue full, ACK lost, or TCP_DEFER_ACCEPT waits for data",
        },
        ResetByServer | ResetByClient => reset(attempt)?,
        Unreachable | Established | SimultaneousOpen | SelfConnect | Incomplete => return None,
    };
    Some(reason(basis, text))
}

fn delay(attempt: &Attempt, part: Part) -> Option<&'static str> {
    let (syn, answer) = (attempt.syn.as_ref()?, attempt.syn_ack.as_ref()?);
    let retransmitted = syn.first + syn.retransmitted_after.first()?;
    let text = match part {
        _ if attempt.challenge_ack => "late: the server still had an old connection of these ports",
        Part::Full => "late: the accept queue was full",
        Part::FullAtAnotherTime => "late: likely the accept queue, which was full at another time",
        Part::PartlyFull => {
            "late: perhaps a full accept queue: a socket of the SO_REUSEPORT group has one"
        }
        Part::DroppedNothing => {
            "late: a firewall, rp_filter or a bad checksum; the listener dropped nothing"
        }
        _ if attempt.server_is_here() => {
            "late: an earlier SYN got no answer, as with a full accept queue"
        }
        _ => "late: an earlier SYN, or its answer, was lost",
    };
    (answer.first >= retransmitted).then_some(text)
}

fn refusal(attempt: &Attempt) -> &'static str {
    match attempt.listening {
        Some(Listening::There(_)) => "a socket listens there, so a firewall rejected it",
        Some(Listening::Elsewhere) => "at that port only another address has a listener",
        Some(Listening::Nowhere) => "nobody listened there",
        None => "nobody listens there, or a firewall rejects it",
    }
}

fn silence(attempt: &Attempt, part: Part) -> &'static str {
    match (attempt.listening, part) {
        (_, Part::Full) => "the accept queue was full",
        (_, Part::FullAtAnotherTime) => "likely the accept queue, which was full at another time",
        (_, Part::PartlyFull) => {
            "a firewall, or a full accept queue: a socket of the SO_REUSEPORT group has one"
        }
        (_, Part::HadRoom) => {
            "a firewall, full SYN queue or no route back; the accept queue had room"
        }
        (_, Part::DroppedNothing) => {
            "a firewall, rp_filter or a bad checksum; the listener dropped nothing"
        }
        (Some(_), Part::Unknown) => "a firewall: nobody listens there, and no reset was sent",
        (None, Part::Unknown) if attempt.server_is_here() => {
            "a firewall, a full accept queue or SYN queue, or no route back"
        }
        (None, Part::Unknown) => {
            "lost on the way, a firewall, or a full accept queue of the server"
        }
    }
}

/// What an ICMP error means for TCP (RFC 1122, section 3.2.2; RFC 4443, section 3). A host answers a
/// closed TCP port with a reset, so port unreachable is a firewall's.
fn rejection(attempt: &Attempt) -> Option<Reason> {
    let (error, _) = attempt.unreachable?;
    let is_v4 = attempt.server.address.is_ipv4();
    let (basis, text) = match (is_v4, error.icmp_type, error.icmp_code) {
        (true, 3, 3) | (false, 1, 4) => (
            Evidence,
            "a firewall or a load balancer rejected it (port unreachable)",
        ),
        (true, 3, 9 | 10 | 13) | (false, 1, 1) => (
            Inference,
            "a firewall or a prohibit route rejected it (administratively prohibited)",
        ),
        (true, 3, 1 | 7 | 12) | (false, 1, 3) => (
            Inference,
            "no host has that address, or a firewall rejected it (host unreachable)",
        ),
        (true, 3, 0 | 6 | 11) | (false, 1, 0) => (
            Inference,
            "a router has no route to it, or a firewall rejected it (no route)",
        ),
        (true, 3, 2) => (
            Inference,
            "a firewall rejected it, or the host has no TCP (protocol unreachable)",
        ),
        (false, 1, 5 | 6) => (Inference, "a route or a policy rejects it"),
        (true, 11, _) | (false, 3, _) => (
            Inference,
            "its hop limit ran out on the way, as in a routing loop",
        ),
        _ => (
            Inference,
            "a firewall or a router rejected it with an ICMP error",
        ),
    };
    Some(reason(basis, text))
}

fn reset(attempt: &Attempt) -> Option<&'static str> {
    let reset = attempt.reset?;
    Some(match (reset.by, reset.with_ack, reset.after_ack) {
        (Side::Server, false, true) => {
            "the ACK was rejected: tcp_abort_on_overflow, a bad SYN cookie, or a closed listener"
        }
        (Side::Server, ..) => "the listener closed, or closed the connection before any data",
        (_, false, false) => {
            "the client rejected it: a port scan, a spoofed address, or it gave up"
        }
        (_, true, false) => "the client closed its socket before it was established",
        (_, _, true) => "the client closed it right after connecting (health check, or abort)",
    })
}

/// One finding for each listed server and reason, the worst first.
pub fn findings(summary: &Summary) -> Vec<Finding> {
    let counters = summary.counters.as_ref();
    let syn_drops = counters.and_then(|all| all.get(SYN_QUEUE_DROPS).copied());
    let servers = summary.listeners.iter();
    let reasons = servers.flat_map(|server| server.reasons.iter().map(move |one| (server, one)));
    let finding = |(server, failure)| finding(server, failure, syn_drops.unwrap_or(0));
    let mut findings: Vec<Finding> = reasons.filter_map(finding).collect();
    worst_first(&mut findings);
    findings
}

fn finding(server: &ListenerSummary, failure: &Failure, syn_drops: u64) -> Option<Finding> {
    let (symptom, name, event) = symptom(failure.outcome)?;
    let (count, all) = (failure.count, server.handshakes);
    let may_be_syn_queue = failure.outcome == NoReply
        && failure.reason.basis == Inference
        && server.queue_max.is_some_and(|queue| !queue.is_full());
    let rule = match failure.reason.basis {
        FullQueue => &ACCEPT_QUEUE_OVERFLOW,
        _ if may_be_syn_queue && syn_drops > 0 => &SYN_QUEUE_FULL,
        Evidence | NotTheListener | Inference => symptom,
    };
    let severity = match rule == symptom {
        false => Severity::Critical,
        true if count * rules::HANDSHAKES_WARNING_ONE_IN >= all => Severity::Warning,
        true => Severity::Info,
    };
    let cause = match failure.reason.text {
        _ if *rule == SYN_QUEUE_FULL => "a SYN queue was full",
        text => text.strip_prefix("late: ").unwrap_or(text),
    };
    let address = SocketAddr::new(server.address, server.port).to_string();
    let event = event.replace("{}", &format!("{count} of {all} handshakes"));
    let finding = rule
        .finding(severity, address, format!("{event} ({cause})"))
        .count(name, count, "handshakes")
        .count("handshakes", all, "handshakes")
        .with(server.queue_max, |finding, queue| {
            finding
                .count("listener_queue.length", queue.length, "connections")
                .count("listener_queue.limit", queue.limit, "connections")
        })
        .because(cause);
    let finding = Finding {
        inferred: matches!(failure.reason.basis, NotTheListener | Inference),
        ..finding
    };
    Some(advise(finding, rule, server, syn_drops))
}

/// The rule of an outcome whose cause has none, the outcome's name in JSON, and the message.
fn symptom(outcome: Outcome) -> Option<(&'static Rule, &'static str, &'static str)> {
    Some(match outcome {
        Established => (
            &HANDSHAKES_SLOW,
            "established",
            "established {} only after a SYN retransmission",
        ),
        Refused => (&HANDSHAKES_REFUSED, "refused", "refused {}"),
        NoReply => (&HANDSHAKES_UNANSWERED, "no_reply", "left {} unanswered"),
        Unreachable => (
            &HANDSHAKES_UNREACHABLE,
            "unreachable",
            "was unreachable for {}",
        ),
        SynAckUnanswered => (
            &HANDSHAKES_UNANSWERED,
            "syn_ack_unanswered",
            "got no answer to its SYN-ACK in {}",
        ),
        AckDropped => (
            &HANDSHAKES_ACK_DROPPED,
            "ack_dropped",
            "dropped the ACK of {}",
        ),
        ResetByServer => (&HANDSHAKES_RESET, "reset_by_server", "reset {}"),
        ResetByClient => (
            &HANDSHAKES_RESET,
            "reset_by_client",
            "had {} reset by the client",
        ),
        SimultaneousOpen | SelfConnect | Incomplete => return None,
    })
}

fn advise(finding: Finding, rule: &Rule, server: &ListenerSummary, syn_drops: u64) -> Finding {
    let finding = match rule {
        _ if *rule == ACCEPT_QUEUE_OVERFLOW => finding
            .remedy("accept(2) faster, or raise the listen(2) backlog and net.core.somaxconn"),
        _ if *rule == SYN_QUEUE_FULL => finding
            .count(SYN_QUEUE_DROPS, syn_drops, "SYNs")
            .remedy("set net.ipv4.tcp_syncookies=1, or raise the listen(2) backlog"),
        _ => finding,
    };
    let port = server.port;
    let is_here = server.captured_on.is_some_and(CapturedOn::has_server);
    finding.next(match *rule == HANDSHAKES_SLOW {
        _ if is_here => format!("sockdiag queues :{port}"),
        true => format!("sockdiag trace --slow 1s :{port}"),
        false => format!("sockdiag trace --failed :{port}"),
    })
}
