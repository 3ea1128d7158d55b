//! What was observed that settings are judged by: one network namespace, and the host.

use std::time::Duration;

use crate::{
    analysis::{
        Previous, change, of_netns,
        ports::{NamespaceReport, PortsReport, TupleReport},
        queues::{ListenerReport, QueueReport},
    },
    model::{NetnsSnapshot, PortLimits, ProcessFds, Snapshot, Sysctl},
};

/// The observed load.
pub struct Load<'a> {
    now: &'a Snapshot,
    before: Previous<'a>,
    namespace: &'a NetnsSnapshot,
    earlier: Previous<'a, NetnsSnapshot>,
    /// TCP listeners and UDP receivers of the namespace.
    pub listeners: Vec<&'a ListenerReport>,
    pub tuples: Vec<&'a TupleReport>,
    pub ports: Option<&'a NamespaceReport>,
}

/// A counter since the namespace was made, and in the interval that was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub total: i128,
    /// `None` for a single reading.
    pub watched: Option<(i128, Duration)>,
}

impl Counted {
    /// It moved while it was watched.
    pub fn moves(self) -> bool {
        self.watched.is_some_and(|(delta, _)| delta > 0)
    }

    /// It has moved at some time, or in the interval if one was watched.
    pub fn is_seen(self) -> bool {
        self.count() > 0
    }

    /// How often in the interval if one was watched, otherwise in all.
    pub fn count(self) -> i128 {
        self.watched.map_or(self.total, |(delta, _)| delta)
    }

    /// `12 in 10 s` or `12 since boot`; `whole` names the longer time.
    pub fn said(self, whole: &str) -> String {
        match self.watched {
            Some((delta, time)) => format!("{delta} in {}", seconds(time)),
            None => format!("{} since {whole}", self.total),
        }
    }
}

pub fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 10.0 => format!("{short:.1} s"),
        long => format!("{long:.0} s"),
    }
}

impl<'a> Load<'a> {
    pub fn new(
        now: &'a Snapshot,
        namespace: &'a NetnsSnapshot,
        before: Previous<'a>,
        queues: &'a QueueReport,
        ports: &'a PortsReport,
    ) -> Self {
        let netns = &namespace.netns;
        Load {
            now,
            before,
            namespace,
            earlier: of_netns(before, namespace),
            listeners: of(&queues.listeners, |one| one.netns == *netns),
            tuples: of(&ports.tuples, |one| one.netns == *netns),
            ports: ports.namespaces.iter().find(|one| one.netns == *netns),
        }
    }

    pub fn counter(&self, table: &str, name: &str) -> Option<Counted> {
        let total = self.namespace.counters.value(table, name)?;
        let watched = self.earlier.and_then(|(then, elapsed)| {
            let then = then.counters.value(table, name)?;
            Some((change(then, total)?, elapsed))
        });
        Some(Counted { total, watched })
    }

    /// A number of /proc/net/sockstat.
    pub fn sockstat(&self, table: &str, name: &str) -> Option<i64> {
        let value = self.namespace.counters.value(table, name)?;
        i64::try_from(value).ok()
    }

    /// Another setting of this namespace or of the host.
    pub fn setting(&self, key: &str) -> Option<i64> {
        let host = self.now.host_settings.as_ref();
        let of_host = || host.and_then(|host| host.sysctls.get(key));
        let value = self.namespace.sysctls.get(key).or_else(of_host);
        value.and_then(Sysctl::value)?.trim().parse().ok()
    }

    /// Settings of this namespace whose keys begin and end so, where they are numbers.
    pub fn settings_like(
        &self,
        prefix: &'static str,
        suffix: &'static str,
    ) -> impl Iterator<Item = (&'a str, i64)> {
        let all = self.namespace.sysctls.iter();
        let like = all.filter(move |(key, _)| key.starts_with(prefix) && key.ends_with(suffix));
        like.filter_map(|(key, read)| Some((key.as_str(), read.value()?.trim().parse().ok()?)))
    }

    pub fn port_limits(&self) -> &'a PortLimits {
        &self.namespace.settings.ports
    }

    pub fn softnet_dropped(&self) -> Option<Counted> {
        let of = |snapshot: &Snapshot| snapshot.host_settings.as_ref()?.softnet_dropped;
        let total = i128::from(of(self.now)?);
        let watched = self.before.and_then(|(then, elapsed)| {
            let delta = change(i128::from(of(then)?), total)?;
            Some((delta, elapsed))
        });
        Some(Counted { total, watched })
    }

    pub fn processes(&self) -> &'a [ProcessFds] {
        let read = self.now.processes.as_ref();
        read.map_or(&[], |read| &read.processes)
    }

    /// Open files of the host.
    pub fn open_files(&self) -> Option<u64> {
        self.now.processes.as_ref()?.system.open
    }

    pub fn is_watched(&self) -> bool {
        self.before.is_some()
    }
}

fn of<T>(all: &[T], is_of: impl Fn(&T) -> bool) -> Vec<&T> {
    all.iter().filter(|one| is_of(one)).collect()
}
