//! The rules on reports written by hand.

use std::collections::BTreeMap;

use super::*;
use crate::{
    analysis::{
        Severity::Info,
        queues::{AcceptQueue, Cookie, LimitSetBy, ReceiveQueue, SynQueue},
    },
    model::{Filter, Local, Owner},
};

/// A TCP listener on 0.0.0.0:8080 with a limit of 8, whose queue is as long as its state says.
pub fn listener(cookie: u64, length: u32) -> ListenerReport {
    ListenerReport {
        netns: Netns::default(),
        protocol: Protocol::Tcp,
        local: LocalReport::Inet {
            address: [0, 0, 0, 0].into(),
            port: 8080,
            interface: None,
        },
        state: if length > 8 { State::Full } else { State::Ok },
        accept_queue: Some(AcceptQueue {
            length,
            limit: 8,
            fill_ratio: f64::from(length) / 9.0,
            limit_set_by: Some(LimitSetBy::Application),
            oldest_wait_ms: None,
            abandoned: None,
            waiting_bytes: None,
            sampled: None,
        }),
        receive_queue: None,
        syn_queue: Some(SynQueue {
            length: Some(0),
            limit: Some(8),
            cookies: Some(1),
            ..SynQueue::default()
        }),
        drops: Some(0),
        drops_delta: None,
        drops_per_second: None,
        reuseport_members: 1,
        uid: None,
        inode: cookie as u32,
        cookie: Cookie(cookie),
        cgroup: None,
        unit: None,
        owners: vec![Owner {
            pid: 4120 + cookie as u32,
            name: "api".to_owned(),
            fd: 3,
        }],
        owners_complete: true,
        fullest: None,
        v6only: false,
    }
}

fn found(listeners: Vec<ListenerReport>) -> Vec<Finding> {
    findings(&QueueReport {
        listeners,
        ..QueueReport::default()
    })
}

fn ids(listeners: Vec<ListenerReport>) -> Vec<&'static str> {
    found(listeners).iter().map(|finding| finding.id).collect()
}

fn limited_by(by: Option<LimitSetBy>, length: u32) -> ListenerReport {
    let mut listener = listener(1, length);
    if let Some(queue) = &mut listener.accept_queue {
        queue.limit_set_by = by;
    }
    listener
}

/// The sockets of a SO_REUSEPORT group.
fn group(lengths: &[u32]) -> Vec<ListenerReport> {
    let members = (1..).zip(lengths);
    let members = members.map(|(cookie, length)| ListenerReport {
        reuseport_members: lengths.len() as u32,
        ..listener(cookie, *length)
    });
    members.collect()
}

#[test]
fn a_queue_is_full_above_its_limit() {
    assert!(ids(vec![listener(1, 8)]).is_empty());
    let found = found(vec![listener(1, 9)]);
    assert_eq!(found[0].id, "accept_queue_full");
    assert_eq!(found[0].severity, Critical);
    assert_eq!(
        found[0].message,
        "accept queue full, 9 waiting, limit 8 from the application's listen()"
    );
    assert!(found[0].inferred, "why it is not drained is not known");
    assert_eq!(
        found[0].next,
        [
            "sockdiag queues :8080 -w",
            "sockdiag fds --pid 4121 --types --why"
        ]
    );
}

/// Drops since the socket was created may be old, so that they prove no overflow now.
#[test]
fn an_overflow_needs_drops_in_the_interval() {
    let overflowing = |drops_delta| ListenerReport {
        state: State::Overflowing,
        drops: Some(84),
        drops_delta,
        ..listener(1, 9)
    };
    assert_eq!(ids(vec![overflowing(None)]), ["accept_queue_full"]);
    assert_eq!(ids(vec![overflowing(Some(2))]), ["accept_queue_overflow"]);
    let drained = ListenerReport {
        accept_queue: listener(1, 0).accept_queue,
        ..overflowing(Some(2))
    };
    let found = found(vec![drained]);
    assert!(
        found[0]
            .message
            .starts_with("accept queue was full, 2 packets dropped")
    );
}

