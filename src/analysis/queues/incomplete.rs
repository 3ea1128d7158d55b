//! What a report does not hold although it was looked for.

use super::ListenerReport;
use crate::model::{Incomplete, NetnsSnapshot, Snapshot};

/// What came out unknown of the listeners that are shown.
pub fn unknown(now: &Snapshot, listeners: &[ListenerReport]) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    let untold = count(
        now,
        listeners,
        |reading| reading.waiting.is_some(),
        is_untold,
    );
    if untold > 0 {
        let why = "several sockets share the address, it is MPTCP, or connections came and went \
                   meanwhile";
        missing.push(Incomplete::counted("waiting", why, untold));
    }
    let uncounted = count(
        now,
        listeners,
        |reading| reading.half_open.is_some(),
        is_uncounted,
    );
    if uncounted > 0 {
        let why = "a v6only and a dual-stack socket share the address";
        missing.push(Incomplete::counted("syn_queue", why, uncounted));
    }
    missing
}

/// Listeners of the namespaces where it was looked for.
fn count(
    now: &Snapshot,
    listeners: &[ListenerReport],
    looked_for: fn(&NetnsSnapshot) -> bool,
    is_unknown: fn(&ListenerReport) -> bool,
) -> u64 {
    let looked_for =
        |listener: &&ListenerReport| now.namespace(&listener.netns).is_some_and(looked_for);
    let unknown = listeners.iter().filter(|listener| is_unknown(listener));
    unknown.filter(looked_for).count() as u64
}

/// Somebody waits there, and how many of them have left is not known.
fn is_untold(listener: &ListenerReport) -> bool {
    let queue = listener
        .accept_queue
        .as_ref()
        .filter(|_| listener.syn_queue.is_some());
    queue.is_some_and(|queue| queue.length > 0 && queue.abandoned.is_none())
}

fn is_uncounted(listener: &ListenerReport) -> bool {
    listener
        .syn_queue
        .as_ref()
        .is_some_and(|queue| queue.length.is_none())
}
