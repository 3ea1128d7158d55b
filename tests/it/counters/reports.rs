//! The library alone: what readings of counters, written by hand, are reported as.

use std::time::Duration;

use sockdiag::analysis::counters::{CounterReport, CountersReport, Samples, Selection, report};
use sockdiag::model::{CounterId, Counters, Netns, NetnsSnapshot, Snapshot};

/// A counter, a gauge and one that nobody has heard of.
const DROPS: (&str, &str) = ("TcpExt", "ListenDrops");
const CONNECTIONS: (&str, &str) = ("Tcp", "CurrEstab");
const UNKNOWN: (&str, &str) = ("TcpExt", "BrandNew");

fn counters(values: &[((&str, &str), i128)]) -> Counters {
    let values = values
        .iter()
        .map(|((table, name), value)| (CounterId::new(*table, *name), *value));
    Counters {
        values: values.collect(),
    }
}

fn namespace(inode: u64, values: &[((&str, &str), i128)]) -> NetnsSnapshot {
    NetnsSnapshot {
        netns: Netns {
            inode: Some(inode),
            name: None,
            ..Netns::default()
        },
        counters: counters(values),
        ..NetnsSnapshot::default()
    }
}

fn reading(values: &[((&str, &str), i128)]) -> Snapshot {
    Snapshot {
        namespaces: vec![namespace(1, values)],
        ..Snapshot::default()
    }
}

#[track_caller]
fn find<'a>(report: &'a CountersReport, (table, name): (&str, &str)) -> &'a CounterReport {
    let mut all = report.counters.iter();
    all.find(|counter| *counter.table == *table && *counter.name == *name)
        .unwrap_or_else(|| panic!("no {table} {name} in {report:#?}"))
}

#[test]
fn gauges_fall_and_counters_start_anew() {
    let before = reading(&[(DROPS, 9), (CONNECTIONS, 9), (UNKNOWN, 9)]);
    let now = reading(&[(DROPS, 4), (CONNECTIONS, 4), (UNKNOWN, 4)]);
    let since = Some((&before, Duration::from_secs(2)));
    let report = report(&now, since, &Selection::All, true);
    for (id, delta) in [(DROPS, None), (CONNECTIONS, Some(-5)), (UNKNOWN, None)] {
        let counter = find(&report, id);
        assert_eq!((counter.value, counter.delta), (Some(4), delta), "{id:?}");
        assert_eq!(counter.per_second, None, "{id:?}");
    }
    assert_eq!(
        report.why[0].delta.expect("two readings").listen_drops,
        None
    );
}

#[test]
fn a_change_is_one_within_the_same_namespace() {
    let two = |values: [i128; 2]| Snapshot {
        namespaces: (1..)
            .zip(values)
            .map(|(inode, value)| namespace(inode, &[(DROPS, value)]))
            .collect(),
        ..Snapshot::default()
    };
    let mut before = two([10, 1000]);
    before.namespaces.reverse();
    let now = two([13, 1005]);
    let since = Some((&before, Duration::from_secs(2)));
    let moved = report(&now, since, &Selection::All, false);
    let rates: Vec<_> = moved
        .counters
        .iter()
        .map(|c| (c.delta, c.per_second))
        .collect();
    assert_eq!(rates, [(Some(3), Some(1.5)), (Some(5), Some(2.5))]);

    // A namespace that was not there, and a counter that was not.
    before.namespaces.truncate(1);
    let since = Some((&before, Duration::from_secs(2)));
    let moved = report(&now, since, &Selection::All, false);
    let deltas: Vec<_> = moved.counters.iter().map(|counter| counter.delta).collect();
    assert_eq!(deltas, [None, Some(5)]);
    let since = reading(&[(CONNECTIONS, 1)]);
    let since = Some((&since, Duration::from_secs(2)));
    let moved = report(&now, since, &Selection::All, false);
    assert_eq!(find(&moved, DROPS).delta, None);
}

#[test]
fn a_spread_is_that_of_rates_or_of_a_level() {
    let mut samples = Samples::default();
    let at = |step: i128| reading(&[(DROPS, step * (step + 1)), (CONNECTIONS, step)]);
    // From one to the next the counter rises by 2, 4 … 40, in half a second each.
    for step in 0..=20 {
        samples.add(at(step), Duration::from_millis(500));
    }
    let since = Duration::from_secs(10);
    let mut report = report(&at(20), Some((&at(0), since)), &Selection::All, false);
    samples.fill(&mut report);
    let spread = |id| {
        let sampled = find(&report, id).sampled.clone().expect("it was sampled");
        let rounded = |rate: f64| rate.round() as i64;
        (
            sampled.samples,
            [sampled.minimum, sampled.mean, sampled.p95, sampled.maximum].map(rounded),
        )
    };
    assert_eq!(spread(DROPS), (20, [4, 42, 76, 80]));
    let (levels, [lowest, _, p95, highest]) = spread(CONNECTIONS);
    assert!((20..=21).contains(&levels));
    assert_eq!([p95, highest], [19, 20]);
    assert!((0..=1).contains(&lowest));
}
