//! The table of `timewait` from values.

use sockdiag::{
    analysis::{
        Severity, Spread,
        finding::RULES,
        timewait::{Bar, NamespaceReport, Totals},
    },
    model::Netns,
};

use super::{super::tests::raw, *};

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

fn namespace(count: u64, limit: u32, overflows: i128, delta: Option<i128>) -> NamespaceReport {
    let totals = Totals {
        count,
        fin_wait_2: 0,
        limit: Some(limit),
        fill_ratio: Some(count as f64 / f64::from(limit)),
        overflows: Some(overflows),
        overflows_delta: delta,
    };
    let netns = Netns::default();
    NamespaceReport { netns, totals }
}

fn report(namespaces: Vec<NamespaceReport>) -> TimewaitReport {
    let mut report = TimewaitReport::default();
    report.totals.count = namespaces.iter().map(|one| one.totals.count).sum();
    report.namespaces = namespaces;
    report
}

#[test]
fn what_is_kept_is_harmless_unless_something_was_found() {
    let mut report = report(vec![namespace(8, 100, 0, None)]);
    let is_harmless = |report: &TimewaitReport| {
        report
            .heading(&View::default())
            .concat()
            .contains("Harmless")
    };
    assert!(is_harmless(&report));
    report.findings = vec![RULES[0].finding(Severity::Critical, "", "")];
    assert!(!is_harmless(&report));
    report.totals.count = 0;
    assert!(report.heading(&View::default()).is_empty());
}

#[test]
fn the_smallest_bar_is_seen_and_the_chart_breaks_where_it_must() {
    let mut report = report(vec![namespace(101, 1000, 0, None)]);
    report.left = [(0, 100), (10, 1)]
        .map(|(from, count)| Bar {
            from_seconds: from,
            to_seconds: from + 10,
            count,
        })
        .to_vec();
    let chart = |width| {
        report.heading(&View {
            width,
            ..View::default()
        })[1..]
            .to_vec()
    };
    let whole = "left  0–10s ████████ 100  10–20s █ 1";
    assert_eq!(chart(None), [whole]);
    let width = whole.chars().count();
    assert_eq!(chart(Some(width)), [whole]);
    assert_eq!(chart(Some(width - 1)).len(), 2);
}

#[test]
fn several_namespaces_have_a_line_each_unless_empty() {
    let [full, empty] = [8, 0].map(|count| namespace(count, 100, 0, None));
    let lines = |namespaces| report(namespaces).notes(&View::default()).len();
    assert_eq!(lines(vec![full.clone()]), 0);
    assert_eq!(lines(vec![full.clone(), empty]), 1);
    assert_eq!(lines(vec![full.clone(), full]), 2);
    let mut waiting = report(Vec::new());
    waiting.totals.fin_wait_2 = 1;
    assert!(waiting.notes(&View::default())[0].starts_with("1 in FIN_WAIT2"));
}

#[test]
fn a_scraper_gets_count_limit_and_losses() {
    let mut text = Vec::new();
    let report = report(vec![namespace(8, 100, 3, None)]);
    report.write_metrics(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values: Vec<_> = lines.map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(values, ["8", "100", "3"]);
}

#[test]
fn one_namespace_needs_no_column() {
    let mut report = report(Vec::new());
    report.groups = vec![GroupReport::default(); 2];
    assert!(!report.shown(&View::default()).contains(&"netns"));
    report.groups[0].netns.name = Some("web".to_owned());
    assert!(report.shown(&View::default()).contains(&"netns"));
}
