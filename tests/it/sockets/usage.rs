//! Filters that are wrong, and protocols that there are none of.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::support::clients::connect;
use crate::support::netns::{in_netns, in_netns_of_root, lo_up};
use crate::support::program::{
    assert_failed, finish, json, missing, ports, sockdiag, stderr, text, with_capabilities,
};
use crate::support::sockets::{inode, listen};
use crate::support::time_waits::{connected_pair, wait_for_eof};
use crate::support::tree::Tree;
use crate::support::users::{EACH_PROC, as_nobody};
use crate::support::wait::wait_until;

/// All that is said of a wrong filter.
#[track_caller]
fn assert_refused(filter: &str, why: &str, column: usize) {
    let output = sockdiag(&["sockets", filter]);
    let said = format!(
        "sockdiag: in the filter: {why}\n  {filter}\n  {:column$}^\n",
        ""
    );
    assert_eq!(stderr(&output), said);
    assert_failed(&output, 2, &[]);
}

#[test]
fn a_wrong_filter_has_a_caret_below_the_place() {
    let port = "not a port: a number from 0 to 65535, or the name of a service";
    let state = "not a state: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, \
                 close-wait, last-ack, closing, listening, closed, bound, or all, connected, \
                 synchronized, bucket, big";
    for (filter, why, column) in [
        ("sport = :nosuchservice", port, 8),
        ("state established and sport", port, 27),
        ("( sport = :80", "a closing parenthesis is missing", 13),
        (
            "sport = :80 )",
            "a closing parenthesis without an opening one",
            12,
        ),
        ("state open", state, 6),
        ("dev nosuchdev", "not an interface: a name or an index", 4),
        (
            "fwmark 0xzz",
            "not a mark: a number, or MARK/MASK as 0x1/0xff",
            7,
        ),
        (
            "src 10.0.0.0/99",
            "not a prefix length: a number from 0 to 32",
            12,
        ),
        (
            "sport = :80 and sport = :81",
            "no socket has two ports: write `or` between them",
            16,
        ),
        (
            "dst /run/x.sock",
            "a unix socket's path is its local end: use src",
            4,
        ),
        (
            "not @/nonexistent",
            "reading /nonexistent: No such file or directory (os error 2)",
            4,
        ),
    ] {
        assert_refused(filter, why, column);
    }
}

#[test]
fn a_cgroup_that_is_not_there_is_named_with_its_place() {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc");
    let mounts = mounts.lines().map(|line| line.split(' ').collect());
    let mount = mounts
        .into_iter()
        .find(|mount: &Vec<&str>| mount[2] == "cgroup2");
    let why = match mount {
        Some(mount) => format!(
            "reading {}/no/such/slice: No such file or directory (os error 2)",
            mount[1]
        ),
        None => "reading /no/such/slice: cgroup2 is not mounted".to_owned(),
    };
    assert_refused("cgroup /no/such/slice", &why, 7);
}

#[test]
fn a_wrong_condition_on_numbers_says_what_is_expected() {
    let number =
        "a number to compare is missing: fill, drops, recvq, sendq, idle, rtt, retrans, age";
    for (condition, why, column) in [
        ("rtt", "a comparison is missing: <, <=, =, !=, >= or >", 3),
        ("rtt>", "a time, as 50ms, 10s or 5m is missing", 4),
        ("speed>5", number, 0),
        ("fill>x", "a percentage, as 80% is missing", 5),
        ("rtt>50ms and", number, 12),
    ] {
        let output = sockdiag(&["sockets", "--where", condition]);
        let said = format!(
            "sockdiag: invalid value '{condition}' for '--where <CONDITION>': {why}\n  \
             {condition}\n  {:column$}^\n\nFor more information, try '--help'.\n",
            ""
        );
        assert_eq!(stderr(&output), said);
        assert_failed(&output, 2, &[]);
    }
}

#[test]
fn a_filter_may_be_in_a_file() {
    in_netns(|| {
        lo_up();
        let _listeners = ["127.0.0.1:8080", "127.0.0.1:8081"].map(|at| listen(at, 5));
        let folder = Tree::new();
        let file = format!("{}/filter", folder.path());
        fs::write(&file, "state listening\nand sport = :8081\n").expect("a file");
        let report = json(&["sockets", &format!("@{file}")]);
        assert_eq!(report["count"], 1);
        assert_eq!(report["sockets"][0]["local"]["port"], 8081);
        fs::write(&file, "sport = :8081\n").expect("a file");
        let of_queues = json(&["queues", &format!("@{file}")]);
        assert_eq!(ports(&of_queues), [8081]);
        fs::write(&file, "state listening\nand sport = :x\n").expect("a file");
        let output = sockdiag(&["sockets", &format!("@{file}")]);
        assert_failed(
            &output,
            2,
            &[&format!("{file}:2: "), "  and sport = :x\n", "^"],
        );
    });
}

