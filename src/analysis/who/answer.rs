//! Who holds it and what to do, in words.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{BindReport, HolderKind, HolderReport, Verdict, WhoReport, build::counts, ending::end};
use crate::{
    analysis::{LocalReport, finding::in_shell, sockets::EndReport},
    model::{Netns, Owner, Owners},
};

pub struct Scene<'a> {
    /// The port, and the first one that needs no privilege.
    pub is_privileged: Option<(u16, u16)>,
    /// The program has that privilege.
    pub may_bind_privileged: bool,
    /// One address is asked about, or several.
    pub has_address: bool,
    /// Sockets that are not listed; of a port those in this namespace.
    pub omitted: u64,
    /// TCP sockets that are only bound would be among the holders.
    pub sees_bound: bool,
    /// Of a process or unit.
    pub subject: String,
    /// The ports that connect() chooses from.
    pub ephemeral: Option<&'a RangeInclusive<u16>>,
    pub owners: Option<&'a Owners>,
}

/// The sentence, and what to do.
pub fn of(report: &WhoReport, scene: &Scene) -> (String, Vec<String>) {
    match report.port {
        Some(port) => of_port(report, scene, port),
        None => (of_process(report, scene), Vec::new()),
    }
}

fn of_process(report: &WhoReport, scene: &Scene) -> String {
    let subject = &scene.subject;
    let (inet, others): (Vec<_>, Vec<_>) = report
        .holders
        .iter()
        .partition(|row| row.protocol.is_inet());
    let others = counts(others.into_iter(), |row| row.protocol);
    let others = others.into_iter().map(|(protocol, count)| {
        let noun = if count == 1 { "socket" } else { "sockets" };
        format!("{count} {} {noun}", protocol.name())
    });
    let kinds = Some(summary(inet.into_iter())).filter(|kinds| !kinds.is_empty());
    let omitted = (scene.omitted > 0).then(|| format!("{} more", scene.omitted));
    let parts: Vec<String> = kinds.into_iter().chain(omitted).chain(others).collect();
    match parts.is_empty() {
        true => format!("{subject} has no socket"),
        false => format!("{subject} has {}", parts.join(", ")),
    }
}

fn of_port(report: &WhoReport, scene: &Scene, port: u16) -> (String, Vec<String>) {
    let is_here = |row: &&HolderReport| row.netns.inode == report.netns.inode;
    let (here, elsewhere): (Vec<_>, Vec<_>) = report.holders.iter().partition(is_here);
    let mut advice = Vec::new();
    let place = match report.netns.elsewhere() {
        Some(label) => format!(" in namespace {label}"),
        None if elsewhere.is_empty() => String::new(),
        None => " in this namespace".to_owned(),
    };
    let what = match scene.has_address {
        true => report.target.clone(),
        false => format!("port {port}"),
    };
    let is_in_use = report.bind.iter().any(is_refused);
    if here.is_empty() {
        advice.extend(options(report));
    }
    let answer = match here.first() {
        None if scene.omitted > 0 => {
            let sockets = match scene.omitted {
                1 => "1 socket that is not listed".to_owned(),
                omitted => format!("{omitted} sockets that are not listed"),
            };
            format!("{what} is held{place} by {sockets}")
        }
        None if scene.sees_bound && !is_in_use => format!("nothing holds {what}{place}"),
        None => format!("nothing that this kernel reports holds {what}{place}"),
        Some(first) => {
            advice = what_to_do(report, scene, &here);
            let kind = first.kind;
            let same = here.iter().filter(|row| row.kind == kind).copied();
            let who = holders_of(kind, same.clone(), port);
            let rest = here.iter().filter(|row| row.kind != kind).copied();
            let rest = summary(rest);
            let rest = match rest.is_empty() {
                true => String::new(),
                false => format!("; also {rest}"),
            };
            let omitted = match scene.omitted {
                0 => String::new(),
                omitted => format!("; {omitted} more sockets are not listed"),
            };
            format!("port {port} is held{place} by {who}{rest}{omitted}")
        }
    };
    let is_denied = |row: &BindReport| row.plain == Some(Verdict::Denied);
    match scene.is_privileged {
        Some((port, _)) if !scene.may_bind_privileged && report.bind.iter().any(is_denied) => advice.push(format!(
            "give the program CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep FILE; in a unit \
             AmbientCapabilities=), or set net.ipv4.ip_unprivileged_port_start to {port}"
        )),
        Some((port, start)) => advice.push(format!(
            "port {port} is below net.ipv4.ip_unprivileged_port_start ({start}): without \
             CAP_NET_BIND_SERVICE bind() fails with EACCES (Permission denied), held or not"
        )),
        None => {}
    }
    advice.extend(others(&elsewhere, &report.target));
    (answer, advice)
}

/// `2 listeners, 1 TIME_WAIT`
fn summary<'a>(rows: impl Iterator<Item = &'a HolderReport>) -> String {
    let parts = counts(rows, |row| row.kind)
        .into_iter()
        .map(|(kind, count)| {
            let (one, many) = nouns(kind);
            format!("{count} {}", if count == 1 { one } else { many })
        });
    parts.collect::<Vec<_>>().join(", ")
}

fn nouns(kind: HolderKind) -> (&'static str, &'static str) {
    match kind {
        HolderKind::Listener => ("listener", "listeners"),
        HolderKind::Bound => ("bound socket", "bound sockets"),
        HolderKind::Connection => ("connection", "connections"),
        HolderKind::TimeWait => ("TIME_WAIT", "TIME_WAITs"),
        HolderKind::Orphan => ("orphaned connection", "orphaned connections"),
    }
}

