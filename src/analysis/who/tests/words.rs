//! The sentence, and what to do.

use super::address;
use crate::{
    analysis::{
        incomplete::out_of_time,
        who::{Asked, Holder, Holders, Limits, WhoReport, report},
    },
    model::{
        Endpoint, Family, Local, Netns, Owner, Owners, PortOptions, SocketProtocol, SocketRow,
        SocketState, SocketTimer, State, TimerKind,
    },
};

pub(super) fn socket(state: SocketState, inode: u32) -> SocketRow {
    SocketRow {
        inode,
        cookie: inode.into(),
        ..SocketRow::bare(
            SocketProtocol::Tcp,
            state,
            Local::Inet(Endpoint {
                family: Family::V4,
                address: address("127.0.0.1"),
                port: 8080,
                interface: 0,
            }),
        )
    }
}

pub(super) fn time_wait(expires_ms: u32) -> SocketRow {
    SocketRow {
        timer: Some(SocketTimer {
            backoff: None,
            kind: TimerKind::TimeWait,
            expires_ms,
            retransmits: 0,
        }),
        ..socket(SocketState::Connection(State::TimeWait), 0)
    }
}

pub(super) fn asked() -> Asked {
    Asked {
        target: ":8080".to_owned(),
        port: Some(8080),
        ..Asked::default()
    }
}

pub(super) fn told(
    sockets: &[SocketRow],
    options: Option<PortOptions>,
    owners: &Owners,
) -> WhoReport {
    let limits = Limits {
        sees_bound: true,
        ..Limits::default()
    };
    let (netns, interfaces) = Default::default();
    let netns: Netns = netns;
    let holder = |socket| Holder {
        netns: &netns,
        interfaces: &interfaces,
        is_here: true,
        socket,
        options,
    };
    let found = Holders {
        sockets: sockets.iter().map(holder).collect(),
        owners: Some(owners),
        searched: true,
        ..Holders::default()
    };
    report(&asked(), &limits, &found)
}

pub(super) fn api() -> Owners {
    let owner = Owner {
        pid: 812,
        name: "api".to_owned(),
        fd: 3,
    };
    Owners {
        by_inode: [(7, vec![owner])].into(),
        cgroups: [(812, "/system.slice/api.service".to_owned())].into(),
        complete: true,
        ..Owners::default()
    }
}

#[test]
fn a_listener_of_a_unit_is_stopped_by_systemd() {
    let report = told(&[socket(SocketState::Listen, 7)], None, &api());
    let answer = "port 8080 is held by 1 listener of api (812) at 127.0.0.1:8080";
    assert_eq!(report.answer, answer);
    assert_eq!(
        report.advice[0],
        "end api (812): systemctl stop api.service"
    );
    assert_eq!(report.holders[0].unit.as_deref(), Some("api.service"));
}

/// A listener is open until the last of those who share it has closed it.
#[test]
fn a_socket_that_several_processes_share_is_ended_by_all_of_them() {
    let owner = |pid| Owner {
        pid,
        name: "api".to_owned(),
        fd: 3,
    };
    let owners = Owners {
        by_inode: [(7, vec![owner(812), owner(813)])].into(),
        complete: true,
        ..Owners::default()
    };
    let report = told(&[socket(SocketState::Listen, 7)], None, &owners);
    assert_eq!(
        report.advice[0],
        "end all 2 processes that have it open: kill 812 813"
    );
}

#[test]
fn an_owner_that_is_not_known_is_not_left_out() {
    let report = told(&[socket(SocketState::Listen, 9)], None, &api());
    let answer = "port 8080 is held by 1 listener at 127.0.0.1:8080 (owner not known)";
    assert_eq!(report.answer, answer);
}

#[test]
fn a_port_is_called_free_only_where_every_socket_would_be_seen() {
    let answer = |sees_bound| {
        let limits = Limits {
            sees_bound,
            ..Limits::default()
        };
        report(&asked(), &limits, &Holders::default()).answer
    };
    assert_eq!(answer(true), "nothing holds port 8080");
    let unseen = "nothing that this kernel reports holds port 8080";
    assert_eq!(answer(false), unseen);
}

