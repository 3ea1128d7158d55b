//! Connections that a process does not close.

use super::*;

fn group(state: State, change: impl FnOnce(&mut HalfClosedReport)) -> NamespaceReport {
    let mut group = HalfClosedReport {
        state,
        side: Side::Server,
        service: Address {
            address: [10, 0, 0, 1].into(),
            port: 80,
        },
        held: 0,
        unheld: 0,
        held_up: 0,
        held_delta: Some(0),
        unheld_delta: Some(0),
        oldest_seconds: None,
        owners: vec![Owner {
            pid: 7,
            name: "api".into(),
            fd: 5,
        }],
    };
    change(&mut group);
    NamespaceReport {
        half_closed: vec![group],
        traffic: Traffic {
            handshakes: Some(100),
            ..Traffic::default()
        },
        ..NamespaceReport::default()
    }
}

fn held(state: State, held: u64, delta: Option<i64>, oldest: f64) -> Vec<Rule> {
    of_namespace(group(state, |group| {
        (group.held, group.held_delta, group.held_up) = (held, delta, held);
        group.oldest_seconds = Some(oldest);
    }))
}

#[test]
fn a_close_wait_leak_grows_while_the_oldest_stay_or_is_large_and_old() {
    let leak = [("close_wait_leak", Warning)];
    let of = |number, delta, oldest| held(State::CloseWait, number, delta, oldest);
    assert_eq!(of(30, Some(10), 10.0), leak);
    assert_eq!(of(30, Some(9), 10.0), []);
    assert_eq!(of(100, Some(0), 60.0), leak);
    assert_eq!(of(100, None, 60.0), leak, "at the first reading");
    assert_eq!(of(99, Some(0), 60.0), []);
    assert_eq!(of(100, Some(0), 59.9), []);
}

/// A burst comes and is worked off; a pool keeps what the server has closed until it needs it.
#[test]
fn what_is_worked_off_and_what_stays_small_is_no_leak() {
    let of = |number, delta, oldest| held(State::CloseWait, number, delta, oldest);
    assert_eq!(of(5000, Some(5000), 1.5), [], "a burst");
    assert_eq!(of(5000, Some(-200), 70.0), [], "being worked off");
    assert_eq!(of(20, Some(0), 900.0), [], "a pool");
    let unaccepted = group(State::CloseWait, |group| {
        (group.unheld, group.unheld_delta) = (5000, Some(5000));
    });
    assert_eq!(of_namespace(unaccepted), [], "the accept queue's");
}

#[test]
fn a_leak_names_its_holder_and_how_to_see_it() {
    let namespace = group(State::CloseWait, |group| {
        (group.held, group.held_delta) = (130, Some(12));
        group.oldest_seconds = Some(75.0);
    });
    let found = concluded(HostReport::default(), namespace);
    let leak = &found[0];
    assert_eq!(leak.subject, "10.0.0.1:80");
    assert_eq!(leak.pids, [7]);
    assert_eq!(
        leak.message,
        "130 connections in CLOSE_WAIT held by api (7), 12 more since the previous reading; the \
         oldest for at least 75 s"
    );
    assert_eq!(
        leak.next,
        [
            "sockdiag leaks 'state close-wait and sport = :80'",
            "sockdiag fds --pid 7 --types"
        ]
    );
    assert!(leak.inferred);
}

#[test]
fn fin_waits_pile_up_where_they_wait_longer_than_the_interval() {
    let pileup = [("fin_wait_pileup", Warning)];
    let unheld = |state, unheld, delta| {
        of_namespace(group(state, |group| {
            (group.unheld, group.unheld_delta) = (unheld, Some(delta));
            group.held_up = unheld;
        }))
    };
    assert_eq!(unheld(State::FinWait1, 201, 101), pileup);
    assert_eq!(unheld(State::LastAck, 201, 101), pileup);
    assert_eq!(unheld(State::LastAck, 200, 0), [], "handshakes, again");
    assert_eq!(
        unheld(State::FinWait1, 201, 102),
        [],
        "99 at the reading before"
    );
    assert_eq!(
        unheld(State::FinWait1, 200, 0),
        [],
        "handshakes explain them"
    );
    assert_eq!(unheld(State::FinWait1, 500, -1), [], "being worked off");
    let closed_in_a_mass = group(State::FinWait1, |group| {
        (group.unheld, group.unheld_delta) = (500, Some(0));
        group.held_up = 99;
    });
    assert_eq!(of_namespace(closed_in_a_mass), [], "acknowledged in time");
    assert_eq!(
        unheld(State::FinWait2, 5000, 0),
        [],
        "tcp_fin_timeout ends them"
    );
    assert_eq!(held(State::FinWait2, 100, Some(0), 60.0), pileup);
    // Idle for long, and shut down just now: the ACK is on its way.
    assert_eq!(held(State::FinWait1, 130, Some(130), 3600.0), []);
    assert_eq!(held(State::FinWait2, 30, Some(10), 9.0), []);
    assert_eq!(held(State::LastAck, 30, Some(10), 3600.0), []);
    assert_eq!(held(State::LastAck, 201, Some(0), 1.0), pileup);
}

#[test]
fn growth_is_that_between_two_scans() {
    let snapshot = |at: u64, held| {
        let key = HalfClosedKey {
            state: State::CloseWait,
            service: ServiceEnd::Local(Address {
                address: [10, 0, 0, 1].into(),
                port: 80,
            }),
        };
        let group = HalfClosedGroup {
            held,
            ..HalfClosedGroup::default()
        };
        let half_closed = HalfClosed {
            at: Duration::from_secs(at),
            groups: vec![(key, group)],
            ungrouped: 0,
        };
        Snapshot {
            namespaces: vec![NetnsSnapshot {
                half_closed: Some(Arc::new(half_closed)),
                ..NetnsSnapshot::default()
            }],
            ..Snapshot::default()
        }
    };
    let delta = |now: &Snapshot, before: &Snapshot| {
        let report = report(now, Some((before, Duration::from_secs(SECONDS))));
        report.namespaces[0].half_closed[0].held_delta
    };
    assert_eq!(delta(&snapshot(12, 30), &snapshot(10, 10)), Some(20));
    assert_eq!(
        delta(&snapshot(12, 30), &snapshot(12, 30)),
        None,
        "the same scan"
    );
}
