//! The sockets that hold a port, or those of some processes, with what decides whether another
//! socket gets the same port.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    net::IpAddr,
    ops::ControlFlow,
    time::Duration,
};

use super::{Namespaces, OwnerNeeds, Place, SocketNeeds, SocketSink, read_sockets};
use crate::{
    Result,
    model::{
        Filter, Incomplete, Owner, Owners, PortOptions, SocketProtocol, SocketRow, SocketState,
        State,
        filter::{End, View},
    },
    source::{Kernel, Namespace, OwnerSearch, Wanted, addresses, port_options, reports_bound},
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
    /// TCP, UDP and raw sockets that these processes have open.
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
    /// Connections and TIME_WAITs that were not kept.
    pub omitted: Vec<HeldSocket>,
    /// How many there were; `omitted` has one of each local address.
    pub omitted_count: u64,
    /// `None` where they were not searched for.
    pub owners: Option<Owners>,
    pub missing: Vec<Incomplete>,
    /// This kernel reports TCP sockets that are only bound (6.8).
    pub reports_bound: bool,
}

/// What a namespace says of bind(2).
#[derive(Debug, Clone, Default)]
pub struct BindLimits {
    /// `net.ipv4.ip_unprivileged_port_start`
    pub unprivileged_port_start: Option<u16>,
    /// `net.ipv6.bindv6only`; `None` where there is no IPv6.
    pub v6only: Option<bool>,
    /// Of its interfaces.
    pub addresses: HashSet<IpAddr>,
}

/// Reads the sockets of these namespaces.
pub fn held(
    kernel: &Kernel,
    namespaces: &Namespaces,
    wants: Wants,
    owners: OwnerNeeds,
) -> Result<Held> {
    let filter = match &wants {
        Wants::Port(port) => Filter::port_is_one_of(End::Local, &[*port]),
        Wants::OpenIn(_) => Filter::ALL,
    };
    let has_raw = matches!(wants, Wants::OpenIn(_));
    let needs = |protocols: &[SocketProtocol]| SocketNeeds {
        protocols: protocols.to_vec(),
        filter: filter.clone(),
        ..SocketNeeds::default()
    };
    let mut found = Finder {
        wants,
        held: Held {
            reports_bound: reports_bound(),
            ..Held::default()
        },
        omitted: HashSet::new(),
    };
    let needed = needs(&[SocketProtocol::Tcp, SocketProtocol::Udp]);
    let mut missing = read_sockets(kernel, namespaces, &needed, &mut found)?;
    if has_raw {
        match read_sockets(
            kernel,
            namespaces,
            &needs(&[SocketProtocol::Raw]),
            &mut found,
        ) {
            Ok(_) => {}
            Err(error) if error.io().kind() == io::ErrorKind::NotFound => {
                let why = "not reported by this kernel (no raw_diag module)";
                missing.push(Incomplete::new("raw sockets", why));
            }
            Err(error) => return Err(error),
        }
    }
    let Finder {
        wants, mut held, ..
    } = found;
    held.missing = missing;
    held.owners = match wants {
        Wants::Port(_) => search(kernel, &held.sockets, owners),
        Wants::OpenIn(by_inode) => Some(Owners {
            by_inode,
            complete: true,
            ..Owners::default()
        }),
    };
    if let Some(owners) = &held.owners {
        for one in &mut held.sockets {
            let owners = owners.by_inode.get(&one.socket.inode);
            one.options = owners.and_then(|owners| port_options(owners, one.socket.cookie));
        }
    }
    Ok(held)
}

fn search(kernel: &Kernel, sockets: &[HeldSocket], needs: OwnerNeeds) -> Option<Owners> {
    let search = match needs {
        OwnerNeeds::None => return None,
        OwnerNeeds::All => OwnerSearch::All,
        OwnerNeeds::Auto => OwnerSearch::Within(BUDGET),
    };
    let inodes = sockets.iter().map(|one| one.socket.inode);
    let wanted = Wanted {
        inodes: inodes.filter(|inode| *inode != 0).collect(),
        cgroups: HashSet::new(),
    };
    Some(kernel.owners(&wanted, search))
}

/// Reads what decides about bind(2) in a namespace, apart from its sockets.
pub fn bind_limits(kernel: &Kernel, namespace: &Namespace) -> Result<BindLimits> {
    const START: &str = "net.ipv4.ip_unprivileged_port_start";
    const V6ONLY: &str = "net.ipv6.bindv6only";
    namespace.enter(|| {
        let sysctls = kernel.sysctls([START, V6ONLY]);
        let value = |key| sysctls.get(key).and_then(|sysctl| sysctl.value());
        BindLimits {
            unprivileged_port_start: value(START).and_then(|start| start.trim().parse().ok()),
            v6only: value(V6ONLY).map(|v6only| v6only.trim() != "0"),
            addresses: addresses(),
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
}
