//! From the sockets that were found to the report.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
};

use super::{
    Attempt, BindReport, Holder, OtherHolder, Verdict, WhoReport,
    answer::{self, Scene},
    overlap::overlap,
    verdicts::verdicts,
};
use crate::{
    analysis::{
        finding::in_shell,
        incomplete::{counted, unfound},
    },
    model::{AddressOutcome, AddressTrial, Incomplete, Netns, Owners, SocketProtocol},
};

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub target: String,
    /// The name of the process that is asked about.
    pub process: Option<String>,
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
    /// The program has CAP_NET_BIND_SERVICE; `None` where that could not be found out…
    pub may_bind_privileged: Option<bool>,
    /// … and why.
    pub privilege_unread: Option<String>,
    /// SELinux may refuse a port.
    pub selinux_enforces: bool,
    /// bind(2) of a UDP wildcard may miss sockets at addresses.
    pub udp_wildcard_may_miss: bool,
    /// The default of IPV6_V6ONLY; `None` where there is no IPv6.
    pub v6only: Option<bool>,
    /// The addresses that are asked about.
    pub addresses: Vec<AddressTrial>,
    /// TCP sockets that are only bound are among the holders.
    pub sees_bound: bool,
    /// Why they are not.
    pub bound_refused: Option<String>,
    /// The ports that connect() chooses from; `None` where they could not be read.
    pub ephemeral: Option<RangeInclusive<u16>>,
    /// What bind(2) returned, where it was called.
    pub tried: Vec<BindReport>,
}

/// The sockets that were found.
#[derive(Debug, Default)]
pub struct Holders<'a> {
    pub sockets: Vec<Holder<'a>>,
    pub others: Vec<OtherHolder<'a>>,
    /// Sockets that are not listed: one for each that differs as a claim, and how many there are.
    pub omitted: Vec<(Holder<'a>, u64)>,
    pub owners: Option<&'a Owners>,
    /// They were searched for.
    pub searched: bool,
}

pub fn report(asked: &Asked, limits: &Limits, found: &Holders) -> WhoReport {
    let wanted = found.sockets.iter().filter(|one| is_wanted(asked, one));
    let rows = wanted.map(|one| (!one.is_here, one.report(found.owners)));
    let others = found.others.iter();
    let others = others.map(|one| (!one.is_here, one.report(found.owners)));
    let mut rows: Vec<_> = rows.chain(others).collect();
    rows.sort_by_key(|(elsewhere, row)| {
        let other = (!row.protocol.is_inet()).then_some(row.protocol);
        (*elsewhere, row.netns.inode, other, row.kind)
    });
    let (omitted, omitted_here) = omitted(asked, found);
    let mut report = WhoReport {
        target: asked.target.clone(),
        port: asked.port,
        netns: asked.netns.clone(),
        uid: asked.uid,
        holders: rows.into_iter().map(|(_, row)| row).collect(),
        omitted,
        ..WhoReport::default()
    };
    if let Some(port) = asked.port {
        let omitted = found.omitted.iter().map(|(one, _)| one);
        let all: Vec<&Holder> = found.sockets.iter().chain(omitted).collect();
        report.bind = verdicts(asked, port, limits, &all);
    }
    note_missing(
        &mut report,
        asked,
        limits,
        found.owners.filter(|_| found.searched),
    );
    let many = "connections beyond 10,000 are counted, not listed";
    let unlisted = counted("holders", many, omitted as usize);
    report.incomplete.extend(unlisted);
    let start = limits.unprivileged_port_start;
    let process = asked.process.as_ref();
    let scene = Scene {
        is_privileged: asked.port.zip(start).filter(|(port, start)| port < start),
        may_bind_privileged: limits.may_bind_privileged == Some(true),
        has_address: !asked.addresses.is_empty(),
        omitted: omitted_here,
        sees_bound: limits.sees_bound,
        subject: match process {
            Some(name) => format!("{name} ({})", asked.target),
            None => asked.target.clone(),
        },
        ephemeral: limits.ephemeral.as_ref(),
        owners: found.owners,
    };
    (report.answer, report.advice) = answer::of(&report, &scene);
    report
}