/// Drops for another reason (no route, a security module) leave the state as it is.
#[test]
fn drops_of_a_queue_with_room_are_no_overflow() {
    let dropping = ListenerReport {
        drops_delta: Some(2),
        ..listener(1, 3)
    };
    assert!(ids(vec![dropping]).is_empty());
}

#[test]
fn the_remedy_is_for_whoever_set_the_limit() {
    let remedy = |by| found(vec![limited_by(by, 9)]).remove(0).remedy;
    assert!(remedy(Some(LimitSetBy::Application))[0].contains("larger backlog than 8"));
    let by_cap = remedy(Some(LimitSetBy::Somaxconn));
    assert_eq!(by_cap[0], "sysctl -w net.core.somaxconn=4096");
    assert!(by_cap[1].contains("listen() again"));
    assert!(remedy(None)[0].contains("whichever is smaller"));
    let mut elsewhere = limited_by(Some(LimitSetBy::Somaxconn), 9);
    elsewhere.netns.name = Some("web".to_owned());
    let inside = "ip netns exec web sysctl -w net.core.somaxconn=4096";
    assert_eq!(found(vec![elsewhere])[0].remedy[0], inside);
}

#[test]
fn abandoned_connections_are_counted() {
    let message = |abandoned| {
        let mut listener = listener(1, 9);
        listener.accept_queue.as_mut().unwrap().abandoned = abandoned;
        found(vec![listener]).remove(0).message
    };
    assert!(message(Some(9)).ends_with("all 9 waiting were already abandoned by the client"));
    assert!(message(Some(2)).ends_with("2 of the 9 waiting were already abandoned by the client"));
    assert_eq!(message(Some(0)), message(None));
}

#[test]
fn a_stale_limit_is_worse_where_it_overflows() {
    let severities = |listener: ListenerReport| -> Vec<_> {
        let stale = found(vec![listener])
            .into_iter()
            .filter(|finding| finding.id == "limit_stale");
        stale.map(|finding| finding.severity).collect()
    };
    let stale = limited_by(Some(LimitSetBy::Stale), 9);
    assert_eq!(severities(limited_by(Some(LimitSetBy::Stale), 0)), [Info]);
    assert_eq!(
        severities(stale.clone()),
        [Info],
        "full, and nothing dropped since"
    );
    let overflowing = ListenerReport {
        state: State::Overflowing,
        drops_delta: Some(1),
        ..stale
    };
    assert_eq!(severities(overflowing), [Warning]);
    assert!(severities(limited_by(Some(LimitSetBy::Somaxconn), 9)).is_empty());
}

#[test]
fn one_full_socket_of_a_group_with_room_is_stuck() {
    let found = found(group(&[0, 9, 3, 0]));
    assert_eq!(found[1].id, "reuseport_member_stuck");
    assert_eq!(
        found[1].message,
        "1 of 4 SO_REUSEPORT sockets full, others have room: owned by api (4122)"
    );
    assert_eq!(found[1].next[0], "sockdiag fds --pid 4122 --types --why");
    assert!(
        found[1].inferred,
        "its process may be slow, or a BPF program may steer"
    );
}

/// All are full under load, and none has room where the others are more than half full.
#[test]
fn a_group_that_is_full_altogether_has_no_stuck_member() {
    assert_eq!(ids(group(&[9, 9])), ["accept_queue_full"]);
    assert_eq!(ids(group(&[9, 5])), ["accept_queue_full"]);
    assert_eq!(ids(group(&[9, 4])).len(), 2);
    assert_eq!(ids(group(&[9])), ["accept_queue_full"]);
}

#[test]
fn sockets_of_different_addresses_are_no_group() {
    let mut sockets = group(&[9, 0]);
    sockets[1].v6only = true;
    sockets[0].reuseport_members = 1;
    sockets[1].reuseport_members = 1;
    assert_eq!(ids(sockets), ["accept_queue_full"]);
}

