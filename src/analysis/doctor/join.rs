//! One block for what belongs together: a symptom, and with it what other findings say of the same
//! socket, and of the processes that should serve it.

use std::time::Duration;

use crate::analysis::{
    Finding,
    finding::{Rule, SINCE},
    rules::{
        ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, ACCEPTOR_SLOW, ACCEPTOR_STALLED,
        BACKLOG_TOO_SMALL, CLOSE_WAIT_LEAK, FD_LEAK, FD_LIMIT_NEAR, FD_LIMIT_REACHED,
        FIN_WAIT_PILEUP, LIMIT_STALE, OWNER_OUT_OF_DESCRIPTORS, PORT_RANGE_OVER_LISTENER,
        REUSEPORT_MEMBER_STUCK, SETTING_DRIFT, SETTING_HARMFUL, SYN_COOKIES_ACTIVE, SYN_FLOOD,
        SYN_QUEUE_FULL,
    },
    tune,
};

/// Symptoms that a process causes which does not accept.
pub static UNACCEPTED: [&Rule; 5] = [
    &REUSEPORT_MEMBER_STUCK,
    &ACCEPT_QUEUE_OVERFLOW,
    &ACCEPT_QUEUE_FULL,
    &ACCEPTOR_STALLED,
    &ACCEPTOR_SLOW,
];

/// What is wrong with a socket, and what follows from it at the same socket.
static FOLLOW: [(&Rule, &[&Rule]); 5] = [
    (
        &REUSEPORT_MEMBER_STUCK,
        &[
            &ACCEPT_QUEUE_OVERFLOW,
            &ACCEPT_QUEUE_FULL,
            &BACKLOG_TOO_SMALL,
            &ACCEPTOR_STALLED,
        ],
    ),
    // Handshakes whose last ACK is dropped stay in the SYN queue.
    (
        &ACCEPT_QUEUE_OVERFLOW,
        &[&SYN_QUEUE_FULL, &SYN_COOKIES_ACTIVE],
    ),
    (&ACCEPT_QUEUE_FULL, &[&SYN_QUEUE_FULL, &SYN_COOKIES_ACTIVE]),
    (&SYN_FLOOD, &[&SYN_QUEUE_FULL, &SYN_COOKIES_ACTIVE]),
    (&BACKLOG_TOO_SMALL, &[&SYN_COOKIES_ACTIVE]),
];

/// Joins the findings of all reports. Findings about sockets and processes must precede findings
/// from counters.
pub fn join(findings: Vec<Finding>, elapsed: Option<Duration>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::new();
    for finding in findings {
        if !joined.iter().any(|socket| is_behind(socket, &finding)) {
            joined.push(timed(finding, elapsed));
        }
    }
    for (symptom, following) in FOLLOW {
        absorb(&mut joined, symptom, following);
    }
    stale_limits(&mut joined);
    joined
}

/// Joins what remains once the causes are known.
pub fn join_causes(findings: &mut Vec<Finding>) {
    unclosed_connections(findings);
    out_of_descriptors(findings);
    settings(findings);
}

/// Whether a socket's finding says what the counters of its namespace repeat.
fn is_behind(socket: &Finding, counted: &Finding) -> bool {
    let is_same = socket.id == counted.id
        || FOLLOW.iter().any(|(symptom, following)| {
            symptom.id == socket.id && following.iter().any(|rule| rule.id == counted.id)
        })
        || (socket.id, counted.id) == (BACKLOG_TOO_SMALL.id, ACCEPT_QUEUE_OVERFLOW.id);
    is_same && counted.counted && socket.netns == counted.netns
}

fn timed(mut finding: Finding, elapsed: Option<Duration>) -> Finding {
    if let Some(elapsed) = elapsed {
        let interval = format!("in {:.1} s", elapsed.as_secs_f64());
        finding.message = finding.message.replace(SINCE, &interval);
    }
    finding
}

fn absorb(findings: &mut Vec<Finding>, symptom: &Rule, following: &[&Rule]) {
    let mut at = 0;
    while let Some(found) = findings.get(at) {
        let place = (found.subject.clone(), found.netns.clone());
        if found.id == symptom.id {
            let follows = |other: &mut Finding| {
                following.iter().any(|rule| rule.id == other.id)
                    && (&other.subject, &other.netns) == (&place.0, &place.1)
            };
            let absorbed: Vec<Finding> = findings.extract_if(.., follows).collect();
            // It may have moved up.
            let is_symptom = |found: &Finding| {
                found.id == symptom.id && (&found.subject, &found.netns) == (&place.0, &place.1)
            };
            at = findings.iter().position(is_symptom).unwrap_or(at);
            absorbed
                .into_iter()
                .for_each(|other| findings[at].add(other));
        }
        at += 1;
    }
}

/// An old limit is the cause where the queue that has it overflows.
fn stale_limits(findings: &mut Vec<Finding>) {
    let is_stale = |found: &mut Finding| found.id == LIMIT_STALE.id;
    for stale in findings.extract_if(.., is_stale).collect::<Vec<_>>() {
        let overflows = |found: &&mut Finding| {
            [BACKLOG_TOO_SMALL.id, ACCEPT_QUEUE_OVERFLOW.id].contains(&found.id)
                && (&found.subject, &found.netns) == (&stale.subject, &stale.netns)
        };
        match findings.iter_mut().find(overflows) {
            Some(symptom) => {
                symptom.message = format!("{}; {}", symptom.message, stale.message);
                symptom.remedy = stale.remedy;
            }
            None => findings.push(stale),
        }
    }
}

