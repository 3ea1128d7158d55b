//! Sockets written by hand: both sides of each rule, and what looks the same.

mod bounds;
mod closed;
mod kinds;
mod reports;

use std::time::Duration;

use super::{LeakReport, LeakTally, LeaksReport, Orphans};
use crate::model::{
    Address, Endpoint, Family, Local, Netns, SocketProtocol, SocketRow, SocketState, SocketTimer,
    State, TcpInfo, TimerKind,
};

/// Values of `tcp_info` that the rules look at.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    backoff: u8,
    timeout_ms: u32,
    data_sent_ms: u32,
    data_received_ms: u32,
    ack_ms: u32,
    acked: u64,
    received: u64,
}

impl Facts {
    fn info(self) -> TcpInfo {
        let mut bytes = [0; 248];
        bytes[4] = self.backoff;
        bytes[8..12].copy_from_slice(&(self.timeout_ms * 1000).to_ne_bytes());
        bytes[44..48].copy_from_slice(&self.data_sent_ms.to_ne_bytes());
        bytes[52..56].copy_from_slice(&self.data_received_ms.to_ne_bytes());
        bytes[56..60].copy_from_slice(&self.ack_ms.to_ne_bytes());
        bytes[120..128].copy_from_slice(&self.acked.to_ne_bytes());
        bytes[128..136].copy_from_slice(&self.received.to_ne_bytes());
        TcpInfo::new(&bytes)
    }
}

/// Of 10.0.0.1:80 with a peer on another host, held, with empty queues and no timer.
fn socket(state: State, facts: Facts) -> SocketRow {
    SocketRow {
        peer: Some(Address {
            address: [10, 0, 0, 2].into(),
            port: 40_000,
        }),
        inode: 7,
        cookie: 1,
        info: Some(facts.info()),
        ..SocketRow::bare(
            SocketProtocol::Tcp,
            SocketState::Connection(state),
            Local::Inet(Endpoint {
                family: Family::V4,
                address: [10, 0, 0, 1].into(),
                port: 80,
                interface: 0,
            }),
        )
    }
}

fn unheld(socket: SocketRow) -> SocketRow {
    SocketRow { inode: 0, ..socket }
}

fn queued(receive_queue: u32, send_queue: u32, socket: SocketRow) -> SocketRow {
    SocketRow {
        receive_queue,
        send_queue,
        ..socket
    }
}

fn timed(kind: TimerKind, expires_ms: u32, retransmits: u8, socket: SocketRow) -> SocketRow {
    SocketRow {
        timer: Some(SocketTimer {
            kind,
            expires_ms,
            retransmits,
            backoff: None,
        }),
        ..socket
    }
}

const INTERVAL: Duration = Duration::from_secs(2);

/// Two readings, each with a listener at 0.0.0.0:80 (inode 5).
fn tally(before: &[SocketRow], now: &[SocketRow]) -> LeakTally {
    tally_after(INTERVAL, before, now)
}

/// `between`: from the end of the first to the second, which begins 2 s after the first began.
fn tally_after(between: Duration, before: &[SocketRow], now: &[SocketRow]) -> LeakTally {
    let fill = |mut tally: LeakTally, sockets: &[SocketRow]| {
        tally.enter(Netns::default(), Default::default(), Some(40_000..=50_000));
        tally.add(&SocketRow {
            state: SocketState::Listen,
            local: Local::Inet(Endpoint {
                family: Family::V4,
                address: [0; 4].into(),
                port: 80,
                interface: 0,
            }),
            inode: 5,
            info: None,
            ..socket(State::Established, Facts::default())
        });
        sockets.iter().for_each(|socket| tally.add(socket));
        tally
    };
    let first = fill(LeakTally::new(Duration::from_secs(600)), before);
    fill(first.again(between, INTERVAL), now)
}

fn report(before: &[SocketRow], now: &[SocketRow]) -> LeaksReport {
    tally(before, now).report(None, Orphans::default())
}

fn ids(report: &LeaksReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id).collect()
}

fn only(report: &LeaksReport) -> &LeakReport {
    let [leak] = &report.leaks[..] else {
        panic!("{report:#?}");
    };
    leak
}

fn many(count: u64, one: &SocketRow) -> Vec<SocketRow> {
    let numbered = |cookie| SocketRow {
        cookie,
        inode: one.inode.min(1) * (100 + cookie as u32),
        ..one.clone()
    };
    (1..=count).map(numbered).collect()
}