#[test]
fn it_is_said_why_sockets_that_are_only_bound_are_not_seen() {
    let limits = Limits {
        bound_refused: Some("loading a program: Operation not permitted".to_owned()),
        ..Limits::default()
    };
    let report = report(&asked(), &limits, &Holders::default());
    let bound = report.incomplete.iter().find(|one| one.what == "bound");
    let why = &bound.expect("it is said").why;
    assert!(
        why.ends_with("; loading a program: Operation not permitted"),
        "{why}"
    );
}

#[test]
fn a_udp_wildcard_that_may_miss_a_socket_is_left_open_and_said_to_be() {
    let limits = Limits {
        sees_bound: true,
        udp_wildcard_may_miss: true,
        ..Limits::default()
    };
    let udp = SocketRow {
        protocol: SocketProtocol::Udp,
        ..socket(SocketState::Close, 7)
    };
    let (netns, interfaces) = (Netns::default(), Default::default());
    let holder = Holder {
        netns: &netns,
        interfaces: &interfaces,
        is_here: true,
        socket: &udp,
        options: None,
    };
    let found = Holders {
        sockets: vec![holder],
        ..Holders::default()
    };
    let report = report(&asked(), &limits, &found);
    assert_eq!(report.bind[1].plain, None);
    let [missing] = &report.incomplete[..] else {
        panic!("{:?}", report.incomplete)
    };
    assert!(missing.why.contains("UDP wildcard"), "{}", missing.why);
}

#[test]
fn time_waits_alone_are_over_when_the_last_is() {
    let report = told(&[time_wait(1500), time_wait(41_200)], None, &api());
    assert!(
        report.advice[0].starts_with("wait 42 s"),
        "{:?}",
        report.advice
    );
    let with_listener = [time_wait(1500), socket(SocketState::Listen, 7)];
    let report = told(&with_listener, None, &api());
    assert!(!report.advice.iter().any(|line| line.starts_with("wait")));
}

#[test]
fn an_option_is_advised_only_where_it_makes_every_refused_bind_succeed() {
    let bound = [socket(SocketState::Bound, 7)];
    let options = |reuseaddr, reuseport| {
        Some(PortOptions {
            reuseaddr,
            reuseport,
            v6only: None,
        })
    };
    let advice = |options| told(&bound, options, &api()).advice.join("\n");
    assert!(advice(options(true, false)).contains("set SO_REUSEADDR before"));
    assert!(advice(options(false, true)).contains("set SO_REUSEPORT before"));
    assert!(advice(options(false, false)).contains("bind another port"));
}

/// Before Linux 6.17 the kernel gives 0 for what no process has open.
#[test]
fn an_orphan_has_no_user() {
    let orphan = |uid| SocketRow {
        uid,
        ..socket(SocketState::Connection(State::FinWait1), 0)
    };
    let sockets = [
        orphan(0),
        orphan(33),
        time_wait(1500),
        socket(SocketState::Listen, 7),
    ];
    let report = told(&sockets, None, &api());
    let mut users: Vec<_> = report.holders.iter().map(|row| row.uid).collect();
    users.sort_unstable();
    assert_eq!(users, [None, None, Some(0), Some(33)]);
}

/// A socket on an interface of a VRF has a table of its own.
#[test]
fn the_reason_names_a_socket_that_excludes_the_bind() {
    let on = |interface| {
        let local = Endpoint {
            family: Family::V4,
            address: address("127.0.0.1"),
            port: 8080,
            interface,
        };
        SocketRow {
            local: Local::Inet(local),
            ..socket(SocketState::Listen, 7)
        }
    };
    let connection = socket(SocketState::Connection(State::Established), 8);
    let report = told(&[on(7), connection], None, &api());
    let because = report.bind[0].because.as_deref().expect("it is refused");
    assert!(
        because.starts_with("127.0.0.1:8080 is held by a connection"),
        "{because}"
    );
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let report = told(
        &[socket(SocketState::Listen, 7)],
        None,
        &out_of_time::owners(),
    );
    out_of_time::assert_names(&report.incomplete, "sockdiag who :8080");
}
