//! Connections that one end has closed, by service, and how their number changes.

use std::{cmp::Reverse, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::Previous,
    model::{
        Address, NetnsSnapshot, Owner, Owners, State,
        snapshot::{HalfClosedGroup, HalfClosedKey, ServiceEnd, Side},
    },
};

/// Connections of one service in CLOSE_WAIT, FIN_WAIT1, FIN_WAIT2 or LAST_ACK.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HalfClosedReport {
    /// Their state.
    pub state: State,
    /// Which end of the connections this host is.
    pub side: Side,
    /// The service: a listener here, or one elsewhere.
    pub service: Address,
    /// Sockets that a process holds.
    pub held: u64,
    /// Sockets that no process holds: in CLOSE_WAIT they wait for accept(2), else the kernel ends
    /// them in time.
    pub unheld: u64,
    /// Sockets of either kind that retransmit, or whose peer's window is closed.
    pub held_up: u64,
    /// Change of `held` since the previous table scan; `null` without one.
    pub held_delta: Option<i64>,
    /// Change of `unheld` likewise.
    pub unheld_delta: Option<i64>,
    /// How long the three oldest of those that were looked at have been silent, at least. `null` for
    /// few sockets, which are not looked at.
    pub oldest_seconds: Option<f64>,
    /// Processes that hold some of them.
    pub owners: Vec<Owner>,
}

pub fn half_closed(
    now: &NetnsSnapshot,
    before: Previous<'_, NetnsSnapshot>,
    owners: Option<&Owners>,
) -> Vec<HalfClosedReport> {
    let Some(found) = &now.half_closed else {
        return Vec::new();
    };
    let earlier = before.and_then(|(before, _)| before.half_closed.as_deref());
    // The same scan as before shows no change.
    let earlier = earlier.filter(|earlier| earlier.at < found.at);
    let row = |(key, group): &(HalfClosedKey, HalfClosedGroup)| {
        let then = earlier.map(|earlier| {
            let mut groups = earlier.groups.iter();
            let then = groups.find(|(other, _)| other == key);
            then.map_or((0, 0), |(_, group)| (group.held, group.unheld))
        });
        let (side, service) = match key.service {
            ServiceEnd::Local(service) => (Side::Server, service),
            ServiceEnd::Peer(service) => (Side::Client, service),
        };
        HalfClosedReport {
            state: key.state,
            side,
            service,
            held: group.held,
            unheld: group.unheld,
            held_up: group.held_up,
            held_delta: then.map(|(held, _)| group.held as i64 - held as i64),
            unheld_delta: then.map(|(_, unheld)| group.unheld as i64 - unheld as i64),
            oldest_seconds: oldest(group),
            owners: holders(group, owners),
        }
    };
    found.groups.iter().map(row).collect()
}

/// One alone may be an exception.
const OLD: usize = 3;

/// The silence that three of those that were looked at have lasted. Others may be younger: which are
/// the oldest is not known before.
fn oldest(group: &HalfClosedGroup) -> Option<f64> {
    let silences = group.samples.iter().filter_map(|socket| socket.silent_ms);
    let mut silences: Vec<u32> = silences.collect();
    silences.sort_unstable_by_key(|silence| Reverse(*silence));
    let third = silences.get(OLD - 1)?;
    Some(Duration::from_millis((*third).into()).as_secs_f64())
}

fn holders(group: &HalfClosedGroup, owners: Option<&Owners>) -> Vec<Owner> {
    let mut found: Vec<Owner> = Vec::new();
    for socket in &group.samples {
        let holders = owners.and_then(|owners| owners.by_inode.get(&socket.inode));
        for owner in holders.into_iter().flatten() {
            if !found.iter().any(|known| known.pid == owner.pid) {
                found.push(owner.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Family, snapshot::HalfClosedSocket};

    fn oldest_of(silences: &[Option<u32>]) -> Option<f64> {
        let socket = |silent_ms: &Option<u32>| HalfClosedSocket {
            inode: 7,
            local: Endpoint {
                family: Family::V4,
                address: [10, 0, 0, 1].into(),
                port: 80,
                interface: 0,
            },
            peer: Address {
                address: [10, 0, 0, 2].into(),
                port: 9,
            },
            silent_ms: *silent_ms,
        };
        oldest(&HalfClosedGroup {
            samples: silences.iter().map(socket).collect(),
            ..HalfClosedGroup::default()
        })
    }

    #[test]
    fn three_old_sockets_are_found_among_younger_ones() {
        let (old, young) = (Some(12_000), Some(50));
        assert_eq!(oldest_of(&[young, old, young, old, old]), Some(12.0));
        assert_eq!(oldest_of(&[young, old, young, old]), Some(0.05));
        // A socket that ended before it was read.
        assert_eq!(oldest_of(&[old, None, old, old]), Some(12.0));
        assert_eq!(oldest_of(&[old, None, old]), None);
    }
}
