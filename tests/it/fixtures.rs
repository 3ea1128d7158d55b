//! `--proc-root`: counters of other kernels than the one that runs the tests, from captured trees.

use std::fs;
use std::path::Path;

use crate::support::program::{count, json, sockdiag, stderr};
use crate::support::tree::{Tree, fixture};
use serde_json::{Value, json as object};

const CAPTURED: &str = "6.18-overflow-and-syn-flood";
const OLDEST: &str = "4.19-accept-queue-overflow";
const WITHOUT_IPV6: &str = "5.4-without-ipv6";
const COOKIES: &str = "5.15-cookies-for-every-syn";

/// `counters ARGS` of the kernel whose files are in `root`.
#[track_caller]
fn counters_of(root: &str, args: &[&str]) -> Value {
    json(&[&["counters", "--proc-root", root], args].concat())
}

#[track_caller]
fn counters_in(name: &str, args: &[&str]) -> Value {
    counters_of(fixture(name).to_str().expect("a path in UTF-8"), args)
}

/// The element of a counter that stands exactly once in a report; its table may be left out.
#[track_caller]
fn counter<'a>(report: &'a Value, table: &str, name: &str) -> &'a Value {
    let found: Vec<&Value> = list(report)
        .iter()
        .filter(|counter| counter["table"] == table && counter["name"] == name)
        .collect();
    assert_eq!(found.len(), 1, "{table} {name} in {report:#}");
    found[0]
}

fn list(report: &Value) -> &Vec<Value> {
    report["counters"].as_array().expect("counters[]")
}

#[track_caller]
fn assert_values(report: &Value, expected: &[(&str, &str, i64)]) {
    for (table, name, value) in expected {
        assert_eq!(counter(report, table, name)["value"], *value, "{name}");
    }
}

