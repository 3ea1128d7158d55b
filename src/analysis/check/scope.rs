//! To which sockets and processes a check is restricted.

use std::fmt;

use super::levels::listeners;
use crate::{
    analysis::{
        Finding,
        doctor::Reports,
        fds::ProcessReport,
        ports::TupleReport,
        queues::{ListenerReport, LocalReport},
    },
    model::{Owner, is_process, is_unit},
};

/// The default is everything that is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Port of a listener; in `ports`, of the destination.
    pub port: Option<u16>,
    /// Process id, name or pattern.
    pub process: Option<String>,
    /// Systemd unit, container or pod.
    pub unit: Option<String>,
}

impl Scope {
    pub fn is_all(&self) -> bool {
        *self == Scope::default()
    }

    /// Whether owners must be known to tell what is meant.
    pub(super) fn needs_owners(&self) -> bool {
        self.process.is_some() || self.unit.is_some()
    }

    pub(super) fn has_port(&self, port: Option<u16>) -> bool {
        self.port.is_none() || self.port == port
    }

    pub(super) fn has_listener(&self, listener: &ListenerReport) -> bool {
        let port = match listener.local {
            LocalReport::Inet { port, .. } => Some(port),
            LocalReport::Unix { .. } => None,
        };
        let unit = listener.unit.as_ref();
        self.has_port(port)
            && self.has_owner(&listener.owners)
            && self.is_of_unit(unit.map(String::as_str))
    }

    pub(super) fn has_tuple(&self, tuple: &TupleReport) -> bool {
        let port = tuple.destination.map(|destination| destination.port);
        self.has_port(port) && self.has_owner(&tuple.owners)
    }

    pub(super) fn has_process(&self, process: &ProcessReport) -> bool {
        let is_named = |wanted: &String| is_process(process.pid, &process.name, wanted);
        self.process.as_ref().is_none_or(is_named) && self.is_of_unit(process.unit.as_deref())
    }

    /// By the socket, or by the address and the processes that a finding names; one that names none
    /// has no place in a restricted check.
    pub(super) fn has_finding(&self, finding: &Finding, reports: &Reports) -> bool {
        let is_of_socket = finding.inode != 0
            && listeners(self, reports).any(|listener| listener.inode == finding.inode);
        let is_at = |port: u16| finding.subject.ends_with(&format!(":{port}"));
        let of_process = || {
            let concerned = reports.fds.processes.iter();
            let mut concerned = concerned.filter(|process| finding.pids.contains(&process.pid));
            concerned.any(|process| self.has_process(process))
        };
        is_of_socket || self.port.is_none_or(is_at) && (!self.needs_owners() || of_process())
    }

    fn has_owner(&self, owners: &[Owner]) -> bool {
        let is_one = |wanted: &String| {
            let mut owners = owners.iter();
            owners.any(|owner| is_process(owner.pid, &owner.name, wanted))
        };
        self.process.as_ref().is_none_or(is_one)
    }

    fn is_of_unit(&self, unit: Option<&str>) -> bool {
        let is_it = |wanted: &String| unit.is_some_and(|unit| is_unit(unit, wanted));
        self.unit.as_ref().is_none_or(is_it)
    }
}

impl fmt::Display for Scope {
    /// `port 8080, process api`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.map(|port| format!("port {port}"));
        let process = self.process.as_ref().map(|name| format!("process {name}"));
        let unit = self.unit.as_ref().map(|name| format!("unit {name}"));
        let parts: Vec<String> = [port, process, unit].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}
