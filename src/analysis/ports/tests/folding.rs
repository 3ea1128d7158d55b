//! Lines that become one.

use super::{super::group::fold, *};

fn row(port: u16) -> TupleReport {
    TupleReport {
        source: Some(address("10.0.0.5")),
        destination: Some(crate::model::Address {
            address: address("10.0.0.9"),
            port,
        }),
        tuples: 1,
        ..TupleReport::default()
    }
}

fn joined(one: TupleReport, other: TupleReport) -> TupleReport {
    let mut rows = fold(vec![one, other], By::Source);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

#[test]
fn what_adds_up_is_known_when_all_of_it_is() {
    let known = |port, bound_first, delta, per_second| TupleReport {
        bound_first: Some(bound_first),
        delta: Some(delta),
        per_second: Some(per_second),
        ..row(port)
    };
    let both = joined(known(80, 2, 5, 1.5), known(81, 3, -1, 0.5));
    let sums = (both.bound_first, both.delta, both.per_second);
    assert_eq!(sums, (Some(5), Some(4), Some(2.0)));
    for half in [
        joined(known(80, 2, 5, 1.5), row(81)),
        joined(row(80), known(81, 3, -1, 0.5)),
    ] {
        let sums = (half.bound_first, half.delta, half.per_second);
        assert_eq!(sums, (None, None, None));
    }
}

#[test]
fn the_first_to_be_full_and_any_window_are_told() {
    let window = Some(Window { low: 7, high: 9 });
    let full_in = |port, seconds| TupleReport {
        full_in_seconds: seconds,
        ..row(port)
    };
    let windowed = TupleReport {
        window,
        ..full_in(81, Some(20.0))
    };
    let both = joined(full_in(80, Some(90.0)), windowed);
    assert_eq!((both.full_in_seconds, both.window), (Some(20.0), window));
    let one = joined(full_in(80, None), full_in(81, Some(5.0)));
    assert_eq!(one.full_in_seconds, Some(5.0));
}

#[test]
fn the_fullest_is_the_one_with_least_room_however_much_it_uses() {
    let owner = |pid| Owner {
        pid,
        name: format!("p{pid}"),
        fd: 3,
    };
    let roomy = TupleReport {
        state: Pressure::Tight,
        used: 9,
        free: 1,
        free_likely: 1,
        reusable: 8,
        used_ratio: 0.9,
        owners: vec![owner(1)],
        ..row(80)
    };
    let full = TupleReport {
        state: Pressure::Busy,
        used: 5,
        free: 5,
        free_likely: 4,
        reusable: 1,
        used_ratio: 0.5,
        owners: vec![owner(2)],
        ..row(81)
    };
    for (one, other) in [(&roomy, &full), (&full, &roomy)] {
        let both = joined(one.clone(), other.clone());
        let of_full = TupleReport {
            destination: None,
            tuples: 2,
            used: 14,
            ..full.clone()
        };
        assert_eq!(both, of_full);
    }
}

#[test]
fn a_group_of_groups_counts_their_tuples() {
    let three = TupleReport {
        tuples: 3,
        ..row(80)
    };
    assert_eq!(joined(row(81), three).tuples, 4);
}

#[test]
fn devices_tell_lines_apart_except_by_process() {
    let bound = TupleReport {
        interface: Some("eth0".to_owned()),
        ..row(80)
    };
    let lines = |by| fold(vec![row(80), bound.clone()], by).len();
    assert_eq!((lines(By::Source), lines(By::Process)), (2, 1));
}
