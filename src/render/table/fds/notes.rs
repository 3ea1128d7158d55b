//! Lines above and below the table of `fds`: the limits of the host, and the origin of each
//! process's limit.

use std::net::SocketAddr;

use sockdiag::{
    analysis::{
        fds::{FdsReport, Origin, ProcessReport, SetBy, SystemReport, Why},
        finding::names,
    },
    model::{FdPath, FdPeer, Setting},
};

use crate::render::text::{self, MISSING};

/// Such a value of fs.file-max is no limit; systemd raises it to 2⁶³ − 1.
const NO_LIMIT: u64 = 1 << 53;

/// `host: 41 312 of 2 466 177 open, nr_open 1 048 576`
pub fn host(system: &SystemReport) -> String {
    let number = |number: Option<u64>| number.map_or(MISSING.to_owned(), text::grouped);
    let open = number(system.open);
    let limit = match system.limit {
        Some(NO_LIMIT..) => format!("{open} open, no limit (file-max)"),
        limit => format!("{open} of {} open", number(limit)),
    };
    format!("host: {limit}, nr_open {}", number(system.nr_open))
}

/// The peers and paths of most descriptors, of the first processes.
pub fn contents(report: &FdsReport) -> Vec<String> {
    const MOST: usize = 5;
    let described = report.processes.iter().filter_map(|process| {
        let types = process.types.as_ref()?;
        let peer = |peer: &FdPeer| {
            let (address, count) = (peer.address, text::grouped(peer.count));
            let end = peer
                .port
                .map(|port| SocketAddr::new(address, port).to_string());
            format!("{} ×{count}", end.unwrap_or_else(|| address.to_string()))
        };
        let path = |path: &FdPath| format!("{} ×{}", path.path, text::grouped(path.count));
        let peers: Vec<String> = types.peers.iter().map(peer).collect();
        let paths: Vec<String> = types.paths.iter().map(path).collect();
        let parts = [("TCP with", peers), ("files", paths)].into_iter();
        let parts = parts.filter(|(_, names)| !names.is_empty());
        let parts: Vec<String> = parts
            .map(|(what, names)| format!("{what} {}", names.join(", ")))
            .collect();
        let (name, pid) = (&process.name, process.pid);
        (!parts.is_empty()).then(|| format!("{name} ({pid}): {}", parts.join("; ")))
    });
    described.take(MOST).collect()
}

/// One sentence for all processes whose limits come from the same place, in the order of the table.
pub fn limits(report: &FdsReport) -> Vec<String> {
    let mut alike: Vec<(String, Vec<&ProcessReport>)> = Vec::new();
    for process in &report.processes {
        let Some(why) = &process.why else { continue };
        let sentence = sentence(process, why);
        match alike.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, processes)) => processes.push(process),
            None => alike.push((sentence, vec![process])),
        }
    }
    let line = |(sentence, processes): (String, Vec<&ProcessReport>)| {
        let processes = processes.iter();
        let names = names(processes.map(|process| (process.name.as_str(), process.pid)));
        format!("{names}: {sentence}")
    };
    alike.into_iter().map(line).collect()
}

fn sentence(process: &ProcessReport, why: &Why) -> String {
    let number = |limit: Option<u64>| limit.map_or(MISSING.to_owned(), |limit| limit.to_string());
    let (soft, hard) = (number(process.soft_limit), number(process.hard_limit));
    let (by_soft, by_hard) = (origin(process, &why.soft), origin(process, &why.hard));
    let limits = match by_soft == by_hard {
        true => format!("soft {soft} and hard {hard} {by_soft}"),
        false => format!("soft {soft} {by_soft}; hard {hard} {by_hard}"),
    };
    format!("{limits}. To change: {}", change(why))
}

/// Does not repeat a line that the text before has named.
fn change(why: &Why) -> String {
    let named = why.soft.setting.as_ref().map(line);
    let rest = named.and_then(|line| why.change.strip_prefix(&line));
    rest.map_or_else(|| why.change.clone(), |rest| format!("that line{rest}"))
}

/// Continues the text `soft 1024`.
fn origin(process: &ProcessReport, origin: &Origin) -> String {
    let holder = &origin.process;
    let (had, inherited) = match holder.pid == process.pid {
        true => ("this process".to_owned(), String::new()),
        false => {
            let had = format!("{} ({})", holder.name, holder.pid);
            (had.clone(), format!(", inherited from {had}"))
        }
    };
    let line = origin.setting.as_ref().map(line);
    let line = line.unwrap_or_else(|| "systemd's own default".to_owned());
    match (origin.set_by, &origin.unit) {
        (SetBy::UnitFile | SetBy::LimitsConf, _) => format!("from {line}{inherited}"),
        (SetBy::ManagerDefault, _) => format!("from {line}, the default of all units{inherited}"),
        (SetBy::SystemdBuiltin, _) => {
            format!("from systemd's own default, as no file sets LimitNOFILE{inherited}")
        }
        (SetBy::KernelDefault, _) => format!("from the kernel's default{inherited}"),
        (SetBy::ChangedAfterStart, Some(unit)) => format!(
            "set after the start by {had} or prlimit, or the file is newer: {unit} starts with \
             {line}"
        ),
        (SetBy::ChangedAfterStart, None) => {
            format!("set by {had}, what started it, or prlimit: its parent has another")
        }
        (SetBy::Unknown, _) => format!("of unknown origin{inherited}"),
    }
}

fn line(setting: &Setting) -> String {
    format!("{}:{} `{}`", setting.file, setting.line, setting.text)
}
