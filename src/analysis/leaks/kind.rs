//! What is wrong with one socket, by two readings of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::age;
use crate::model::{SocketRow, SocketState, State, TcpInfo, TimerKind};

/// Retransmissions or probes without an answer from which a peer counts as gone: after fewer it may have lost
/// a segment or two.
const UNANSWERED: u8 = 3;

/// Why sockets are left over. Each socket has at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeakKind {
    /// No process has accepted the connection.
    Unaccepted,
    /// The peer has closed, and the process has not.
    CloseWait,
    /// Data is retransmitted, or keepalive probes are sent, and no answer comes.
    DeadPeer,
    /// The peer answers, but takes no more data.
    StuckWrite,
    /// Data waits to be read, and the process reads none.
    StuckRead,
    /// The process has shut down or closed its side; the peer has not closed, or has not acknowledged.
    FinWait,
    /// Closed by the process; the kernel still has to send the rest or the end of the stream.
    Orphan,
    /// Open without data for long, and without keepalive.
    IdleNoKeepalive,
}

impl LeakKind {
    /// Its word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            LeakKind::Unaccepted => "unaccepted",
            LeakKind::CloseWait => "close_wait",
            LeakKind::DeadPeer => "dead_peer",
            LeakKind::StuckWrite => "stuck_write",
            LeakKind::StuckRead => "stuck_read",
            LeakKind::FinWait => "fin_wait",
            LeakKind::Orphan => "orphan",
            LeakKind::IdleNoKeepalive => "idle_no_keepalive",
        }
    }

    /// Whether one reading suffices to see it; only then do two show how it grows.
    pub(super) fn is_seen_at_once(self) -> bool {
        !matches!(self, LeakKind::StuckRead | LeakKind::StuckWrite)
    }
}

/// Bytes that wait to be read.
pub fn unread(socket: &SocketRow) -> u32 {
    match socket.state {
        // The end of the stream, where the process has not read it, counts as a byte.
        SocketState::Connection(State::CloseWait | State::Closing | State::LastAck) => {
            socket.receive_queue.saturating_sub(1)
        }
        _ => socket.receive_queue,
    }
}

/// How far a socket that has something queued had got at the first reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that the process has read; `None` where none wait.
    read: Option<u64>,
    /// Bytes that the peer has acknowledged; `None` where none wait for that.
    acked: Option<u64>,
}

impl Progress {
    /// `None` for a socket that cannot be stuck: without data in a queue, or without an owner.
    pub fn of(socket: &SocketRow) -> Option<Self> {
        let state = state(socket)?;
        let info = socket.info.as_ref()?;
        let progress = Progress {
            read: (unread(socket) > 0)
                .then(|| read_bytes(socket, info))
                .flatten(),
            acked: (socket.send_queue > 0)
                .then(|| info.bytes_acked())
                .flatten(),
        };
        let is_queued = progress.read.is_some() || progress.acked.is_some();
        let is_followed = is_open(state) || state == State::CloseWait;
        (is_followed && socket.inode != 0 && is_queued).then_some(progress)
    }

    /// Whether the process read something between the readings, where data waited at the first.
    pub fn reads_on(&self, socket: &SocketRow) -> Option<bool> {
        Some(self.read? != read_bytes(socket, socket.info.as_ref()?)?)
    }
}

/// What arrived in order less what still waits: two readings with the same number show that the
/// process read nothing between them, however much arrived. Both count the end of the stream
/// (`tcp_rcv_nxt_update`, net/ipv4/tcp_input.c).
fn read_bytes(socket: &SocketRow, info: &TcpInfo) -> Option<u64> {
    let received = info.bytes_received()?;
    Some(received.wrapping_sub(socket.receive_queue.into()))
}

