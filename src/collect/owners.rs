//! The search for the processes that hold sockets: one for all that are wanted, repeated when it
//! is worth its cost.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crate::{
    model::{
        NetnsSnapshot, Owners, Snapshot,
        snapshot::{Oldest, PortHolders},
    },
    source::{Kernel, OwnerSearch, Wanted},
};

use super::{
    needs::{Closer, Needs, OwnerNeeds},
    throttle::Throttle,
};

/// How long a reading with the search for owners may take, beyond the low descriptors…
const BUDGET: Duration = Duration::from_millis(250);
/// … and how much of it is for the search at least.
const BUDGET_LEAST: Duration = Duration::from_millis(50);

/// Searches, and remembers what was found.
pub struct Search {
    found: Option<Owners>,
    inodes: HashSet<u32>,
    throttle: Throttle,
}

impl Default for Search {
    fn default() -> Self {
        Search {
            found: None,
            inodes: HashSet::new(),
            throttle: Throttle::one_in(20),
        }
    }
}

impl Search {
    /// The holders of the sockets in a snapshot. Searches again when it has sockets that were not
    /// searched for, or when the last search is old enough for its cost; `spent` is the time that
    /// this reading has taken already.
    pub fn find(
        &mut self,
        kernel: &Kernel,
        needs: &Needs,
        snapshot: &Snapshot,
        spent: Duration,
    ) -> Option<Owners> {
        let search = match needs.owners {
            OwnerNeeds::None => return None,
            OwnerNeeds::All => OwnerSearch::All,
            OwnerNeeds::Auto => OwnerSearch::Within(BUDGET.saturating_sub(spent).max(BUDGET_LEAST)),
        };
        let inodes = wanted(needs, snapshot);
        // The walk is repeated no more often than its cost and that of this search allow.
        let is_due = !needs.compared() && self.throttle.is_due();
        if !inodes.is_subset(&self.inodes) || is_due || self.found.is_none() {
            let began = Instant::now();
            let wanted = Wanted {
                inodes,
                cgroups: snapshot.cgroups.values().cloned().collect(),
            };
            self.found = Some(kernel.owners(&wanted, search));
            self.inodes = wanted.inodes;
            self.throttle.spent(began.elapsed());
        }
        self.found.clone()
    }
}

fn wanted(needs: &Needs, snapshot: &Snapshot) -> HashSet<u32> {
    let closer = needs.listeners.as_ref().map(|listeners| &listeners.closer);
    let namespaces = snapshot.namespaces.iter();
    let inodes = namespaces.flat_map(|namespace| {
        let ports = namespace.port_holders.iter();
        listeners(namespace, closer)
            .chain(ports.flat_map(|ports| held(ports)))
            .chain(live(namespace))
    });
    inodes.filter(|inode| *inode != 0).collect()
}

/// Of the wanted listeners; of all TCP listeners where TIME_WAITs are attributed to them.
fn listeners<'a>(
    namespace: &'a NetnsSnapshot,
    closer: Option<&'a Closer>,
) -> impl Iterator<Item = u32> + 'a {
    let attributed = namespace.time_waits.is_some();
    let is_wanted = move |closer: &Closer, listener| attributed || closer.has(listener);
    namespace
        .sockets()
        .iter()
        .filter(move |listener| closer.map_or(attributed, |closer| is_wanted(closer, listener)))
        .map(|listener| listener.inode)
}

fn held(ports: &PortHolders) -> Box<dyn Iterator<Item = u32> + '_> {
    let binders = ports.binders.inodes().iter().copied();
    let oldest = |sockets: &'_ Oldest| sockets.inodes().to_vec();
    match &ports.sockets {
        Some(sockets) => Box::new(binders.chain(sockets.iter().map(|socket| socket.inode))),
        None => {
            let tuples = ports.tuples.iter();
            Box::new(binders.chain(tuples.flat_map(move |(_, tuple)| oldest(&tuple.sockets))))
        }
    }
}

fn live(namespace: &NetnsSnapshot) -> impl Iterator<Item = u32> {
    let time_waits = namespace.time_waits.iter();
    time_waits.flat_map(|part| part.live.iter().map(|(_, inode)| *inode))
}
