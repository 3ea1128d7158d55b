//! `sockdiag leaks`: its forms say the same; other namespaces; other users; nothing to say.

use std::net::{IpAddr, SocketAddr, TcpListener};

use serde_json::{Value, json as object};

use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::leaks::{SERVER, leaks, none_but, of_kind, only, pair, server};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up, netns_inode};
use crate::support::program::{count, json, number, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::{close_wait_count, fill_accept_queue, listen};
use crate::support::tools::assert_promtool_accepts;
use crate::support::traffic::{fill, left_open};
use crate::support::users::as_nobody;
use crate::support::wait::{wait_for, wait_until};

const SHORT: &[&str] = &["leaks", "--for", "100ms"];
/// What is shown of [`a_bit_of_everything`], beside the other ends.
const KINDS: [&str; 4] = ["close_wait", "unaccepted", "stuck_read", "stuck_write"];

/// Several kinds, in both families.
fn a_bit_of_everything() -> impl Sized {
    let listener = server();
    let six = TcpListener::bind("[::1]:8081").expect("it is free");
    let open = (left_open(&listener, 4), left_open(&six, 3));
    let (client, stuck) = pair(&listener);
    fill(&client);
    let full = listen("127.0.0.1:8082", 10);
    let waiting = fill_accept_queue(&full, 2);
    wait_until("all are closed", || {
        close_wait_count(8080) + close_wait_count(8081) == 7
    });
    (listener, six, open, client, stuck, full, waiting)
}

/// A report of that, once two readings have shown all of it, and the peer's window has been closed
/// for so long that probes are far apart: each has an answer then, and no reading lacks the writer.
fn with_every_kind() -> Value {
    wait_for("every kind is shown", || {
        let report = json(SHORT);
        let is_shown = |kind: &&str| !of_kind(&report, kind).is_empty();
        let writers = of_kind(&report, "stuck_write");
        let is_settled = writers
            .iter()
            .all(|row| number(&row["oldest_seconds"]) > 2.0);
        (KINDS.iter().all(is_shown) && is_settled).then_some(report)
    })
}

/// `close_wait server 127.0.0.1:8080 4` of each row.
fn in_words(report: &Value) -> Vec<String> {
    let rows = report["leaks"].as_array().expect("leaks[]").iter();
    let row = |row: &Value| {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let service = &row["service"];
        let address: IpAddr = text(&service["address"]).parse().expect("an address");
        let service = SocketAddr::new(address, count(&service["port"]) as u16);
        let [kind, side] = ["kind", "side"].map(|name| text(&row[name]));
        format!("{kind} {side} {service} {}", row["count"])
    };
    sorted(rows.map(row))
}

fn sorted(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let commands = [
            SHORT,
            &[SHORT, &["--no-owners"]].concat(),
            &[SHORT, &["--idle", "1ms"]].concat(),
            &[SHORT, &["--netns", "all"]].concat(),
            &[SHORT, &[":1"]].concat(),
        ];
        assert_valid("leaks", &commands);
        let report = json(SHORT);
        let wrong = [
            ("/leaks", object!(null)),
            ("/leaks/0/kind", object!("lost")),
            ("/leaks/0/count", object!(-1)),
            ("/leaks/0/states", object!({"sleeping": 1})),
            ("/leaks/0/oldest_seconds", object!("old")),
            ("/leaks/0/samples/0/cookie", object!(7)),
            ("/idle_seconds", object!("long")),
        ];
        assert_refused("leaks", &report, &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let expected = in_words(&with_every_kind());
        for row in [
            format!("close_wait server {SERVER} 4"),
            "close_wait server [::1]:8081 3".to_owned(),
            "unaccepted server 127.0.0.1:8082 2".to_owned(),
        ] {
            assert!(expected.contains(&row), "{row} in {expected:#?}");
        }
        let form = |format: &str, more: &[&str]| text(&[SHORT, &["-o", format], more].concat());
        let columns = ["--columns", "kind,side,service,count"];
        let (csv, table) = (form("csv", &columns), form("table", &columns));
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("time,kind,side,service,count"));
        let cells = lines.map(|line| line.split(',').skip(1).collect::<Vec<_>>().join(" "));
        assert_eq!(sorted(cells), expected, "{csv}");
        let lines = table.lines().skip_while(|line| !line.starts_with("KIND"));
        let rows = lines.skip(1).take(expected.len());
        let cells = rows.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(sorted(cells), expected, "{table}");
        // Below the table: what each kind means.
        assert!(
            table.contains("unaccepted: connections that the process"),
            "{table}"
        );
        let metrics = form("prom", &[]);
        assert_promtool_accepts(&metrics);
        let lines = metrics.lines();
        let series = lines.filter(|line| line.starts_with("sockdiag_leaks{"));
        let words = series.map(|line| {
            let (labels, count) = line.rsplit_once(' ').expect("a value");
            let [kind, side, service] = ["kind", "side", "service"].map(|name| {
                let label = labels.split_once(&format!(",{name}=\""));
                let value = label.and_then(|(_, rest)| rest.split_once('"'));
                value.expect("a label").0
            });
            format!("{kind} {side} {service} {count}")
        });
        assert_eq!(sorted(words), expected, "{metrics}");
    });
}

