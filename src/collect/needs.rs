//! What a snapshot holds, and how deep each part goes.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    model::{Families, Listener},
    source::{FdQuestion, OwnerSearch},
};

/// How long to search for owners, beyond the low descriptors of every process.
pub const OWNERS_BUDGET: Duration = Duration::from_millis(250);

/// Which parts of a [`crate::model::Snapshot`] are wanted. The default is none; nothing that is
/// not named here is asked of the kernel.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// TCP listeners, and other sockets that others connect or send to.
    pub listeners: Option<ListenerNeeds>,
    /// Request sockets. Walks every socket of the host.
    pub half_open: bool,
    /// Connections in accept queues that are not empty, for 250 ms at most.
    pub waiting: bool,
    /// Sockets that hold ephemeral ports. Walks every socket of the host.
    pub port_holders: Option<PortDepth>,
    /// What is kept of closed connections. Walks every socket of the host.
    pub time_waits: bool,
    /// Connections counted by state. Walks every socket of the host.
    pub connections: bool,
    /// Connections that one end has closed, by service. Walks every socket of the host.
    pub half_closed: bool,
    /// Every counter, not only those that the other parts need.
    pub counters: bool,
    /// What drops packets before they reach a socket, and what bounds the memory of sockets; with
    /// every counter.
    pub network: bool,
    /// Settings below /proc/sys, by name or pattern; and what the kernel's defaults follow from.
    pub sysctls: Vec<String>,
    /// What files set at boot, and the settings that they name.
    pub boot_settings: bool,
    /// Processes and how many descriptors they have.
    pub processes: Option<FdQuestion>,
    /// The processes that hold the listeners, and sockets of the other parts.
    pub owners: OwnerNeeds,
    /// A cheap look at the namespaces that were not chosen.
    pub elsewhere: bool,
    /// Scan no longer than two seconds in all namespaces together, for no part; those that are left
    /// are listed in `incomplete`.
    pub bounded: bool,
    /// Repeat even what takes long at every reading, instead of reusing what an earlier one found.
    pub unthrottled: bool,
}

#[derive(Debug, Clone, Default)]
pub struct ListenerNeeds {
    pub families: Families,
    pub unix: bool,
    pub udp: bool,
    /// The listeners whose request sockets, waiting connections, cgroups and owners are wanted.
    pub closer: Closer,
}

/// A choice of listeners; all by default.
#[derive(Clone, Default)]
pub struct Closer(Option<Arc<Choice>>);

type Choice = dyn Fn(&Listener) -> bool + Send + Sync;

impl Closer {
    /// Only those for which this holds.
    pub fn only(chosen: impl Fn(&Listener) -> bool + Send + Sync + 'static) -> Self {
        Closer(Some(Arc::new(chosen)))
    }

    /// Whether this listener is one of them.
    pub fn has(&self, listener: &Listener) -> bool {
        self.0.as_ref().is_none_or(|chosen| chosen(listener))
    }
}

impl fmt::Debug for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "some" } else { "all" })
    }
}

/// How much is kept of the sockets that hold ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortDepth {
    /// One element for each source and destination.
    Tuples,
    /// And the inode of each socket that a process holds.
    Sockets,
}

/// How far to search for the processes that hold a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnerNeeds {
    #[default]
    None,
    /// The low descriptors of every process, and of the rest as many as 250 ms allow.
    Auto,
    /// Every descriptor of every process.
    All,
}

impl OwnerNeeds {
    /// `None` where no owner is wanted.
    pub fn search(self) -> Option<OwnerSearch> {
        match self {
            OwnerNeeds::None => None,
            OwnerNeeds::Auto => Some(OwnerSearch::Within(OWNERS_BUDGET)),
            OwnerNeeds::All => Some(OwnerSearch::All),
        }
    }
}

impl Needs {
    /// What the report on queues is made from.
    pub fn queues() -> Self {
        Needs {
            listeners: Some(ListenerNeeds::default()),
            half_open: true,
            waiting: true,
            owners: OwnerNeeds::Auto,
            elsewhere: true,
            ..Needs::default()
        }
    }

    /// What the report on ephemeral ports is made from.
    pub fn ports() -> Self {
        Needs {
            port_holders: Some(PortDepth::Tuples),
            owners: OwnerNeeds::Auto,
            elsewhere: true,
            ..Needs::default()
        }
    }

    /// What the report on TIME_WAIT is made from.
    pub fn timewait() -> Self {
        Needs {
            time_waits: true,
            owners: OwnerNeeds::Auto,
            elsewhere: true,
            ..Needs::default()
        }
    }

    /// What the report on the network is made from.
    pub fn network() -> Self {
        Needs {
            network: true,
            connections: true,
            half_closed: true,
            owners: OwnerNeeds::Auto,
            ..Needs::default()
        }
    }

    /// What the report on counters is made from.
    pub fn counters() -> Self {
        Needs {
            counters: true,
            ..Needs::default()
        }
    }

    pub fn everything() -> Self {
        Needs {
            listeners: Some(ListenerNeeds {
                unix: true,
                udp: true,
                ..ListenerNeeds::default()
            }),
            half_open: true,
            waiting: true,
            port_holders: Some(PortDepth::Tuples),
            time_waits: true,
            connections: true,
            half_closed: true,
            counters: true,
            network: true,
            processes: Some(FdQuestion::default()),
            owners: OwnerNeeds::Auto,
            elsewhere: true,
            ..Needs::default()
        }
    }

    /// Whether a namespace is asked for nothing but its counters.
    pub(super) fn only_counters(&self) -> bool {
        self.counters
            && !self.network
            && self.listeners.is_none()
            && !self.walks()
            && !self.sysctls()
    }

    /// Whether anything is asked of network namespaces.
    pub(super) fn namespaces(&self) -> bool {
        self.listeners.is_some() || self.walks() || self.counters || self.network || self.sysctls()
    }

    /// Whether settings are asked for.
    pub(super) fn sysctls(&self) -> bool {
        !self.sysctls.is_empty() || self.boot_settings
    }

    /// Whether a part that is fed by the walk over the host's sockets is wanted.
    pub(super) fn walks(&self) -> bool {
        self.half_open || self.of_all_listeners()
    }

    /// Whether a part is wanted for which connections are assigned to listeners, whichever were
    /// chosen.
    pub(super) fn of_all_listeners(&self) -> bool {
        self.compared() || self.connections || self.half_closed
    }

    /// Whether a part is wanted whose changes from one walk to the next are reported.
    pub(super) fn compared(&self) -> bool {
        self.port_holders.is_some() || self.time_waits
    }
}
