//! Which end this host was, where listeners and ports do not show it.

use std::{collections::HashMap, ops::RangeInclusive};

use super::{Flow, Kept, Side, TimeWaits};

/// Decides by frequency: the end whose port occurs in more connections is the service; between equal
/// counts, the end whose port is not ephemeral.
pub fn decided(
    time_waits: &TimeWaits,
    ephemeral: Option<RangeInclusive<u16>>,
) -> Vec<(Flow, Kept)> {
    let flows = &time_waits.flows;
    let (mut here, mut there) = (HashMap::new(), HashMap::new());
    for (flow, kept) in flows.iter().filter(|(flow, _)| flow.side.is_none()) {
        *here.entry((flow.local, flow.local_port)).or_insert(0) += kept.left.count();
        *there.entry((flow.peer, flow.peer_port)).or_insert(0) += kept.left.count();
    }
    let is_service = |port: Option<u16>| match (port, &ephemeral) {
        (Some(port), Some(ephemeral)) => !ephemeral.contains(&port),
        _ => false,
    };
    let mut decided: HashMap<Flow, Kept> = HashMap::new();
    for (flow, kept) in flows {
        let mut flow = *flow;
        if flow.side.is_none() {
            let count = here[&(flow.local, flow.local_port)];
            let here = (count, is_service(flow.local_port));
            let count = there[&(flow.peer, flow.peer_port)];
            let there = (count, is_service(flow.peer_port));
            if here > there {
                (flow.side, flow.peer_port) = (Some(Side::Server), None);
            } else if there > here {
                (flow.side, flow.local_port) = (Some(Side::Client), None);
            }
        }
        decided.entry(flow).or_default().merge(kept);
    }
    decided.into_iter().collect()
}