/// Files set more at boot than concerns sockets. A setting that another finding says how to change
/// is not said twice.
fn settings(findings: &mut Vec<Finding>) {
    findings.retain(|found| {
        found.id != SETTING_DRIFT.id || tune::names().any(|name| name == found.subject)
    });
    let is_setting = |found: &mut Finding| found.id == SETTING_HARMFUL.id;
    for setting in findings.extract_if(.., is_setting).collect::<Vec<_>>() {
        let is_said = |found: &Finding| {
            let in_place = setting.netns.is_none() || found.netns == setting.netns;
            // With slashes, a dot in the name of an interface is part of the name.
            let names_it = |remedy: &String| remedy.replace('/', ".").contains(&setting.subject);
            let is_range = found.id == PORT_RANGE_OVER_LISTENER.id
                && setting.subject == "net.ipv4.ip_local_port_range";
            in_place && (is_range || found.remedy.iter().any(names_it))
                || is_of_descriptors(&setting, found)
        };
        if !findings.iter().any(is_said) {
            findings.push(setting);
        }
    }
}

/// The limit of a process's unit, where a finding has the process.
fn is_of_descriptors(setting: &Finding, found: &Finding) -> bool {
    let is_limit = setting.subject.starts_with(tune::RLIMIT_NOFILE);
    let ids = [FD_LIMIT_NEAR.id, FD_LIMIT_REACHED.id];
    is_limit && (ids.contains(&found.id) || found.cause_id == Some(OWNER_OUT_OF_DESCRIPTORS.id))
}

/// Connections that a process does not close take its descriptors: they are the cause where most of
/// its descriptors, or of those that it opened, are such connections.
fn unclosed_connections(findings: &mut Vec<Finding>) {
    let is_leak =
        |found: &mut Finding| [CLOSE_WAIT_LEAK.id, FIN_WAIT_PILEUP.id].contains(&found.id);
    for leak in findings.extract_if(.., is_leak).collect::<Vec<_>>() {
        let share = |part: &str, whole: Option<i128>| {
            let part = leak.number(part).zip(whole);
            part.is_some_and(|(part, whole)| part * 2 >= whole)
        };
        let grew =
            |found: &Finding| Some(found.number("growth.last")? - found.number("growth.first")?);
        let follows = |found: &Finding| {
            let is_most = match found.id {
                id if id == FD_LEAK.id => share("held_delta", grew(found)),
                id if [FD_LIMIT_NEAR.id, FD_LIMIT_REACHED.id].contains(&id) => {
                    share("held", found.number("open"))
                }
                _ => false,
            };
            is_most && found.pids == leak.pids
        };
        match findings.iter_mut().find(|found| follows(found)) {
            Some(symptom) if symptom.id == FD_LEAK.id => {
                let growth = std::mem::replace(symptom, leak);
                symptom.add(growth);
            }
            Some(symptom) => {
                symptom.cause_id = Some(leak.id);
                symptom.cause.clone_from(&leak.cause);
                symptom.inferred = leak.inferred;
                symptom.remedy.splice(..0, leak.remedy.iter().cloned());
                symptom.next.splice(..0, leak.next.iter().cloned());
                symptom.add(leak);
            }
            None => findings.push(leak),
        }
    }
}

/// accept(2) needs a descriptor: a process without one may be the cause of queues that nobody
/// empties. It is the cause where what the process does shows no other.
fn out_of_descriptors(findings: &mut Vec<Finding>) {
    let is_full = |found: &mut Finding| found.id == FD_LIMIT_REACHED.id;
    for full in findings.extract_if(.., is_full).collect::<Vec<_>>() {
        let mut explained = false;
        for symptom in findings.iter_mut().filter(|found| is_unaccepted(found)) {
            let id = OWNER_OUT_OF_DESCRIPTORS.id;
            if symptom.pids == full.pids && symptom.cause_id.is_none_or(|cause| cause == id) {
                explained = true;
                symptom.inferred |= symptom.cause_id.is_none();
                symptom.cause_id = Some(id);
                symptom.cause = Some(format!("{} has {}", full.subject, full.message));
                symptom.remedy.clone_from(&full.remedy);
                symptom.next.clone_from(&full.next);
                symptom.evidence.extend(full.evidence.iter().cloned());
                symptom.joined.extend(full.areas());
            }
        }
        if !explained {
            findings.push(full);
        }
    }
}

pub fn is_unaccepted(found: &Finding) -> bool {
    UNACCEPTED.iter().any(|rule| rule.id == found.id)
}

impl Finding {
    /// Adds what another finding says of the same socket.
    fn add(&mut self, other: Finding) {
        self.message = format!("{}; {}", self.message, other.message);
        self.severity = self.severity.max(other.severity);
        self.joined.extend(other.areas());
        let known: Vec<&str> = self.evidence.iter().map(|one| one.name).collect();
        let new = other.evidence.into_iter();
        let new: Vec<_> = new.filter(|one| !known.contains(&one.name)).collect();
        self.evidence.extend(new);
    }
}
