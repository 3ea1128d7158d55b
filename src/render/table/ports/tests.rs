//! The table of `ports` from values.

use sockdiag::{
    analysis::{
        Spread,
        ports::{ProcessReport, States},
    },
    model::Owner,
};

use super::{
    super::{Cell, raw},
    *,
};

fn column(row: &TupleReport, key: &str) -> Cell {
    let column = COLUMNS.iter().find(|column| column.key == key).unwrap();
    (column.cell)(row, &View::default())
}

fn shown(row: &TupleReport, key: &str) -> String {
    column(row, key).value.shown()
}

#[test]
fn each_column_has_its_own_number() {
    let row = TupleReport {
        tuples: 1,
        used: 2,
        free: 3,
        free_likely: 4,
        reusable: 5,
        used_ratio: 0.5,
        full_in_seconds: Some(6.0),
        bound_first: Some(7),
        delta: Some(8),
        per_second: Some(9.5),
        states: States {
            established: 10,
            syn_sent: 11,
            syn_recv: 12,
            fin_wait_1: 13,
            fin_wait_2: 14,
            time_wait: 15,
            close_wait: 16,
            last_ack: 17,
            closing: 18,
        },
        sampled: Some(Spread {
            samples: 19,
            minimum: 20,
            mean: 21.5,
            p95: 22,
            maximum: 23,
        }),
        interface: Some("eth0".to_owned()),
        ..TupleReport::default()
    };
    let raw = raw(&COLUMNS, &row);
    for expected in [
        "interface=eth0",
        "tuples=1",
        "used=2",
        "free=3",
        "free_likely=4",
        "use=0.5",
        "reusable=5",
        "time_wait=15",
        "established=10",
        "syn_sent=11",
        "syn_recv=12",
        "fin_wait_1=13",
        "fin_wait_2=14",
        "close_wait=16",
        "last_ack=17",
        "closing=18",
        "bound_first=7",
        "minimum=20",
        "mean=21.5",
        "p95=22",
        "maximum=23",
        "samples=19",
        "delta=8",
        "per_second=9.5",
        "full_in=6000",
    ] {
        assert!(
            raw.iter().any(|cell| cell == expected),
            "{expected}: {raw:?}"
        );
    }
}

#[test]
fn what_was_inferred_has_a_tilde() {
    let row = TupleReport {
        free: 50,
        free_likely: 20,
        used_ratio: 0.5,
        ..TupleReport::default()
    };
    assert_eq!(
        (shown(&row, "free"), shown(&row, "use")),
        ("~20".into(), "~80%".into())
    );
    let known = TupleReport {
        free_likely: 50,
        ..row
    };
    assert_eq!(
        (shown(&known, "free"), shown(&known, "use")),
        ("50".into(), "50%".into())
    );
}

#[test]
fn nobody_holds_what_is_all_in_time_wait() {
    let row = |used, time_wait| TupleReport {
        used,
        states: States {
            time_wait,
            ..States::default()
        },
        ..TupleReport::default()
    };
    let (all, some) = (row(3, 3), row(4, 3));
    assert_eq!(shown(&all, "owner"), "(TIME_WAIT only)");
    assert_eq!(shown(&all, "process"), "(nobody)");
    assert_ne!(shown(&some, "owner"), "(TIME_WAIT only)");
    assert_eq!(shown(&some, "process"), "(nobody seen)");
    let held = TupleReport {
        process: Some(ProcessReport {
            pid: 7,
            name: "api".to_owned(),
        }),
        owners: vec![Owner {
            pid: 7,
            name: "api".to_owned(),
            fd: 3,
            cgroup: None,
        }],
        ..all
    };
    assert_eq!(shown(&held, "process"), "api (7)");
    assert!(shown(&held, "owner").contains("api"));
}
