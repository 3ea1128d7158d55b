//! How an application accepts, from samples written by hand.

use super::{tests::listener, *};
use crate::analysis::{
    Spread,
    finding::EvidenceValue::{Count, Decimal},
    queues::{AcceptQueue, LimitSetBy, Sampled},
};

/// A hundred samples of a queue with a limit of 8.
struct Queue {
    length: u32,
    minimum: u64,
    accepted: u64,
    pause_ms: u64,
    oldest_ms: Option<u64>,
    dropped: u32,
}

const FULL: Queue = Queue {
    length: 9,
    minimum: 9,
    accepted: 0,
    pause_ms: 2000,
    oldest_ms: Some(2500),
    dropped: 40,
};

impl Queue {
    fn listener(&self) -> ListenerReport {
        let plain = listener(1, self.length);
        let spread = Spread {
            samples: 100,
            minimum: self.minimum,
            mean: 4.0,
            p95: 9,
            maximum: 9,
        };
        ListenerReport {
            state: match self.dropped {
                0 => plain.state,
                _ => State::Overflowing,
            },
            drops_delta: Some(self.dropped),
            accept_queue: plain.accept_queue.map(|queue| AcceptQueue {
                oldest_wait_ms: self.oldest_ms,
                sampled: Some(Sampled {
                    spread,
                    full_ratio: 0.5,
                    accepted_at_least: self.accepted,
                    accepted_at_least_per_second: Some(self.accepted as f64 / 2.0),
                    longest_pause_ms: self.pause_ms,
                }),
                ..queue
            }),
            ..plain
        }
    }

    fn found(&self) -> Option<Finding> {
        let report = QueueReport {
            listeners: vec![self.listener()],
            ..QueueReport::default()
        };
        let found = findings(&report);
        assert!(found.len() <= 1, "{found:#?}");
        found.into_iter().next()
    }

    fn id(&self) -> Option<&'static str> {
        self.found().map(|finding| finding.id)
    }

    fn cause(&self) -> String {
        self.found().and_then(|finding| finding.cause).unwrap()
    }
}

#[test]
fn a_queue_whose_oldest_connection_waited_all_the_time_is_not_served() {
    let found = FULL.found().unwrap();
    assert_eq!(found.id, "accept_queue_overflow");
    assert!(found.message.contains("nothing accepted meanwhile"));
    assert!(found.remedy.is_empty(), "a longer queue would not help");
}

/// The pause is two seconds.
#[test]
fn a_wait_is_the_whole_pause_within_one_in_twenty() {
    let waited = |oldest_ms| {
        let queue = Queue {
            oldest_ms: Some(oldest_ms),
            ..FULL
        };
        queue.found().unwrap().message.contains("nothing accepted")
    };
    assert!(waited(1900));
    assert!(!waited(1899));
}

/// New connections take the places of accepted ones, so that the length does not change.
#[test]
fn a_queue_that_stays_full_may_be_served_slowly() {
    let served = Queue {
        oldest_ms: Some(300),
        ..FULL
    };
    assert_eq!(served.id(), Some("accept_queue_overflow"));
    assert!(served.cause().contains("more slowly"));
    let unknown = Queue {
        oldest_ms: None,
        ..FULL
    };
    assert!(
        !unknown
            .found()
            .unwrap()
            .message
            .contains("nothing accepted")
    );
}

/// The last reading met the burst.
#[test]
fn a_burst_that_fits_is_no_full_queue() {
    let fits = Queue {
        length: 9,
        minimum: 0,
        accepted: 50,
        pause_ms: 199,
        oldest_ms: None,
        dropped: 0,
    };
    assert_eq!(fits.id(), None);
    let pauses = Queue {
        pause_ms: 200,
        ..fits
    };
    assert_eq!(pauses.id(), Some("accept_queue_full"));
}

/// The connections of a group are not spread evenly.
#[test]
fn a_member_that_a_burst_fills_is_not_stuck() {
    let group = |pause_ms| {
        let queue = Queue {
            length: 9,
            minimum: 0,
            accepted: 50,
            pause_ms,
            oldest_ms: None,
            dropped: 0,
        };
        let members = [queue.listener(), listener(2, 0)].map(|member| ListenerReport {
            reuseport_members: 2,
            ..member
        });
        let report = QueueReport {
            listeners: members.to_vec(),
            ..QueueReport::default()
        };
        let found = findings(&report);
        found
            .iter()
            .any(|finding| finding.id == "reuseport_member_stuck")
    };
    assert!(!group(199));
    assert!(group(2000));
}

