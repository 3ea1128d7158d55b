//! `sockdiag leaks` of some sockets: FILTER, --process, --unit, --user, -4 and -6, and what is wrong.

use std::net::{TcpListener, TcpStream};

use rustix::io::{FdFlags, fcntl_setfd};
use serde_json::Value;

use crate::support::cgroup::Unit;
use crate::support::helper_process::{HelperProcess, spawn_cat};
use crate::support::leaks::{SERVER, leaks, of_kind, only, server};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::program::{assert_failed, count, sockdiag, text};
use crate::support::sockets::{close_wait_count, fill_accept_queue, listen};
use crate::support::traffic::left_open;
use crate::support::wait::wait_until;

fn close_waits(args: &[&str]) -> Vec<(String, u64)> {
    let report = leaks(&[args, &["--no-owners"]].concat());
    let row = |row: &Value| {
        let service = &row["service"];
        let address = service["address"].as_str().expect("an address");
        (
            format!("{address}:{}", service["port"]),
            count(&row["count"]),
        )
    };
    let mut rows: Vec<_> = of_kind(&report, "close_wait")
        .into_iter()
        .map(row)
        .collect();
    rows.sort();
    rows
}

/// Another process has the connection open, and this one no longer.
fn give_away(connection: TcpStream) -> HelperProcess {
    fcntl_setfd(&connection, FdFlags::empty()).expect("a descriptor");
    spawn_cat()
}

#[test]
fn a_filter_chooses_connections_and_their_listeners_stay_known() {
    in_netns(|| {
        lo_up();
        let near = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        // The concrete address of a connection is not that of its listener.
        let any = TcpListener::bind("0.0.0.0:8081").expect("it is free");
        let _open = (left_open(&near, 2), {
            let at = TcpListener::local_addr(&any).expect("it is bound").port();
            let clients = (0..3).map(|_| TcpStream::connect(("127.0.0.1", at)).expect("listens"));
            let pairs: Vec<_> = clients
                .map(|one| (one, any.accept().expect("there").0))
                .collect();
            pairs
                .into_iter()
                .map(|(_, server)| server)
                .collect::<Vec<_>>()
        });
        wait_until("all are closed", || {
            close_wait_count(8080) + close_wait_count(8081) == 5
        });
        let (first, second) = (
            ("127.0.0.1:8080".to_owned(), 2),
            ("0.0.0.0:8081".to_owned(), 3),
        );
        let both = vec![second.clone(), first.clone()];
        assert_eq!(close_waits(&[]), both);
        assert_eq!(close_waits(&[":8080"]), std::slice::from_ref(&first));
        assert_eq!(close_waits(&["sport", "=", ":8081"]), [second]);
        assert_eq!(close_waits(&["not :8081 and src 127.0.0.0/8"]), [first]);
        assert_eq!(close_waits(&["state", "close-wait"]), both);
        assert_eq!(close_waits(&["state established"]), []);
        assert_eq!(close_waits(&["dport = :8080"]), []);
        assert_eq!(close_waits(&["dst 127.0.0.1"]), both);
    });
}

#[test]
fn of_a_process_only_what_it_has_open_is_counted() {
    in_sealed_netns(|| {
        let listener = server();
        let mut open = left_open(&listener, 3);
        let cat = give_away(open.pop().expect("one of three"));
        wait_until("the clients have closed", || close_wait_count(8080) == 3);
        let all = leaks(&[]);
        let row = only(&all, "close_wait");
        assert_eq!(count(&row["count"]), 3);
        let mut pids: Vec<u64> = row["owners"]
            .as_array()
            .expect("owners[]")
            .iter()
            .map(|owner| count(&owner["pid"]))
            .collect();
        pids.sort_unstable();
        let mut expected = [u64::from(std::process::id()), u64::from(cat.pid())];
        expected.sort_unstable();
        assert_eq!(pids, expected, "each that holds one is named");
        assert_eq!(only(&all, "fin_wait")["held"], false);

        for process in [cat.pid().to_string(), "cat".to_owned(), "ca*".to_owned()] {
            let report = leaks(&["--process", &process]);
            let row = only(&report, "close_wait");
            assert_eq!(count(&row["count"]), 1, "{process}");
            assert_eq!(row["owner"]["pid"], cat.pid());
            assert!(
                of_kind(&report, "fin_wait").is_empty(),
                "nobody holds those"
            );
        }
        let own = std::process::id().to_string();
        assert_eq!(close_waits(&["--process", &own]), [(SERVER.to_owned(), 2)]);
        assert_eq!(close_waits(&["--process", &own, ":80"]), []);
    });
}

