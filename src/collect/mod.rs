//! Takes snapshots of the host: asks the kernel for what is wanted and no more, and remembers what
//! costs too much to ask for at every reading.

mod activity;
mod elsewhere;
mod half_closed;
mod held;
mod listener_queues;
mod live;
mod namespace;
mod namespaces;
mod needs;
mod network;
mod owners;
mod processes;
mod settings;
mod sockets;
mod throttle;
mod waiting;
mod walk;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

pub use held::{BindLimits, Held, HeldSocket, Wants, bind_limits, held, udp_wildcard_may_miss};
pub use namespaces::Namespaces;
pub use needs::{Closer, ListenerNeeds, Needs, OwnerNeeds, PortDepth};
pub use processes::Closely;
pub use sockets::{Place, SocketNeeds, SocketSink, read_sockets, unseen_bound};
pub use throttle::Throttle;

use crate::{
    Error, Result,
    model::{Incomplete, NetnsSnapshot, Owner, Snapshot},
    source::{CgroupNames, Host, Kernel, Namespace, cpu_time, since_boot},
};
use elsewhere::Look;
use listener_queues::ListenerQueues;
use namespace::{Memory, Question, ask};
use owners::Search;

/// How long walks that only describe the present may take in all namespaces together: each walks
/// all sockets of the host.
const WALK_BUDGET: Duration = Duration::from_secs(2);

/// CPU time for what is throttled by its share of a core, before the throttle takes effect: on an
/// ordinary host nothing costs that much.
const ALLOWANCE: Duration = Duration::from_millis(250);

pub struct Collector {
    kernel: Kernel,
    needs: Needs,
    namespaces: Namespaces,
    host: Host,
    memory: HashMap<Option<u64>, Memory>,
    cgroups: CgroupNames,
    owners: Search,
    queues: ListenerQueues,
    /// The walk for parts whose changes are reported.
    compared: Throttle,
    look: Look,
    /// CPU time that the last walk for parts whose changes are reported took in one namespace.
    scan: Duration,
}

impl Collector {
    /// Collects in the caller's own network namespace.
    pub fn new(kernel: Kernel, needs: Needs) -> Self {
        let namespaces = Namespaces::own(&kernel);
        Collector {
            host: Host::read(&kernel),
            kernel,
            owners: Search::new(&needs),
            queues: ListenerQueues::default(),
            needs,
            namespaces,
            memory: HashMap::new(),
            cgroups: CgroupNames::default(),
            compared: Throttle::one_in(60).allowing(ALLOWANCE),
            look: Look::default(),
            scan: Duration::ZERO,
        }
    }

    /// Collects in these namespaces instead.
    pub fn within(self, namespaces: Namespaces) -> Self {
        Collector { namespaces, ..self }
    }

    /// Where /proc is.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Which namespaces are read.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// Takes a snapshot of all that is needed.
    pub fn collect(&mut self) -> Result<Snapshot> {
        let needs = self.needs.clone();
        self.collect_only(&needs)
    }

    /// Takes a snapshot of other parts than usual, as for quick samples between two full readings.
    pub fn collect_only(&mut self, needs: &Needs) -> Result<Snapshot> {
        let began = Instant::now();
        let cpu_began = cpu_time();
        let compared_is_due = needs.compared() && self.compared.is_due();
        let mut snapshot = self.host.snapshot();
        let needs = &*settings::read(&self.kernel, needs, &mut snapshot);
        self.read_namespaces(needs, compared_is_due, &mut snapshot)?;
        if compared_is_due {
            let spent = cpu_time().saturating_sub(cpu_began);
            self.compared.spent(spent);
            self.scan = spent / snapshot.namespaces.len().max(1) as u32;
        }
        if let Some(chosen) = self.namespaces.chosen().filter(|_| needs.elsewhere) {
            let look = &mut self.look;
            match look.elsewhere(&self.kernel, needs, &chosen, self.scan) {
                Ok(found) => snapshot.elsewhere = found,
                Err(error) => {
                    let why = format!("{error}: {}", error.io());
                    let missing = Incomplete::new("other namespaces", why);
                    snapshot.incomplete.push(missing);
                }
            }
        }
        if let Some(listeners) = &needs.listeners {
            self.join_cgroups(listeners, &mut snapshot);
        }
        if needs.network {
            let missing = &mut snapshot.incomplete;
            snapshot.host_network = network::read_host(&self.kernel, missing);
        }
        if let Some(question) = &needs.processes {
            processes::read(&self.kernel, question, &mut snapshot)?;
        }
        let spent = began.elapsed();
        snapshot.owners = self.owners.find(&self.kernel, needs, &snapshot, spent);
        Ok(snapshot)
    }

