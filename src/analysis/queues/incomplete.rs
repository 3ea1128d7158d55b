//! What a report of listeners could not see.

use super::{AcceptQueue, ListenerReport};
use crate::{
    analysis::incomplete::counted,
    model::{Incomplete, NetnsSnapshot, Snapshot},
};

/// What is unknown of the selected listeners, though it was read for.
pub fn unknown(now: &Snapshot, listeners: &[ListenerReport]) -> impl Iterator<Item = Incomplete> {
    let count = |is_unknown: fn(&ListenerReport) -> bool, was_read: fn(&NetnsSnapshot) -> bool| {
        let unknown = listeners.iter().filter(|listener| is_unknown(listener));
        let netns = unknown.filter_map(|listener| now.namespace(&listener.netns));
        netns.filter(|netns| was_read(netns)).count()
    };
    let waiting = counted(
        "waiting",
        "several sockets share the address, it is MPTCP, or connections came and went meanwhile",
        count(has_unknown_waiters, |netns| netns.waiting.is_some()),
    );
    let syn_queue = counted(
        "syn_queue",
        "a v6only and a dual-stack socket share the address",
        count(is_uncounted, |netns| netns.half_open.is_some()),
    );
    waiting.into_iter().chain(syn_queue)
}

/// Connections wait, and the number of abandoned ones is unknown.
fn has_unknown_waiters(listener: &ListenerReport) -> bool {
    let is_unknown = |queue: &AcceptQueue| queue.length > 0 && queue.abandoned.is_none();
    listener.syn_queue.is_some() && listener.accept_queue.as_ref().is_some_and(is_unknown)
}

fn is_uncounted(listener: &ListenerReport) -> bool {
    let syn_queue = listener.syn_queue.as_ref();
    syn_queue.is_some_and(|queue| queue.length.is_none())
}
