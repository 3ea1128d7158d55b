//! How near to running out, and in which order rows are listed.

use super::*;

#[test]
fn half_is_busy_nine_of_ten_are_tight_and_none_is_exhausted() {
    let none = Reusable::Surely(0);
    for (free, expected) in [
        (20, Pressure::Ok),
        (11, Pressure::Ok),
        (10, Pressure::Busy),
        (3, Pressure::Busy),
        (2, Pressure::Tight),
        (1, Pressure::Tight),
        (0, Pressure::Exhausted),
    ] {
        assert_eq!(Pressure::of(20, free, free, none), expected, "{free} free");
    }
    assert_eq!(Pressure::of(20, 4, 0, none), Pressure::LikelyExhausted);
}

/// On Linux 6.18 the lowest was left in 8 of 60 ranges of 21 that were exhausted, no other ever.
#[test]
fn connect_hardly_finds_the_lowest_port_of_an_odd_range() {
    let state = |low, high, free: u16| {
        let limits = PortLimits {
            range: Some(low..=high),
            ..limits()
        };
        let ports = (low..=high).filter(|port| *port != free);
        let all: Vec<_> = ports
            .map(|port| connection(port, "10.0.0.9:80", State::Established))
            .collect();
        let row = only(&reading(limits, &all));
        (row.free, row.state)
    };
    assert_eq!(state(100, 118, 100), (1, Pressure::LikelyExhausted));
    assert_eq!(state(100, 118, 118), (1, Pressure::Tight));
    assert_eq!(state(100, 119, 100), (1, Pressure::Tight), "even");
    assert_eq!(state(100, 118, 104), (1, Pressure::Tight));
    assert_eq!(state(100, 118, 105), (1, Pressure::Tight));
}

/// connect() rounds three down to two and begins at the low end.
#[test]
fn the_highest_port_of_three_is_never_chosen() {
    let three = PortLimits {
        range: Some(100..=102),
        ..limits()
    };
    let of = |ports: std::ops::RangeInclusive<u16>, limits: &PortLimits| {
        let all: Vec<_> = ports
            .map(|port| connection(port, "10.0.0.9:80", State::Established))
            .collect();
        let report = report(&reading(limits.clone(), &all), None, by(By::Tuple));
        let range = report.range.unwrap();
        let row = &report.tuples[0];
        (
            range.size,
            range.usable,
            row.free,
            row.used_ratio,
            row.state,
        )
    };
    assert_eq!(of(100..=101, &three), (3, 2, 0, 1.0, Pressure::Exhausted));
    assert_eq!(of(100..=100, &three), (3, 2, 1, 0.5, Pressure::Busy));
    assert_eq!(
        of(102..=102, &three),
        (3, 2, 2, 0.0, Pressure::Ok),
        "bound by hand"
    );
    let reserved = PortLimits {
        reserved: ports([102]),
        ..three
    };
    assert_eq!(of(100..=100, &reserved), (3, 2, 1, 0.5, Pressure::Busy));
}

#[test]
fn no_time_wait_is_taken_over_at_a_port_that_somebody_bound() {
    let always = PortLimits {
        tcp_tw_reuse: Some(1),
        ..limits()
    };
    let kept = |ports: [u16; 3]| ports.map(|port| connection(port, "10.0.0.9:80", State::TimeWait));
    let kept_there = kept([100, 102, 104]);
    let row = only(&with_others(always.clone(), &[], ports([100]), &kept_there));
    assert_eq!((row.reusable, row.room()), (2, 19));

    let inferred = only(&reading(always, &kept([101, 103, 105])));
    assert_eq!((inferred.bound_first, inferred.reusable), (Some(3), 0));
}

fn row(state: Pressure, free: u64, reusable: u64, used: u64) -> TupleReport {
    TupleReport {
        state,
        free,
        free_likely: free,
        reusable,
        used,
        tuples: 1,
        source: Some(address("10.0.0.5")),
        ..TupleReport::default()
    }
}