#[test]
fn members_that_a_selection_hides_are_counted() {
    let mut sockets = group(&[9, 0, 0, 0]);
    sockets.truncate(2);
    let found = found(sockets);
    assert!(
        found[1].message.starts_with("at least 1 of 4"),
        "{}",
        found[1].message
    );
}

#[test]
fn folding_and_cutting_keep_the_findings() {
    let mut report = QueueReport {
        listeners: group(&[0, 9, 0, 0]),
        ..QueueReport::default()
    };
    report.conclude();
    let before = report.findings.clone();
    report.fold();
    report.listeners.clear();
    assert_eq!(report.findings, before);
    assert!(before[1].message.contains("1 of 4") && before[1].message.contains("4122"));
}

#[test]
fn a_full_syn_queue_drops_or_sends_cookies() {
    let syn = |length, cookies| ListenerReport {
        syn_queue: Some(SynQueue {
            length: Some(length),
            limit: Some(8),
            cookies: Some(cookies),
            ..SynQueue::default()
        }),
        ..listener(1, 0)
    };
    assert!(ids(vec![syn(8, 0)]).is_empty());
    assert_eq!(ids(vec![syn(9, 0)]), ["syn_queue_full"]);
    assert_eq!(ids(vec![syn(9, 1)]), ["syn_cookies_active"]);
    assert!(
        ids(vec![syn(9, 2)]).is_empty(),
        "every SYN is answered with a cookie"
    );
    assert!(
        found(vec![syn(9, 0)])[0].inferred,
        "a flood, or a limit too small"
    );
}

fn flooded(
    length: u32,
    unanswered: u32,
    peers: u32,
    cookies: Option<(u64, u64)>,
) -> ListenerReport {
    ListenerReport {
        syn_queue: Some(SynQueue {
            length: Some(length),
            unanswered: Some(unanswered),
            peers: Some(peers),
            limit: Some(8),
            cookies: Some(if cookies.is_some() { 1 } else { 0 }),
            cookies_sent: cookies.map(|(sent, _)| sent),
            cookies_validated: cookies.map(|(_, validated)| validated),
            ..SynQueue::default()
        }),
        ..listener(1, 0)
    }
}

#[test]
fn many_addresses_that_never_answer_are_a_flood() {
    let id = |listener| ids(vec![listener])[0];
    for cookies in [None, Some((1000, 0)), Some((1000, 99))] {
        let found = found(vec![flooded(16, 8, 8, cookies)]);
        assert_eq!(ids(vec![flooded(16, 8, 8, cookies)]), ["syn_flood"]);
        assert!(found[0].inferred, "no route back looks the same");
    }
    assert_eq!(
        id(flooded(5000, 5000, 256, None)),
        "syn_flood",
        "256 or more"
    );
    // Few of them: a burst. From few addresses: one client, or a balancer. Young: a burst.
    assert_eq!(id(flooded(15, 15, 15, None)), "syn_queue_full");
    assert_eq!(id(flooded(16, 16, 7, None)), "syn_queue_full");
    assert_eq!(id(flooded(16, 7, 16, None)), "syn_queue_full");
    // The clients are there.
    assert_eq!(
        id(flooded(16, 16, 16, Some((1000, 100)))),
        "syn_cookies_active"
    );
}

/// The socket counts drops of either queue.
#[test]
fn drops_of_a_full_syn_queue_are_not_those_of_the_accept_queue() {
    let mut both = listener(1, 3);
    both.state = State::Overflowing;
    both.drops_delta = Some(5);
    both.syn_queue = Some(SynQueue {
        length: Some(9),
        limit: Some(8),
        cookies: Some(0),
        ..SynQueue::default()
    });
    assert_eq!(ids(vec![both]), ["syn_queue_full"]);
}

#[test]
fn a_syn_queue_is_found_once_for_all_members() {
    let mut members = group(&[0, 0]);
    for member in &mut members {
        member.syn_queue.as_mut().unwrap().length = Some(9);
    }
    assert_eq!(ids(members), ["syn_cookies_active"]);
}