#[test]
fn a_word_that_is_no_protocol_is_answered() {
    for (words, reason) in [
        (
            &["sctp"][..],
            "sctp is neither a protocol (tcp, udp, raw, unix",
        ),
        (&["established"], "a state is written `state established`"),
        (
            &["unix", ":80"],
            "addresses, ports, fwmark, cgroup and autobound are of tcp",
        ),
        (&["tcp", "/run/x.sock"], "a path is of unix sockets"),
    ] {
        assert_failed(&sockdiag(&[&["sockets"], words].concat()), 2, &[reason]);
    }
}

#[test]
fn fwmark_needs_the_capability_to_see_marks() {
    in_netns_of_root(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let args = ["sockets", "tcp", "fwmark", "1"];
        let output = finish(&mut with_capabilities("", &args));
        assert_failed(&output, 1, &["fwmark needs CAP_NET_ADMIN"]);
        let output = finish(&mut with_capabilities(",+net_admin", &args));
        assert_eq!(output.status.code(), Some(0));
    });
}

#[test]
fn flags_of_ss_choose_protocols() {
    in_netns(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let _udp = std::net::UdpSocket::bind("127.0.0.1:53").expect("a port");
        let _unix = std::os::unix::net::UnixDatagram::pair().expect("a pair");
        let protocols = |args: &[&str]| -> Vec<String> {
            let report = json(&[&["sockets"], args].concat());
            let rows = report["sockets"].as_array().expect("rows").iter();
            let mut found: Vec<_> = rows.map(|row| row["protocol"].to_string()).collect();
            found.dedup();
            found
        };
        assert_eq!(protocols(&["-tn"]), ["\"tcp\""]);
        assert_eq!(protocols(&["-tuanp"]), ["\"tcp\"", "\"udp\""]);
        assert_eq!(protocols(&[]), ["\"tcp\"", "\"udp\""]);
        assert_eq!(protocols(&["-x"]), ["\"unix\""]);
        assert_eq!(protocols(&["tcp", "-x"]), ["\"tcp\"", "\"unix\""]);
        assert_eq!(protocols(&["-l"]), ["\"tcp\"", "\"udp\""]);
        assert_eq!(protocols(&["-l", "state", "established"]), [""; 0]);
        assert!(text(&["sockets", "-ltn"]).contains("127.0.0.1:8080"));
    });
}

#[test]
fn others_see_the_sockets_and_not_their_owners() {
    in_netns_of_root(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let of_root = json(&["sockets", "tcp"]);
        assert_eq!(
            of_root["sockets"][0]["owners"].as_array().map(Vec::len),
            Some(1)
        );
        for first in EACH_PROC {
            let output = as_nobody(first, &["sockets", "tcp", "--mem", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let [row] = &report["sockets"].as_array().expect("rows")[..] else {
                panic!("{first}: {report}")
            };
            let before = &of_root["sockets"][0];
            for field in ["local", "inode", "cookie", "accept_queue", "state"] {
                assert_eq!(row[field], before[field], "{first}: {field}");
            }
            assert_eq!(row["mark"], Value::Null, "needs CAP_NET_ADMIN");
            assert_eq!(row["memory"]["drops"], 0, "{first}");
            assert_eq!(row["owners"], serde_json::json!([]), "{first}");
            assert_eq!(row["owners_complete"], false, "{first}");
            let mine = std::process::id().to_string();
            let hides = first.contains("hidepid=2");
            for command in ["sockets", "states"] {
                let args = [command, "--json", "--process", &mine];
                let output = as_nobody(first, &args);
                if hides {
                    assert_failed(&output, 1, &["no such process"]);
                    continue;
                }
                let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
                let unseen = missing(&report, "owners");
                assert_eq!(unseen["count"], 1, "{first} {command}: {report}");
            }
            missing(&report, "owners");
        }
    });
}

#[test]
fn readable_are_those_that_a_read_or_accept_does_not_wait_for() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let [(with_data, server), (closed, of_closed), (idle, of_idle)] =
            [(); 3].map(|()| connected_pair(&listener, |_| Ok(())));
        (&with_data).write_all(b"x").expect("there is room");
        drop(closed);
        wait_for_eof(&of_closed);
        let waits = connect("127.0.0.1:8080").expect("the queue has room");
        let expected = BTreeSet::from([&server, &of_closed, &listener].map(inode));
        wait_until("data, an end and a connection have come", || {
            let report = json(&["sockets", "tcp", "--readable"]);
            let rows = report["sockets"].as_array().expect("rows").iter();
            rows.filter_map(|row| row["inode"].as_u64())
                .collect::<BTreeSet<_>>()
                == expected
        });
        drop((idle, of_idle, waits));
    });
}
