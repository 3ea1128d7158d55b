//! Request sockets of listeners whose queues were read themselves, not found in tables.

use std::collections::HashMap;

use super::join::tcp_listeners;
use crate::model::{ListenAddress, NetnsSnapshot};

/// Sums over the sockets that share an address.
#[derive(Clone, Copy)]
pub struct OwnRequests {
    pub count: u32,
    pub unanswered: Option<u32>,
}

/// The sums of addresses where the queue of every socket was read.
pub fn by_address(namespace: &NetnsSnapshot) -> HashMap<ListenAddress, Option<OwnRequests>> {
    let mut sums: HashMap<ListenAddress, Option<OwnRequests>> = HashMap::new();
    for listener in tcp_listeners(namespace) {
        let Some(place) = ListenAddress::of(listener) else {
            continue;
        };
        let none = OwnRequests {
            count: 0,
            unanswered: Some(0),
        };
        let sum = sums.entry(place).or_insert(Some(none));
        *sum = sum
            .zip(namespace.queues.get(&listener.inode))
            .map(|(sum, read)| OwnRequests {
                count: sum.count + read.requests,
                unanswered: sum
                    .unanswered
                    .zip(read.unanswered)
                    .map(|(sum, own)| sum + own),
            });
    }
    sums
}
