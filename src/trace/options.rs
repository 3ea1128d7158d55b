//! What is traced, and which events are reported.

use std::{os::fd::OwnedFd, path::PathBuf, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    analysis::handshake::Handshake,
    model::{Address, Families, Filter, filter::Ends},
    source::Kernel,
};

/// What is traced, and which events are reported. By default everything except closes.
#[derive(Debug)]
pub struct Options {
    /// Connections that do not meet this are neither reported nor counted.
    pub filter: Filter,
    pub families: Families,
    pub closes: bool,
    pub failed: bool,
    /// Report only handshakes that took at least this long; with `failed`, also the failed ones.
    pub slow: Option<Duration>,
    pub count: Option<u64>,
    /// Save the packets as pcapng, with outcome and reason as comments.
    pub write: Option<PathBuf>,
    /// Ends the trace when it becomes readable.
    pub stop: Option<OwnedFd>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            filter: Filter::ALL,
            families: Families::BOTH,
            closes: false,
            failed: false,
            slow: None,
            count: None,
            write: None,
            stop: None,
        }
    }
}

/// Where and for how long a live trace captures. By default on all interfaces, without end.
#[derive(Debug, Clone, Default)]
pub struct LiveOptions {
    /// Names of interfaces; empty for all, including interfaces that appear later.
    pub interfaces: Vec<String>,
    /// Put the named interfaces into promiscuous mode.
    pub promiscuous: bool,
    pub limit: Option<Duration>,
    pub kernel: Kernel,
}

impl Options {
    pub(super) fn covers(&self, client: &Address, server: &Address) -> bool {
        self.families.has(server.address) && self.is_between(server, client)
    }

    /// A segment may belong to a connection that is traced: it does not show which end is the
    /// client.
    pub(super) fn may_cover(&self, one: &Address, other: &Address) -> bool {
        self.is_between(one, other) || self.is_between(other, one)
    }

    fn is_between(&self, server: &Address, client: &Address) -> bool {
        self.filter.accepts(&Ends {
            local: *server,
            peer: *client,
        })
    }

    /// A handshake that is traced is also reported.
    pub(super) fn reports(&self, handshake: &Handshake) -> bool {
        let slow = self.slow.map(|slow| slow.as_secs_f64() * 1000.0);
        let is_slow = slow.is_some_and(|slow| handshake.total_ms.is_some_and(|ms| ms >= slow));
        let all = !self.failed && self.slow.is_none();
        all || is_slow || self.failed && handshake.has_failed()
    }

    pub(super) fn is_stopped(&self) -> bool {
        let is_readable = |stop: &OwnedFd| {
            let mut stop = [PollFd::new(stop, PollFlags::IN)];
            poll(&mut stop, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
        };
        self.stop.as_ref().is_some_and(is_readable)
    }
}
