//! How long a socket has been left over, at least.

use super::LeakKind;
use crate::model::{
    SocketRow, SocketState, SocketTimer, State, TcpInfo,
    TimerKind::{self, Keepalive},
};

/// Waits for an answer are not doubled beyond this (`TCP_RTO_MAX`, include/net/tcp.h).
const LONGEST_WAIT_MS: u64 = 120_000;
/// Probes of a closed window are not sent sooner (`TCP_RTO_MIN`).
const SHORTEST_WAIT_MS: u64 = 200;
/// The longest tick of a kernel (CONFIG_HZ=100).
pub const TICK_MS: u64 = 10;
/// Probes of a closed window are answered no more often (`net.ipv4.tcp_invalid_ratelimit`).
const ANSWERED_EVERY_MS: u64 = 500;

/// Milliseconds; `None` where the kernel does not tell. `between_ms` is the time between the
/// readings that showed it.
pub fn at_least_ms(socket: &SocketRow, kind: LeakKind, between_ms: u64) -> Option<u64> {
    let info = socket.info.as_ref()?;
    let since = |ms: Option<u32>| ms.map(u64::from);
    match kind {
        LeakKind::Unaccepted => since(info.last_data_sent_ms()),
        // An ACK came with the segment that led to these states.
        LeakKind::CloseWait => since(info.last_ack_received_ms()),
        LeakKind::FinWait | LeakKind::Orphan => match socket.state {
            SocketState::Connection(State::FinWait2) => since(info.last_ack_received_ms()),
            _ => waiting_ms(info, socket.timer?),
        },
        LeakKind::IdleNoKeepalive => since(socket.idle_ms()),
        // What came last waits at least since then.
        LeakKind::StuckRead => since(info.last_data_received_ms()).map(|ms| ms.max(between_ms)),
        LeakKind::StuckWrite | LeakKind::DeadPeer => {
            if let Some(timer) = socket.timer.filter(|timer| timer.kind == Keepalive) {
                return Some(probed_ms(timer));
            }
            let waiting = socket.timer.and_then(|timer| waiting_ms(info, timer));
            Some(waiting.unwrap_or(0).max(between_ms))
        }
    }
}

/// How long the kernel has been waiting for the peer: the waits so far, each twice as long as the
/// one before it, and the part of this one that is over.
fn waiting_ms(info: &TcpInfo, timer: SocketTimer) -> Option<u64> {
    let timeout = u64::from(info.timeout_us()?) / 1000;
    let backoff = u32::from(info.backoff()?).min(63);
    let first = match timer.kind {
        // The timer may be that of a tail loss probe, which is set sooner.
        TimerKind::Retransmit if backoff == 0 && timer.retransmits == 0 => return None,
        TimerKind::Retransmit => timeout >> backoff,
        TimerKind::Persist => timeout.max(SHORTEST_WAIT_MS),
        Keepalive | TimerKind::TimeWait => return None,
    };
    let wait = |doubled: u32| {
        let wait = u128::from(first) << doubled;
        wait.min(LONGEST_WAIT_MS.into()) as u64
    };
    let over = (0..backoff).map(wait).sum::<u64>();
    let this = wait(backoff).saturating_sub(timer.expires_ms.into());
    // Nothing new was sent since the peer took the last data.
    let sent = info.last_data_sent_ms().map_or(u64::MAX, u64::from);
    Some(match timer.kind {
        TimerKind::Persist => (over + this).min(sent),
        _ => over + this,
    })
}

/// Probes of keepalive are all as far apart, and at least as far as the next one is away.
fn probed_ms(timer: SocketTimer) -> u64 {
    u64::from(timer.retransmits.saturating_sub(1)) * u64::from(timer.expires_ms)
}

/// Whether the answer to the last probe of a closed window may be on its way, or the peer need not
/// send one so soon after its last.
pub fn is_just_probed(info: &TcpInfo, timer: SocketTimer) -> bool {
    let (Some(timeout), Some(backoff)) = (info.timeout_us(), info.backoff()) else {
        return false;
    };
    let timeout = (u64::from(timeout) / 1000).max(SHORTEST_WAIT_MS);
    let wait = u128::from(timeout) << u32::from(backoff).min(63);
    let wait = wait.min(LONGEST_WAIT_MS.into()) as u64;
    let since_this = wait.saturating_sub(timer.expires_ms.into());
    let silent = info.last_ack_received_ms().map(u64::from);
    let need_not = since_this + ANSWERED_EVERY_MS + 2 * TICK_MS;
    since_this <= timeout || silent.is_some_and(|silent| silent < need_not)
}

/// Whether an ACK answered this retransmission or the one before it.
pub fn is_answered(info: &TcpInfo, timer: SocketTimer) -> bool {
    let (Some(timeout), Some(silent)) = (info.timeout_us(), info.last_ack_received_ms()) else {
        return false;
    };
    let timeout = u64::from(timeout) / 1000;
    let since_this = timeout.saturating_sub(timer.expires_ms.into());
    u64::from(silent) < since_this + timeout / 2
}
