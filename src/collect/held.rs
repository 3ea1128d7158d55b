//! The sockets that hold a port, or those of some processes, with what decides whether another
//! socket gets the same port.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    ops::ControlFlow,
    time::Duration,
};

use super::{Namespaces, OwnerNeeds, Place, SocketNeeds, SocketSink, read_sockets};
use crate::{
    Result,
    model::{
        AddressTrial, Filter, Incomplete, OtherSocket, Owner, Owners, PortOptions, SocketProtocol,
        SocketRow, SocketState, State,
        filter::{End, View},
    },
    source::{
        BoundSocket, Kernel, Namespace, OwnerSearch, Wanted, may_bind_privileged, port_options,
        reports_bound, try_address,
    },
};

/// How long to search for owners, beyond the low descriptors of every process.
const BUDGET: Duration = Duration::from_millis(250);
/// Connections beyond so many are counted.
const KEPT: usize = 10_000;

/// Which sockets.
#[derive(Debug, Clone)]
pub enum Wants {
    /// TCP and UDP sockets with this local port.
    Port(u16),
    /// All sockets that these processes have open, by inode.
    OpenIn(BTreeMap<u32, Vec<Owner>>),
}

/// A socket, and the index of its place.
#[derive(Debug, Clone)]
pub struct HeldSocket {
    pub place: usize,
    pub socket: SocketRow,
    /// `None` where its descriptor could not be duplicated.
    pub options: Option<PortOptions>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Held {
    pub places: Vec<Place>,
    pub sockets: Vec<HeldSocket>,
    /// Of other families than the internet's, with the index of their place.
    pub others: Vec<(usize, OtherSocket)>,
    /// Connections and TIME_WAITs that were not kept.
    pub omitted: Vec<HeldSocket>,
    /// How many there were; `omitted` has one of each local address.
    pub omitted_count: u64,
    /// What is known of them.
    pub owners: Option<Owners>,
    /// They were searched for.
    pub searched: bool,
    pub missing: Vec<Incomplete>,
    /// TCP sockets that are only bound are among the sockets.
    pub sees_bound: bool,
}

/// What a namespace says of bind(2).
#[derive(Debug, Clone, Default)]
pub struct BindLimits {
    /// `net.ipv4.ip_unprivileged_port_start`
    pub unprivileged_port_start: Option<u16>,
    /// This process may bind ports below.
    pub may_bind_privileged: bool,
    /// `net.ipv6.bindv6only`; `None` where there is no IPv6.
    pub v6only: Option<bool>,
    /// Of each address, for TCP and for UDP.
    pub addresses: Vec<AddressTrial>,
}

/// Reads the sockets of these namespaces.
pub fn held(
    kernel: &Kernel,
    namespaces: &Namespaces,
    wants: Wants,
    owners: OwnerNeeds,
) -> Result<Held> {
    use SocketProtocol::{Netlink, Packet, Raw, Tcp, Udp, Unix, Vsock};
    let (filter, protocols): (_, &[SocketProtocol]) = match &wants {
        Wants::Port(port) => (Filter::port_is_one_of(End::Local, &[*port]), &[Tcp, Udp]),
        Wants::OpenIn(_) => (Filter::ALL, &[Tcp, Udp, Raw, Unix, Packet, Netlink, Vsock]),
    };
    let needs = SocketNeeds {
        protocols: protocols.to_vec(),
        filter,
        ..SocketNeeds::default()
    };
    // Before the others: what listens or connects meanwhile is found twice, not missed.
    let bound = match reports_bound() {
        true => None,
        false => kernel.bound_sockets().ok(),
    };
    let mut found = Finder {
        wants,
        held: Held {
            sees_bound: reports_bound() || bound.is_some(),
            ..Held::default()
        },
        omitted: HashSet::new(),
    };
    let mut missing = read_sockets(kernel, namespaces, &needs, &mut found)?;
    found.add_bound(bound.unwrap_or_default());
    let Finder {
        wants, mut held, ..
    } = found;
    if let Wants::OpenIn(open) = &wants {
        // A family that this kernel does not list matters only where the processes have its sockets.
        missing.retain(|missing| !protocols.iter().any(|one| one.name() == missing.what));
        missing.extend(unlisted(kernel, open, &held));
    }
    held.missing = missing;
    held.searched = owners != OwnerNeeds::None;
    held.owners = match wants {
        Wants::Port(_) => search(kernel, &held, owners),
        Wants::OpenIn(open) => Some(with_asked(search(kernel, &held, owners), open)),
    };
    if let Some(owners) = &held.owners {
        for one in &mut held.sockets {
            let owners = owners.by_inode.get(&one.socket.inode);
            one.options = owners.and_then(|owners| port_options(owners, one.socket.cookie));
        }
    }
    Ok(held)
}

/// Sockets in no table, by what their descriptors say.
fn unlisted(kernel: &Kernel, open: &BTreeMap<u32, Vec<Owner>>, held: &Held) -> Option<Incomplete> {
    let inodes = held.sockets.iter().map(|one| one.socket.inode);
    let listed: HashSet<u32> = inodes
        .chain(held.others.iter().map(|(_, other)| other.inode))
        .collect();
    let unlisted = open.iter().filter(|(inode, _)| !listed.contains(inode));
    let mut names = BTreeMap::<String, u64>::new();
    for (_, owners) in unlisted {
        let name = owners.first().and_then(|owner| kernel.protocol_name(owner));
        *names.entry(name.unwrap_or_default()).or_default() += 1;
    }
    let count = names.values().sum();
    let named = names.iter().filter(|(name, _)| !name.is_empty());
    let named: Vec<String> = named
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let named = match named.is_empty() {
        true => String::new(),
        false => format!(" ({})", named.join(", ")),
    };
    let why = format!(
        "in no table of the kernel{named}: not bound, only bound (before Linux 6.8), reset, of a \
         family without one, or in a namespace that cannot be entered"
    );
    (count > 0).then(|| Incomplete::counted("sockets", why, count))
}

fn search(kernel: &Kernel, held: &Held, needs: OwnerNeeds) -> Option<Owners> {
    let search = match needs {
        OwnerNeeds::None => return None,
        OwnerNeeds::All => OwnerSearch::All,
        OwnerNeeds::Auto => OwnerSearch::Within(BUDGET),
    };
    let inodes = held.sockets.iter().map(|one| one.socket.inode);
    let others = held.others.iter().map(|(_, other)| other.inode);
    let wanted = Wanted {
        inodes: inodes.chain(others).filter(|inode| *inode != 0).collect(),
        cgroups: HashSet::new(),
    };
    Some(kernel.owners(&wanted, search))
}

/// The descriptors of the processes that were asked about are known, whatever the search found.
fn with_asked(found: Option<Owners>, open: BTreeMap<u32, Vec<Owner>>) -> Owners {
    let mut owners = found.unwrap_or_default();
    for (inode, asked) in open {
        let all = owners.by_inode.entry(inode).or_default();
        all.extend(asked);
        all.sort_unstable_by_key(|owner| (owner.pid, owner.fd));
        all.dedup();
    }
    owners
}

/// Reads what decides about bind(2) to these addresses in a namespace, apart from its sockets.
pub fn bind_limits(
    kernel: &Kernel,
    namespace: &Namespace,
    addresses: &[IpAddr],
) -> Result<BindLimits> {
    const START: &str = "net.ipv4.ip_unprivileged_port_start";
    const V6ONLY: &str = "net.ipv6.bindv6only";
    namespace.enter(|| {
        let sysctls = kernel.sysctls([START, V6ONLY]);
        let value = |key| sysctls.get(key).and_then(|sysctl| sysctl.value());
        let trials = addresses
            .iter()
            .flat_map(|address| [false, true].map(|is_udp| try_address(is_udp, *address)));
        BindLimits {
            unprivileged_port_start: value(START).and_then(|start| start.trim().parse().ok()),
            may_bind_privileged: may_bind_privileged(),
            v6only: value(V6ONLY).map(|v6only| v6only.trim() != "0"),
            addresses: trials.collect(),
        }
    })
}

struct Finder {
    wants: Wants,
    held: Held,
    omitted: HashSet<(usize, IpAddr, SocketState)>,
}

impl Finder {
    fn is_wanted(&self, socket: &SocketRow) -> bool {
        // A request socket holds no port: its listener does.
        let is_request = socket.state == SocketState::Connection(State::SynRecv);
        match &self.wants {
            Wants::Port(_) => !is_request,
            Wants::OpenIn(inodes) => inodes.contains_key(&socket.inode),
        }
    }

