//! Live connections to the destinations of closed ones.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::walk::flaws;
use crate::{
    Result,
    model::{Address, Incomplete},
    source::SockDiag,
};

/// How long to go on searching for older connections to a destination than the first one found.
const LONGER: Duration = Duration::from_millis(100);

/// The inode of a live connection to each destination that has one. Stops when each has one, and
/// an old one was likely found: its descriptor is low and soon found (inodes are given in turn).
pub fn live(
    destinations: &[Address],
    missing: &mut Vec<Incomplete>,
) -> Result<Vec<(Address, u32)>> {
    if destinations.is_empty() {
        return Ok(Vec::new());
    }
    let mut ports: Vec<u16> = destinations.iter().map(|to| to.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let deadline = Instant::now() + LONGER;
    let mut found: HashMap<Address, u32> = HashMap::new();
    let walk = SockDiag::open()?.walk_towards(&ports, |connection| {
        let to = Address {
            address: connection.peer.to_canonical(),
            port: connection.peer_port,
        };
        if destinations.contains(&to) {
            let oldest = found.entry(to).or_insert(connection.inode);
            *oldest = connection.inode.min(*oldest);
        }
        match found.len() == destinations.len() && Instant::now() > deadline {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    missing.extend(flaws("likely_owners", walk));
    Ok(found.into_iter().collect())
}
