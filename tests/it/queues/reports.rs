//! The library alone: what readings of queues, written by hand, are reported as.

use std::{collections::BTreeMap, time::Duration};

use crate::support::queue_readings::{
    endpoint, first_report, listener, listener_report, namespace, next_report,
    overflows as counted, reading, with_drops,
};
use sockdiag::analysis::queues::{LimitSetBy, LocalReport, Samples, State, SynQueue};
use sockdiag::model::snapshot::{HalfOpen, Requests, WaitingConnections};
use sockdiag::model::{
    Listener, Local, Netns, NetnsSnapshot, Owner, Owners, Protocol, Snapshot, Waiting,
};

fn state_of(length: u32, limit: u32) -> State {
    let local = endpoint("127.0.0.1", 80, 0);
    first_report(&reading(namespace(vec![listener(1, local, length, limit)]))).listeners[0].state
}

#[test]
fn a_queue_is_full_when_it_holds_more_than_its_limit() {
    for (length, limit, state) in [
        (0, 0, State::Idle),
        (1, 0, State::Full),
        (0, 3, State::Idle),
        (1, 3, State::Ok),
        (2, 3, State::Busy),
        (3, 3, State::Busy),
        (4, 3, State::Full),
        (63, 127, State::Ok),
        (64, 127, State::Busy),
    ] {
        assert_eq!(state_of(length, limit), state, "{length} of {limit}");
    }
}

#[test]
fn drops_belong_to_a_socket_by_its_cookie_and_not_by_its_inode_or_address() {
    let local = endpoint("127.0.0.1", 80, 0);
    let before = reading(namespace(vec![with_drops(7, listener(1, local, 0, 5))]));
    let again = Listener {
        cookie: 2,
        ..with_drops(9, listener(1, local, 0, 5))
    };
    let now = next_report(&reading(namespace(vec![again])), &before);
    assert_eq!(now.listeners[0].drops, Some(9));
    assert_eq!(now.listeners[0].drops_delta, None);
    assert_eq!(now.listeners[0].drops_per_second, None);

    let wrapped = reading(namespace(vec![with_drops(
        u32::MAX,
        listener(1, local, 0, 5),
    )]));
    let after = reading(namespace(vec![with_drops(3, listener(1, local, 0, 5))]));
    let now = next_report(&after, &wrapped);
    assert_eq!(now.listeners[0].drops_delta, Some(4));
    assert_eq!(now.listeners[0].drops_per_second, Some(2.0));
}

#[test]
fn a_queue_that_overflowed_between_two_readings_is_told_where_only_one_can_have() {
    let (one, other) = (endpoint("127.0.0.1", 80, 0), endpoint("127.0.0.1", 81, 0));
    let states = |drops: [u32; 2], overflows: i128| {
        let made = |drops: [u32; 2], overflows| {
            let listeners = vec![
                with_drops(drops[0], listener(1, one, 0, 5)),
                with_drops(drops[1], listener(2, other, 0, 5)),
            ];
            reading(NetnsSnapshot {
                counters: counted(overflows),
                ..namespace(listeners)
            })
        };
        let report = next_report(&made(drops, overflows), &made([0, 0], 0));
        [1, 2].map(|number| listener_report(&report, number).state)
    };
    assert_eq!(states([3, 0], 3), [State::Overflowing, State::Idle]);
    // Both dropped something: whose queue it was is not known.
    assert_eq!(states([3, 1], 3), [State::Idle, State::Idle]);
    // Something was dropped, but not for a full queue.
    assert_eq!(states([3, 0], 0), [State::Idle, State::Idle]);
    assert_eq!(states([0, 0], 3), [State::Idle, State::Idle]);
}

