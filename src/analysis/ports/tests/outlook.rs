//! Rates and forecasts.

use super::{super::outlook::outlook, *};

fn after(seconds: u64, before: &Snapshot, now: &Snapshot) -> TupleReport {
    let mut report = report(
        now,
        Some((before, Duration::from_secs(seconds))),
        by(By::Tuple),
    );
    report.tuples.remove(0)
}

#[test]
fn growth_fills_the_rest_in_time() {
    let (before, now) = (open(2, "10.0.0.9:80"), open(6, "10.0.0.9:80"));
    let row = after(2, &reading(limits(), &before), &reading(limits(), &now));
    assert_eq!((row.delta, row.per_second), (Some(4), Some(2.0)));
    assert_eq!(row.full_in_seconds, Some(7.0), "14 free, 2 a second");
}

#[test]
fn what_is_steady_never_fills() {
    let same = reading(limits(), &open(6, "10.0.0.9:80"));
    let row = after(2, &same, &same);
    assert_eq!(
        (row.delta, row.per_second, row.full_in_seconds),
        (Some(0), Some(0.0), None)
    );
}

#[test]
fn a_tuple_without_room_is_full_now() {
    let all: Vec<_> = (100..=119)
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .collect();
    let all = reading(limits(), &all);
    assert_eq!(after(2, &all, &all).full_in_seconds, Some(0.0));
}

/// A range of 1000 ports and connections that each end in a TIME_WAIT at once.
fn churn(per_second: u16, seconds: u16) -> Snapshot {
    churn_and(per_second, seconds, [])
}

fn churn_and(
    per_second: u16,
    seconds: u16,
    others: impl IntoIterator<Item = Connection>,
) -> Snapshot {
    let limits = PortLimits {
        range: Some(1000..=1999),
        tcp_tw_reuse: Some(0),
        ..limits()
    };
    let kept = (0..per_second * seconds).map(|n| Connection {
        left_ms: Some(59_999 - u32::from(n / per_second) * 1000),
        ..connection(1000 + n, "10.0.0.9:80", State::TimeWait)
    });
    reading(limits, &kept.chain(others).collect::<Vec<_>>())
}

#[test]
fn time_waits_that_run_out_as_fast_as_they_are_made_never_fill() {
    let steady = churn(10, 60);
    let row = after(2, &steady, &steady);
    assert_eq!((row.delta, row.per_second), (Some(0), Some(10.0)));
    assert_eq!(row.full_in_seconds, None);
}

#[test]
fn time_waits_whose_timers_are_late_did_not_run_out() {
    let late = (0..20).map(|port| Connection {
        left_ms: Some(0),
        ..connection(1600 + port, "10.0.0.9:80", State::TimeWait)
    });
    let kept = churn_and(10, 60, late);
    let row = after(2, &kept, &kept);
    assert_eq!((row.per_second, row.full_in_seconds), (Some(10.0), None));
}

#[test]
fn a_plateau_below_the_limit_is_foreseen() {
    let row = after(2, &churn(10, 20), &churn(10, 22));
    assert_eq!((row.delta, row.per_second), (Some(20), Some(10.0)));
    assert_eq!(row.full_in_seconds, None, "600 at most");
}

#[test]
fn a_plateau_above_the_limit_is_reached_on_the_way() {
    let row = after(2, &churn(40, 8), &churn(40, 10));
    assert_eq!(row.full_in_seconds, Some(15.0), "600 free, 40 a second");
}

/// A tuple of these ports, so many TIME_WAITs among them with so many milliseconds left.
fn tuple(held: std::ops::Range<u16>, kept: u16, left_ms: u32) -> Tuple {
    let mut tuple = Tuple {
        ports: ports(held),
        ..Tuple::default()
    };
    (0..kept).for_each(|_| tuple.left.add(left_ms));
    tuple
}

fn room(free: u64, free_likely: u64, reusable: u64) -> TupleReport {
    TupleReport {
        free,
        free_likely,
        reusable,
        ..TupleReport::default()
    }
}

fn foreseen(now: &Tuple, before: &Tuple, seconds: f64, row: &TupleReport) -> Option<f64> {
    let elapsed = Duration::from_secs_f64(seconds);
    outlook(now, Some(before), elapsed, row).full_in_seconds
}

