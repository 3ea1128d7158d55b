//! What the choice of ports tells of the sockets: the kernel does not say whether a connected
//! socket was bound before, nor whether it has a port range of its own.
//!
//! connect(2) chooses ports of the parity of the range's low end as long as there are any, bind(2)
//! the others (`__inet_hash_connect`, `inet_csk_find_open_port`). So a tuple that has ports of the
//! other parity though the first are not spent (19 of 20, as connections end) did not get them by a
//! plain connect(2).

use schemars::JsonSchema;
use serde::Serialize;

use super::{Capacity, Tuple};
use crate::model::PortSet;

/// Fewer ports than this may lie close together by chance.
const CLOSE_BY_CHANCE: u64 = 8;
/// A window spans less than this part of the range.
const WINDOW_PART: u64 = 8;

/// Ports that lie close together, as a range of the sockets' own would have it
/// (IP_LOCAL_PORT_RANGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Window {
    /// The lowest of them.
    pub low: u16,
    /// The highest.
    pub high: u16,
}

/// How a tuple's ports were probably chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// By connect(2), as far as they tell.
    Connect,
    /// By bind(2) before: they are taken for every destination.
    BoundFirst,
    /// By connect(2) within a range of the sockets' own.
    Window(Window),
}

/// Judges by parity and distance.
pub fn choice(tuple: &Tuple, capacity: &Capacity) -> Choice {
    let preferred = |port: &u16| capacity.blocked.is_for_connect(*port);
    let of_connect = tuple.ports.iter().filter(preferred).count() as u64;
    let spent = of_connect * 20 >= capacity.blocked.left_for_connect() * 19;
    if of_connect == tuple.used() || spent {
        return Choice::Connect;
    }
    let is_unexplained = |port| !preferred(&port) && !tuple.at_connect.contains(port);
    match window(tuple, capacity) {
        Some(window) => Choice::Window(window),
        None if tuple.ports.iter().any(is_unexplained) => Choice::BoundFirst,
        None => Choice::Connect,
    }
}

fn window(tuple: &Tuple, capacity: &Capacity) -> Option<Window> {
    let (low, high) = (tuple.ports.iter().next()?, tuple.ports.iter().last()?);
    let span = u64::from(high - low) + 1;
    let is_window = tuple.used() >= CLOSE_BY_CHANCE && span * WINDOW_PART < capacity.size();
    is_window.then_some(Window { low, high })
}

/// Ports of a tuple that was judged bound first, without those known to be chosen at connect(2).
pub fn bound_first(tuple: &Tuple, capacity: &Capacity) -> PortSet {
    let may_be_bound = |port: &u16| match tuple.at_connect.is_empty() {
        true => true,
        false => !capacity.blocked.is_for_connect(*port) && !tuple.at_connect.contains(*port),
    };
    tuple.ports.iter().filter(may_be_bound).collect()
}