#[test]
fn requests_go_to_the_exact_address_and_the_bound_device_first() {
    let bound = endpoint("10.0.0.1", 80, 3);
    let exact = endpoint("10.0.0.1", 80, 0);
    let wildcard = endpoint("0.0.0.0", 80, 0);
    let wildcard_bound = endpoint("0.0.0.0", 80, 3);
    let places = [bound, exact, wildcard, wildcard_bound];
    let requests = [
        (endpoint("10.0.0.1", 80, 3), 1),
        (endpoint("10.0.0.1", 80, 0), 2),
        (endpoint("10.0.0.2", 80, 0), 4),
        (endpoint("10.0.0.2", 80, 3), 8),
        (endpoint("10.0.0.1", 81, 0), 16),
    ];
    let requests = requests.map(|(local, count)| {
        let requests = Requests {
            count,
            ..Requests::default()
        };
        (local, requests)
    });
    // In whatever order the kernel lists them.
    for turn in 0..places.len() {
        let mut listeners: Vec<Listener> = (1..)
            .zip(places)
            .map(|(number, place)| listener(number, place, 0, 50))
            .collect();
        listeners.rotate_left(turn);
        let report = first_report(&reading(NetnsSnapshot {
            half_open: Some(HalfOpen {
                by_endpoint: requests.to_vec(),
                ..HalfOpen::default()
            }),
            ..namespace(listeners)
        }));
        let lengths = [1, 2, 3, 4].map(|number| {
            let queue = listener_report(&report, number).syn_queue.as_ref();
            queue.and_then(|queue| queue.length)
        });
        assert_eq!(lengths, [Some(1), Some(2), Some(4), Some(8)], "turn {turn}");
    }
}

#[test]
fn connections_of_a_group_are_told_only_where_one_member_has_any() {
    let local = endpoint("127.0.0.1", 80, 0);
    let waiting = |wait_ms, bytes, hung_up| Waiting {
        local,
        cookie: 0,
        wait_ms,
        bytes,
        hung_up,
    };
    let queue_of = |lengths: [u32; 2], settled| {
        let listeners = vec![
            listener(1, local, lengths[0], 9),
            listener(2, local, lengths[1], 9),
        ];
        let sockets = vec![
            waiting(Some(70), 5, false),
            waiting(Some(900), 0, true),
            waiting(None, 7, false),
        ];
        let report = first_report(&reading(NetnsSnapshot {
            waiting: Some(WaitingConnections { sockets, settled }),
            ..namespace(listeners)
        }));
        let queue = listener_report(&report, 1).accept_queue.clone();
        let queue = queue.expect("a TCP listener");
        (queue.oldest_wait_ms, queue.abandoned, queue.waiting_bytes)
    };
    // Two more are counted than are to be seen: their clients have reset them.
    assert_eq!(queue_of([5, 0], true), (Some(900), Some(3), Some(12)));
    // Or they were accepted, or not seen: nobody can tell.
    assert_eq!(queue_of([5, 0], false), (Some(900), None, None));
    assert_eq!(queue_of([3, 0], false), (Some(900), Some(1), Some(12)));
    assert_eq!(queue_of([2, 1], true), (None, None, None));
    assert_eq!(queue_of([0, 3], true), (None, Some(0), Some(0)));
}

#[test]
fn the_unit_is_that_of_a_holder_before_that_of_the_creator() {
    let local = endpoint("127.0.0.1", 80, 0);
    let owner = |pid: &u32| Owner {
        pid: *pid,
        name: "x".to_owned(),
        fd: 3,
    };
    let unit = |pids: &[u32]| {
        let made_by = Listener {
            cgroup_id: Some(77),
            ..listener(1, local, 0, 5)
        };
        let reading = Snapshot {
            owners: Some(
                Owners {
                    by_inode: BTreeMap::from([(1, pids.iter().map(owner).collect())]),
                    cgroups: BTreeMap::from([
                        (1, "/init.scope".to_owned()),
                        (500, "/system.slice/api.service".to_owned()),
                    ]),
                    complete: true,
                    ..Owners::default()
                }
                .into(),
            ),
            cgroups: BTreeMap::from([(77, "/system.slice/creator.service".to_owned())]),
            ..reading(namespace(vec![made_by]))
        };
        first_report(&reading).listeners[0].unit.clone()
    };
    assert_eq!(unit(&[1, 500]).as_deref(), Some("api.service"));
    assert_eq!(unit(&[500]).as_deref(), Some("api.service"));
    assert_eq!(unit(&[600]).as_deref(), Some("creator.service"));
    assert_eq!(unit(&[]).as_deref(), Some("creator.service"));
}

