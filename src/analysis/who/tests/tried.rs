//! What follows from a bind() that was called.

use super::words::{asked, socket, time_wait};
use crate::{
    analysis::who::{
        Asked, BindReport, Holder, Holders, Limits,
        Verdict::{self, Denied, InUse, Ok},
        WhoReport, report, unjudged,
    },
    model::{Netns, SocketProtocol, SocketRow, SocketState, State},
};

/// bind() over TCP returned these for no option, SO_REUSEADDR, SO_REUSEPORT and both; over UDP it
/// succeeded.
fn tried(sockets: &[SocketRow], limits: Limits, returned: [Verdict; 4]) -> WhoReport {
    let (netns, interfaces) = (Netns::default(), Default::default());
    let holder = |socket| Holder {
        netns: &netns,
        interfaces: &interfaces,
        is_here: true,
        socket,
        options: None,
    };
    let found = Holders {
        sockets: sockets.iter().map(holder).collect(),
        ..Holders::default()
    };
    let row = |row: BindReport| {
        let [plain, reuseaddr, reuseport, both] = match row.protocol {
            SocketProtocol::Udp => [Ok; 4],
            _ => returned,
        }
        .map(Some);
        BindReport {
            plain,
            reuseaddr,
            reuseport,
            both,
            tried: true,
            ..row
        }
    };
    let asked = Asked {
        uid: 1000,
        ..asked()
    };
    let rows = unjudged(&asked, &limits).into_iter();
    let limits = Limits {
        tried: rows.map(row).collect(),
        sees_bound: true,
        ..limits
    };
    report(&asked, &limits, &found)
}

#[test]
fn what_to_do_follows_from_what_bind_returned() {
    let admitted = tried(
        &[time_wait(1500)],
        Limits::default(),
        [InUse, Ok, InUse, Ok],
    );
    assert_eq!(
        admitted.advice[1..],
        ["set SO_REUSEADDR before bind(): bind() then succeeds"]
    );
    let because = admitted.bind[0].because.as_deref();
    let expected = "127.0.0.1:8080 is held by a connection in time_wait; that socket or another \
                    rules out SO_REUSEPORT";
    assert_eq!(because, Some(expected));
    let refused = tried(&[time_wait(1500)], Limits::default(), [InUse; 4]);
    assert_eq!(refused.advice[1..], ["bind another port or address"]);
    let because = refused.bind[0].because.as_deref().expect("it is refused");
    assert!(
        because.contains("that socket or another rules out SO_REUSEADDR"),
        "{because}"
    );
}

#[test]
fn a_socket_that_no_process_has_open_is_not_put_down_to_root() {
    let closing = SocketState::Connection(State::FinWait1);
    let because = |inode| {
        let report = tried(&[socket(closing, inode)], Limits::default(), [InUse; 4]);
        report.bind[0].because.clone().expect("it is refused")
    };
    let of_nobody = because(0);
    assert!(
        of_nobody.contains("is open in no process and counts as uid 0, not 1000"),
        "{of_nobody}"
    );
    let of_root = because(7);
    assert!(of_root.contains("belongs to uid 0, not 1000"), "{of_root}");
}

#[test]
fn a_port_that_bind_refuses_is_not_called_free() {
    let report = tried(&[], Limits::default(), [InUse; 4]);
    let answer = "nothing that this kernel reports holds port 8080";
    assert_eq!(report.answer, answer);
    assert_eq!(report.bind[0].because, None);
    let free = tried(&[], Limits::default(), [Ok; 4]);
    assert_eq!(free.answer, "nothing holds port 8080");
}

/// Of a program that has the capability, or of a port that needs none.
#[test]
fn a_port_that_no_capability_opens_is_refused_by_something_else() {
    let because = |may_bind_privileged, start| {
        let limits = Limits {
            may_bind_privileged: Some(may_bind_privileged),
            unprivileged_port_start: Some(start),
            ..Limits::default()
        };
        let report = tried(&[], limits, [Denied; 4]);
        report.bind[0].because.clone().expect("it is refused")
    };
    assert!(because(false, 9000).contains("CAP_NET_BIND_SERVICE"));
    assert!(because(true, 9000).contains("security module"));
    assert!(because(false, 1024).contains("security module"));
}

#[test]
fn what_could_not_be_concluded_is_known_when_it_was_tried() {
    let bound = [socket(SocketState::Bound, 7)];
    let report = tried(&bound, Limits::default(), [InUse, Ok, InUse, Ok]);
    assert_eq!(report.incomplete, []);
}
