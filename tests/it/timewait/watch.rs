//! `sockdiag timewait --watch`: what changes from reading to reading.

use crate::support::netns::{in_netns, sysctl};
use crate::support::program::{Watch, count};
use crate::support::sockets::listen;
use crate::support::time_waits::{
    client_fin_wait_2s, client_time_waits, connected_pair, time_wait_count,
};
use crate::support::tools::tcp_ext;
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::wait_until;
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";

#[track_caller]
fn group<'a>(report: &'a Value, key: &str) -> &'a Value {
    let mut all = report["groups"].as_array().expect("groups[]").iter();
    let found = all.find(|group| group["key"] == key);
    found.unwrap_or_else(|| panic!("no {key} in {report:#}"))
}

#[test]
fn changes_are_since_the_reading_before() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        client_time_waits(&server, 5);
        let mut watch = Watch::new(&["timewait", "--watch=0.1", "--no-owners"]);
        let first = watch.report();
        assert_eq!(first["count"], 5);
        assert!(first["delta"].is_null() && first["overflows_delta"].is_null());
        assert!(group(&first, SERVER)["delta"].is_null());

        client_time_waits(&server, 9);
        let (mut all, mut of_group) = (0, 0);
        wait_until("all are reported", || {
            let report = watch.report();
            all += report["delta"].as_i64().expect("a change");
            of_group += group(&report, SERVER)["delta"].as_i64().expect("a change");
            assert_eq!(count(&report["count"]) as i64, 5 + all);
            assert_eq!(report["overflows_delta"], 0);
            all == 9
        });
        assert_eq!(of_group, 9);
    });
}

#[test]
fn what_found_no_room_is_counted_since_the_reading_before() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        sysctl("net/ipv4/tcp_max_tw_buckets", 4);
        client_time_waits(&server, 4);
        let no_room = |count: usize| {
            for _ in 0..count {
                let (client, server) = connected_pair(&server, |_| Ok(()));
                drop((client, server));
            }
        };
        no_room(3);
        wait_until("three are counted", || tcp_ext("TCPTimeWaitOverflow") == 3);
        let mut watch = Watch::new(&["timewait", "--watch=0.1", "--no-owners"]);
        assert_eq!(watch.report()["overflows"], 3);
        no_room(6);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.report();
            since += count(&report["overflows_delta"]);
            assert_eq!(
                report["namespaces"][0]["overflows_delta"],
                report["overflows_delta"]
            );
            assert_eq!(count(&report["overflows"]), 3 + since);
            since == 6
        });
    });
}

#[test]
fn a_minute_that_is_over_takes_them_away() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        sysctl("net/ipv4/tcp_fin_timeout", 1);
        let mut watch = Watch::new(&["timewait", "--watch=0.1", "--no-owners"]);
        assert_eq!(watch.report()["count"], 0);
        let _servers = client_fin_wait_2s(&server, 7);
        let mut lowest = 0;
        wait_until("they have come and gone", || {
            let report = watch.report();
            lowest = lowest.min(report["delta"].as_i64().expect("a change"));
            lowest < 0 && report["count"] == 0
        });
        assert_eq!(time_wait_count(), 0);
    });
}
