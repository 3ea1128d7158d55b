//! One socket at a time.

use super::{Facts, queued, socket, timed, unheld};
use crate::{
    analysis::leaks::{LeakKind, Progress, age::at_least_ms, kind},
    model::{
        SocketRow,
        State::{
            CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent,
            TimeWait,
        },
        TimerKind::{Keepalive, Persist, Retransmit, TimeWait as TimeWaitTimer},
    },
};

const IDLE_MS: u64 = 600_000;
const NONE: Facts = Facts {
    backoff: 0,
    timeout_ms: 200,
    data_sent_ms: 0,
    data_received_ms: 0,
    ack_ms: 0,
    acked: 0,
    received: 0,
};

fn alone(socket: &SocketRow) -> Option<LeakKind> {
    kind(socket, None, IDLE_MS)
}

fn after(before: &SocketRow, now: &SocketRow) -> Option<LeakKind> {
    kind(now, Progress::of(before).as_ref(), IDLE_MS)
}

#[test]
fn states_are_kinds_by_whether_a_process_holds_the_socket() {
    let of = |state| {
        let held = socket(state, NONE);
        (alone(&held), alone(&unheld(held)))
    };
    let (fin_wait, orphan) = (Some(LeakKind::FinWait), Some(LeakKind::Orphan));
    let unaccepted = Some(LeakKind::Unaccepted);
    assert_eq!(of(CloseWait), (Some(LeakKind::CloseWait), unaccepted));
    assert_eq!(of(Established), (None, unaccepted));
    assert_eq!(of(FinWait2), (fin_wait, fin_wait));
    for state in [FinWait1, LastAck, Closing] {
        assert_eq!(of(state), (fin_wait, orphan), "{state:?}");
    }
    for state in [SynSent, SynRecv, TimeWait] {
        assert_eq!(of(state), (None, None), "{state:?}");
    }
}

#[test]
fn close_wait_with_unread_data_is_close_wait() {
    let socket = queued(500, 0, socket(CloseWait, NONE));
    assert_eq!(after(&socket, &socket), Some(LeakKind::CloseWait));
}

#[test]
fn a_server_that_drains_what_a_closed_peer_sent_reads_on() {
    let at = |state, queue, received| {
        let facts = Facts { received, ..NONE };
        queued(queue, 0, socket(state, facts))
    };
    let reads_on = |before: &SocketRow, now: &SocketRow| {
        let progress = Progress::of(before).expect("it is followed");
        progress.reads_on(now)
    };
    // 500 bytes and the end of the stream wait, then 400. The end counts as received, too.
    let before = at(CloseWait, 501, 1001);
    assert_eq!(reads_on(&before, &at(CloseWait, 401, 1001)), Some(true));
    assert_eq!(reads_on(&before, &before), Some(false));
    assert_eq!(reads_on(&before, &at(CloseWait, 0, 1001)), Some(true));
    // The end came between the readings, and the process read nothing.
    let open = at(Established, 500, 1000);
    assert_eq!(reads_on(&open, &before), Some(false));
    let half = queued(
        500,
        0,
        socket(
            FinWait1,
            Facts {
                received: 1000,
                ..NONE
            },
        ),
    );
    assert_eq!(reads_on(&half, &at(Closing, 501, 1001)), Some(false));
    let end_alone = at(CloseWait, 1, 1001);
    assert_eq!(Progress::of(&end_alone), None, "no data waits");
}

#[test]
fn numbers_that_wrap_or_run_backwards_are_no_progress_and_no_panic() {
    let at = |queue, received| {
        let facts = Facts { received, ..NONE };
        queued(queue, 0, socket(Established, facts))
    };
    // A connection that was restored (TCP_REPAIR) has more in its queue than ever arrived.
    let restored = at(500, 100);
    assert_eq!(after(&restored, &restored), Some(LeakKind::StuckRead));
    assert_eq!(after(&restored, &at(700, 300)), Some(LeakKind::StuckRead));
    assert_eq!(after(&restored, &at(400, 100)), None, "it read 100");
    let last = at(u32::MAX, u64::MAX);
    assert_eq!(after(&last, &at(u32::MAX - 1, u64::MAX)), None);
    // A younger socket whose numbers are smaller.
    assert_eq!(after(&at(10, 5000), &at(10, 100)), None);
}

#[test]
fn what_the_kernel_keeps_without_a_socket_is_fin_wait() {
    let socket = SocketRow {
        info: None,
        ..timed(TimeWaitTimer, 9_000, 0, unheld(socket(FinWait2, NONE)))
    };
    assert_eq!(alone(&socket), Some(LeakKind::FinWait));
    assert_eq!(at_least_ms(&socket, LeakKind::FinWait, 2000), None);
}

