//! What each kind usually means, in one line.

use super::{Key, LeakKind};

pub fn meaning(key: &Key) -> &'static str {
    match (key.kind, key.unread, key.held) {
        (LeakKind::Unaccepted, ..) => {
            "connections that the process has not accepted: it is slow or stuck"
        }
        (LeakKind::CloseWait, true, _) => {
            "the peer has closed and the process has not even read its last data: it is stuck or has \
             forgotten the socket"
        }
        (LeakKind::CloseWait, false, _) => {
            "the peer has closed and the process never calls close()"
        }
        (LeakKind::DeadPeer, ..) => {
            "data is retransmitted without an answer: the peer is gone, or the path to it is cut"
        }
        (LeakKind::StuckWrite, ..) => {
            "the peer answers but takes no data: its process does not read"
        }
        (LeakKind::StuckRead, ..) => "data waits and the process does not read it",
        (LeakKind::FinWait, _, true) => {
            "the process has shut down its side and waits for a peer that does not close"
        }
        (LeakKind::FinWait, _, false) => {
            "closed here, and the peer has not: the kernel ends them after tcp_fin_timeout"
        }
        (LeakKind::Orphan, ..) => {
            "closed here with data or a FIN that the peer has not acknowledged: the kernel gives \
             them up in time"
        }
        (LeakKind::IdleNoKeepalive, ..) => {
            "without keepalive or data this host never learns that the peer is gone"
        }
    }
}