/// What a reading shows of this socket; `earlier` is how far it had got at the reading before, and
/// `None` at the first. `idle_ms` is how long a connection may be idle without keepalive.
pub fn kind(socket: &SocketRow, earlier: Option<&Progress>, idle_ms: u64) -> Option<LeakKind> {
    let state = state(socket)?;
    let is_held = socket.inode != 0;
    if socket.is_unaccepted() {
        return Some(LeakKind::Unaccepted);
    }
    match (state, is_held) {
        (State::CloseWait, true) => return Some(LeakKind::CloseWait),
        (State::FinWait2, false) => return Some(LeakKind::FinWait),
        (State::FinWait1 | State::LastAck | State::Closing, false) => {
            return Some(LeakKind::Orphan);
        }
        (_, false) => return None,
        (_, true) => {}
    }
    if !is_open(state) {
        return (state == State::FinWait2).then_some(LeakKind::FinWait);
    }
    if earlier.and_then(|earlier| is_stuck_writer(socket, earlier)) == Some(true) {
        return Some(LeakKind::StuckWrite);
    }
    if is_dead(socket, earlier) == Some(true) {
        return Some(LeakKind::DeadPeer);
    }
    match state {
        State::FinWait1 | State::LastAck | State::Closing => Some(LeakKind::FinWait),
        State::Established if earlier.is_some_and(|earlier| is_unread(socket, earlier)) => {
            Some(LeakKind::StuckRead)
        }
        State::Established if is_idle(socket, idle_ms) => Some(LeakKind::IdleNoKeepalive),
        _ => None,
    }
}

/// Data may be sent or received, or the end of it is on its way.
fn is_open(state: State) -> bool {
    use State::{Closing, Established, FinWait1, LastAck};
    matches!(state, Established | FinWait1 | LastAck | Closing)
}

fn state(socket: &SocketRow) -> Option<State> {
    match socket.state {
        SocketState::Connection(state) => Some(state),
        _ => None,
    }
}

/// A sender that makes use of all its buffer has a full queue, too, but what is acknowledged moves.
fn is_stuck_writer(socket: &SocketRow, earlier: &Progress) -> Option<bool> {
    let (info, timer) = (socket.info.as_ref()?, socket.timer?);
    let is_unmoved = earlier.acked? == info.bytes_acked()? && socket.send_queue > 0;
    let is_refused = match timer.kind {
        // An answer sets the count of probes to 0; that to the last one may be on its way.
        TimerKind::Persist => {
            timer.retransmits == 0 || (timer.retransmits == 1 && age::is_just_probed(info, timer))
        }
        // With a closed window what was in flight is retransmitted as a probe, and the peer answers.
        TimerKind::Retransmit => {
            let is_repeated = info.backoff()? > 0 || timer.retransmits > 0;
            is_repeated && age::is_answered(info, timer)
        }
        TimerKind::Keepalive | TimerKind::TimeWait => false,
    };
    Some(is_unmoved && is_refused)
}

/// The kernel counts retransmissions from the last ACK of new data, and probes of keepalive and of a
/// closed window from the last answer, so that one reading shows it.
fn is_dead(socket: &SocketRow, earlier: Option<&Progress>) -> Option<bool> {
    let (info, timer) = (socket.info.as_ref()?, socket.timer?);
    let is_silent = match timer.kind {
        TimerKind::Retransmit => {
            let then = earlier.and_then(|earlier| earlier.acked);
            let is_unmoved = then.is_none_or(|then| Some(then) == info.bytes_acked());
            is_unmoved && !age::is_answered(info, timer)
        }
        TimerKind::Keepalive | TimerKind::Persist => true,
        TimerKind::TimeWait => false,
    };
    Some(is_silent && timer.retransmits >= UNANSWERED)
}

fn is_unread(socket: &SocketRow, earlier: &Progress) -> bool {
    unread(socket) > 0 && earlier.reads_on(socket) == Some(false)
}

/// Retransmissions and probes hide whether there is a keepalive timer, and come only where data is
/// queued.
fn is_idle(socket: &SocketRow, idle_ms: u64) -> bool {
    let is_quiet = socket.idle_ms().is_some_and(|ms| u64::from(ms) >= idle_ms);
    let is_empty = socket.send_queue == 0 && socket.receive_queue == 0;
    socket.timer.is_none() && is_empty && is_quiet
}