/// Datagrams are also dropped for a wrong checksum or by a filter, with room in the buffer.
#[test]
fn a_receive_buffer_overflows_where_it_is_full() {
    let udp = |state, drops_delta| ListenerReport {
        protocol: Protocol::Udp,
        state,
        accept_queue: None,
        syn_queue: None,
        receive_queue: Some(ReceiveQueue {
            bytes: 900,
            limit_bytes: Some(1000),
            fill_ratio: Some(0.9),
        }),
        drops_delta,
        ..listener(1, 0)
    };
    assert_eq!(
        ids(vec![udp(State::Overflowing, Some(3))]),
        ["udp_receive_overflow"]
    );
    assert_eq!(ids(vec![udp(State::Full, None)]), ["udp_receive_overflow"]);
    let mut dropped = udp(State::Overflowing, None);
    dropped.drops = Some(7);
    let message = &found(vec![dropped])[0].message;
    let expected = "receive buffer full, 900 bytes; 7 datagrams dropped since it was created";
    assert_eq!(message, expected);
    assert!(ids(vec![udp(State::Busy, Some(3))]).is_empty());
    let next = &found(vec![udp(State::Full, None)])[0].next[0];
    assert_eq!(next, "sockdiag queues -u :8080 -w");
}

#[test]
fn commands_name_the_namespace_and_quote_the_address() {
    let mut named = listener(1, 9);
    named.netns.name = Some("web".to_owned());
    named.local = LocalReport::Inet {
        address: std::net::Ipv6Addr::LOCALHOST.into(),
        port: 80,
        interface: None,
    };
    let found = found(vec![named]);
    assert_eq!(
        found[0].next[0],
        "sockdiag queues '[::1]:80' -w --netns web"
    );
    assert_eq!(
        found[0].netns.as_ref().unwrap().name.as_deref(),
        Some("web")
    );
}

#[test]
fn the_filter_that_is_suggested_finds_a_listener_that_is_bound_to_an_interface() {
    for (address, expected) in [
        ("10.0.0.1", "sockdiag queues 10.0.0.1:80 -w"),
        ("fe80::1", "sockdiag queues '[fe80::1]:80' -w"),
        ("0.0.0.0", "sockdiag queues :80 -w"),
    ] {
        let local = LocalReport::Inet {
            address: address.parse().expect("an address"),
            port: 80,
            interface: Some("eth0".to_owned()),
        };
        let bound = ListenerReport {
            local,
            ..listener(1, 9)
        };
        assert_eq!(found(vec![bound])[0].next[0], expected);
    }
}

/// Two sockets of one path are an old and a new one.
#[test]
fn unix_sockets_of_one_path_are_no_group() {
    let unix = |cookie, length| ListenerReport {
        protocol: Protocol::Unix,
        local: LocalReport::Unix {
            path: "/run/api.sock".to_owned(),
        },
        syn_queue: None,
        drops: None,
        ..listener(cookie, length)
    };
    let found = found(vec![unix(1, 9), unix(2, 9)]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].next[0], "sockdiag queues /run/api.sock -w");
}

#[test]
fn the_filter_that_is_suggested_finds_the_unix_socket() {
    for (name, filter) in [
        (&b"/run/api.sock"[..], "/run/api.sock"),
        (b"/run/my api.sock", "/run/my*api.sock"),
        (b"api.sock", "unix:api.sock"),
        (b"\0api", "unix:@api"),
        (b"\0a\0b", "unix:@a@b"),
        (b"\0-a (b)=!c'\x1b\xff", "unix:@-a**b***c***"),
        (b"\0or", "unix:@or"),
    ] {
        let local = Local::Unix(name.to_vec());
        let LocalReport::Unix { path } = LocalReport::new(&local, &BTreeMap::new()) else {
            panic!("{name:?}");
        };
        assert_eq!(unix_pattern(&path), filter);
        let parsed = Filter::parse(filter).expect(filter);
        assert!(parsed.accepts(&local), "{filter}");
    }
}