#[test]
fn a_reader_is_stuck_where_it_read_nothing_however_much_arrives() {
    let at = |queue, received| {
        let facts = Facts { received, ..NONE };
        queued(queue, 0, socket(Established, facts))
    };
    let before = at(100, 1100);
    let stuck = Some(LeakKind::StuckRead);
    assert_eq!(after(&before, &before), stuck);
    assert_eq!(after(&before, &at(300, 1300)), stuck, "more arrived");
    assert_eq!(alone(&before), None, "one reading does not show it");
    // A slow reader: the queue is as long as before, or longer.
    assert_eq!(after(&before, &at(100, 1200)), None);
    assert_eq!(after(&before, &at(300, 1301)), None);
    assert_eq!(after(&before, &at(0, 1100)), None, "it read all");
    assert_eq!(after(&at(0, 1000), &before), None, "it came just now");
}

#[test]
fn a_sender_whose_queue_is_always_full_is_not_stuck_while_data_is_acknowledged() {
    let at = |acked, timer| {
        let facts = Facts { acked, ..NONE };
        timed(timer, 100, 0, queued(0, 9000, socket(Established, facts)))
    };
    let before = at(5000, Persist);
    assert_eq!(after(&before, &before), Some(LeakKind::StuckWrite));
    assert_eq!(after(&before, &at(5001, Persist)), None);
    // A peer that was there may have gone since.
    let probed = |tries| timed(Persist, 100, tries, before.clone());
    assert_eq!(after(&before, &probed(1)), Some(LeakKind::StuckWrite));
    let unanswered = |backoff, expires_ms, ack_ms| {
        let facts = Facts {
            acked: 5000,
            backoff,
            ack_ms,
            ..NONE
        };
        let socket = queued(0, 9000, socket(Established, facts));
        let socket = timed(Persist, expires_ms, 1, socket);
        after(&before, &socket)
    };
    // Of a wait of 12.8 s so much is left.
    let stuck = Some(LeakKind::StuckWrite);
    assert_eq!(unanswered(6, 12_600, 6600), stuck, "sent just now");
    assert_eq!(unanswered(6, 12_500, 6700), None, "no answer came");
    // Of one of 0.8 s 400 ms are over, and the answer to an earlier one came 400 ms before.
    assert_eq!(
        unanswered(2, 400, 800),
        stuck,
        "answers are half a second apart"
    );
    assert_eq!(unanswered(2, 400, 390), stuck, "answered before it counted");
    assert_eq!(unanswered(2, 400, 920), None);
    assert_eq!(after(&before, &probed(2)), None, "it may be lost");
    assert_eq!(after(&before, &probed(3)), Some(LeakKind::DeadPeer));
    assert_eq!(alone(&probed(7)), Some(LeakKind::DeadPeer));
    assert_eq!(after(&before, &at(5000, Retransmit)), None, "sent just now");
    assert_eq!(alone(&before), None, "one reading does not show it");
    let empty = queued(0, 0, socket(Established, NONE));
    assert_eq!(after(&empty, &before), None, "it was queued just now");
}

#[test]
fn a_peer_is_dead_after_several_retransmissions_without_any_ack() {
    // The third retransmission was sent 600 ms ago, 2 s after the first transmission.
    let facts = Facts {
        backoff: 3,
        timeout_ms: 1600,
        ack_ms: 2100,
        acked: 7,
        ..NONE
    };
    let at = |retransmits, facts| {
        let socket = queued(0, 10, socket(Established, facts));
        timed(Retransmit, 1000, retransmits, socket)
    };
    let dead = at(3, facts);
    assert_eq!(after(&dead, &dead), Some(LeakKind::DeadPeer));
    let lost_one = at(
        1,
        Facts {
            backoff: 1,
            ..facts
        },
    );
    assert_eq!(after(&lost_one, &lost_one), None);
    assert_eq!(after(&at(2, facts), &at(2, facts)), None);
    let moved = at(3, Facts { acked: 8, ..facts });
    assert_eq!(after(&dead, &moved), None, "something was acknowledged");
    assert_eq!(
        alone(&dead),
        Some(LeakKind::DeadPeer),
        "one reading shows it"
    );
    // With its window closed a peer answers what was in flight and takes nothing of it.
    let answers = at(
        3,
        Facts {
            ack_ms: 599,
            ..facts
        },
    );
    assert_eq!(after(&dead, &answers), Some(LeakKind::StuckWrite));
    let answered_before = at(
        0,
        Facts {
            ack_ms: 1399,
            ..facts
        },
    );
    assert_eq!(after(&dead, &answered_before), Some(LeakKind::StuckWrite));
}

#[test]
fn probes_of_keepalive_without_an_answer_show_that_a_peer_is_gone() {
    let at = |probes, expires_ms| {
        let facts = Facts {
            data_sent_ms: 900_000,
            data_received_ms: 900_000,
            ..NONE
        };
        timed(Keepalive, expires_ms, probes, socket(Established, facts))
    };
    let of = |probes| alone(&at(probes, 10));
    assert_eq!(of(3), Some(LeakKind::DeadPeer));
    assert_eq!(of(2), None, "one or two may be lost");
    assert_eq!(of(0), None, "the peer answers");
    // They are at least 75 s apart, so that the third was sent 150 s after the first.
    let age = at_least_ms(&at(3, 75_000), LeakKind::DeadPeer, 2000);
    assert_eq!(age, Some(150_000));
}

