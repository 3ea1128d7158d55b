//! The search for the processes that hold sockets: one for all that are wanted, repeated when it
//! is worth its cost.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    model::{NetnsSnapshot, Owners, Snapshot},
    source::{Kernel, OwnerSearch, Wanted, cpu_time},
};

use super::{
    ALLOWANCE, half_closed,
    needs::{Closer, Needs},
    throttle::Throttle,
};

/// How much of the time of a reading is for the search at least.
const BUDGET_LEAST: Duration = Duration::from_millis(50);

pub struct Search {
    found: Option<Arc<Owners>>,
    inodes: HashSet<u32>,
    throttle: Throttle,
}

impl Search {
    /// No search was made yet. Connections come and go, so that a search for them is repeated at
    /// one part in 100 of a core; listeners stay.
    pub fn new(needs: &Needs) -> Self {
        Search {
            found: None,
            inodes: HashSet::new(),
            throttle: match needs.compared() {
                true => Throttle::one_in(100).allowing(ALLOWANCE),
                false => Throttle::one_in(20),
            },
        }
    }

    /// The holders of the sockets in a snapshot. Searches again when the last search is old enough
    /// for its cost, and at once for a listener or a destination that is new, or for every socket
    /// where all owners are wanted; `spent` is the time that this reading has taken already.
    pub fn find(
        &mut self,
        kernel: &Kernel,
        needs: &Needs,
        snapshot: &Snapshot,
        spent: Duration,
    ) -> Option<Arc<Owners>> {
        let search = match needs.owners.search()? {
            OwnerSearch::Within(budget) => {
                OwnerSearch::Within(budget.saturating_sub(spent).max(BUDGET_LEAST))
            }
            OwnerSearch::All => OwnerSearch::All,
        };
        let few = few(needs, snapshot);
        let is_new = |inode: &u32| !self.inodes.contains(inode);
        let at_once = few.iter().any(is_new);
        let mut inodes = few;
        inodes.extend(snapshot.namespaces.iter().flat_map(in_use));
        inodes.extend(snapshot.namespaces.iter().flat_map(half_closed::inodes));
        inodes.remove(&0);
        let has_new = inodes.iter().any(is_new);
        let all = has_new && search == OwnerSearch::All;
        let is_due = match has_new {
            true => self.throttle.is_due(),
            false => self.throttle.is_paid(),
        };
        if at_once || all || needs.unthrottled || is_due {
            let began = cpu_time();
            let wanted = Wanted {
                inodes,
                cgroups: snapshot.cgroups.values().cloned().collect(),
            };
            self.found = Some(kernel.owners(&wanted, search).into());
            self.inodes = wanted.inodes;
            self.throttle.spent(cpu_time().saturating_sub(began));
        } else if has_new && let Some(found) = &mut self.found {
            let found = Arc::make_mut(found);
            (found.complete, found.out_of_time) = (false, true);
        }
        self.found.clone()
    }
}

/// Listeners, and a connection to each destination of closed ones.
fn few(needs: &Needs, snapshot: &Snapshot) -> HashSet<u32> {
    let closer = needs.listeners.as_ref().map(|listeners| &listeners.closer);
    let namespaces = snapshot.namespaces.iter();
    let inodes =
        namespaces.flat_map(|namespace| listeners(namespace, closer).chain(live(namespace)));
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

/// Sockets that hold ports: of each tuple the oldest, or every one where that was read.
fn in_use(namespace: &NetnsSnapshot) -> Vec<u32> {
    let Some(ports) = &namespace.port_holders else {
        return Vec::new();
    };
    let mut inodes = ports.binders.inodes().to_vec();
    match &ports.sockets {
        Some(sockets) => inodes.extend(sockets.iter().map(|socket| socket.inode)),
        None => {
            let tuples = ports.tuples.iter();
            inodes.extend(tuples.flat_map(|(_, tuple)| tuple.sockets.inodes()));
        }
    }
    inodes
}

fn live(namespace: &NetnsSnapshot) -> impl Iterator<Item = u32> {
    let time_waits = namespace.time_waits.iter();
    time_waits.flat_map(|part| part.live.iter().map(|(_, inode)| *inode))
}