#[test]
fn a_limit_above_the_cap_was_set_by_nobody_that_is_known() {
    let local = endpoint("127.0.0.1", 80, 0);
    let set_by = |limit| {
        let report = first_report(&reading(namespace(vec![listener(1, local, 0, limit)])));
        let queue = report.listeners[0].accept_queue.as_ref();
        queue.expect("a TCP listener").limit_set_by
    };
    assert_eq!(set_by(4097), None);
    assert_eq!(set_by(4096), Some(LimitSetBy::Somaxconn));
    assert_eq!(set_by(511), Some(LimitSetBy::Application));
    assert_eq!(set_by(1024), None);
}

#[test]
fn an_abstract_name_is_written_with_at_signs() {
    let abstract_name = Listener {
        protocol: Protocol::Unix,
        local: Local::Unix(b"\0one\0two".to_vec()),
        ..listener(1, endpoint("0.0.0.0", 0, 0), 0, 5)
    };
    let report = first_report(&reading(namespace(vec![abstract_name])));
    let LocalReport::Unix { path } = &report.listeners[0].local else {
        panic!("{report:#?}");
    };
    assert_eq!(path, "@one@two");
    assert!(report.listeners[0].syn_queue.is_none());
}

#[test]
fn a_spread_is_that_of_the_samples_of_one_socket() {
    let local = endpoint("127.0.0.1", 80, 0);
    let mut samples = Samples::default();
    for length in 1..=20 {
        let gone = listener(2, endpoint("127.0.0.1", 81, 0), 9, 9);
        let at = Duration::from_millis(20) * length;
        samples.add(
            &Netns::default(),
            at,
            &[listener(1, local, length, 16), gone],
        );
    }
    let mut report = first_report(&reading(namespace(vec![
        listener(1, local, 0, 16),
        listener(3, local, 0, 16),
    ])));
    samples.fill(&mut report);
    let spread = |number| {
        let queue = listener_report(&report, number).accept_queue.as_ref();
        queue.expect("a TCP listener").sampled.clone()
    };
    let sampled = spread(1).expect("it was sampled");
    assert_eq!(sampled.spread.samples, 20);
    assert_eq!((sampled.spread.minimum, sampled.spread.maximum), (1, 20));
    assert_eq!((sampled.spread.mean, sampled.spread.p95), (10.5, 19));
    // 17, 18, 19 and 20 are more than the limit.
    assert_eq!(sampled.full_ratio, 0.2);
    assert_eq!(
        (sampled.accepted_at_least, sampled.longest_pause_ms),
        (0, 380)
    );
    assert_eq!(sampled.accepted_at_least_per_second, Some(0.0));
    assert_eq!(spread(3), None);
    assert_eq!(samples.missing(|_, cookie| cookie == 1), 1);
}

#[test]
fn a_syn_queue_is_full_when_it_holds_more_than_its_limit_and_any_is_kept() {
    for (length, limit, cookies, full) in [
        (Some(16), Some(16), 1, false),
        (Some(17), Some(16), 1, true),
        (Some(1), Some(0), 0, true),
        // With cookies for every SYN nothing is kept, and nothing is wrong.
        (Some(1), Some(0), 2, false),
        (None, Some(16), 1, false),
        (Some(17), None, 1, false),
    ] {
        let cookies = Some(cookies);
        let queue = SynQueue {
            length,
            limit,
            cookies,
            ..SynQueue::default()
        };
        assert_eq!(queue.is_full(), full, "{queue:?}");
        assert_eq!(queue.drops(), cookies == Some(0));
    }
}