    /// Adds to a snapshot what is too expensive to read of every process.
    pub fn examine(&self, snapshot: &mut Snapshot, pids: &[u32], closely: Closely) -> Result<()> {
        processes::examine(&self.kernel, snapshot, pids, closely)
    }

    /// Adds to a snapshot what the owners of these listeners are doing, by the listeners' inodes,
    /// as [`Owners::by_inode`](crate::model::Owners::by_inode) has them.
    pub fn activity(
        &self,
        snapshot: &mut Snapshot,
        listeners: &BTreeMap<u32, Vec<Owner>>,
    ) -> Result<()> {
        activity::read(&self.kernel, snapshot, listeners)
    }

    fn read_namespaces(
        &mut self,
        needs: &Needs,
        compared_is_due: bool,
        snapshot: &mut Snapshot,
    ) -> Result<()> {
        if !needs.namespaces() {
            return Ok(());
        }
        let (began, mut not_walked) = (Instant::now(), 0);
        let (mut missing, mut inside) = (Vec::new(), Vec::new());
        let is_alone = matches!(&self.namespaces, Namespaces::These(these) if these.len() == 1);
        let (kernel, memory, queues) = (&self.kernel, &mut self.memory, &mut self.queues);
        snapshot.namespaces = self.namespaces.ask(kernel, &mut missing, |namespace| {
            let in_time = began.elapsed() < WALK_BUDGET;
            let is_bounded = needs.half_open || needs.waiting || needs.bounded;
            not_walked += u64::from(!in_time && is_bounded);
            let question = Question {
                needs,
                compared_is_due,
                in_time,
                is_alone,
            };
            let memory = memory.entry(namespace.id.inode).or_default();
            let enter = || ask(kernel, question, memory, queues, &mut inside);
            one(kernel, namespace, needs, enter)
        })?;
        let there: HashSet<Option<u64>> = snapshot
            .namespaces
            .iter()
            .map(|namespace| namespace.netns.inode)
            .collect();
        self.memory.retain(|inode, _| there.contains(inode));
        if not_walked > 0 {
            let why = "the time for walks over all sockets (2 s) was spent before these namespaces";
            let what = match needs.bounded {
                true => "connections, ports and timewait",
                false => "syn_queue and waiting",
            };
            missing.push(Incomplete::counted(what, why, not_walked));
        }
        snapshot
            .incomplete
            .extend(missing.into_iter().chain(inside));
        Ok(())
    }

    /// Looks up the cgroups of the wanted listeners.
    fn join_cgroups(&mut self, listeners: &ListenerNeeds, snapshot: &mut Snapshot) {
        let sockets = snapshot.namespaces.iter().flat_map(NetnsSnapshot::sockets);
        let wanted = sockets.filter(|listener| listeners.closer.has(listener));
        let ids: HashSet<u64> = wanted.filter_map(|listener| listener.cgroup_id).collect();
        self.cgroups.learn(&self.kernel, ids.iter().copied());
        let path = |id: u64| Some((id, self.cgroups.path(id)?.to_owned()));
        snapshot.cgroups = ids.into_iter().filter_map(path).collect();
    }
}

/// Reads from inside the namespace or, where that is not allowed and counters will do, through a
/// process that is.
fn one(
    kernel: &Kernel,
    namespace: &Namespace,
    needs: &Needs,
    ask: impl FnOnce() -> Result<NetnsSnapshot> + Send,
) -> Result<NetnsSnapshot> {
    let inside = namespace.enter(ask);
    let read = match (inside.and_then(|answer| answer), namespace.pid) {
        (Err(Error::Namespace { .. }), Some(pid)) if needs.only_counters() => {
            let counters = kernel.through_process(pid).counters()?;
            kernel.ensure_still_in(pid, namespace)?;
            NetnsSnapshot {
                at: since_boot(),
                counters,
                ..NetnsSnapshot::default()
            }
        }
        (read, _) => read?,
    };
    Ok(NetnsSnapshot {
        netns: namespace.id.clone(),
        ..read
    })
}
