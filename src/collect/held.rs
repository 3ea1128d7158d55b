//! The sockets that hold a port, or the sockets of some processes, with what decides whether another
//! socket gets the same port.

mod finder;
mod udp_chain;

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    ops::RangeInclusive,
};

use super::{Namespaces, OwnerNeeds, Place, SocketNeeds, read_sockets};
use crate::{
    Result,
    model::{
        AddressTrial, Filter, Incomplete, Netns, OtherSocket, Owner, Owners, PortOptions,
        SocketProtocol, SocketRow, filter::End,
    },
    source::{
        Kernel, Namespace, Wanted, may_bind_privileged, port_options, reports_bound,
        selinux_enforces, try_address, udp_wildcards_miss,
    },
};
use finder::Finder;

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

/// The sockets that were found.
#[derive(Debug, Default)]
pub struct Held {
    pub places: Vec<Place>,
    pub sockets: Vec<HeldSocket>,
    /// Of other families than the internet's, with the index of their place.
    pub others: Vec<(usize, OtherSocket)>,
    /// Connections and TIME_WAITs that were not kept: one of each that bind(2) could tell apart, and
    /// how many there are.
    pub omitted: Vec<(HeldSocket, u64)>,
    /// `None` if they were not searched for.
    pub owners: Option<Owners>,
    /// Owners were searched for.
    pub searched: bool,
    pub missing: Vec<Incomplete>,
    /// TCP sockets that are only bound are among the sockets.
    pub sees_bound: bool,
    /// Why they are not, where the kernel was asked by BPF.
    pub bound_refused: Option<String>,
}

impl Held {
    /// The ports that connect(2) chooses from in this namespace, if they were read.
    pub fn ephemeral_in(&self, netns: &Netns) -> Option<RangeInclusive<u16>> {
        let mut places = self.places.iter();
        let place = places.find(|place| place.netns.inode == netns.inode)?;
        place.ephemeral.clone()
    }
}

/// Whether bind(2) of a UDP wildcard may miss sockets at an address that have this port.
pub fn udp_wildcard_may_miss(
    kernel: &Kernel,
    held: &Held,
    here: &Netns,
    port: u16,
) -> Result<bool> {
    let omitted = held.omitted.iter().map(|(one, _)| one);
    let mut sockets = held.sockets.iter().chain(omitted);
    let has_udp = sockets.any(|one| one.socket.protocol == SocketProtocol::Udp);
    Ok(has_udp && udp_wildcards_miss() && udp_chain::may_be_long(kernel, here, port)?)
}

/// What a namespace says of bind(2).
#[derive(Debug, Clone, Default)]
pub struct BindLimits {
    /// `net.ipv4.ip_unprivileged_port_start`
    pub unprivileged_port_start: Option<u16>,
    /// This process may bind ports below; `None` where that could not be found out…
    pub may_bind_privileged: Option<bool>,
    /// … and why.
    pub privilege_unread: Option<String>,
    /// SELinux may refuse a port.
    pub selinux_enforces: bool,
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
        // It identifies subflows of MPTCP.
        info: true,
        ..SocketNeeds::default()
    };
    // Before the others: what listens or connects meanwhile is found twice, not missed.
    let bound = match reports_bound() {
        true => Ok(Vec::new()),
        false => kernel.bound_sockets(),
    };
    let mut finder = Finder::new(wants);
    finder.held.sees_bound = bound.is_ok();
    let refused = bound.as_ref().err();
    finder.held.bound_refused = refused.map(|error| format!("{error}: {}", error.io()));
    let mut missing = read_sockets(kernel, namespaces, &needs, &mut finder)?;
    finder.add_bound(bound.unwrap_or_default());
    if let Wants::OpenIn(_) = &finder.wants {
        // A family that this kernel does not list matters only where the processes have its sockets.
        missing.retain(|missing| !protocols.iter().any(|one| one.name() == missing.what));
        missing.extend(unlisted(kernel, finder.unlisted()));
    }
    let Finder {
        wants, mut held, ..
    } = finder;
    held.missing = missing;
    held.searched = owners != OwnerNeeds::None;
    held.owners = match wants {
        Wants::Port(_) => search(kernel, &held, owners),
        Wants::OpenIn(open) => Some(with_asked(search(kernel, &held, owners), open)),
    };
    if let Some(owners) = &held.owners {
        for one in &mut held.sockets {
            let owners = owners.by_inode.get(&one.socket.inode);
            one.options = owners.and_then(|owners| port_options(owners, &one.socket));
        }
    }
    Ok(held)
}

/// Sockets in no table, by what their descriptors say.
fn unlisted<'a>(
    kernel: &Kernel,
    sockets: impl Iterator<Item = (u32, &'a Owner)>,
) -> Option<Incomplete> {
    let mut names = BTreeMap::<String, u64>::new();
    for (inode, owner) in sockets {
        // It may have been closed since the descriptors were listed.
        if let Some(name) = kernel.protocol_of(owner, inode) {
            *names.entry(name).or_default() += 1;
        }
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
    let search = needs.search()?;
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
        let may_bind = may_bind_privileged();
        BindLimits {
            unprivileged_port_start: value(START).and_then(|start| start.trim().parse().ok()),
            may_bind_privileged: may_bind.as_ref().ok().copied(),
            privilege_unread: may_bind.err().map(|error| error.to_string()),
            selinux_enforces: selinux_enforces(),
            v6only: value(V6ONLY).map(|v6only| v6only.trim() != "0"),
            addresses: trials.collect(),
        }
    })
}
