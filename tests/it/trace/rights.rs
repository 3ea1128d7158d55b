//! `sockdiag trace`: which rights it needs, what it says without them, and that it gives them up.

use std::fs;

use crate::support::capture_file::{Order, pcap};
use crate::support::netns::{in_netns, in_netns_of_root, lo_up};
use crate::support::processes::process_status;
use crate::support::program::{assert_failed, finish, stderr, with_capabilities};
use crate::support::tracing::Tracing;
use crate::support::tree::Tree;
use crate::support::users::as_nobody;

#[test]
fn without_cap_net_raw_it_says_which_right_it_lacks_and_how_to_grant_it() {
    in_netns(|| {
        lo_up();
        for args in [
            &["trace"][..],
            &["trace", "--json"],
            &["trace", "--interface", "lo"],
        ] {
            let output = finish(&mut with_capabilities("", args));
            assert_failed(&output, 1, &["CAP_NET_RAW", "sudo", "setcap cap_net_raw"]);
            assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        }
    });
}

#[test]
fn an_ordinary_user_is_told_the_same() {
    in_netns_of_root(|| {
        lo_up();
        let output = as_nobody("", &["trace", "--json"]);
        assert_failed(&output, 1, &["CAP_NET_RAW", "setcap cap_net_raw"]);
    });
}

#[test]
fn cap_net_raw_is_all_that_it_needs() {
    in_netns(|| {
        lo_up();
        let args = ["trace", "--json", "--for", "100ms"];
        let output = finish(&mut with_capabilities(",+net_raw", &args));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("\"summary\""), "{text}");
    });
}

#[test]
fn it_has_no_rights_left_when_packets_come() {
    in_netns_of_root(|| {
        lo_up();
        let trace = Tracing::start(&[]);
        let tasks = fs::read_dir(format!("/proc/{}/task", trace.pid())).expect("it is running");
        for task in tasks {
            let name = task.expect("a thread").file_name();
            let thread = name.to_str().and_then(|name| name.parse().ok());
            let thread = thread.expect("a number");
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(process_status(thread, set), "0000000000000000", "{set}");
            }
            assert_eq!(process_status(thread, "NoNewPrivs"), "1");
            // It is confined by a filter.
            assert_eq!(process_status(thread, "Seccomp"), "2");
        }
        trace.end();
    });
}

#[test]
fn reading_a_file_asks_for_no_rights() {
    in_netns(|| {
        let tree = Tree::new();
        tree.write("empty.pcap", pcap(Order::Little, 1_000_000, 1, &[]));
        let path = format!("{}/empty.pcap", tree.path());
        let output = finish(&mut with_capabilities(
            "",
            &["trace", "--json", "--read", &path],
        ));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    });
}