#[test]
fn connections_that_wait_for_accept_are_those_of_the_process_that_listens() {
    in_sealed_netns(|| {
        lo_up();
        let listener = listen(SERVER, 5);
        let _clients = fill_accept_queue(&listener, 2);
        let cat = spawn_cat();
        let own = std::process::id().to_string();
        let report = leaks(&["--process", &own]);
        assert_eq!(count(&only(&report, "unaccepted")["count"]), 2);
        let report = leaks(&["--process", &cat.pid().to_string()]);
        assert!(of_kind(&report, "unaccepted").is_empty(), "{report:#}");
    });
}

#[test]
fn a_unit_is_that_of_the_process() {
    in_netns_of_root(|| {
        let listener = server();
        let mut open = left_open(&listener, 3);
        let _outside = give_away(open.pop().expect("one of three"));
        wait_until("the clients have closed", || close_wait_count(8080) == 3);
        let Some(unit) = Unit::new() else { return };
        unit.add(std::process::id());
        assert_eq!(
            close_waits(&["--unit", unit.name()]),
            [(SERVER.to_owned(), 2)]
        );
        assert_eq!(close_waits(&[]), [(SERVER.to_owned(), 3)]);
        let output = sockdiag(&["leaks", "--unit", "no-such.service"]);
        assert_failed(&output, 1, &["no such unit"]);
    });
}

#[test]
fn a_user_and_a_family_restrict_it_too() {
    in_netns(|| {
        lo_up();
        let four = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let six = TcpListener::bind("[::1]:8081").expect("it is free");
        let _open = (left_open(&four, 1), left_open(&six, 2));
        wait_until("all are closed", || {
            close_wait_count(8080) + close_wait_count(8081) == 3
        });
        let (v4, v6) = (("127.0.0.1:8080".to_owned(), 1), ("::1:8081".to_owned(), 2));
        assert_eq!(close_waits(&["-4"]), std::slice::from_ref(&v4));
        assert_eq!(close_waits(&["-6"]), std::slice::from_ref(&v6));
        assert_eq!(close_waits(&["--user", "0"]), [v4, v6]);
        assert_eq!(close_waits(&["--user", "12345"]), []);
    });
}

#[test]
fn wrong_words_are_wrong_usage() {
    in_netns(|| {
        for (args, reason) in [
            (&["leaks", "sport", "8080x"][..], "in the filter"),
            (&["leaks", "/run/x.sock"], "unix sockets"),
            (&["leaks", "--idle", "soon"], "250ms, 10s or 1h"),
            (&["leaks", "--for", "10ms"], "100ms or more"),
            (&["leaks", "--for"], "--for"),
            (&["leaks", "--sort", "colour"], "colour"),
            (&["leaks", "--columns", "colour"], "colour"),
            (&["leaks", "-4", "-6"], "cannot be used with"),
            (&["leaks", "--process"], "--process"),
        ] {
            let output = sockdiag(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(output.stdout.is_empty(), "{args:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(reason), "{args:?}: {said}");
        }
        for (args, reason) in [
            (["leaks", "--process", "no-such"], "no such process"),
            (["leaks", "--user", "nobody-here"], "no such user"),
            (["leaks", "--netns", "nowhere"], "nowhere"),
        ] {
            assert_failed(&sockdiag(&args), 1, &[reason]);
        }
        // As fingers type it.
        assert!(
            text(&["leaks", "-tnp", "--for", "100ms"])
                .contains("no connection that matches is left over")
        );
    });
}