#[test]
fn a_queue_that_overflows_and_is_emptied_at_once_is_too_small() {
    let bursts = Queue {
        length: 0,
        minimum: 0,
        accepted: 50,
        pause_ms: 199,
        oldest_ms: None,
        ..FULL
    };
    let found = bursts.found().unwrap();
    assert_eq!((found.id, found.severity), ("backlog_too_small", Warning));
    assert!(found.cause.unwrap().contains("gave to listen()"));
    assert!(found.remedy[0].contains("larger backlog than 8"));
    let mut by_cap = bursts.listener();
    by_cap.accept_queue.as_mut().unwrap().limit_set_by = Some(LimitSetBy::Somaxconn);
    let report = QueueReport {
        listeners: vec![by_cap],
        ..QueueReport::default()
    };
    assert!(
        findings(&report)[0]
            .cause
            .as_ref()
            .unwrap()
            .contains("net.core.somaxconn")
    );
}

/// A garbage collection and a burst both fill a queue that is empty before and after.
#[test]
fn a_queue_that_overflows_in_a_pause_is_not_called_too_small() {
    let paused = Queue {
        length: 0,
        minimum: 0,
        accepted: 50,
        pause_ms: 200,
        oldest_ms: None,
        ..FULL
    };
    assert_eq!(paused.id(), Some("accept_queue_overflow"));
    assert!(paused.found().unwrap().inferred);
    assert!(paused.cause().contains("pauses") && paused.cause().contains("bursts"));
}

#[test]
fn few_samples_show_no_pace() {
    let mut listener = FULL.listener();
    let queue = listener.accept_queue.as_mut().unwrap();
    queue.sampled.as_mut().unwrap().spread.samples = 4;
    let report = QueueReport {
        listeners: vec![listener],
        ..QueueReport::default()
    };
    assert!(!findings(&report)[0].message.contains("nothing accepted"));
}

#[test]
fn connections_that_wait_in_a_queue_with_room_are_found_by_their_age() {
    let waiting = |minimum, accepted, oldest_ms| Queue {
        length: 3,
        minimum,
        accepted,
        pause_ms: 900,
        oldest_ms,
        dropped: 0,
    };
    let stalled = |oldest| waiting(1, 0, Some(oldest));
    assert_eq!(stalled(999).id(), None);
    let found = stalled(1000).found().unwrap();
    assert_eq!((found.id, found.severity), ("acceptor_stalled", Warning));
    assert_eq!(
        found.message,
        "3 connections wait for accept(), the oldest for 1.0 s, nothing accepted meanwhile"
    );
    assert_eq!(stalled(9_999).found().unwrap().severity, Warning);
    assert_eq!(stalled(10_000).found().unwrap().severity, Critical);
    // Another connection was accepted meanwhile, as from a queue that is not in order of age.
    assert_eq!(waiting(1, 1, Some(999)).id(), None);
    assert_eq!(waiting(1, 1, Some(1000)).id(), Some("acceptor_slow"));
    assert_eq!(waiting(0, 9, Some(999)).id(), None);
    assert_eq!(waiting(1, 0, None).id(), None, "the age is not known");
}

/// Half of a queue that holds nine.
#[test]
fn a_queue_that_stays_half_full_is_served_slowly() {
    let overflowed = |minimum| Queue {
        length: 7,
        minimum,
        accepted: 50,
        pause_ms: 40,
        oldest_ms: Some(50),
        dropped: 3,
    };
    assert_eq!(overflowed(4).id(), Some("backlog_too_small"));
    assert_eq!(overflowed(5).id(), Some("accept_queue_overflow"));
    assert!(overflowed(5).cause().contains("more slowly"));
}

/// A small backlog, a slow application and a flood are told apart by these.
#[test]
fn the_pace_and_the_share_that_finishes_are_evidence() {
    let bursts = Queue {
        length: 0,
        minimum: 0,
        accepted: 50,
        pause_ms: 40,
        oldest_ms: None,
        dropped: 3,
    };
    let slow = Queue {
        length: 8,
        minimum: 5,
        oldest_ms: Some(1500),
        dropped: 0,
        ..bursts
    };
    let flood = Queue {
        dropped: 0,
        ..bursts
    };
    for (queue, id, half_open) in [
        (bursts, "backlog_too_small", 0),
        (slow, "acceptor_slow", 0),
        (flood, "syn_flood", 40),
    ] {
        let mut listener = queue.listener();
        let syn_queue = listener.syn_queue.as_mut().unwrap();
        syn_queue.length = Some(half_open);
        syn_queue.unanswered = Some(half_open);
        syn_queue.peers = Some(half_open);
        syn_queue.finished_ratio = Some(0.25);
        let report = QueueReport {
            listeners: vec![listener],
            ..QueueReport::default()
        };
        let found = findings(&report);
        assert_eq!(found[0].id, id);
        let value = |name| {
            let one = found[0].evidence.iter().find(|one| one.name == name);
            one.map(|one| one.value.clone())
        };
        for (name, expected) in [
            ("accept_queue.sampled.accepted_at_least", Count(50)),
            (
                "accept_queue.sampled.accepted_at_least_per_second",
                Decimal(25.0),
            ),
            ("accept_queue.sampled.longest_pause_ms", Count(40)),
            ("handshakes_finished_ratio", Decimal(0.25)),
        ] {
            assert_eq!(value(name), Some(expected), "{id}: {name}");
        }
    }
}
