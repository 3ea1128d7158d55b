//! Live connections to the destinations of closed ones, from which owners are inferred.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use sockdiag::{
    Result,
    model::{Address, Incomplete},
    source::Families,
};

use super::super::{
    pace::Pace,
    walks::{each_family, flaws},
};

/// So many destinations are looked for.
pub const MOST: usize = 64;
/// So long is looked for older connections than the first.
const LONGER: Duration = Duration::from_millis(100);

/// The last search of a namespace.
pub struct Live {
    found: HashMap<Address, u32>,
    asked: Vec<Address>,
    pace: Pace,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            found: HashMap::new(),
            asked: Vec::new(),
            pace: Pace::one_in(20),
        }
    }
}

impl Live {
    /// The inode of a connection to each destination that has one. It takes another walk, so it is
    /// repeated when a destination is new or the last one is old enough for its cost.
    pub fn towards(
        &mut self,
        destinations: Vec<Address>,
        missing: &mut Vec<Incomplete>,
    ) -> Result<HashMap<Address, u32>> {
        let is_known = |destination: &Address| self.asked.contains(destination);
        if !destinations.iter().all(is_known) || self.pace.is_due() {
            let began = Instant::now();
            self.found = search(&destinations, missing)?;
            self.asked = destinations;
            self.pace.spent(began.elapsed());
        }
        Ok(self.found.clone())
    }
}

/// Walks until each has one, and for a while longer: the descriptor of an old connection (inodes are
/// given in turn) is likely to be low, and soon found.
fn search(
    destinations: &[Address],
    missing: &mut Vec<Incomplete>,
) -> Result<HashMap<Address, u32>> {
    if destinations.is_empty() {
        return Ok(HashMap::new());
    }
    let mut ports: Vec<u16> = destinations.iter().map(|to| to.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let deadline = Instant::now() + LONGER;
    let both = Families { v4: true, v6: true };
    let walked = each_family(both, |diag, family| {
        let mut found: HashMap<Address, u32> = HashMap::new();
        let walk = diag.walk_towards(family, &ports, |connection| {
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
        Ok((found, walk))
    })?;
    missing.extend(
        walked
            .iter()
            .flat_map(|one| flaws("likely_owners", one.walk)),
    );
    Ok(walked.into_iter().flat_map(|one| one.found).collect())
}