/// Few packets in flight, and tcp_thin_linear_timeouts: the wait is not doubled at first.
#[test]
fn a_peer_that_answers_is_alive_also_where_the_wait_is_not_doubled() {
    let at = |ack_ms| {
        let facts = Facts {
            backoff: 0,
            timeout_ms: 400,
            ack_ms,
            acked: 7,
            ..NONE
        };
        let socket = queued(0, 10, socket(Established, facts));
        timed(Retransmit, 100, 4, socket)
    };
    let of = |ack_ms| after(&at(ack_ms), &at(ack_ms));
    assert_eq!(of(200), Some(LeakKind::StuckWrite));
    assert_eq!(of(5000), Some(LeakKind::DeadPeer));
}

#[test]
fn connecting_in_vain_is_no_leak() {
    let facts = Facts {
        backoff: 4,
        timeout_ms: 16_000,
        ack_ms: 99_000,
        ..NONE
    };
    let socket = timed(Retransmit, 1, 4, queued(0, 1, socket(SynSent, facts)));
    assert_eq!(after(&socket, &socket), None);
}

#[test]
fn a_socket_that_was_shut_down_is_judged_by_its_data_first() {
    let facts = Facts {
        backoff: 3,
        timeout_ms: 1600,
        ack_ms: 9000,
        ..NONE
    };
    let half = queued(0, 10, socket(FinWait1, facts));
    let dead = timed(Retransmit, 1000, 3, half.clone());
    assert_eq!(after(&dead, &dead), Some(LeakKind::DeadPeer));
    let orphan = unheld(dead);
    assert_eq!(after(&orphan, &orphan), Some(LeakKind::Orphan));
    assert_eq!(after(&half, &half), Some(LeakKind::FinWait));
}

#[test]
fn idle_without_keepalive_needs_certainty() {
    let idle = |sent, received| {
        socket(
            Established,
            Facts {
                data_sent_ms: sent,
                data_received_ms: received,
                ..NONE
            },
        )
    };
    let long = idle(600_000, 700_000);
    assert_eq!(alone(&long), Some(LeakKind::IdleNoKeepalive));
    assert_eq!(alone(&idle(599_999, 700_000)), None, "sent since");
    assert_eq!(alone(&idle(700_000, 599_999)), None, "received since");
    let probed = timed(Keepalive, 7_000_000, 0, long.clone());
    assert_eq!(alone(&probed), None, "keepalive is far away, and there");
    // These timers hide the one of keepalive.
    for hiding in [Retransmit, Persist] {
        let socket = queued(0, 10, timed(hiding, 50, 0, long.clone()));
        assert_eq!(alone(&socket), None, "{hiding:?}");
    }
    assert_eq!(alone(&queued(0, 10, long.clone())), None);
    let unread = queued(1, 0, long.clone());
    assert_eq!(alone(&unread), None, "it may be a reader that is stuck");
    let unknown = SocketRow { info: None, ..long };
    assert_eq!(alone(&unknown), None);
}

#[test]
fn ages_are_lower_bounds() {
    let facts = Facts {
        data_sent_ms: 900,
        data_received_ms: 500,
        ack_ms: 700,
        timeout_ms: 1600,
        backoff: 3,
        ..NONE
    };
    let at = |state| socket(state, facts);
    let age = |socket: &SocketRow, kind| at_least_ms(socket, kind, 2000);
    assert_eq!(age(&at(Established), LeakKind::Unaccepted), Some(900));
    assert_eq!(age(&at(CloseWait), LeakKind::CloseWait), Some(700));
    assert_eq!(age(&at(FinWait2), LeakKind::FinWait), Some(700));
    assert_eq!(age(&at(FinWait1), LeakKind::FinWait), None);
    assert_eq!(age(&at(Established), LeakKind::IdleNoKeepalive), Some(500));
    assert_eq!(age(&at(Established), LeakKind::StuckRead), Some(2000));
    // 200 + 400 + 800 ms, and 600 of 1600.
    let orphan = timed(Retransmit, 1000, 3, unheld(at(LastAck)));
    assert_eq!(age(&orphan, LeakKind::Orphan), Some(2000));
    let dead = timed(Retransmit, 900, 3, at(Established));
    assert_eq!(age(&dead, LeakKind::DeadPeer), Some(2100));
    // Probes do not double the timeout: 1600 + 3200 + 6400 ms, and all but 100 of 12800.
    let facts = Facts {
        data_sent_ms: 60_000,
        ..facts
    };
    let probing = timed(Persist, 100, 0, socket(Established, facts));
    assert_eq!(age(&probing, LeakKind::StuckWrite), Some(23_900));
    let recent = timed(Persist, 100, 0, at(Established));
    assert_eq!(age(&recent, LeakKind::StuckWrite), Some(2000), "sent since");
    // A wait is two minutes at most, however often it was doubled.
    let long = Facts {
        backoff: 255,
        timeout_ms: 120_000,
        data_sent_ms: u32::MAX,
        ..facts
    };
    let longest = timed(Persist, 0, 0, socket(Established, long));
    let age = age(&longest, LeakKind::StuckWrite);
    assert_eq!(age, Some(64 * 120_000));
}
