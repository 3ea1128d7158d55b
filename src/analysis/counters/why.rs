//! Why listeners dropped: the parts of `ListenDrops`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{Previous, change},
    model::{Counters, Netns, NetnsSnapshot},
};

/// `ListenDrops` of one namespace, broken down by cause.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Why {
    /// The network namespace.
    pub netns: Arc<Netns>,
    /// Since the namespace was created.
    #[serde(flatten)]
    pub total: Drops,
    /// Since the previous reading.
    pub delta: Option<Drops>,
}

/// Drops at listeners by cause. `null` is not counted by this kernel; `other` is then unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drops {
    /// `ListenDrops`: all of them.
    pub listen_drops: Option<i128>,
    /// `ListenOverflows`: the accept queue was full.
    pub overflows: Option<i128>,
    /// `TCPReqQFullDrop`: the SYN queue was full and SYN cookies off.
    pub syn_queue_full: Option<i128>,
    /// All other causes: with SYN cookies off, a SYN queue over three quarters of
    /// tcp_max_syn_backlog; no route back, no memory, a security module, a broadcast address.
    pub other: Option<i128>,
}

impl Drops {
    fn of(counters: &Counters) -> Self {
        let value = |name| counters.value("TcpExt", name);
        Drops::split(
            value("ListenDrops"),
            value("ListenOverflows"),
            value("TCPReqQFullDrop"),
        )
    }

    fn since(before: &Self, now: &Self) -> Self {
        let moved = |then: Option<i128>, now: Option<i128>| change(then?, now?);
        Drops::split(
            moved(before.listen_drops, now.listen_drops),
            moved(before.overflows, now.overflows),
            moved(before.syn_queue_full, now.syn_queue_full),
        )
    }

    /// The kernel does not read the three at one instant; where the rest is negative it is unknown.
    fn split(all: Option<i128>, overflows: Option<i128>, syn_queue: Option<i128>) -> Self {
        let rest = || all?.checked_sub(overflows?)?.checked_sub(syn_queue?);
        Drops {
            listen_drops: all,
            overflows,
            syn_queue_full: syn_queue,
            other: rest().filter(|rest| *rest >= 0),
        }
    }
}

pub fn why(now: &NetnsSnapshot, before: Previous<'_, NetnsSnapshot>) -> Why {
    let total = Drops::of(&now.counters);
    let delta = before.map(|(before, _)| Drops::since(&Drops::of(&before.counters), &total));
    Why {
        netns: Arc::new(now.netns.clone()),
        total,
        delta,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up() {
        let drops = Drops::split(Some(26395), Some(4343), Some(118));
        assert_eq!(drops.other, Some(21934));
    }

    #[test]
    fn what_is_not_known_makes_no_part_up() {
        assert_eq!(Drops::split(Some(5), Some(5), None).other, None);
        assert_eq!(
            Drops::split(Some(4), Some(5), Some(0)).other,
            None,
            "read while they moved"
        );
    }

    #[test]
    fn a_change_is_split_like_a_total() {
        let before = Drops::split(Some(10), Some(4), Some(1));
        let now = Drops::split(Some(17), Some(9), Some(2));
        let expected = Drops::split(Some(7), Some(5), Some(1));
        assert_eq!(Drops::since(&before, &now), expected);
        assert_eq!(Drops::since(&now, &before).listen_drops, None);
    }
}