/// How many sockets are not listed: in all, and of those that the answer is about.
fn omitted(asked: &Asked, found: &Holders) -> (u64, u64) {
    let wanted = found.omitted.iter();
    let wanted = wanted.filter(|(one, _)| is_wanted(asked, one));
    let here = wanted
        .clone()
        .filter(|(one, _)| asked.port.is_none() || one.is_here);
    (
        wanted.map(|(_, count)| count).sum(),
        here.map(|(_, count)| count).sum(),
    )
}

/// With an address only sockets count that could exclude it.
fn is_wanted(asked: &Asked, holder: &Holder) -> bool {
    let claim = holder.claim();
    let mut addresses = asked.addresses.iter();
    asked.addresses.is_empty()
        || addresses.any(|address| {
            let attempt = Attempt::plain(*address, false, asked.uid);
            overlap(&attempt, &claim) != Some(false)
        })
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
    if !limits.sees_bound && asked.port.is_some() {
        let refused = limits.bound_refused.as_ref();
        let refused = refused.map_or_else(String::new, |refused| format!("; {refused}"));
        let why = format!(
            "TCP sockets that are only bound are reported from Linux 6.8 on, and by BPF from 5.12 on \
             (sudo, outside containers){refused}"
        );
        report.incomplete.push(Incomplete::new("bound", why));
    }
    let is_ok = |row: &BindReport| {
        let verdicts = [row.plain, row.reuseaddr, row.reuseport, row.both];
        verdicts.contains(&Some(Verdict::Ok))
    };
    if limits.selinux_enforces && report.bind.iter().any(is_ok) {
        let why = "SELinux may refuse the port to the domain of a program (EACCES)";
        report.incomplete.push(Incomplete::new("bind", why));
    }
    if let Some(port) = asked.port.filter(|_| limits.tried.is_empty()) {
        note_unknown(report, port, limits);
    }
}

/// Verdicts that could not be concluded.
fn note_unknown(report: &mut WhoReport, port: u16, limits: &Limits) {
    if let Some(why) = &limits.privilege_unread
        && limits.is_denied(port).is_none()
    {
        let why = format!("whether the program has CAP_NET_BIND_SERVICE: {why}");
        report.incomplete.push(Incomplete::new("bind", why));
    }
    let mut refused = BTreeSet::new();
    for AddressTrial {
        address, outcome, ..
    } in &limits.addresses
    {
        match (address, outcome) {
            (IpAddr::V6(v6), AddressOutcome::Refused(_)) if v6.is_unicast_link_local() => {
                refused.insert("bind() of a link-local address depends on the interface".to_owned())
            }
            (_, AddressOutcome::Refused(error)) => {
                refused.insert(format!("bind() of {address}: {error}"))
            }
            _ => continue,
        };
    }
    let refused = refused.into_iter();
    let refused = refused.map(|why| Incomplete::new("bind", why));
    report.incomplete.extend(refused);
    let (mut open, mut missable) = (0, 0);
    for row in &report.bind {
        let verdicts = [row.plain, row.reuseaddr, row.reuseport, row.both];
        let is_udp = row.protocol == SocketProtocol::Udp;
        let itself = limits.before_holders(row.address, port, is_udp);
        let is_open = itself != Some(None) && verdicts.contains(&None);
        match is_udp && limits.udp_wildcard_may_miss && row.address.is_unspecified() {
            true => missable += usize::from(is_open),
            false => open += usize::from(is_open && (is_udp || limits.sees_bound)),
        }
    }
    let why = "depends on options that the kernel does not report (of TIME_WAITs, of connections \
               nobody accepted, of sockets bound earlier) or of other users' sockets (sudo); --try \
               calls bind()";
    report.incomplete.extend(counted("bind", why, open));
    let why = "before Linux 7.0 a UDP wildcard may get a port that a socket at an address holds, if \
               many UDP sockets share a chain of the kernel's table; --try calls bind()";
    report.incomplete.extend(counted("bind", why, missable));
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