#[test]
fn a_dual_stack_listener_has_the_connections_of_both_families() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("[::]:8080").expect("it is free");
        let port = |address: &str| std::net::TcpStream::connect((address, 8080)).expect("listens");
        let clients = [port("127.0.0.1"), port("::1")];
        let _held = clients
            .each_ref()
            .map(|_| listener.accept().expect("there"));
        drop(clients);
        wait_until("both are closed", || close_wait_count(8080) == 2);
        let report = leaks(&[]);
        let row = only(&report, "close_wait");
        assert_eq!(
            (count(&row["count"]), &row["service"]["address"]),
            (2, &"::".into())
        );
        assert_eq!(row["side"], "server");
    });
}

#[test]
fn each_namespace_has_rows_of_its_own() {
    in_sealed_netns(|| {
        let listener = server();
        let _open = left_open(&listener, 2);
        wait_until("the clients have closed", || close_wait_count(8080) == 2);
        let setup = ListenerSetup {
            address: SERVER,
            backlog: 10,
            clients: 3,
            syns: 0,
        };
        let helper = spawn_listener(&setup, &["unshare", "--net"]);
        let inode = |process: &str| netns_inode(&format!("/proc/{process}/ns/net"));
        let there = helper.pid().to_string();

        let report = leaks(&["--netns", "all"]);
        none_but(&report, &["close_wait", "fin_wait", "unaccepted"]);
        let (closed, waiting) = (only(&report, "close_wait"), only(&report, "unaccepted"));
        assert_eq!(closed["netns"]["inode"], inode("self"));
        assert_eq!(waiting["netns"]["inode"], inode(&there));
        assert_eq!(count(&waiting["count"]), 3);
        assert_eq!(waiting["owner"]["pid"], helper.pid());

        let report = leaks(&["--netns", &there]);
        none_but(&report, &["unaccepted"]);
        none_but(&leaks(&[]), &["close_wait", "fin_wait"]);
    });
}

#[test]
fn where_nothing_is_left_over_it_says_so() {
    in_sealed_netns(|| {
        lo_up();
        let report = json(SHORT);
        assert_eq!(report["leaks"], object!([]));
        assert_eq!(report["findings"], object!([]));
        assert!(text(SHORT).contains("no connection that matches is left over"));
        let csv = text(&[SHORT, &["-o", "csv"]].concat());
        assert_eq!(csv.lines().count(), 1, "the header alone: {csv}");
        let metrics = text(&[SHORT, &["-o", "prom"]].concat());
        assert!(metrics.contains("sockdiag_orphans "), "{metrics}");
    });
}

#[test]
fn others_see_what_is_left_over_and_not_whose_it_is() {
    in_netns_of_root(|| {
        let _scene = a_bit_of_everything();
        let mount = |hidepid| format!("mount -t proc -o hidepid={hidepid} proc /proc && exec");
        let of_root = with_every_kind();
        assert_eq!(of_kind(&of_root, "close_wait").len(), 2);
        for first in ["exec".to_owned(), mount(1), mount(2)] {
            let output = as_nobody(&first, &[SHORT, &["--json"]].concat());
            assert!(output.status.success(), "{first}: {}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            for kind in KINDS {
                let counts = |report| -> Vec<u64> {
                    let rows = of_kind(report, kind).into_iter();
                    rows.map(|row| count(&row["count"])).collect()
                };
                assert_eq!(counts(&report), counts(&of_root), "{first}: {kind}");
            }
            for row in of_kind(&report, "close_wait") {
                assert_eq!(
                    (&row["owner"], &row["owners"]),
                    (&Value::Null, &object!([]))
                );
            }
            let missing = report["incomplete"].as_array().expect("a list");
            let owners = missing.iter().find(|missing| missing["what"] == "owners");
            let owners = owners.unwrap_or_else(|| panic!("{first}: {report}"));
            assert!(count(&owners["count"]) >= 3, "{owners}");
        }
        let own = std::process::id().to_string();
        let chosen = [SHORT, &["--process", &own]].concat();
        let output = as_nobody("exec", &chosen);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("CAP_SYS_PTRACE"),
            "{}",
            stderr(&output)
        );
        let output = as_nobody(&mount(2), &chosen);
        assert!(
            stderr(&output).contains("no such process"),
            "{}",
            stderr(&output)
        );
    });
}
