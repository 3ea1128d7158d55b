//! `sockdiag tune`: outputs for programs, and arguments.

use crate::support::netns::{in_netns, in_sealed_netns, lo_up, sysctl};
use crate::support::program::{assert_failed, json, sockdiag, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::tools::assert_promtool_accepts;
use serde_json::json as object;

#[test]
fn json_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_abort_on_overflow", 1);
        let commands = [
            &["tune"][..],
            &["tune", "listen", "fs"],
            &["tune", "--drift"],
            &["tune", "--netns", "all"],
            &["tune", "--watch=0.05", "--count", "2"],
            &["tune", "somaxconn", "--for", "50ms", "--every", "10ms"],
            &["tune", "somaxconn", "--for", "50ms"],
        ];
        assert_valid("tune", &commands);
        let wrong = [
            ("/settings/0/verdict", object!("perhaps")),
            ("/settings/0/scope", object!("galaxy")),
            ("/settings/0/key", object!(null)),
            ("/settings/0/reason", object!(7)),
        ];
        assert_refused("tune", &json(&["tune"]), &wrong);
    });
}

#[test]
fn every_format_has_the_settings() {
    in_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_fin_timeout", 15);
        let metrics = text(&["tune", "-o", "prom"]);
        assert!(metrics.contains("sockdiag_setting{setting=\"net.ipv4.tcp_fin_timeout\""));
        assert_promtool_accepts(&metrics);
        let csv = text(&["tune", "-o", "csv", "tcp_fin_timeout"]);
        assert_eq!(csv.lines().count(), 2, "{csv}");
        let columns = [
            "tune",
            "tcp_fin_timeout",
            "--columns",
            "setting,value,reason",
        ];
        assert!(text(&columns).contains("does not shorten TIME_WAIT"));
    });
}

#[test]
fn a_setting_that_is_none_is_wrong_usage() {
    for (name, reason) in [
        ("somaxcon", "did you mean net.core.somaxconn?"),
        ("vm.swappiness", "no setting or group"),
    ] {
        assert_failed(&sockdiag(&["tune", name]), 2, &[name, reason]);
    }
    let named = json(&["tune", "net/core/somaxconn", "fs"]);
    let keys = named["settings"].as_array().expect("settings[]").iter();
    let keys: Vec<&str> = keys
        .map(|one| one["key"].as_str().expect("a key"))
        .collect();
    assert!(
        keys.contains(&"net.core.somaxconn") && keys.contains(&"fs.nr_open"),
        "{keys:?}"
    );
    assert!(!keys.contains(&"net.ipv4.tcp_mem"), "{keys:?}");
}
