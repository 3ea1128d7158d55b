//! The table of `ports` from values.

use sockdiag::{
    analysis::{
        Spread,
        ports::{NamespaceReport, Pressure, ProcessReport, RangeReport, States},
    },
    model::{Netns, Owner},
};

use crate::render::Tone;

use super::{
    super::{Cell, tests::raw},
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
fn time_wait_sockets_have_no_owner() {
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
    assert_eq!(shown(&all, "process"), "(no owner)");
    assert_ne!(shown(&some, "owner"), "(TIME_WAIT only)");
    assert_eq!(shown(&some, "process"), "(owner unknown)");
    let held = TupleReport {
        process: Some(ProcessReport {
            pid: 7,
            name: "api".to_owned(),
        }),
        owners: vec![Owner {
            pid: 7,
            name: "api".to_owned(),
            fd: 3,
        }],
        ..all
    };
    assert_eq!(shown(&held, "process"), "api (7)");
    assert!(shown(&held, "owner").contains("api"));
}

/// A range of 100 ports of which 20 are reserved.
fn namespace(name: &str) -> NamespaceReport {
    NamespaceReport {
        netns: Netns {
            name: Some(name.to_owned()),
            ..Netns::default()
        },
        range: RangeReport {
            low: 100,
            high: 199,
            size: 100,
            reserved: 20,
            usable: 80,
        },
        listeners: 1,
        bound_only: Some(0),
        blocked: 1,
        state: Pressure::Ok,
        binders: Vec::new(),
        bound_first: 0,
        tcp_timestamps: Some(1),
        tcp_tw_reuse: Some(0),
        tcp_tw_reuse_delay_ms: None,
        active_opens_per_second: None,
    }
}

fn report(namespace: NamespaceReport, tuples: Vec<TupleReport>) -> PortsReport {
    let netns = namespace.netns.clone();
    let tuples = tuples.into_iter().map(|row| TupleReport {
        netns: netns.clone(),
        ..row
    });
    PortsReport {
        tuples: tuples.collect(),
        namespaces: vec![namespace],
        ..PortsReport::default()
    }
}

#[test]
fn a_scraper_gets_the_numbers_of_tuples_that_hold_a_hundredth() {
    let rows = [8, 7].map(|used| TupleReport {
        used,
        source: Some(std::net::Ipv4Addr::from(used as u32).into()),
        used_ratio: 0.25,
        states: States {
            time_wait: 3,
            ..States::default()
        },
        ..TupleReport::default()
    });
    let mut wide = namespace("web");
    (wide.range.usable, wide.blocked) = (800, 70);
    let mut text = Vec::new();
    let report = report(wide, rows.to_vec());
    report.write_metrics(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let values: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            (
                line.split('{').next().unwrap(),
                line.rsplit(' ').next().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("sockdiag_ephemeral_ports_usable", "800"),
        ("sockdiag_ephemeral_ports_bound", "70"),
        ("sockdiag_ephemeral_ports_used", "8"),
        ("sockdiag_ephemeral_ports_used_ratio", "0.25"),
        ("sockdiag_ephemeral_ports_time_wait", "3"),
    ];
    assert_eq!(values, expected);
}

#[test]
fn the_heading_explains_tcp_tw_reuse() {
    let head = |reuse, delay, timestamps| {
        let mut namespace = namespace("web");
        namespace.tcp_tw_reuse = Some(reuse);
        namespace.tcp_tw_reuse_delay_ms = delay;
        namespace.tcp_timestamps = Some(timestamps);
        report(namespace, Vec::new())
            .heading(&View::default())
            .remove(0)
    };
    assert!(head(0, None, 1).ends_with("for 60s (tcp_tw_reuse 0)"));
    assert!(
        head(1, None, 1).ends_with("after 1.0s (tcp_tw_reuse 1)"),
        "{}",
        head(1, None, 1)
    );
    assert!(head(1, Some(5000), 1).ends_with("after 5.0s (tcp_tw_reuse 1)"));
    assert!(head(1, None, 0).ends_with("(tcp_timestamps 0)"));
    assert!(head(2, None, 1).ends_with("(tcp_tw_reuse 2)"));
}

#[test]
fn only_namespaces_with_a_line_have_a_heading_and_a_column() {
    let row = TupleReport {
        interface: Some("eth0".to_owned()),
        ..TupleReport::default()
    };
    let mut one = report(namespace("web"), vec![row]);
    let shown = one.shown(&View::default());
    assert!(!shown.contains(&"netns") && shown.contains(&"interface"));
    assert!(shown.contains(&"owner"));
    one.namespaces.push(namespace("db"));
    let heading = one.heading(&View::default());
    assert_eq!(heading.len(), 1);
    assert!(heading[0].starts_with("web: "));
    one.by = By::Process;
    assert!(!one.shown(&View::default()).contains(&"owner"));
}

#[test]
fn the_age_of_an_earlier_reading_is_told() {
    let notes = |age_ms| {
        let report = PortsReport {
            age_ms,
            ..PortsReport::default()
        };
        report.notes(&View::default())
    };
    assert!(notes(999).is_empty(), "as fresh as the rest");
    assert_eq!(notes(12_300), ["sockets were read 12s ago"]);
}

#[test]
fn colours_show_how_many_ports_are_left() {
    let of = |state| {
        let row = TupleReport {
            state,
            ..TupleReport::default()
        };
        column(&row, "state").tone
    };
    assert_eq!(of(Pressure::Ok), Tone::Good);
    assert_eq!(of(Pressure::Busy), Tone::Plain);
    assert_eq!(of(Pressure::Tight), Tone::Warning);
    assert_eq!(of(Pressure::LikelyExhausted), Tone::Bad);
    assert_eq!(of(Pressure::Exhausted), Tone::Bad);
}

#[test]
fn a_tuple_that_is_full_is_full_now() {
    let row = TupleReport {
        full_in_seconds: Some(0.0),
        ..TupleReport::default()
    };
    assert_eq!(shown(&row, "full_in"), "now");
}
