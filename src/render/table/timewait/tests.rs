//! The table of `timewait` from values.

use super::{super::raw, *};

#[test]
fn each_column_has_its_own_number() {
    let group = GroupReport {
        key: Some("10.0.0.9:80".to_owned()),
        count: 1,
        share_ratio: 0.25,
        median_left_seconds: Some(2),
        delta: Some(3),
        side: Some(Side::Client),
        inferred_from: Some(InferredFrom::LiveSocket),
        sampled: Some(Spread {
            samples: 4,
            minimum: 5,
            mean: 6.5,
            p95: 7,
            maximum: 8,
        }),
        ..GroupReport::default()
    };
    let raw = raw(&COLUMNS, &group);
    for expected in [
        "service=10.0.0.9:80",
        "destination=",
        "dport=",
        "source=",
        "sport=",
        "listener=",
        "count=1",
        "share=0.25",
        "minimum=5",
        "mean=6.5",
        "p95=7",
        "maximum=8",
        "samples=4",
        "delta=3",
        "median_left=2000",
        "side=client",
        "inferred_from=live_socket",
    ] {
        assert!(
            raw.iter().any(|cell| cell == expected),
            "{expected}: {raw:?}"
        );
    }
}
