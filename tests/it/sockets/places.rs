//! Sockets of other namespaces, of an empty one, and of other users.

use serde_json::{Value, json as value};

use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::kernel_parts::{note_of_bound, unseen};
use crate::support::netns::{
    add_named, in_netns, in_netns_of_root, in_sealed_netns, lo_up, netns_inode,
};
use crate::support::program::{json, text};
use crate::support::sockets::{inode, listen};
use crate::support::time_waits::connected_pair;
use crate::support::users::{EACH_PROC, as_nobody};

const SERVE: ListenerSetup = ListenerSetup {
    address: "127.0.0.1:8080",
    backlog: 5,
    clients: 0,
    syns: 0,
};

fn rows(report: &Value) -> &Vec<Value> {
    report["sockets"].as_array().expect("rows")
}

#[test]
fn all_namespaces_or_one_are_read_with_their_owners() {
    in_sealed_netns(|| {
        lo_up();
        let own = listen("127.0.0.1:8080", 5);
        let path = add_named("blue");
        let enter = format!("--net={path}");
        let in_blue = spawn_listener(&SERVE, &["nsenter", &enter]);
        let blue = netns_inode(&path);
        let here = netns_inode("/proc/self/ns/net");
        for owners in ["auto", "all"] {
            let args = ["sockets", "tcp", "--netns", "all", "--owners", owners];
            let report = json(&args);
            assert_eq!(report["count"], 2, "{report:#}");
            let of = |netns: u64| {
                let mut rows = rows(&report).iter();
                rows.find(|row| row["netns"]["inode"] == netns)
                    .expect("its socket")
            };
            assert_eq!(of(here)["inode"], inode(&own));
            assert_eq!(of(here)["netns"]["name"], Value::Null);
            assert_eq!(of(blue)["netns"]["name"], "blue");
            assert_eq!(of(here)["owners"][0]["pid"], std::process::id());
            assert_eq!(of(blue)["owners"][0]["pid"], in_blue.pid());
        }
        let report = json(&["sockets", "tcp", "--netns", "blue"]);
        assert_eq!(report["count"], 1);
        assert_eq!(report["sockets"][0]["netns"]["inode"], blue);
        let header = |args: &[&str]| {
            let table = text(args);
            table.lines().next().expect("a header").to_owned()
        };
        assert!(header(&["sockets", "tcp", "--netns", "all"]).starts_with("NETNS"));
        assert!(header(&["sockets", "tcp"]).starts_with("PROTO"));
    });
}

#[test]
fn an_empty_namespace_has_no_sockets_in_any_format() {
    in_netns(|| {
        for words in [
            &[][..],
            &["tcp"],
            &["--owners", "all"],
            &["--sort", "inode"],
            &["--pairs"],
        ] {
            let args = [&["sockets"], words].concat();
            let report = json(&args);
            assert_eq!(report["sockets"], value!([]), "{words:?}");
            assert_eq!(report["count"], 0, "{words:?}");
            assert_eq!(report["states"], value!({}), "{words:?}");
            assert!(unseen(&report).is_empty(), "{words:?}: {report:#}");
            let nothing = match words {
                ["--pairs"] => "no connection that matches has both ends here\n".to_owned(),
                _ => format!("no socket matches\n{}", note_of_bound()),
            };
            assert_eq!(text(&args), nothing, "{words:?}");
            let csv = text(&[&args[..], &["-o", "csv"]].concat());
            assert_eq!(csv.lines().count(), 1, "{csv}");
            assert_eq!(
                text(&[&args[..], &["-o", "csv", "--no-header"]].concat()),
                ""
            );
        }
    });
}

#[test]
fn others_see_both_ends_of_pairs_and_not_who_has_them_open() {
    in_netns_of_root(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let (client, server) = connected_pair(&listener, |_| Ok(()));
        for first in EACH_PROC {
            let output = as_nobody(first, &["sockets", "--pairs", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let [row] = &rows(&report)[..] else {
                panic!("{first}: {report:#}")
            };
            assert_eq!(row["inode"], inode(&client));
            assert_eq!(row["other_end"]["inode"], inode(&server));
            for end in [row, &row["other_end"]] {
                assert_eq!(end["owners"], value!([]), "{first}");
                assert_eq!(end["owners_complete"], false, "{first}");
            }
            let missing = report["incomplete"].as_array().expect("a list");
            let owners = missing.iter().find(|missing| missing["what"] == "owners");
            assert_eq!(owners.expect("it is said")["count"], 2, "{first}");
        }
    });
}

#[test]
fn a_namespace_that_may_not_be_entered_is_said_and_the_own_one_read() {
    in_netns_of_root(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let args = ["sockets", "tcp", "--netns", "all", "--json"];
        let output = as_nobody("exec", &args);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["count"], 1, "{report:#}");
        assert_eq!(report["sockets"][0]["local"]["port"], 8080);
        let missing = report["incomplete"].as_array().expect("a list").iter();
        let unread: Vec<_> = missing
            .filter(|missing| missing["what"] == "netns")
            .collect();
        assert!(!unread.is_empty(), "{report:#}");
        let why = unread[0]["why"].as_str().expect("a reason");
        assert!(why.contains("(sudo)"), "{why}");
    });
}
