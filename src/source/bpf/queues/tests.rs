use super::*;

/// A record of a queue with two members, one of whose clients has left.
fn record(changes: &[(usize, u32)]) -> [u8; RECORD.0] {
    let mut record = [0; RECORD.0];
    let usual = [
        (INODE, 7),
        (BYTES, 100),
        (LENGTH, 2),
        (MEMBERS, 2),
        (LEFT, 1),
        (WAITED, 250),
        (REQUESTS, 5),
        (YOUNG, 3),
        (LENGTH_AFTER, 2),
    ];
    for (at, value) in usual.iter().chain(changes) {
        let low = if cfg!(target_endian = "big") && *at < LENGTH {
            4
        } else {
            0
        };
        record[at + low..at + low + 4].copy_from_slice(&value.to_ne_bytes());
    }
    record
}

fn decoded(changes: &[(usize, u32)]) -> QueueContents {
    decode(&record(changes), 4_000_000).1
}

#[test]
fn a_queue_that_stayed_the_same_is_known_whole() {
    assert_eq!(decode(&record(&[]), 4_000_000).0, 7);
    let expected = QueueContents {
        length: 2,
        oldest_wait_ms: Some(1000),
        abandoned: Some(1),
        bytes: Some(100),
        requests: 5,
        unanswered: Some(2),
    };
    assert_eq!(decoded(&[]), expected);
}

#[test]
fn a_queue_that_changed_meanwhile_is_not_summed_up() {
    for changes in [[(LENGTH_AFTER, 3)], [(MEMBERS, 1)], [(MEMBERS, 3)]] {
        let found = decoded(&changes);
        assert_eq!((found.abandoned, found.bytes), (None, None), "{changes:?}");
        assert_eq!(found.oldest_wait_ms, Some(1000), "its first member stayed");
    }
    let popped = decoded(&[(CHANGED, 1)]);
    assert_eq!((popped.abandoned, popped.oldest_wait_ms), (None, None));
}

#[test]
fn nobody_waits_in_an_empty_queue() {
    let empty = decoded(&[
        (LENGTH, 0),
        (MEMBERS, 0),
        (LEFT, 0),
        (LENGTH_AFTER, 0),
        (BYTES, 0),
    ]);
    assert_eq!((empty.abandoned, empty.bytes), (Some(0), Some(0)));
    assert_eq!(empty.oldest_wait_ms, None);
}

#[test]
fn a_deferred_handshake_may_have_been_answered() {
    assert_eq!(decoded(&[(DEFERS, 1)]).unanswered, None);
}

#[test]
fn a_queue_that_was_read_whole_is_not_given_up_for_a_part_of_it() {
    let [whole, later] = [2, 5].map(|requests| decoded(&[(REQUESTS, requests)]));
    let part = decoded(&[(CHANGED, 1)]);
    for (first, second, kept) in [
        (whole, part, whole),
        (part, whole, whole),
        (whole, later, later),
        (part, part, part),
    ] {
        let mut found = HashMap::from([(7, first)]);
        add(&mut found, vec![(7, second), (8, part)]);
        assert_eq!(found, HashMap::from([(7, kept), (8, part)]));
    }
}
