//! Reports on readings written by hand.

use std::time::Duration;

use super::*;
use crate::analysis::incomplete::out_of_time;
use crate::model::{
    CounterId, Counters, Endpoint, Families, Family, ListenLimits, Listener, Local, Netns,
    NetnsSnapshot, Protocol, Queue, Snapshot, Waiting,
    snapshot::{HalfOpen, Listeners, Requests, WaitingConnections},
};

fn endpoint(port: u16) -> Endpoint {
    let address = "127.0.0.1".parse().unwrap();
    Endpoint {
        family: Family::V4,
        address,
        port,
        interface: 0,
    }
}

fn listener(cookie: u64, port: u16, length: u32, drops: u32) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(endpoint(port)),
        v6only: None,
        queue: Queue::Accept { length, limit: 8 },
        drops: Some(drops),
        uid: Some(0),
        inode: cookie as u32,
        cookie,
        cgroup_id: None,
    }
}

fn requests(count: u32) -> Requests {
    Requests {
        count,
        ..Requests::default()
    }
}

fn udp(cookie: u64, bytes: u32, drops: u32) -> Listener {
    let queue = Queue::Receive {
        bytes,
        limit_bytes: Some(1000),
    };
    Listener {
        protocol: Protocol::Udp,
        queue,
        ..listener(cookie, 53, 0, drops)
    }
}

