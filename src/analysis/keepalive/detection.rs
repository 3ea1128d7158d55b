//! How long a dead peer remains unnoticed on an idle connection (`tcp_keepalive_timer`,
//! net/ipv4/tcp_timer.c).

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{KeepaliveOptions, SocketRow, Sysctl, Sysctls, TimerKind};

const IDLE: &str = "net.ipv4.tcp_keepalive_time";
const INTERVAL: &str = "net.ipv4.tcp_keepalive_intvl";
const PROBES: &str = "net.ipv4.tcp_keepalive_probes";
/// There only where conntrack is loaded.
const CONNTRACK: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";
/// Tracked connections of the namespace: none where no rule of its firewall needs them, loaded or not.
const TRACKED: &str = "net.netfilter.nf_conntrack_count";

/// The settings that the report is made of.
pub static SETTINGS: [&str; 5] = [IDLE, INTERVAL, PROBES, CONNTRACK, TRACKED];

/// Tolerance in comparing the timer with the times since the last segments, milliseconds: both are
/// counted in ticks, and an acknowledgement comes later than the data.
const SLACK_MS: u64 = 1000;

/// Keepalive of sockets that do not set their own; `null` where a setting could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Defaults {
    /// `net.ipv4.tcp_keepalive_time`
    pub idle_seconds: Option<u64>,
    /// `net.ipv4.tcp_keepalive_intvl`
    pub interval_seconds: Option<u64>,
    /// `net.ipv4.tcp_keepalive_probes`
    pub probes: Option<u64>,
    /// idle + interval × probes
    pub detection_seconds: Option<u64>,
}

impl Defaults {
    pub fn of(sysctls: &Sysctls) -> Self {
        let (idle, interval) = (number(sysctls, IDLE), number(sysctls, INTERVAL));
        let probes = number(sysctls, PROBES);
        let all = idle.zip(interval).zip(probes);
        Defaults {
            idle_seconds: idle,
            interval_seconds: interval,
            probes,
            detection_seconds: all.map(|((idle, interval), probes)| idle + interval * probes),
        }
    }

    /// Whether the socket's timer agrees with these times. That is no proof that the socket has
    /// them: the timer is set when keepalive begins and again when it fires, not by each segment.
    pub fn agree_with(&self, socket: &SocketRow) -> bool {
        self.agreement(socket).unwrap_or(false)
    }

    fn agreement(&self, socket: &SocketRow) -> Option<bool> {
        let (idle, interval) = (self.idle_seconds? * 1000, self.interval_seconds? * 1000);
        let (timer, info) = (socket.timer?, socket.info?);
        let acked = u64::from(info.last_ack_received_ms()?);
        let heard = acked.min(info.last_data_received_ms()?.into());
        let without_data = u64::from(socket.idle_ms()?);
        let expires = u64::from(timer.expires_ms);
        if timer.retransmits > 0 {
            // Timers may fire late by an eighth (kernel/time/timer.c).
            let due = idle + interval * u64::from(timer.retransmits);
            let is_due = (due.saturating_sub(SLACK_MS)..=due + due / 8 + SLACK_MS)
                .contains(&(heard + expires));
            let is_left = u64::from(timer.retransmits) <= self.probes?;
            return Some(is_left && is_due && expires <= interval + interval / 8 + SLACK_MS);
        }
        let was_probed = without_data + SLACK_MS >= idle;
        // Silence so far and to come, where the timer was set by what was heard last: it is the idle
        // time, and right after an answered probe the interval. Of a connection that has heard
        // something since, it is shorter, and tells nothing.
        let shown = heard + expires;
        let is_near = |time: u64| shown.abs_diff(time) <= SLACK_MS;
        let is_shown = is_near(idle) || (was_probed && is_near(interval));
        // An acknowledgement without data answers a probe, unless the peer's window opened.
        let is_answered_earlier = acked + SLACK_MS < without_data && !was_probed;
        Some(is_shown && !is_answered_earlier)
    }
}

/// `nf_conntrack_tcp_timeout_established`; `None` where nothing is tracked.
pub fn conntrack_seconds(sysctls: &Sysctls) -> Option<u64> {
    number(sysctls, CONNTRACK).filter(|_| number(sysctls, TRACKED) != Some(0))
}

fn number(sysctls: &Sysctls, key: &str) -> Option<u64> {
    sysctls
        .get(key)
        .and_then(Sysctl::value)?
        .trim()
        .parse()
        .ok()
}

/// Whether the timer shows SO_KEEPALIVE; `None` where another timer hides it.
pub fn is_enabled(socket: &SocketRow) -> Option<bool> {
    match socket.timer.map(|timer| timer.kind) {
        None => Some(false),
        Some(TimerKind::Keepalive) => Some(true),
        Some(TimerKind::Retransmit | TimerKind::Persist | TimerKind::TimeWait) => None,
    }
}

/// Keepalive does not run while data waits to be sent or acknowledged: only TCP_USER_TIMEOUT says when
/// the kernel gives up then, `tcp_retries2` does not say it in seconds.
pub fn seconds_with_data_waiting(options: &KeepaliveOptions) -> Option<u64> {
    let timeout = u64::from(options.user_timeout_ms);
    (timeout > 0).then(|| timeout.div_ceil(1000))
}

/// Under TCP_USER_TIMEOUT the first probe after that time ends the connection, however many were
/// sent, but one at least.
pub fn detection_seconds(options: &KeepaliveOptions) -> u64 {
    let KeepaliveOptions {
        idle_seconds,
        interval_seconds,
        probes,
        user_timeout_ms,
        ..
    } = *options;
    let probes = match user_timeout_ms {
        0 => probes,
        timeout => {
            let left = u64::from(timeout).saturating_sub(idle_seconds * 1000);
            left.div_ceil(interval_seconds.max(1) * 1000).max(1)
        }
    };
    idle_seconds + interval_seconds * probes
}
