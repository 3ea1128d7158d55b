//! The table of `fds` from values.

use sockdiag::analysis::{
    Spread,
    fds::{State, SystemReport},
};

use super::{
    super::tests::raw,
    columns::{bar, maximum},
    notes::host,
    *,
};
use crate::render::Tone;

/// A process with another number in each place.
fn example() -> ProcessReport {
    ProcessReport {
        pid: 1,
        name: "api".to_owned(),
        command_line: Some("api --port 80".to_owned()),
        state: Some(State::Near),
        open: Some(2),
        soft_limit: Some(3),
        hard_limit: Some(4),
        used_ratio: Some(0.5),
        delta: Some(5),
        per_second: Some(6.5),
        full_in_seconds: Some(7.0),
        uid: Some(8),
        cgroup: Some("/c".to_owned()),
        unit: Some("u".to_owned()),
        types: None,
        why: None,
        sampled: Some(Spread {
            samples: 9,
            minimum: 10,
            mean: 11.5,
            p95: 12,
            maximum: 13,
        }),
        growth: None,
        began: None,
    }
}

#[test]
fn a_bar_is_as_long_as_what_is_used() {
    for (ratio, drawn) in [
        (0.0, ""),
        (0.01, ""),
        (0.0125, "▏"),
        (0.12, "█▏"),
        (0.5, "█████"),
        (0.999, "█████████▉"),
        (1.0, "██████████"),
        (1.5, "██████████"),
    ] {
        assert_eq!(bar(ratio), drawn, "{ratio}");
    }
}

#[test]
fn each_column_has_its_own_number() {
    let process = example();
    let expected = [
        "state=near",
        "use=0.5",
        "open=2",
        "minimum=10",
        "mean=11.5",
        "p95=12",
        "maximum=13",
        "samples=9",
        "soft=3",
        "hard=4",
        "delta=5",
        "per_second=6.5",
        "per_minute=390",
        "full_in=7",
        "user=8",
        "cgroup=/c",
        "unit=u",
        "pid=1",
        "process=api",
        "command=api --port 80",
        "types=",
    ];
    assert_eq!(raw(&COLUMNS, &process), expected);
}

#[test]
fn a_peak_that_reached_the_limit_is_bad() {
    let tone = |soft| {
        let process = ProcessReport {
            soft_limit: Some(soft),
            ..example()
        };
        maximum(&process, &View::default()).tone
    };
    assert_eq!((tone(13), tone(14)), (Tone::Bad, Tone::Plain));
}

#[test]
fn large_numbers_are_grouped() {
    let system = |limit| SystemReport {
        open: Some(41_312),
        limit,
        used_ratio: None,
        nr_open: Some(1 << 20),
    };
    assert_eq!(
        host(&system(Some(2_466_177))),
        "host: 41\u{a0}312 of 2\u{a0}466\u{a0}177 open, nr_open 1\u{a0}048\u{a0}576"
    );
    assert_eq!(
        host(&system(Some(i64::MAX as u64))),
        "host: 41\u{a0}312 open, no limit (file-max), nr_open 1\u{a0}048\u{a0}576"
    );
    assert_eq!(
        host(&SystemReport::default()),
        "host: – of – open, nr_open –"
    );
}

#[test]
fn sessions_have_no_label_and_only_the_full_are_counted() {
    let mut above = example();
    above.unit = Some("session-3.scope".to_owned());
    above.used_ratio = Some(1.5);
    let report = FdsReport {
        processes: vec![above],
        ..FdsReport::default()
    };
    let mut text = Vec::new();
    report.write_metrics(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("session-3"), "{text}");
    assert!(
        text.contains("sockdiag_processes_at_descriptor_limit 0"),
        "{text}"
    );
}
