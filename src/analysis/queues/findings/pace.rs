//! How an application accepts, from many samples of its queue: what it takes between two samples may
//! be replaced by new connections, so that a queue of constant length proves nothing by itself.

use super::{
    super::{AcceptQueue, LimitSetBy, ListenerReport},
    Members, about, is_full, owner_and_watch,
};
use crate::analysis::{
    Finding,
    Severity::{Critical, Warning},
    rules::{ACCEPTOR_SLOW, ACCEPTOR_STALLED, LONG_PAUSE_MS, LONG_WAIT_MS, STALLED_CRITICAL_MS},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// There are no samples.
    Unknown,
    /// The oldest connection waited all the time, and accept(2) takes the oldest first.
    Stalled,
    /// The queue is emptied again and again, without long pauses.
    Bursts,
    /// It is emptied again, but nothing was taken for this many milliseconds.
    Pauses(u64),
    /// Connections are taken, and the queue stays long.
    Slow,
}

impl Pace {
    pub fn of(queue: &AcceptQueue) -> Self {
        let Some(sampled) = &queue.sampled else {
            return Pace::Unknown;
        };
        let (spread, pause) = (&sampled.spread, sampled.longest_pause_ms);
        let always_waited = spread.minimum > 0 && sampled.accepted_at_least == 0;
        // Waits are measured in ticks, which a virtual machine may miss.
        let is_oldest = queue
            .oldest_wait_ms
            .is_some_and(|wait| wait * 20 >= pause * 19);
        let half = (u64::from(queue.limit) + 1).div_ceil(2);
        match () {
            _ if spread.samples < FEWEST_SAMPLES => Pace::Unknown,
            _ if always_waited && is_oldest => Pace::Stalled,
            _ if spread.minimum >= half => Pace::Slow,
            _ if pause >= LONG_PAUSE_MS => Pace::Pauses(pause),
            _ => Pace::Bursts,
        }
    }

    /// Behind what was observed of the queue.
    pub fn words(self, queue: &AcceptQueue) -> String {
        let sampled = queue.sampled.as_ref();
        let accepted = sampled.map_or(0, |sampled| sampled.accepted_at_least);
        match self {
            Pace::Stalled => ", nothing accepted meanwhile".to_owned(),
            Pace::Pauses(pause) => format!(", nothing accepted for {pause} ms at a time"),
            Pace::Slow if accepted > 0 => format!(", {accepted} or more accepted meanwhile"),
            Pace::Bursts => ", then emptied".to_owned(),
            Pace::Unknown | Pace::Slow => String::new(),
        }
    }

    /// What the samples leave as causes.
    pub fn cause(self, queue: &AcceptQueue) -> &'static str {
        let by_cap = matches!(
            queue.limit_set_by,
            Some(LimitSetBy::Somaxconn | LimitSetBy::Stale)
        );
        match self {
            Pace::Stalled => {
                "the application does not accept: busy elsewhere, blocked, stopped, out of \
                 descriptors, or not woken (EPOLLET, and accept() not repeated until EAGAIN)"
            }
            Pace::Bursts if by_cap => {
                "bursts of connections exceed the limit, which net.core.somaxconn set; between \
                 them the application keeps up"
            }
            Pace::Bursts => {
                "bursts of connections exceed the limit, which the application gave to listen(); \
                 between them it keeps up"
            }
            Pace::Pauses(_) => {
                "the application pauses (garbage collection, a lock, other work) while connections \
                 arrive; or they arrive in bursts that exceed the limit"
            }
            Pace::Slow => "the application accepts more slowly than connections arrive",
            Pace::Unknown => {
                "the application accepts more slowly than connections arrive, or not at all (busy, \
                 blocked, out of descriptors); or bursts exceed the limit"
            }
        }
    }
}

/// How fast the queue drains, how long it did not, and whether clients finish their handshakes: what
/// tells a small backlog, a slow application and a flood apart.
pub fn paced(finding: Finding, listener: &ListenerReport) -> Finding {
    let queue = listener.accept_queue.as_ref();
    let sampled = queue.and_then(|queue| queue.sampled.as_ref());
    let finished = listener.syn_queue.as_ref();
    let finished = finished.and_then(|queue| queue.finished_ratio);
    let (accepted, per_second) = (
        sampled.map(|sampled| sampled.accepted_at_least),
        sampled.and_then(|sampled| sampled.accepted_at_least_per_second),
    );
    let pause = sampled.map(|sampled| sampled.longest_pause_ms);
    finding
        .count_known(
            "accept_queue.sampled.accepted_at_least",
            accepted,
            "connections",
        )
        .decimal(
            "accept_queue.sampled.accepted_at_least_per_second",
            per_second,
            "connections",
        )
        .count_known(
            "accept_queue.sampled.longest_pause_ms",
            pause,
            "milliseconds",
        )
        .decimal("handshakes_finished_ratio", finished, "ratio")
}

/// Less say little about how a queue moves.
const FEWEST_SAMPLES: u64 = 5;

/// Connections wait although the queue is not full.
pub fn waiting(members: &Members) -> Option<Finding> {
    let concerned = members.iter().copied().filter(|member| !is_full(member));
    let mut found = concerned.filter_map(|member| {
        let queue = member.accept_queue.as_ref()?;
        let pace = Pace::of(queue);
        let wait = queue.oldest_wait_ms.filter(|_| queue.length > 0)?;
        matches!(pace, Pace::Stalled | Pace::Slow | Pace::Pauses(_))
            .then_some((wait, pace, queue, member))
    });
    let first = found.next()?;
    let (wait, pace, queue, worst) = found.fold(first, |one, other| match other.0 > one.0 {
        true => other,
        false => one,
    });
    let (rule, severity) = match pace {
        _ if wait < LONG_WAIT_MS => return None,
        Pace::Stalled if wait >= STALLED_CRITICAL_MS => (&ACCEPTOR_STALLED, Critical),
        Pace::Stalled => (&ACCEPTOR_STALLED, Warning),
        _ => (&ACCEPTOR_SLOW, Warning),
    };
    let waiting = match queue.length {
        1 => "1 connection waits".to_owned(),
        length => format!("{length} connections wait"),
    };
    let accepted = pace.words(queue);
    let seconds = wait as f64 / 1000.0;
    let message = format!("{waiting} for accept(), the oldest for {seconds:.1} s{accepted}");
    let finding = about(worst, rule, severity, message)
        .owned_by(&worst.owners)
        .count("accept_queue.length", queue.length, "connections")
        .count("accept_queue.limit", queue.limit, "connections")
        .count("accept_queue.oldest_wait_ms", wait, "milliseconds")
        .likely(pace.cause(queue));
    Some(owner_and_watch(paced(finding, worst), worst))
}

/// Whether [`waiting`] may concern it.
pub fn may_wait(listener: &ListenerReport) -> bool {
    let queue = listener.accept_queue.as_ref();
    queue.is_some_and(|queue| queue.length > 0 && queue.sampled.is_some())
}