fn reading(listeners: Vec<Listener>, overflows: i128) -> Snapshot {
    let limits = ListenLimits {
        somaxconn: Some(4096),
        tcp_max_syn_backlog: Some(1024),
        tcp_syncookies: Some(1),
    };
    let overflows = (CounterId::new("TcpExt", "ListenOverflows"), overflows);
    let mut namespace = NetnsSnapshot {
        netns: Netns {
            inode: Some(1),
            name: None,
            ..Netns::default()
        },
        listeners: Some(Listeners {
            sockets: listeners,
            ..Listeners::default()
        }),
        counters: Counters {
            values: vec![overflows],
        },
        ..NetnsSnapshot::default()
    };
    namespace.settings.listen = limits;
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

fn once(now: &Snapshot) -> QueueReport {
    report(now, None, &Selection::default())
}

fn since(before: &Snapshot, now: &Snapshot) -> QueueReport {
    report(
        now,
        Some((before, Duration::from_secs(2))),
        &Selection::default(),
    )
}

fn of(report: &QueueReport, cookie: u64) -> &ListenerReport {
    report
        .listeners
        .iter()
        .find(|listener| listener.cookie == Cookie(cookie))
        .unwrap()
}

#[test]
fn full_is_greater_than_the_limit() {
    for (length, state, fill) in [
        (0, State::Idle, 0.0),
        (4, State::Ok, 4.0 / 9.0),
        (5, State::Busy, 5.0 / 9.0),
        (8, State::Busy, 8.0 / 9.0),
        (9, State::Full, 1.0),
    ] {
        let report = once(&reading(vec![listener(1, 80, length, 0)], 0));
        assert_eq!(report.listeners[0].state, state, "{length} of 8");
        assert_eq!(report.listeners[0].fill_ratio(), Some(fill));
    }
}

#[test]
fn full_with_drops_is_overflowing_and_drops_without_it_are_not() {
    let report = once(&reading(
        vec![listener(1, 80, 9, 3), listener(2, 81, 8, 3)],
        3,
    ));
    assert_eq!(of(&report, 1).state, State::Overflowing);
    assert_eq!(of(&report, 2).state, State::Busy);
}

#[test]
fn a_queue_that_drained_again_overflowed_where_nobody_else_can_have() {
    let before = reading(vec![listener(1, 80, 0, 0), listener(2, 81, 0, 0)], 5);
    let state = |now: &Snapshot, cookie| of(&since(&before, now), cookie).state;
    let drained = reading(vec![listener(1, 80, 0, 7), listener(2, 81, 0, 0)], 12);
    assert_eq!(state(&drained, 1), State::Overflowing);
    let no_overflow = reading(vec![listener(1, 80, 0, 7), listener(2, 81, 0, 0)], 5);
    assert_eq!(state(&no_overflow, 1), State::Idle, "other drops");
    let two = reading(vec![listener(1, 80, 0, 7), listener(2, 81, 0, 1)], 12);
    assert_eq!(state(&two, 2), State::Idle, "which of them is not known");
    let restarted = reading(vec![listener(1, 80, 0, 1), listener(3, 81, 0, 0)], 12);
    assert_eq!(
        state(&restarted, 1),
        State::Idle,
        "the one that was closed may have had them"
    );
    let later = reading(vec![listener(1, 80, 0, 6), listener(2, 81, 0, 0)], 12);
    assert_eq!(
        state(&later, 1),
        State::Overflowing,
        "the counter was read a moment later"
    );
    let too_few = reading(vec![listener(1, 80, 0, 5), listener(2, 81, 0, 0)], 12);
    assert_eq!(
        state(&too_few, 1),
        State::Idle,
        "fewer drops than overflows"
    );
    let mut half_seen = reading(vec![listener(1, 80, 0, 7)], 12);
    let listeners = half_seen.namespaces[0].listeners.as_mut().unwrap();
    listeners.families = Families {
        v4: true,
        v6: false,
    };
    assert_eq!(
        state(&half_seen, 1),
        State::Idle,
        "the other family was not asked for"
    );
}

#[test]
fn a_udp_socket_that_drops_overflows_though_it_is_never_quite_full() {
    let before = reading(vec![udp(1, 900, 3), udp(2, 900, 3)], 0);
    let report = since(&before, &reading(vec![udp(1, 900, 8), udp(2, 900, 3)], 0));
    assert_eq!(of(&report, 1).state, State::Overflowing);
    assert_eq!(of(&report, 2).state, State::Busy);
    assert_eq!(of(&report, 1).accept_queue, None);
    assert_eq!(of(&report, 1).reuseport_members, 2);
}

/// Without an earlier reading drops may be old, so what is there now must show that more follow.
#[test]
fn a_udp_socket_that_has_dropped_overflows_while_no_packet_fits() {
    let state = |bytes, drops| {
        let limit_bytes = Some(8192);
        let mut socket = udp(1, 0, drops);
        socket.queue = Queue::Receive { bytes, limit_bytes };
        once(&reading(vec![socket], 0)).listeners[0].state
    };
    assert_eq!(state(7680, 5), State::Overflowing);
    assert_eq!(state(7680, 0), State::Busy, "nothing was dropped");
    assert_eq!(state(5888, 5), State::Busy, "2304 bytes are left");
    assert_eq!(state(5889, 5), State::Overflowing);
    assert_eq!(state(832, 5), State::Ok);
    let small = |bytes| {
        let limit_bytes = Some(2304);
        let mut socket = udp(1, 0, 5);
        socket.queue = Queue::Receive { bytes, limit_bytes };
        once(&reading(vec![socket], 0)).listeners[0].state
    };
    assert_eq!((small(832), small(1280)), (State::Ok, State::Overflowing));
}

#[test]
fn a_full_syn_queue_keeps_everybody_out_only_without_cookies() {
    let flooded = |cookies| {
        let mut reading = reading(vec![listener(1, 80, 0, 0)], 0);
        let namespace = &mut reading.namespaces[0];
        namespace.settings.listen.tcp_syncookies = Some(cookies);
        namespace.half_open = Some(HalfOpen {
            by_endpoint: vec![(endpoint(80), requests(9))],
            ..HalfOpen::default()
        });
        once(&reading).listeners.remove(0)
    };
    assert_eq!(flooded(0).state, State::Full);
    assert_eq!(flooded(1).state, State::Busy);
    assert_eq!(flooded(2).state, State::Idle);
    assert_eq!(flooded(1).syn_queue.unwrap().length, Some(9));
}

/// Before 6.14 a kernel may hold no more than the limit. It does so for sure where a full queue is
/// what drops.
#[test]
fn on_an_older_kernel_a_syn_queue_at_its_limit_is_full_where_it_drops() {
    let at = |kernel: &str, length, cookies, drops| {
        let mut reading = reading(vec![listener(1, 80, 0, drops)], 0);
        reading.kernel = kernel.to_owned();
        let namespace = &mut reading.namespaces[0];
        namespace.settings.listen.tcp_syncookies = Some(cookies);
        namespace.half_open = Some(HalfOpen {
            by_endpoint: vec![(endpoint(80), requests(length))],
            ..HalfOpen::default()
        });
        let report = once(&reading);
        let found = report.findings.first().map(|finding| finding.id);
        (report.listeners[0].state, found)
    };
    let full = (State::Overflowing, Some("syn_queue_full"));
    let (idle, near) = ((State::Idle, None), (State::Busy, None));
    for kernel in ["5.10.0-32-amd64", "6.12.107+deb13-amd64"] {
        assert_eq!(at(kernel, 8, 0, 3), full, "{kernel}");
        assert_eq!(at(kernel, 8, 0, 0), near, "{kernel}: one more may fit");
        assert_eq!(at(kernel, 7, 0, 3), idle, "{kernel}: older drops");
        assert_eq!(at(kernel, 9, 0, 0), (State::Full, Some("syn_queue_full")));
        let cookies = (State::Busy, Some("syn_cookies_active"));
        assert_eq!(at(kernel, 8, 1, 0), cookies, "{kernel}");
        assert_eq!(at(kernel, 7, 1, 0), idle, "{kernel}");
        assert_eq!(at(kernel, 8, 2, 0), idle, "{kernel}");
    }
    for kernel in ["6.14.0", "6.18.44", ""] {
        assert_eq!(at(kernel, 8, 0, 3), near, "{kernel}: one more fits");
        assert_eq!(at(kernel, 8, 1, 0), near, "{kernel}");
        assert_eq!(at(kernel, 7, 1, 0), idle, "{kernel}");
        assert_eq!(at(kernel, 9, 0, 3), full, "{kernel}");
    }
}

#[test]
fn what_was_not_counted_is_unknown() {
    let listener = once(&reading(vec![listener(1, 80, 3, 0)], 0))
        .listeners
        .remove(0);
    assert_eq!(listener.syn_queue.unwrap().length, None);
    let queue = listener.accept_queue.unwrap();
    assert_eq!(
        (queue.oldest_wait_ms, queue.abandoned, queue.waiting_bytes),
        (None, None, None)
    );
    assert!(!listener.owners_complete);
}

fn waiting(port: u16, wait_ms: u32, bytes: u32, hung_up: bool) -> Waiting {
    Waiting {
        local: endpoint(port),
        cookie: 0,
        wait_ms: Some(wait_ms),
        bytes,
        hung_up,
    }
}

fn with_waiting(listeners: Vec<Listener>, sockets: Vec<Waiting>, settled: bool) -> QueueReport {
    let mut reading = reading(listeners, 0);
    reading.namespaces[0].waiting = Some(WaitingConnections { sockets, settled });
    once(&reading)
}

#[test]
fn the_oldest_of_those_waiting_counts_and_resets_only_when_nothing_moved() {
    let sockets = vec![waiting(80, 100, 5, false), waiting(80, 3000, 7, true)];
    for (settled, abandoned, bytes) in [(true, Some(2), Some(12)), (false, None, None)] {
        let report = with_waiting(vec![listener(1, 80, 3, 0)], sockets.clone(), settled);
        let queue = report.listeners[0].accept_queue.as_ref().unwrap();
        assert_eq!(queue.oldest_wait_ms, Some(3000));
        assert_eq!(queue.waiting_bytes, bytes);
        assert_eq!(queue.abandoned, abandoned);
    }
}

#[test]
fn more_seen_than_queued_is_no_sum_of_one_moment() {
    let sockets = vec![waiting(80, 100, 5, true), waiting(80, 90, 5, true)];
    let report = with_waiting(vec![listener(1, 80, 1, 0)], sockets, false);
    let queue = report.listeners[0].accept_queue.as_ref().unwrap();
    assert_eq!((queue.abandoned, queue.waiting_bytes), (None, None));
}

#[test]
fn who_waits_for_which_member_is_known_only_where_one_has_any() {
    let sockets = vec![waiting(80, 100, 5, false)];
    let one = with_waiting(
        vec![listener(1, 80, 1, 0), listener(2, 80, 0, 0)],
        sockets.clone(),
        true,
    );
    assert_eq!(
        of(&one, 1).accept_queue.as_ref().unwrap().oldest_wait_ms,
        Some(100)
    );
    let two = with_waiting(
        vec![listener(1, 80, 1, 0), listener(2, 80, 1, 0)],
        sockets,
        true,
    );
    assert_eq!(
        of(&two, 1).accept_queue.as_ref().unwrap().oldest_wait_ms,
        None
    );
    assert_eq!(one.incomplete, []);
    assert_eq!(two.incomplete.len(), 1, "what is null is said");
    assert_eq!(
        (two.incomplete[0].what.as_str(), two.incomplete[0].count),
        ("waiting", Some(2))
    );
}

/// A handshake is begun where a SYN-ACK was sent; one whose SYN-ACK is new may yet finish.
#[test]
fn the_share_of_handshakes_that_finish_is_of_those_that_had_time_to() {
    let read = |passive, sent, validated, unanswered| {
        let mut now = reading(vec![listener(1, 80, 0, 0)], 0);
        let counters = [
            ("Tcp", "PassiveOpens", passive),
            ("TcpExt", "SyncookiesSent", sent),
            ("TcpExt", "SyncookiesRecv", validated),
        ];
        let part = &mut now.namespaces[0];
        let counters = counters.map(|(table, name, value)| (CounterId::new(table, name), value));
        part.counters.values.extend(counters);
        let requests = Requests {
            count: unanswered + 5,
            unanswered,
            peers: 1,
        };
        part.half_open = Some(HalfOpen {
            by_endpoint: vec![(endpoint(80), requests)],
            ..HalfOpen::default()
        });
        now
    };
    let first = read(100, 10, 10, 0);
    let share = |now: &Snapshot| {
        let report = since(&first, now);
        of(&report, 1).syn_queue.as_ref().unwrap().finished_ratio
    };
    assert_eq!(share(&read(130, 10, 10, 10)), Some(0.75));
    assert_eq!(share(&read(130, 50, 40, 0)), Some(0.75));
    assert_eq!(share(&read(130, 10, 10, 0)), Some(1.0));
    assert_eq!(share(&read(100, 10, 10, 0)), None, "nobody connected");
    assert_eq!(share(&reading(vec![listener(1, 80, 0, 0)], 0)), None);
}

#[test]
fn the_worst_comes_first() {
    let before = reading(
        vec![
            listener(1, 80, 0, 0),
            listener(2, 81, 6, 0),
            listener(3, 82, 0, 0),
            listener(4, 83, 9, 0),
        ],
        0,
    );
    let now = reading(
        vec![
            listener(1, 80, 0, 0),
            listener(2, 81, 6, 0),
            listener(3, 82, 0, 9),
            listener(4, 83, 9, 0),
        ],
        0,
    );
    let report = since(&before, &now);
    let order: Vec<u64> = report
        .listeners
        .iter()
        .map(|listener| listener.cookie.0)
        .collect();
    assert_eq!(order, [4, 3, 2, 1], "full, dropping, busy, idle");
}

#[test]
fn a_namespace_that_was_not_there_before_has_no_changes() {
    let mut now = reading(vec![listener(1, 80, 0, 5)], 0);
    now.namespaces[0].netns.inode = Some(2);
    let report = since(&reading(vec![listener(1, 80, 0, 0)], 0), &now);
    assert_eq!(report.listeners[0].drops_delta, None);
}

/// Before Linux 5.10 each namespace counts the cookies of its own sockets.
#[test]
fn samples_of_two_namespaces_are_told_apart_though_the_cookies_are_the_same() {
    let mut now = reading(vec![listener(1, 80, 5, 0)], 0);
    let mut other = reading(vec![listener(1, 80, 0, 0)], 0).namespaces.remove(0);
    other.netns.inode = Some(2);
    now.namespaces.push(other);
    let mut samples = Samples::default();
    for second in 0..5 {
        for part in &now.namespaces {
            samples.add(&part.netns, Duration::from_secs(second), part.sockets());
        }
    }
    let mut report = once(&now);
    samples.fill(&mut report);
    let sampled = |inode| {
        let mut listeners = report.listeners.iter();
        let listener = listeners.find(|listener| listener.netns.inode == Some(inode));
        let queue = listener.unwrap().accept_queue.as_ref().unwrap();
        let sampled = queue.sampled.as_ref().unwrap();
        (
            sampled.spread.samples,
            sampled.spread.minimum,
            sampled.accepted_at_least,
        )
    };
    assert_eq!([sampled(1), sampled(2)], [(5, 5, 0), (5, 0, 0)]);
    assert_eq!(samples.missing(|inode, _| inode == Some(1)), 1);
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut reading = reading(vec![listener(1, 80, 3, 0)], 0);
    reading.owners = Some(out_of_time::owners().into());
    out_of_time::assert_names(&once(&reading).incomplete, "sockdiag queues");
}
