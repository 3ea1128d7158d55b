//! Readings for `queues`, and what is carried from one to the next: counts that are too dear to
//! repeat each time, caps that were seen, cgroups that are known.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::{
    analysis::queues::{NamespaceReading, Reading, Requests, Selection},
    model::{Incomplete, Listener, Local, Owners, Queue},
    source::{CgroupNames, Kernel, Namespace, Wanted},
};

use super::{
    super::{OwnerHunt, Places},
    memory::Memory,
    namespace::{self, Question},
    plan::{Depth, Plan},
};

/// How long half-open connections of several namespaces may be counted in one reading: each count
/// walks all sockets of the host.
const WALK_BUDGET: Duration = Duration::from_secs(2);

/// Makes readings.
pub struct Reader<'a> {
    plan: Plan,
    kernel: &'a Kernel,
    places: &'a Places,
    selection: &'a Selection,
    namespaces: HashMap<Option<u64>, Memory>,
    cgroups: CgroupNames,
    owners: OwnerHunt,
    started: Instant,
}

impl<'a> Reader<'a> {
    pub fn new(
        plan: Plan,
        kernel: &'a Kernel,
        places: &'a Places,
        selection: &'a Selection,
    ) -> Self {
        Reader {
            plan,
            kernel,
            places,
            selection,
            namespaces: HashMap::new(),
            cgroups: CgroupNames::default(),
            started: Instant::now(),
            owners: OwnerHunt::new(plan.owners),
        }
    }

    /// Makes one.
    pub fn read(&mut self, depth: Depth) -> anyhow::Result<Reading> {
        let mut reading = Reading::default();
        let mut missing = Vec::new();
        let mut inside = Vec::new();
        let (began, mut not_walked) = (Instant::now(), 0);
        let places = self.places;
        reading.namespaces = places.ask(self.kernel, &mut missing, |namespace| {
            let in_time = began.elapsed() < WALK_BUDGET;
            not_walked += u64::from(!in_time && depth == Depth::Full);
            self.namespace(namespace, depth, in_time, &mut inside)
        })?;
        let there = |inode: &Option<u64>| {
            reading
                .namespaces
                .iter()
                .any(|namespace| namespace.netns.inode == *inode)
        };
        self.namespaces.retain(|inode, _| there(inode));
        if not_walked > 0 {
            let why = "the time for walks over all sockets (2 s) was spent before these namespaces";
            missing.push(Incomplete::counted(
                "syn_queue and waiting",
                why,
                not_walked,
            ));
        }
        missing.extend(inside);
        if depth == Depth::Full {
            self.join_cgroups(&mut reading);
            reading.owners = self.owners(&reading, began.elapsed());
        }
        reading.incomplete = missing;
        Ok(reading)
    }

    fn namespace(
        &mut self,
        namespace: &Namespace,
        depth: Depth,
        in_time: bool,
        missing: &mut Vec<Incomplete>,
    ) -> anyhow::Result<NamespaceReading> {
        let memory = self.namespaces.entry(namespace.id.inode).or_default();
        let full = depth == Depth::Full;
        let question = Question {
            plan: &self.plan,
            selection: self.selection,
            depth,
            requests: full && self.plan.syn && in_time && memory.requests_pace.is_due(),
            waiting: full && in_time && memory.waiting_pace.is_due(),
        };
        // One namespace is read at the time of the reading; of many, each at its own.
        let at = matches!(self.places, Places::All).then(|| self.started.elapsed());
        let kernel = self.kernel;
        let answer = namespace
            .enter(|| namespace::ask(kernel, question))
            .and_then(|answer| answer)
            .context("reading listeners")?;
        missing.extend(answer.incomplete);
        let mut reading = answer.reading;
        reading.netns = namespace.id.clone();
        if question.requests {
            memory.requests_pace.spent(answer.requests_cost);
            memory.requests = reading.requests.clone();
        } else if full && self.plan.syn {
            let age = memory.requests_pace.age();
            reading.requests = memory
                .requests
                .clone()
                .map(|known| Requests { age, ..known });
        }
        if question.waiting {
            memory.waiting_pace.spent(answer.waiting_cost);
        } else if full && in_time && reading.listeners.iter().any(has_waiters) {
            let why = "looked at only now and then, as it takes long for readings this close";
            missing.push(Incomplete::new("waiting", why));
        }
        reading.at = at;
        memory.limits(&mut reading);
        Ok(reading)
    }

    fn join_cgroups(&mut self, reading: &mut Reading) {
        let ids: HashSet<u64> = shown(reading, self.selection)
            .filter_map(|listener| listener.cgroup_id)
            .collect();
        self.cgroups.learn(self.kernel, ids.iter().copied());
        let path = |id: u64| Some((id, self.cgroups.path(id)?.to_owned()));
        reading.cgroups = ids.into_iter().filter_map(path).collect();
    }

    fn owners(&mut self, reading: &Reading, spent: Duration) -> Option<Owners> {
        let inodes = shown(reading, self.selection).map(|listener| listener.inode);
        let wanted = Wanted {
            inodes: inodes.filter(|inode| *inode != 0).collect(),
            cgroups: reading.cgroups.values().cloned().collect(),
        };
        self.owners.find(self.kernel, wanted, spent)
    }
}

fn shown<'a>(reading: &'a Reading, selection: &'a Selection) -> impl Iterator<Item = &'a Listener> {
    let all = reading
        .namespaces
        .iter()
        .flat_map(|namespace| &namespace.listeners);
    all.filter(|listener| selection.may_show(listener))
}

fn has_waiters(listener: &Listener) -> bool {
    matches!(
        (&listener.local, listener.queue),
        (Local::Inet(_), Queue::Accept { length: 1.., .. })
    )
}