#[test]
fn the_worst_comes_first_then_least_room_then_most_used() {
    let mut report = PortsReport {
        tuples: vec![
            row(Pressure::Ok, 3, 9, 1),
            row(Pressure::Ok, 5, 0, 3),
            row(Pressure::Ok, 5, 0, 9),
            row(Pressure::Tight, 20, 0, 0),
        ],
        ..PortsReport::default()
    };
    report.conclude();
    let order: Vec<_> = report.tuples.iter().map(|row| row.used).collect();
    assert_eq!(order, [0, 9, 3, 1]);
}

fn sampled(of: &[&[TupleReport]], last: &[TupleReport]) -> Vec<TupleReport> {
    let report = |rows: &[TupleReport]| PortsReport {
        tuples: rows.to_vec(),
        ..super::report(&reading(limits(), &[]), None, by(By::Tuple))
    };
    let mut samples = Samples::default();
    of.iter().for_each(|rows| samples.add(&report(rows)));
    let mut last = report(last);
    samples.fill(&mut last);
    last.tuples
}

#[test]
fn the_worst_state_of_all_samples_is_told() {
    let (calm, worst) = (row(Pressure::Ok, 11, 0, 9), row(Pressure::Tight, 2, 0, 5));
    for order in [[&calm, &worst], [&worst, &calm]] {
        let samples = order.map(std::slice::from_ref);
        let told = sampled(&samples, &[row(Pressure::Ok, 19, 0, 1)]);
        assert_eq!((told[0].state, told[0].used), (Pressure::Tight, 1));
    }
    let told = sampled(&[&[calm]], &[worst]);
    assert_eq!(told[0].state, Pressure::Tight, "now");
}

#[test]
fn a_line_that_is_gone_holds_nothing_and_keeps_its_worst_place() {
    let mut spent = row(Pressure::Exhausted, 2, 3, 8);
    spent.free_likely = 0;
    spent.states.add(State::TimeWait, 8);
    let mut other = row(Pressure::Ok, 19, 0, 1);
    other.source = Some(address("10.0.0.6"));
    let told = sampled(&[&[spent]], &[other]);
    let gone = &told[0];
    assert_eq!((gone.state, gone.used), (Pressure::Exhausted, 0));
    assert_eq!((gone.free, gone.free_likely, gone.reusable), (10, 8, 0));
    assert_eq!((gone.states.sum(), gone.used_ratio), (0, 0.5));
}

#[test]
fn owners_are_complete_when_every_socket_was_looked_for() {
    let complete = |count, complete| {
        let mut reading = reading(limits(), &open(count, "10.0.0.9:80"));
        reading.owners = Some(
            Owners {
                complete,
                ..Owners::default()
            }
            .into(),
        );
        only(&reading).owners_complete
    };
    assert_eq!(complete(8, true), Some(true));
    assert_eq!(complete(8, false), Some(false));
    assert_eq!(complete(9, true), Some(false), "eight are remembered");
}

#[test]
fn what_is_gone_is_a_share_of_what_its_own_namespace_may_use() {
    let range = |name: &str, reserved: u16| {
        let limits = PortLimits {
            reserved: ports(100..100 + reserved),
            ..limits()
        };
        let mut report = report(&reading(limits, &[]), None, by(By::Tuple));
        report.namespaces[0].netns.name = Some(name.to_owned());
        report.namespaces.remove(0)
    };
    let report = |tuples| PortsReport {
        namespaces: vec![range("other", 0), range("web", 10)],
        tuples,
        ..PortsReport::default()
    };
    let mut held = row(Pressure::Ok, 3, 0, 2);
    held.netns.name = Some("web".to_owned());
    let mut samples = Samples::default();
    samples.add(&report(vec![held]));
    let mut last = report(Vec::new());
    samples.fill(&mut last);
    assert_eq!(last.tuples[0].used_ratio, 0.5, "5 free of 10");
}
