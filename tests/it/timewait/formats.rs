//! `sockdiag timewait`: its forms say the same; other namespaces; where there is little to say.

use crate::support::clients::clients;
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, netns_inode, sysctl};
use crate::support::program::{json, number, sockdiag, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::listen;
use crate::support::time_waits::{client_fin_wait_2s, client_time_waits, connected_pair};
use crate::support::tools::{assert_promtool_accepts, tcp_ext};
use crate::support::unanswered::unanswered_syns;
use crate::support::users::as_nobody;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

const SERVER: &str = "10.9.0.1:8080";
const SIX: &str = "[fd00:9::1]:8080";

fn a_bit_of_everything() -> impl Sized {
    unanswered_syns();
    let (server, six) = (listen(SERVER, 100), listen(SIX, 100));
    client_time_waits(&server, 37);
    client_time_waits(&six, 14);
    let mine = clients(SERVER, 2);
    let closing = client_fin_wait_2s(&six, 2);
    (server, six, closing, mine)
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let commands = [
            &["timewait"][..],
            &["timewait", "--no-owners"],
            &["timewait", "-4"],
            &["timewait", "--by", "destination"],
            &["timewait", "--by", "dport"],
            &["timewait", "--by", "source"],
            &["timewait", "--by", "sport"],
            &["timewait", "--by", "listener"],
            &["timewait", "--watch=0.05", "--count", "3"],
            &["timewait", "--for", "50ms", "--every", "10ms"],
            &["timewait", "--netns", "all"],
        ];
        assert_valid("timewait", &commands);
        let report = json(&["timewait"]);
        let wrong = [
            ("/groups", object!(null)),
            ("/groups/0/side", object!("both")),
            ("/groups/0/count", object!("many")),
            ("/left/0/count", object!(-1)),
            ("/by", object!("colour")),
        ];
        assert_refused("timewait", &report, &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let report = json(&["timewait"]);
        assert_eq!(report["count"], 53);
        let csv = text(&["timewait", "-o", "csv"]);
        let metrics = text(&["timewait", "-o", "prom"]);
        let table = text(&["timewait"]);
        assert_promtool_accepts(&metrics);
        assert!(
            metrics.lines().any(|line| line.ends_with(" 53")),
            "{metrics}"
        );
        assert!(table.contains("53"), "{table}");
        for (key, count) in [(SERVER, 37), (SIX, 16)] {
            let mut groups = report["groups"].as_array().expect("groups[]").iter();
            let group = groups.find(|group| group["key"] == key).expect("a group");
            assert_eq!(group["count"], count);
            let count = count.to_string();
            for form in [&csv, &table] {
                let row = form.lines().find(|line| line.contains(key));
                let row = row.unwrap_or_else(|| panic!("no {key} in {form}"));
                let mut words = row.split([' ', ',']);
                assert!(words.any(|word| word == count), "{form}");
            }
            let (label, value) = (format!("\"{key}\""), format!(" {count}"));
            let mut samples = metrics.lines();
            assert!(
                samples.any(|line| line.contains(&label) && line.ends_with(&value)),
                "{metrics}"
            );
        }
    });
}

#[test]
fn it_says_that_time_wait_is_harmless_until_ports_or_buckets_run_out() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let other = listen("10.9.0.1:8081", 100);
        let said = text(&["timewait"]).to_lowercase();
        assert!(said.contains("harmless"), "{said}");

        sysctl("net/ipv4/tcp_max_tw_buckets", 1);
        for _ in 0..3 {
            drop(connected_pair(&other, |_| Ok(())));
        }
        wait_until("there was no room", || tcp_ext("TCPTimeWaitOverflow") > 0);
        let said = text(&["timewait"]);
        assert!(said.contains("tcp_max_tw_buckets"), "{said}");
    });
}

#[test]
fn every_namespace_has_buckets_of_its_own() {
    in_sealed_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_max_tw_buckets", 100);
        let server = listen(SERVER, 100);
        client_time_waits(&server, 25);
        let setup = ListenerSetup {
            address: SERVER,
            backlog: 10,
            clients: 3,
            syns: 0,
        };
        let helper = spawn_listener(&setup, &["unshare", "--net"]);
        let report = json(&["timewait", "--netns", "all"]);
        assert_eq!(report["count"], 25);
        for key in ["limit", "fill_ratio", "overflows"] {
            assert!(report[key].is_null(), "{key}");
        }
        let of = |process: &str| {
            let inode = netns_inode(&format!("/proc/{process}/ns/net"));
            let mut all = report["namespaces"]
                .as_array()
                .expect("namespaces[]")
                .iter();
            let found = all.find(|one| one["netns"]["inode"] == inode);
            found.unwrap_or_else(|| panic!("no {process} in {report:#}"))
        };
        let here = of("self");
        assert_eq!((&here["count"], &here["limit"]), (&25.into(), &100.into()));
        assert_eq!(number(&here["fill_ratio"]), 0.25);
        let there = helper.pid().to_string();
        assert_eq!(of(&there)["count"], 0);
        assert_ne!(of(&there)["limit"], 100);

        let report = json(&["timewait", "--netns", &there]);
        assert_eq!(report["count"], 0);
        assert!(report["limit"].is_u64());
    });
}

#[test]
fn an_ordinary_user_gets_all_the_numbers() {
    in_netns_of_root(|| {
        let _scene = a_bit_of_everything();
        let output = as_nobody("exec", &["timewait", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        assert_eq!(report["count"], 53);
        assert_eq!(report["overflows"], 0);
        assert!(report["limit"].is_u64());
    });
}

#[test]
fn wrong_words_are_wrong_usage() {
    in_netns(|| {
        for args in [
            &["timewait", "--by", "tuple"][..],
            &["timewait", "--by"],
            &["timewait", "--sort", "colour"],
            &["timewait", "--columns", "colour"],
            &["timewait", "--watch", "2"],
            &["timewait", "-4", "-6"],
            &["timewait", "--nonsense"],
        ] {
            let output = sockdiag(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(output.stdout.is_empty(), "{args:?}");
            assert!(!output.stderr.is_empty(), "{args:?}");
        }
    });
}
