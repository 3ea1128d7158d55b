//! What is asked about.

use std::{collections::BTreeMap, net::IpAddr};

use dns_lookup::lookup_host;
use sockdiag::{
    collect::Wants,
    model::is_unit,
    source::{Kernel, why_unreadable},
};

use crate::command::{options::port, usage};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Port {
        /// Empty for every address.
        addresses: Vec<IpAddr>,
        port: u16,
    },
    Process(u32),
    Unit(Vec<u32>),
}

impl Target {
    /// The name of the process, where one is meant.
    pub fn process_name(&self, kernel: &Kernel) -> anyhow::Result<Option<String>> {
        let Target::Process(pid) = self else {
            return Ok(None);
        };
        let mut processes = kernel.processes()?.into_iter();
        let found = processes.find(|(other, _)| other == pid);
        Ok(found.map(|(_, name)| name))
    }

    /// The name of a container may have a colon too, so that a unit goes before a host.
    pub fn parse(text: &str, kernel: &Kernel) -> anyhow::Result<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return process(text, kernel);
        }
        if let Some(address) = address(text).or(text.parse().ok()) {
            let shown = match address {
                IpAddr::V4(address) => format!("{address}:PORT"),
                IpAddr::V6(address) => format!("[{address}]:PORT"),
            };
            return Err(wrong(
                text,
                text.len(),
                &format!("a port is missing: {shown}"),
            ));
        }
        let Some((host, number)) = text.rsplit_once(':') else {
            return unit(text, kernel);
        };
        let at = host.len() + 1;
        let addresses = match host {
            "" | "*" => Vec::new(),
            host => match address(host) {
                Some(address) => vec![address],
                None if is_known_unit(text, kernel)? => return unit(text, kernel),
                None => lookup_host(host).map_or_else(|_| Vec::new(), Iterator::collect),
            },
        };
        if addresses.is_empty() && !matches!(host, "" | "*") {
            let why = "neither an address (IPv6 in brackets), a host nor a unit";
            return Err(wrong(text, 0, why));
        }
        let port = port(number).map_err(|why| wrong(text, at, &why))?;
        Ok(Target::Port {
            addresses: addresses.iter().map(IpAddr::to_canonical).collect(),
            port,
        })
    }
}

fn address(host: &str) -> Option<IpAddr> {
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inside {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

fn process(text: &str, kernel: &Kernel) -> anyhow::Result<Target> {
    let there = kernel.process_ids()?;
    let pid = text.parse().ok().filter(|pid| there.contains(pid));
    match pid {
        Some(pid) => Ok(Target::Process(pid)),
        None if text.parse::<u16>().is_ok() => {
            anyhow::bail!("no process {text}; a port is written :{text}")
        }
        None => anyhow::bail!("no process {text}"),
    }
}

fn is_known_unit(text: &str, kernel: &Kernel) -> anyhow::Result<bool> {
    Ok(kernel.units()?.iter().any(|unit| is_unit(unit, text)))
}

fn unit(text: &str, kernel: &Kernel) -> anyhow::Result<Target> {
    if text.is_empty() {
        return Err(usage(
            "who of what? :PORT, ADDR:PORT, a process id or a unit",
        ));
    }
    let is_known = is_known_unit(text, kernel)?;
    if port(text).is_ok() && !is_known {
        return Err(wrong(
            text,
            0,
            &format!("no such unit; the port is :{text}"),
        ));
    }
    anyhow::ensure!(
        is_known,
        "no such unit: {text}; a port is written :PORT, a process by its id"
    );
    let is_member = |pid: &u32| {
        let unit = kernel.unit_of_process(*pid);
        unit.is_some_and(|unit| is_unit(&unit, text))
    };
    let pids = kernel.process_ids()?;
    Ok(Target::Unit(pids.into_iter().filter(is_member).collect()))
}

/// Points at the byte where the text goes wrong.
fn wrong(text: &str, at: usize, why: &str) -> anyhow::Error {
    let column = text[..at].chars().count();
    usage(format!("{why}\n  {text}\n  {:column$}^", ""))
}

/// The sockets that processes have open. One that has ended has none.
pub fn open_sockets(kernel: &Kernel, pids: &[u32]) -> anyhow::Result<Wants> {
    let mut open = BTreeMap::<_, Vec<_>>::new();
    for pid in pids {
        match kernel.sockets_of(*pid) {
            Ok(sockets) => {
                for (inode, owner) in sockets {
                    open.entry(inode).or_default().push(owner);
                }
            }
            Err(error) if error.io().kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.io().kind() == std::io::ErrorKind::PermissionDenied => {
                anyhow::bail!("{error}: {}; {}", error.io(), why_unreadable());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Wants::OpenIn(open))
}
