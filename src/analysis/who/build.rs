//! From the sockets that were found to the report.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use super::{
    Attempt, BindReport, Claim, Holder, Verdict, WhoReport,
    answer::{self, Scene},
    because::because,
    bind,
    holder::wildcards,
    overlap::overlap,
};
use crate::{
    analysis::{
        finding::in_shell,
        incomplete::{counted, unfound},
    },
    model::{Incomplete, Netns, Owners, SocketProtocol},
};

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub target: String,
    /// `None` for a process or unit.
    pub port: Option<u16>,
    /// Empty for every address.
    pub addresses: Vec<IpAddr>,
    pub netns: Netns,
    pub uid: u32,
}

/// What else decides about bind(2).
#[derive(Debug, Clone, Default)]
pub struct Limits {
    pub unprivileged_port_start: Option<u16>,
    /// The default of IPV6_V6ONLY; `None` where there is no IPv6.
    pub v6only: Option<bool>,
    /// Addresses of interfaces.
    pub addresses: HashSet<IpAddr>,
    /// Sockets that are only bound are reported.
    pub reports_bound: bool,
}

/// `omitted` has sockets that are not listed, one for each that differs as a claim, and their total.
pub fn report(
    asked: &Asked,
    limits: &Limits,
    holders: &[Holder],
    omitted: (&[Holder], u64),
    owners: Option<&Owners>,
) -> WhoReport {
    let (of_omitted, omitted_count) = omitted;
    let wanted = |holder: &&Holder| is_wanted(asked, holder);
    let mut rows: Vec<_> = holders
        .iter()
        .filter(wanted)
        .map(|holder| (!holder.is_here, holder.report(owners)))
        .collect();
    rows.sort_by_key(|(elsewhere, row)| (*elsewhere, row.netns.inode, row.kind));
    let mut report = WhoReport {
        target: asked.target.clone(),
        port: asked.port,
        netns: asked.netns.clone(),
        uid: asked.uid,
        holders: rows.into_iter().map(|(_, row)| row).collect(),
        ..WhoReport::default()
    };
    if asked.port.is_some() {
        let all: Vec<&Holder> = holders.iter().chain(of_omitted).collect();
        report.bind = binds(asked, limits, &all);
    }
    note_missing(&mut report, asked, limits, owners);
    let many = "connections beyond 10,000 are counted, not listed";
    let omitted = counted("holders", many, omitted_count as usize);
    report.incomplete.extend(omitted);
    let start = limits.unprivileged_port_start;
    let scene = Scene {
        is_privileged: asked.port.zip(start).filter(|(port, start)| port < start),
        omitted: omitted_count,
    };
    (report.answer, report.advice) = answer::of(&report, &scene);
    report
}

/// With an address only sockets count that could exclude it.
fn is_wanted(asked: &Asked, holder: &Holder) -> bool {
    let claim = holder.claim();
    let mut addresses = asked.addresses.iter();
    asked.addresses.is_empty()
        || addresses.any(|address| {
            let attempt = attempt(*address, false, false, false, asked.uid);
            overlap(&attempt, &claim) != Some(false)
        })
}

fn attempt(address: IpAddr, v6only: bool, reuseaddr: bool, reuseport: bool, uid: u32) -> Attempt {
    Attempt {
        address,
        v6only,
        reuseaddr,
        reuseport,
        uid,
    }
}