    /// Those that sock_diag does not report.
    fn add_bound(&mut self, bound: Vec<BoundSocket>) {
        let known: HashSet<u64> = self
            .held
            .sockets
            .iter()
            .map(|one| one.socket.cookie)
            .collect();
        for BoundSocket { netns, socket } in bound {
            let mut places = self.held.places.iter();
            let place = places.position(|place| place.netns.inode == Some(netns));
            let is_wanted = match &self.wants {
                Wants::Port(port) => {
                    socket.address(End::Local).map(|local| local.port) == Some(*port)
                }
                Wants::OpenIn(_) => self.is_wanted(&socket),
            };
            if let Some(place) = place.filter(|_| is_wanted && !known.contains(&socket.cookie)) {
                let options = None;
                self.held.sockets.push(HeldSocket {
                    place,
                    socket,
                    options,
                });
            }
        }
    }
}

impl SocketSink for Finder {
    fn enter(&mut self, place: Place) {
        self.held.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        if !self.is_wanted(&socket) {
            return ControlFlow::Continue(());
        }
        let place = self.held.places.len() - 1;
        let is_one_of_many = matches!(socket.state, SocketState::Connection(_));
        let local = socket.address(End::Local).map(|at| at.address);
        let one = HeldSocket {
            place,
            socket,
            options: None,
        };
        match local {
            Some(local) if is_one_of_many && self.held.sockets.len() >= KEPT => {
                self.held.omitted_count += 1;
                if self.omitted.insert((place, local, one.socket.state)) {
                    self.held.omitted.push(one);
                }
            }
            _ => self.held.sockets.push(one),
        }
        ControlFlow::Continue(())
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        if let Wants::OpenIn(inodes) = &self.wants
            && inodes.contains_key(&socket.inode)
        {
            self.held.others.push((self.held.places.len() - 1, socket));
        }
        ControlFlow::Continue(())
    }
}
