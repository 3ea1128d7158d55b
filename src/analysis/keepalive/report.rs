//! Connections, one after the other, to a report.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ConnectionReport, Defaults, GroupReport, Keepalive, Row,
    detection::{conntrack_seconds, detection_seconds, is_enabled, seconds_with_data_waiting},
};
use crate::{
    analysis::{
        Finding,
        incomplete::unfound,
        sockets::{By, GroupName, Groups, Held, SocketReport},
    },
    model::{
        Incomplete, KeepaliveOptions, ListenAddresses, Netns, Owners, SocketRow, Sysctls, TimerKind,
    },
};

/// Connections in ESTABLISHED and CLOSE_WAIT by whether they have keepalive.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct KeepaliveReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What the connections of a group have in common.
    pub by: By,
    /// Settings of the namespace; where several differ, `null`.
    pub defaults: Defaults,
    /// One element per network namespace that was read.
    pub namespaces: Vec<NamespaceReport>,
    /// Connections in ESTABLISHED and CLOSE_WAIT that match.
    pub count: u64,
    /// Connections with keepalive.
    pub enabled: u64,
    /// Connections without keepalive.
    pub not_enabled: u64,
    /// Connections of which another timer hides the timer of keepalive.
    pub unknown: u64,
    /// One element per group, most connections without keepalive first; none with `--by socket`.
    #[schemars(with = "Vec<GroupReport>")]
    pub groups: Vec<Row>,
    /// One element per connection with `--by socket`.
    #[schemars(with = "Vec<ConnectionReport>")]
    pub sockets: Vec<Row>,
    #[serde(skip)]
    by_key: Groups<GroupReport>,
}

is_report!(KeepaliveReport, "keepalive/v1");

/// Settings of one network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// The network namespace.
    pub netns: Netns,
    pub defaults: Defaults,
    /// Idle time after which conntrack of this host forgets an established connection
    /// (`nf_conntrack_tcp_timeout_established`); `null` where it tracks nothing.
    pub conntrack_established_seconds: Option<u64>,
}

impl KeepaliveReport {
    pub fn new(by: By) -> Self {
        KeepaliveReport {
            by,
            by_key: Groups::new(by),
            ..KeepaliveReport::default()
        }
    }

    /// Connections that follow are in this namespace, with these interfaces.
    pub fn enter(&mut self, netns: Netns, interfaces: BTreeMap<u32, String>, sysctls: &Sysctls) {
        let defaults = Defaults::of(sysctls);
        let are_same = self.namespaces.iter().all(|one| one.defaults == defaults);
        self.defaults = match are_same {
            true => defaults,
            false => Defaults::default(),
        };
        let (group, listening) = (netns.clone(), ListenAddresses::default());
        self.by_key.enter(group, interfaces, listening);
        self.namespaces.push(NamespaceReport {
            netns,
            defaults,
            conntrack_established_seconds: conntrack_seconds(sysctls),
        });
    }

    /// `describe` makes a row of it.
    pub fn add(
        &mut self,
        row: &SocketRow,
        held: &Held,
        options: Option<KeepaliveOptions>,
        describe: impl FnOnce() -> SocketReport,
    ) {
        let namespace = self.namespaces.last();
        let defaults = namespace.map(|one| one.defaults).unwrap_or_default();
        let keepalive = keepalive(row, options, &defaults);
        self.count += 1;
        *match keepalive.enabled {
            Some(true) => &mut self.enabled,
            Some(false) => &mut self.not_enabled,
            None => &mut self.unknown,
        } += 1;
        match self.by {
            By::Socket => {
                let socket = SocketReport {
                    tcp_info: None,
                    ..describe()
                };
                let connection = ConnectionReport { socket, keepalive };
                self.sockets.push(Row::Connection(Box::new(connection)));
            }
            _ => self.by_key.of(row, held).add(&keepalive),
        }
    }

    /// After the last connection: puts the groups in order, and says what could not be seen.
    pub fn finish(&mut self) {
        let named = |(name, group): (GroupName, GroupReport)| GroupReport { name, ..group };
        let mut groups: Vec<_> = self.by_key.take().map(named).collect();
        groups.sort_by_cached_key(|group| {
            let sizes = Reverse((group.not_enabled, group.sockets));
            (sizes, group.name.clone())
        });
        self.groups = groups.into_iter().map(Box::new).map(Row::Group).collect();
        if self.unknown > 0 {
            let why = "a retransmission or a probe of a closed window hides the timer of keepalive";
            let missing = Incomplete::counted("keepalive", why, self.unknown);
            self.incomplete.push(missing);
        }
    }

    /// Adds why some of these connections have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        self.incomplete
            .extend(unfound(owners, searched, ownerless, "sockdiag keepalive"));
    }
}

impl GroupReport {
    fn add(&mut self, connection: &Keepalive) {
        self.sockets += 1;
        match connection.enabled {
            Some(true) => self.enabled += 1,
            Some(false) => {
                self.not_enabled += 1;
                self.oldest_idle_without_ms = self.oldest_idle_without_ms.max(connection.idle_ms);
            }
            None => self.unknown += 1,
        }
        self.oldest_idle_ms = self.oldest_idle_ms.max(connection.idle_ms);
        let soonest = [self.expires_ms, connection.expires_ms];
        self.expires_ms = soonest.into_iter().flatten().min();
        self.has_unknown_detection |=
            connection.enabled == Some(true) && connection.detection_seconds.is_none();
        if self.has_unknown_detection {
            (self.detection_seconds, self.detection_inferred) = (None, false);
        } else if connection.detection_seconds > self.detection_seconds {
            self.detection_seconds = connection.detection_seconds;
            self.detection_inferred = connection.detection_inferred;
        }
    }
}

fn keepalive(row: &SocketRow, options: Option<KeepaliveOptions>, defaults: &Defaults) -> Keepalive {
    let enabled = options.map_or_else(|| is_enabled(row), |own| Some(own.enabled));
    let by_settings = || {
        let seconds = defaults.detection_seconds;
        seconds.filter(|_| defaults.agree_with(row))
    };
    let detection_seconds = match (enabled, &options) {
        (Some(true), Some(own)) if is_enabled(row).is_none() => seconds_with_data_waiting(own),
        (Some(true), Some(own)) => Some(detection_seconds(own)),
        (Some(true), None) => by_settings(),
        _ => None,
    };
    let timer = row.timer.filter(|timer| timer.kind == TimerKind::Keepalive);
    let acked = row.info.and_then(|info| info.last_ack_received_ms());
    let idle_ms = row.idle_ms();
    Keepalive {
        enabled,
        expires_ms: timer.map(|timer| timer.expires_ms),
        idle_ms,
        silent_ms: idle_ms.zip(acked).map(|(idle, acked)| idle.min(acked)),
        detection_inferred: detection_seconds.is_some() && options.is_none(),
        detection_seconds,
        options,
    }
}