fn binds(asked: &Asked, limits: &Limits, holders: &[&Holder]) -> Vec<BindReport> {
    let addresses = match asked.addresses.is_empty() {
        true => wildcards(limits.v6only.is_some()),
        false => asked.addresses.clone(),
    };
    let protocols = [SocketProtocol::Tcp, SocketProtocol::Udp];
    let pairs = protocols
        .into_iter()
        .flat_map(|protocol| addresses.iter().map(move |address| (protocol, *address)));
    pairs
        .map(|(protocol, address)| {
            let is_udp = protocol == SocketProtocol::Udp;
            let here = holders.iter().filter(|one| one.is_here);
            let of_protocol: Vec<_> = here.filter(|one| one.is_udp() == is_udp).collect();
            let claims: Vec<Claim> = of_protocol.iter().map(|one| one.claim()).collect();
            let v6only = limits.v6only.unwrap_or_default();
            let is_certain = can_be_bound(address, limits);
            let verdict = |reuseaddr, reuseport| {
                let attempt = attempt(address, v6only, reuseaddr, reuseport, asked.uid);
                let verdict = match is_udp {
                    true => bind::udp(&attempt, &claims),
                    false => bind::tcp(&attempt, &claims, limits.reports_bound),
                };
                verdict.filter(|_| is_certain)
            };
            let row = BindReport {
                address,
                protocol,
                v6only: address.is_ipv6().then_some(v6only),
                plain: verdict(false, false),
                reuseaddr: verdict(true, false),
                reuseport: verdict(false, true),
                both: verdict(true, true),
                tried: false,
                because: None,
            };
            let plain = attempt(address, v6only, false, false, asked.uid);
            let blocker = of_protocol
                .iter()
                .zip(&claims)
                .find(|(_, claim)| overlap(&plain, claim) == Some(true));
            let is_in_use = row.plain == Some(Verdict::InUse);
            let because = blocker
                .filter(|_| is_in_use)
                .map(|(holder, claim)| because(holder, claim, &row, asked.uid));
            BindReport { because, ..row }
        })
        .collect()
}

/// bind(2) refuses an address that is on no interface, unless a route or an option allows it, and
/// wants the interface of a link-local one.
fn can_be_bound(address: IpAddr, limits: &Limits) -> bool {
    let is_loopback = |known: &IpAddr| known.is_loopback() && known.is_ipv4();
    match address {
        _ if address.is_unspecified() => true,
        IpAddr::V6(address) if address.is_unicast_link_local() => false,
        IpAddr::V4(v4) if v4.is_loopback() => limits.addresses.iter().any(is_loopback),
        _ => limits.addresses.contains(&address),
    }
}

fn note_missing(report: &mut WhoReport, asked: &Asked, limits: &Limits, owners: Option<&Owners>) {
    if let Some(owners) = owners {
        let held = report.holders.iter().filter(|row| row.inode != 0);
        let (mut all, mut ownerless) = (0, 0);
        held.for_each(|row| {
            all += 1;
            ownerless += usize::from(row.owners.is_empty());
        });
        let command = format!("sockdiag who {}", in_shell(&asked.target));
        let missing = unfound(owners, all, ownerless, &command);
        report.incomplete.extend(missing);
    }
    if !limits.reports_bound {
        let why = "this kernel does not report TCP sockets that are only bound (Linux 6.8 does)";
        report.incomplete.push(Incomplete::new("bound", why));
    }
    let absent = asked.addresses.iter();
    for address in absent.filter(|address| !can_be_bound(**address, limits)) {
        let why = match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                "bind() of a link-local address depends on the interface".to_owned()
            }
            _ => format!(
                "{address} is on no interface of this namespace: bind() fails with EADDRNOTAVAIL, \
                 unless a local route, IP_FREEBIND or ip_nonlocal_bind allows it"
            ),
        };
        report.incomplete.push(Incomplete::new("bind", why));
    }
    let is_open = |row: &&BindReport| {
        let verdicts = [row.plain, row.reuseaddr, row.reuseport, row.both];
        can_be_bound(row.address, limits) && verdicts.contains(&None)
    };
    let open = report.bind.iter().filter(is_open).count();
    if limits.reports_bound {
        let why = "depends on options that the kernel does not report (of TIME_WAITs, of connections \
                   nobody accepted, of sockets bound earlier) or of other users' sockets (sudo); \
                   --try calls bind()";
        report.incomplete.extend(counted("bind", why, open));
    }
}

/// How many holders there are of each kind, in the order of kinds.
pub fn counts<K: Ord, T>(
    rows: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    rows.for_each(|row| *counts.entry(key(&row)).or_default() += 1);
    counts
}
