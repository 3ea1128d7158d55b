//! What lasts is a finding, in `leaks` and in `doctor`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpListener;

use crate::support::check::check;
use crate::support::leaks::pair;
use crate::support::link::{Link, THERE};
use crate::support::netns::in_sealed_netns;
use crate::support::program::{finding, finding_ids, json};
use crate::support::traffic::fill;
use crate::support::wait::wait_for;

#[test]
fn what_is_stuck_for_long_is_found_by_doctor_too() {
    in_sealed_netns(|| {
        let link = Link::new();
        let address = format!("{THERE}:8080");
        let listener = link
            .there
            .run(|| TcpListener::bind(&address).expect("it is free"));
        let (mut cut_off, _gone) = pair(&listener);
        let near = TcpListener::bind("127.0.0.1:9090").expect("it is free");
        let (writer, _reader) = pair(&near);
        fill(&writer);
        link.cut();
        cut_off.write_all(b"hello").expect("it is queued");

        let expected = BTreeSet::from(["peer_dead", "reader_stuck", "writer_stuck"]);
        let found = |report: &serde_json::Value| {
            let ids = finding_ids(report).into_iter();
            expected.is_subset(&ids.collect::<BTreeSet<_>>())
        };
        let report = wait_for("it has lasted", || {
            let report = json(&["leaks", "--for", "500ms"]);
            found(&report).then_some(report)
        });
        assert_eq!(finding_ids(&report).len(), 3, "{:#}", report["findings"]);
        let dead = finding(&report, "peer_dead");
        assert_eq!(dead["subject"], format!("→ {address}"));
        assert_eq!(dead["inferred"], true, "a firewall looks the same");
        assert_eq!(dead["pids"], serde_json::json!([std::process::id()]));

        let only = ["doctor", "--for", "1s", "--only", "connections"];
        let report = json(&only);
        assert!(found(&report), "{report:#}");
        assert_eq!(report["looked_at"][0]["verdict"], "warning");
        let (exit, report) = check(&["leaks", "--for=1s"]);
        assert_eq!(exit, 1, "a warning");
        assert!(found(&report), "{report:#}");
        let quick = json(&["doctor", "--quick", "--only", "connections"]);
        assert!(finding_ids(&quick).is_empty(), "one reading shows none");
    });
}