/// (table, name, value) of every number in the files, taken apart in another way than the program
/// does it.
fn written(root: &Path) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
    let mut push = |table: &str, name: &str, value: &str| {
        all.push((table.to_owned(), name.to_owned(), number(value)));
    };
    for file in ["netstat", "snmp", "snmp6", "sockstat", "sockstat6"] {
        let Ok(text) = fs::read_to_string(root.join("net").join(file)) else {
            continue;
        };
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        for (index, row) in rows.iter().enumerate() {
            match file {
                "snmp6" => push("snmp6", row[0], row[1]),
                "netstat" | "snmp" if index % 2 == 0 => {
                    for (name, value) in row.iter().zip(&rows[index + 1]).skip(1) {
                        push(row[0].trim_end_matches(':'), name, value);
                    }
                }
                "netstat" | "snmp" => {}
                _ => {
                    let table = format!("{file}.{}", row[0].trim_end_matches(':'));
                    for pair in row[1..].chunks(2) {
                        push(&table, pair[0], pair[1]);
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_number_of_every_kernel_is_reported_and_nothing_else() {
    for name in [CAPTURED, OLDEST, WITHOUT_IPV6, COOKIES] {
        let report = counters_in(name, &["--all"]);
        let written = written(&fixture(name));
        assert!(written.len() > 200, "{name} has only {}", written.len());
        for (table, counter_name, value) in &written {
            let found = counter(&report, table, counter_name);
            assert_eq!(&found["value"], value, "{name}: {table} {counter_name}");
        }
        assert_eq!(list(&report).len(), written.len(), "{name}");
        assert_eq!(report["incomplete"], object!([]), "{name}");
    }
}

#[test]
fn a_captured_overflow_and_syn_flood_is_told_as_it_was() {
    let report = counters_in(CAPTURED, &["--why"]);
    assert_values(
        &report,
        &[
            ("TcpExt", "ListenOverflows", 12),
            ("TcpExt", "ListenDrops", 23),
            ("TcpExt", "TCPReqQFullDrop", 11),
            ("TcpExt", "TCPReqQFullDoCookies", 7),
        ],
    );
    let why = &report["why"][0];
    assert_eq!(why["listen_drops"], 23);
    assert_eq!(why["overflows"], 12);
    assert_eq!(why["syn_queue_full"], 11);
    assert_eq!(why["other"], 0);
    assert_eq!(why["delta"], object!(null));
}

#[test]
fn values_keep_their_size_and_sign() {
    let report = counters_in(OLDEST, &["--all"]);
    let largest = counter(&report, "IpExt", "InOctets");
    assert_eq!(largest["value"], u64::MAX);
    assert_values(
        &report,
        &[
            ("Tcp", "MaxConn", -1),
            ("TcpExt", "ListenDrops", 26395),
            ("IcmpMsg", "InType3", 70),
            ("snmp6", "Udp6RcvbufErrors", 2),
            ("sockstat.TCP", "tw", 2210),
            ("sockstat6.TCP6", "inuse", 17),
        ],
    );
}

#[test]
fn a_counter_that_an_older_kernel_lacks_is_unknown_and_not_zero() {
    for (kernel, name, lacks) in [
        (OLDEST, "TCPMigrateReqSuccess", true),
        (OLDEST, "TcpTimeoutRehash", true),
        (OLDEST, "TCPBacklogCoalesce", true),
        (WITHOUT_IPV6, "TCPBacklogCoalesce", false),
        (WITHOUT_IPV6, "TcpTimeoutRehash", true),
        (COOKIES, "TcpTimeoutRehash", false),
        (COOKIES, "TCPMigrateReqFailure", false),
        (COOKIES, "TCPPLBRehash", true),
        (CAPTURED, "TCPPLBRehash", false),
    ] {
        let report = counters_in(kernel, &[&format!("TcpExt{name}")]);
        let found = counter(&report, "TcpExt", name);
        assert_eq!(found["value"].is_null(), lacks, "{kernel}: {found}");
        let incomplete = report["incomplete"].as_array().expect("incomplete[]");
        assert_eq!(incomplete.len(), usize::from(lacks), "{kernel}: {name}");
        if lacks {
            assert_eq!(incomplete[0]["what"], "counters");
            assert_eq!(incomplete[0]["count"], 1);
        }
        let all = counters_in(kernel, &["--all"]);
        let shown = list(&all).iter().any(|counter| counter["name"] == name);
        assert_eq!(shown, !lacks, "{kernel}: {name} among all");
    }
}

#[test]
fn what_counts_as_trouble_follows_the_sysctls_of_the_tree() {
    let names = |report: &Value| -> Vec<String> {
        let names = list(report).iter().map(|counter| counter["name"].as_str());
        names.map(|name| name.expect("a name").to_owned()).collect()
    };
    let cookies = "TCPReqQFullDoCookies".to_owned();
    // 90210 times, and nothing was full: tcp_syncookies is 2 there.
    assert!(!names(&counters_in(COOKIES, &[])).contains(&cookies));
    let tree = Tree::copy_of(COOKIES);
    tree.write("sys/net/ipv4/tcp_syncookies", "1\n");
    assert!(names(&counters_of(tree.path(), &[])).contains(&cookies));
    let overflow = names(&counters_in(WITHOUT_IPV6, &[]));
    assert!(
        overflow.contains(&"TCPTimeWaitOverflow".to_owned()),
        "{overflow:?}"
    );
}

#[test]
fn names_that_the_program_does_not_know_are_kept() {
    let tree = Tree::copy_of(CAPTURED);
    let edit = |path: &str, from: &str, to: &str| {
        let text = tree.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        tree.write(path, text.replacen(from, to, 1));
    };
    // A column between others, a table and an element of a list.
    edit(
        "net/netstat",
        "TcpExt: SyncookiesSent",
        "TcpExt: BrandNew SyncookiesSent",
    );
    edit("net/netstat", "TcpExt: 7 ", "TcpExt: 99 7 ");
    let text = tree.read("net/netstat");
    tree.write("net/netstat", text + "QuicExt: Opened Lost\nQuicExt: 5 6\n");
    let text = tree.read("net/snmp6");
    tree.write("net/snmp6", text + "Quic6Opened                     \t4\n");
    let text = tree.read("net/sockstat");
    tree.write("net/sockstat", text + "QUIC: inuse 3 mem 2\n");

    let report = counters_of(tree.path(), &["--all"]);
    assert_values(
        &report,
        &[
            ("TcpExt", "BrandNew", 99),
            ("TcpExt", "SyncookiesSent", 7),
            ("TcpExt", "ListenOverflows", 12),
            ("QuicExt", "Lost", 6),
            ("snmp6", "Quic6Opened", 4),
            ("sockstat.QUIC", "mem", 2),
        ],
    );
    let unknown = counter(&report, "TcpExt", "BrandNew");
    assert_eq!(unknown["meaning"], object!(null));
    let named = counters_of(tree.path(), &["BrandNew", "QuicExtLost"]);
    assert_eq!(list(&named).len(), 2, "{named:#}");
}

#[test]
fn a_file_that_a_kernel_has_not_is_no_failure() {
    let report = counters_in(WITHOUT_IPV6, &["--all"]);
    let of_six = |counter: &&Value| counter["table"].as_str().is_some_and(|t| t.contains('6'));
    assert_eq!(list(&report).iter().filter(of_six).count(), 0);
    for missing in ["net/snmp", "net/snmp6", "net/sockstat", "net/sockstat6"] {
        let tree = Tree::copy_of(CAPTURED);
        tree.remove(missing);
        let report = counters_of(tree.path(), &["--all"]);
        assert_values(&report, &[("TcpExt", "ListenDrops", 23)]);
    }
}

#[test]
fn a_netstat_cut_short_anywhere_gives_what_it_has() {
    let tree = Tree::copy_of(OLDEST);
    let whole = tree.read("net/netstat");
    let end = |text: &str| whole.find(text).expect("it is in the file") + text.len();
    let numbers = end("\nTcpExt: 26395 1180 37");
    for (cut, overflows, cookies) in [
        (0, None, None),
        (end("TcpExt: SyncookiesSent"), None, None),
        // All names, and three of the values.
        (numbers, None, Some(26395)),
        (end(" 4343 26395"), Some(4343), Some(26395)),
        // A whole table and a part of the next.
        (end("IpExt: InNoRoutes"), Some(4343), Some(26395)),
    ] {
        tree.write("net/netstat", &whole[..cut]);
        let report = counters_of(tree.path(), &["--all"]);
        let value = |name| {
            let mut all = list(&report).iter();
            all.find(|c| c["name"] == name && c["table"] == "TcpExt")
                .map(|c| count(&c["value"]))
        };
        assert_eq!(value("ListenOverflows"), overflows, "cut at {cut}");
        assert_eq!(value("SyncookiesSent"), cookies, "cut at {cut}");
        assert_values(&report, &[("Tcp", "PassiveOpens", 918801)]);
        let named = counters_of(tree.path(), &["TcpExtListenOverflows"]);
        let named = counter(&named, "TcpExt", "ListenOverflows");
        assert_eq!(named["value"].as_u64(), overflows, "cut at {cut}");
    }
}

#[test]
fn values_of_one_table_are_not_taken_for_those_of_another() {
    let tree = Tree::copy_of(OLDEST);
    tree.write("net/netstat", "TcpExt: ListenDrops\nIpExt: 5\n");
    let report = counters_of(tree.path(), &["--all"]);
    let is_extended = |c: &&Value| c["table"] == "TcpExt" || c["table"] == "IpExt";
    assert_eq!(list(&report).iter().find(is_extended), None);
}

#[test]
fn without_netstat_there_is_no_answer_and_the_file_is_named() {
    let tree = Tree::copy_of(CAPTURED);
    tree.remove("net/netstat");
    for args in [&["--all"][..], &["ListenDrops"], &[]] {
        let output = sockdiag(&[&["counters", "--proc-root", tree.path()], args].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.contains(&format!("{}/net/netstat", tree.path())),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty(), "{args:?} wrote on stdout");
    }
}
