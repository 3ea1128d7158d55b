//! Groups of TCP sockets that have something in common.

use std::{
    collections::{BTreeMap, HashMap},
    mem::take,
    net::IpAddr,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::LocalReport,
    model::{Address, ListenAddresses, Local, Netns, Owner, SocketRow, SocketState},
};

#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The state.
    State,
    /// The first process that has the socket open.
    #[default]
    Process,
    /// The systemd unit, container or pod.
    Unit,
    /// The user who created the socket.
    User,
    /// The address of the peer, without the port.
    Peer,
    /// The listener that accepts connections at the local end, or is the socket.
    Listener,
    /// The network namespace.
    Netns,
    /// None: each socket by itself.
    Socket,
}

/// Who holds a socket, as far as it was found out.
#[derive(Debug, Clone, Default)]
pub struct Held<'a> {
    pub owners: &'a [Owner],
    /// Of the first owner, else of the creator.
    pub unit: Option<Arc<str>>,
}

/// A `T` for each group. No socket is kept, and nothing is allocated for one whose group is there.
#[derive(Debug, Clone, Default)]
pub struct Groups<T> {
    by: By,
    /// The sockets that follow are in the last.
    namespaces: Vec<Netns>,
    interfaces: BTreeMap<u32, String>,
    listening: ListenAddresses,
    /// Names of the processes in keys.
    processes: HashMap<u32, String>,
    groups: HashMap<Key, T>,
}

/// Names a group, also across readings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct GroupName {
    /// The network namespace.
    pub netns: Netns,
    /// The common value of `by`; `null` for sockets without one. With `by` socket, both ends.
    pub key: Option<String>,
    /// The process, with `--by process`.
    pub pid: Option<u32>,
    #[serde(skip)]
    pub by: By,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Index of the namespace.
    netns: usize,
    common: Option<Common>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Common {
    State(SocketState),
    Process(u32),
    Unit(Arc<str>),
    User(u32),
    Peer(IpAddr),
    Listener(Address),
    Netns,
    Socket(Box<str>),
}

impl<T: Default> Groups<T> {
    pub fn new(by: By) -> Self {
        Groups {
            by,
            ..Groups::default()
        }
    }

    /// Sockets that follow are in this namespace, with these interfaces and listeners.
    pub fn enter(
        &mut self,
        netns: Netns,
        interfaces: BTreeMap<u32, String>,
        listening: ListenAddresses,
    ) {
        self.namespaces.push(netns);
        (self.interfaces, self.listening) = (interfaces, listening);
    }

    /// The group of a socket.
    pub fn of(&mut self, row: &SocketRow, held: &Held) -> &mut T {
        let key = Key {
            netns: self.namespaces.len().saturating_sub(1),
            common: self.common(row, held),
        };
        self.groups.entry(key).or_default()
    }

    fn common(&mut self, row: &SocketRow, held: &Held) -> Option<Common> {
        match self.by {
            By::State => Some(Common::State(row.state)),
            By::Process => {
                let owner = held.owners.first()?;
                let name = || owner.name.clone();
                self.processes.entry(owner.pid).or_insert_with(name);
                Some(Common::Process(owner.pid))
            }
            By::Unit => held.unit.clone().map(Common::Unit),
            By::User => row.user().map(Common::User),
            By::Peer => {
                // As a dual-stack socket has it, and any other.
                let peer = row.peer?.address.to_canonical();
                (!peer.is_unspecified()).then_some(Common::Peer(peer))
            }
            By::Listener => self.listener(row).map(Common::Listener),
            By::Netns => Some(Common::Netns),
            By::Socket => Some(Common::Socket(self.ends(row).into())),
        }
    }

    fn listener(&self, row: &SocketRow) -> Option<Address> {
        let Local::Inet(local) = &row.local else {
            return None;
        };
        let serving = match row.is_listener() {
            true => *local,
            false => self.listening.serving(local)?.endpoint(),
        };
        Some(Address {
            address: serving.address,
            port: serving.port,
        })
    }

    fn ends(&self, row: &SocketRow) -> String {
        let local = LocalReport::new(&row.local, &self.interfaces);
        let peer = row.peer.map(|peer| peer.to_string());
        format!("{local} {}", peer.unwrap_or_default())
    }

    /// Takes every group out.
    pub fn take(&mut self) -> impl Iterator<Item = (GroupName, T)> {
        let groups = take(&mut self.groups).into_iter();
        groups.map(|(key, group)| (self.name(key), group))
    }

    fn name(&self, key: Key) -> GroupName {
        let netns = self.namespaces.get(key.netns).cloned().unwrap_or_default();
        let text = key.common.as_ref().map(|common| match common {
            Common::State(state) => state.name().to_owned(),
            Common::Process(pid) => self.processes.get(pid).cloned().unwrap_or_default(),
            Common::Unit(unit) => (**unit).to_owned(),
            Common::User(uid) => uid.to_string(),
            Common::Peer(peer) => peer.to_string(),
            Common::Listener(address) => address.to_string(),
            Common::Netns => netns.label(),
            Common::Socket(ends) => (**ends).to_owned(),
        });
        GroupName {
            key: text,
            pid: match key.common {
                Some(Common::Process(pid)) => Some(pid),
                _ => None,
            },
            by: self.by,
            netns,
        }
    }
}
