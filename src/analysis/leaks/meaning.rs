//! What each kind usually means, in one line.

use super::{
    LeakKind,
    group::{Group, Key},
};
use crate::model::{SocketState, State};

pub fn meaning(key: &Key, group: &Group) -> &'static str {
    match key.kind {
        LeakKind::Unaccepted => {
            "connections that the process has not accepted: it is slow or stuck"
        }
        LeakKind::CloseWait => close_wait(key, group),
        LeakKind::DeadPeer => {
            "retransmissions or probes get no answer: the peer is gone, or the path to it is cut"
        }
        LeakKind::StuckWrite => {
            "the peer answers but takes no data: its process does not read, or reads too slowly"
        }
        LeakKind::StuckRead => "data waits, and the process read none of it between the readings",
        LeakKind::FinWait if !key.held => {
            "closed here, and the peer has not: the kernel ends them after tcp_fin_timeout"
        }
        LeakKind::FinWait => match group.states.contains_key(&FIN_WAIT2) {
            true => "the process has shut down its side and waits for a peer that does not close",
            false => "the process has shut down its side, and the peer does not acknowledge that",
        },
        LeakKind::Orphan => {
            "closed here with data or a FIN that the peer has not acknowledged: the kernel gives \
             them up in time"
        }
        LeakKind::IdleNoKeepalive => {
            "without keepalive or data this host never learns that the peer is gone"
        }
    }
}

const FIN_WAIT2: SocketState = SocketState::Connection(State::FinWait2);

/// The end of the stream leaves the receive queue only when the process reads it.
fn close_wait(key: &Key, group: &Group) -> &'static str {
    let Group {
        count,
        end_unread,
        draining,
        ..
    } = group;
    match (key.unread, draining, end_unread) {
        (true, 0, _) => {
            "the peer has closed and the process does not read its last data: it is stuck or has \
             forgotten the socket"
        }
        (true, draining, _) if draining == count => {
            "the peer has closed and the process still reads its last data"
        }
        (true, ..) => "the peer has closed; of some the process still reads the last data",
        (false, _, 0) => {
            "the peer has closed, and the process has read all that came and does not call close()"
        }
        (false, _, unread) if unread == count => {
            "the peer has closed and the process does not read the end of the stream: it is stuck \
             or has forgotten the socket"
        }
        (false, ..) => "the peer has closed and the process never calls close()",
    }
}