fn rate(now: &Tuple, before: &Tuple, seconds: f64) -> Option<f64> {
    let elapsed = Duration::from_secs_f64(seconds);
    outlook(now, Some(before), elapsed, &room(1000, 1000, 0)).per_second
}

#[test]
fn what_is_likely_left_or_may_be_taken_over_is_the_room() {
    let (two, six) = (tuple(0..2, 0, 0), tuple(0..6, 0, 0));
    assert_eq!(foreseen(&two, &two, 2.0, &room(0, 0, 3)), None);
    assert_eq!(foreseen(&two, &two, 2.0, &room(5, 0, 0)), Some(0.0));
    assert_eq!(foreseen(&six, &two, 4.0, &room(100, 10, 0)), Some(10.0));
    assert_eq!(foreseen(&six, &two, 2.0, &room(5, 5, 0)), Some(2.5));
    let taken_over = Tuple {
        aged: ports([6]),
        ..tuple(0..7, 0, 0)
    };
    let found = foreseen(&taken_over, &two, 8.0, &room(9, 9, 1));
    assert_eq!(found, Some(20.0), "four more that cannot be taken over");
}

#[test]
fn nothing_is_foreseen_for_the_day_after_tomorrow() {
    let (two, twelve) = (tuple(0..2, 0, 0), tuple(0..12, 0, 0));
    let found = |free| foreseen(&twelve, &two, 20.0, &room(free, free, 0));
    assert_eq!(found(5_000), Some(10_000.0));
    assert_eq!(found(50_000), None);
}

#[test]
fn ports_are_newly_taken_as_far_as_that_shows() {
    let steady = tuple(0..10, 10, 57_600);
    assert_eq!(
        rate(&steady, &steady, 2.5),
        Some(0.0),
        "older than whole seconds"
    );
    let young = tuple(0..60, 60, 30_000);
    assert_eq!(rate(&young, &young, 120.0), Some(1.0), "a minute is seen");
    let (one, other) = (tuple(0..4, 0, 0), tuple(4..8, 0, 0));
    assert_eq!(rate(&other, &one, 2.0), Some(2.0), "others in their place");
}

#[test]
fn after_a_minute_what_grows_is_more_than_one_in_twenty() {
    let found = |kept| {
        let now = tuple(0..100, kept, 55_000);
        foreseen(&now, &Tuple::default(), 10.0, &room(1000, 1000, 0))
    };
    assert_eq!(found(95), None);
    assert_eq!(
        found(94).map(f64::round),
        Some(883.0),
        "60 + (1000 - 600 + 94) / 0.6"
    );
}

/// A pool that opens as many connections as it closes, without a TIME_WAIT.
#[test]
fn a_pool_that_replaces_its_connections_has_no_end() {
    let pool = |ports| tuple(ports, 0, 0);
    let found = |before, now| foreseen(&pool(now), &pool(before), 2.0, &room(40, 40, 0));
    assert_eq!(found(0..60, 20..80), None, "20 for 20");
    assert_eq!(found(0..60, 20..81), None, "21 for 20");
    assert_eq!(found(0..60, 0..61), None, "one more is no trend");
    assert_eq!(found(0..60, 20..79), None, "fewer");
    assert_eq!(found(0..60, 20..120), Some(2.0), "60 for 20");
    assert_eq!(rate(&pool(20..80), &pool(0..60), 2.0), Some(10.0));
}

#[test]
fn time_waits_that_are_taken_over_in_turn_have_no_end() {
    let young = |young: std::ops::Range<u16>| Tuple {
        aged: (0..60).filter(|port| !young.contains(port)).collect(),
        ..tuple(0..60, 60, 50_000)
    };
    let found = |before, now| foreseen(&young(now), &young(before), 2.0, &room(40, 40, 50));
    assert_eq!(found(0..10, 20..31), None);
    assert_eq!(found(0..10, 0..30), Some(9.0), "20 more, 90 left");
}

#[test]
fn the_least_trend_is_four_ports_that_nothing_offsets() {
    let found = |now| {
        foreseen(
            &tuple(0..now, 0, 0),
            &tuple(0..2, 0, 0),
            2.0,
            &room(9, 9, 0),
        )
    };
    assert_eq!((found(5), found(6)), (None, Some(4.5)));
}
