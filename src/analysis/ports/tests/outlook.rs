//! Rates and forecasts.

use super::*;

fn after(seconds: u64, before: &Reading, now: &Reading) -> TupleReport {
    let mut report = report(now, Some((before, Duration::from_secs(seconds))), By::Tuple);
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
fn churn(per_second: u16, seconds: u16) -> Reading {
    let limits = PortLimits {
        range: Some(1000..=1999),
        tcp_tw_reuse: Some(0),
        ..limits()
    };
    let kept = (0..per_second * seconds).map(|n| Connection {
        left_ms: Some(59_999 - u32::from(n / per_second) * 1000),
        ..connection(1000 + n, "10.0.0.9:80", State::TimeWait)
    });
    reading(limits, &kept.collect::<Vec<_>>())
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
    let mut kept = churn(10, 60);
    let late = (0..20).map(|port| Connection {
        left_ms: Some(0),
        ..connection(1600 + port, "10.0.0.9:80", State::TimeWait)
    });
    for one in late {
        let NamespaceReading {
            capacity, tally, ..
        } = &mut kept.namespaces[0];
        tally.add(&one, capacity);
    }
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