/// All of one kind: who has them, and what they are.
fn holders_of<'a>(
    kind: HolderKind,
    rows: impl Iterator<Item = &'a HolderReport> + Clone,
    port: u16,
) -> String {
    let owners: Vec<&Owner> = rows.clone().flat_map(|row| &row.owners).collect();
    let what = match rows.clone().count() {
        1 => format!("1 {}", nouns(kind).0),
        count => format!("{count} {}", nouns(kind).1),
    };
    let at: BTreeSet<String> = rows.clone().map(|row| row.local.to_string()).collect();
    let at = at.into_iter().collect::<Vec<_>>().join(", ");
    let peers = rows.filter_map(|row| row.peer.as_ref().map(|peer| (row, peer)));
    let to = match (kind, peers.clone().next()) {
        (HolderKind::Connection | HolderKind::TimeWait | HolderKind::Orphan, Some((_, peer))) => {
            match peers.clone().all(|(row, _)| is_to_itself(row)) {
                true => " to itself (self-connect)".to_owned(),
                false if peers.clone().all(|(_, other)| other == peer) => format!(" to {peer}"),
                false => " to several peers".to_owned(),
            }
        }
        _ => String::new(),
    };
    let (by, unknown) = match kind {
        HolderKind::TimeWait | HolderKind::Orphan => (" that no process has open".to_owned(), ""),
        _ => match names(&owners) {
            names if names.is_empty() => (String::new(), " (owner not known)"),
            names => (format!(" of {names}"), ""),
        },
    };
    match at.len() > 60 {
        true => format!("{what}{by} at port {port}{to}{unknown}"),
        false => format!("{what}{by} at {at}{to}{unknown}"),
    }
}

fn is_to_itself(row: &HolderReport) -> bool {
    match (&row.local, &row.peer) {
        (EndReport::Inet(LocalReport::Inet { address, port, .. }), Some(EndReport::Peer(peer))) => {
            (*address, *port) == (peer.address, peer.port)
        }
        _ => false,
    }
}

/// `nginx (812), api (7)`; at most three.
fn names(owners: &[&Owner]) -> String {
    const NAMED: usize = 3;
    let mut seen = BTreeSet::new();
    let unique = owners.iter().filter(|owner| seen.insert(owner.pid));
    let all: Vec<String> = unique
        .map(|owner| format!("{} ({})", owner.name, owner.pid))
        .collect();
    let more = match all.len() > NAMED {
        true => format!(" and {} more", all.len() - NAMED),
        false => String::new(),
    };
    let named: Vec<String> = all.into_iter().take(NAMED).collect();
    named.join(", ") + &more
}

/// The port can be had: by an option, by waiting, or by ending who holds it.
fn what_to_do(report: &WhoReport, scene: &Scene, here: &[&HolderReport]) -> Vec<String> {
    let mut advice = end(here, scene.owners);
    let waits: Vec<u32> = here.iter().filter_map(|row| row.expires_ms).collect();
    let is_all = scene.omitted == 0 && waits.len() == here.len();
    if let Some(longest) = waits.iter().max().filter(|_| is_all) {
        let seconds = longest.div_ceil(1000);
        advice.push(format!(
            "wait {seconds} s: by then the kernel has freed the port"
        ));
    }
    let may_suffice = |row: &BindReport| is_refused(row) && row.reuseaddr.is_none();
    if here.iter().all(|row| row.kind == HolderKind::TimeWait)
        && report.bind.iter().any(may_suffice)
    {
        advice.push(
            "set SO_REUSEADDR before bind(): it suffices if the sockets in TIME_WAIT had it too"
                .to_owned(),
        );
    }
    advice.extend(options(report));
    let has = |kind| here.iter().any(|row| row.kind == kind);
    if let Some(port) = report.port
        && scene.ephemeral.is_some_and(|range| range.contains(&port))
        && has(HolderKind::Connection)
        && !has(HolderKind::Listener)
    {
        advice.push(format!(
            "if connect() chose the port: add {port} to net.ipv4.ip_local_reserved_ports, so that it \
             is not chosen again"
        ));
    }
    advice
}

fn is_refused(row: &BindReport) -> bool {
    row.plain == Some(Verdict::InUse)
}

/// Options that make every refused bind succeed, of TCP and of UDP.
fn options(report: &WhoReport) -> Option<String> {
    let refused: Vec<_> = report.bind.iter().filter(|row| is_refused(row)).collect();
    let all = |of: fn(&BindReport) -> Option<Verdict>| {
        !refused.is_empty() && refused.iter().all(|row| of(row) == Some(Verdict::Ok))
    };
    let option = if all(|row| row.reuseaddr) {
        "SO_REUSEADDR"
    } else if all(|row| row.reuseport) {
        "SO_REUSEPORT"
    } else if all(|row| row.both) {
        "SO_REUSEADDR and SO_REUSEPORT"
    } else {
        return (!refused.is_empty()).then(|| "bind another port or address".to_owned());
    };
    Some(format!("set {option} before bind(): bind() then succeeds"))
}

/// Holders in other namespaces, one line for each.
fn others(elsewhere: &[&HolderReport], target: &str) -> Vec<String> {
    let namespaces: BTreeSet<&Netns> = elsewhere.iter().map(|row| &row.netns).collect();
    let line = |netns: &&Netns| {
        let rows = elsewhere.iter().filter(|row| row.netns == **netns);
        let owners: Vec<&Owner> = rows.clone().flat_map(|row| &row.owners).collect();
        let what = summary(rows.copied());
        let of = match names(&owners) {
            names if names.is_empty() => String::new(),
            names => format!(" of {names}"),
        };
        let label = netns.label();
        let (netns, target) = (in_shell(&label), in_shell(target));
        format!(
            "namespace {label} has {what}{of}, which exclude nothing here: sockdiag who --netns {netns} {target}"
        )
    };
    namespaces.iter().map(line).collect()
}
