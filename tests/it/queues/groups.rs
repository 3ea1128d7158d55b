//! `sockdiag queues`: sockets that share a port or show up in two dumps.

use std::net::TcpStream;

use crate::support::helper_process::{SocketHandover, spawn_descriptor_receiver};
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{
    Watch, assert_failed, count, finding, json, listener, listeners, members, sockdiag, text,
};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{accept_queue_len, half_open_count, inode, listen_with, try_listen};
use crate::support::tools::tcp_ext;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::{wait_for, wait_until};
use socket2::{Protocol, Socket};

const GROUP: &str = "10.9.0.1:8080";

fn group(backlogs: &[i32]) -> Vec<Socket> {
    backlogs
        .iter()
        .map(|backlog| {
            listen_with(GROUP, *backlog, |socket| {
                socket.set_reuse_port(true).expect("SO_REUSEPORT");
            })
        })
        .collect()
}

/// Connects once; which member gets the connection is decided by a hash.
fn deal_one(sockets: &[Socket]) -> TcpStream {
    let queued = || sockets.iter().map(accept_queue_len).sum::<usize>();
    let before = queued();
    let client = TcpStream::connect(GROUP).expect("room for it");
    wait_until("a member has it", || queued() == before + 1);
    client
}

#[test]
fn one_stuck_member_of_a_reuseport_group_is_full_while_its_siblings_are_idle() {
    in_netns(|| {
        unanswered_syns();
        let sockets = group(&[3, 3, 3, 3]);
        let (stuck, others) = sockets.split_last().expect("four sockets");
        let mut clients = Vec::new();
        while accept_queue_len(stuck) < 4 {
            clients.push(deal_one(&sockets));
            for other in others.iter().filter(|other| accept_queue_len(other) > 0) {
                other.accept().expect("one is queued");
            }
        }
        let report = json(&["queues"]);
        let members = members(&report, GROUP);
        assert_eq!(members.len(), 4, "one element per socket: {report:#}");
        for member in members {
            assert_eq!(member["reuseport_members"], 4);
            let (length, state) = if member["inode"] == inode(stuck) {
                (4, "full")
            } else {
                (0, "idle")
            };
            assert_eq!(member["accept_queue"]["length"], length, "{member:#}");
            assert_eq!(member["state"], state, "{member:#}");
        }
        let found = finding(&report, "reuseport_member_stuck");
        assert_eq!(
            (&found["subject"], &found["severity"]),
            (&GROUP.into(), &"critical".into())
        );
        // Rows that are cut or folded take no finding with them.
        for args in [
            &["--top", "1"][..],
            &["--top", "3"],
            &["--top", "3", "--sort", "accept"],
            &["--top", "1", "--sort", "-accept"],
            &["--fold"],
        ] {
            let table = text(&[&["queues"], args].concat());
            assert!(
                table.contains("1 of 4 SO_REUSEPORT sockets full"),
                "{table}"
            );
        }
    });
}

#[test]
fn a_member_that_drops_is_not_mixed_up_with_its_siblings() {
    in_netns(|| {
        unanswered_syns();
        // One holds a single connection, the other more than there will be.
        let sockets = group(&[0, 1000]);
        let mut clients = Vec::new();
        while accept_queue_len(&sockets[0]) < 1 {
            clients.push(deal_one(&sockets));
        }
        let mut watch = Watch::new(&["queues", "--watch=0.1"]);
        watch.report();
        syn_flood(GROUP, 60);
        let dropped = tcp_ext("ListenOverflows");
        assert!(0 < dropped && dropped < 60, "the scene is set: {dropped}");

        let (mut small, mut large) = (0, 0);
        wait_until("all drops are reported", || {
            let report = watch.report();
            for member in members(&report, GROUP) {
                let delta = count(&member["drops_delta"]);
                if member["inode"] == inode(&sockets[0]) {
                    small += delta;
                } else {
                    large += delta;
                }
            }
            small + large >= dropped
        });
        assert_eq!((small, large), (dropped, 0));
    });
}

#[test]
fn the_syn_queue_of_a_group_belongs_to_all_of_its_members() {
    in_netns(|| {
        unanswered_syns();
        let _sockets = group(&[20, 30]);
        syn_flood(GROUP, 12);
        assert_eq!(half_open_count(8080), 12, "the scene is set");
        let report = json(&["queues"]);
        let members = members(&report, GROUP);
        assert_eq!(members.len(), 2);
        for member in members {
            assert_eq!(member["syn_queue"]["length"], 12, "{member:#}");
            assert_eq!(member["syn_queue"]["limit"], 50, "{member:#}");
        }
    });
}

#[test]
fn fold_shows_a_group_on_one_line() {
    in_netns(|| {
        unanswered_syns();
        let _sockets = group(&[3, 3, 3]);
        let lines = |args: &[&str]| text(args).matches(GROUP).count();
        assert_eq!(lines(&["queues", "--no-header"]), 3);
        assert_eq!(lines(&["queues", "--no-header", "--fold"]), 1);
        let sampled = ["queues", "--no-header", "--fold", "--for", "50ms"];
        assert_eq!(lines(&[&sampled[..], &["--every", "10ms"]].concat()), 1);
    });
}

#[test]
fn a_folded_group_is_one_element_of_json_and_is_sampled_as_one_queue() {
    in_netns(|| {
        unanswered_syns();
        let sockets = group(&[50, 50]);
        let mut clients = Vec::new();
        while sockets.iter().any(|socket| accept_queue_len(socket) == 0) {
            clients.push(deal_one(&sockets));
        }
        let waiting = clients.len() as u64;
        let fullest = sockets.iter().map(accept_queue_len).max();
        for args in [
            &["queues", "--fold"][..],
            &["queues", "--fold", "--for", "50ms", "--every", "10ms"],
        ] {
            let report = json(args);
            let group = listener(&report, GROUP);
            let queue = &group["accept_queue"];
            assert_eq!(
                (&queue["length"], &queue["limit"]),
                (&waiting.into(), &100.into())
            );
            assert_eq!(
                group["fullest"],
                serde_json::json!({"length": fullest, "limit": 50})
            );
            if args.contains(&"--for") {
                let (least, most) = (&queue["sampled"]["minimum"], &queue["sampled"]["maximum"]);
                assert_eq!(
                    (least, most),
                    (&waiting.into(), &waiting.into()),
                    "{queue:#}"
                );
            }
        }
        let metrics = text(&["queues", "--fold", "-o", "prom"]);
        assert!(
            metrics.contains(&format!("unit=\"\"}} {waiting}\n")),
            "{metrics}"
        );
    });
}

#[test]
fn sorting_by_what_one_reading_does_not_have_is_refused() {
    in_netns(|| {
        unanswered_syns();
        let _sockets = group(&[3]);
        for (args, remedy) in [
            (&["queues", "--sort", "per_second"][..], "--watch or --for"),
            (&["queues", "--sort", "-delta"], "--watch or --for"),
            (&["ports", "--sort", "full_in"], "--watch or --for"),
            (&["fds", "--sort", "per_minute"], "--watch or --for"),
            (&["counters", "--sort", "/s"], "--watch or --for"),
            (&["timewait", "--sort", "mean"], "--for"),
            (&["queues", "--sort", "p95", "--watch=1"], "--for"),
        ] {
            assert_failed(&sockdiag(args), 2, &["--sort", remedy]);
        }
        let watch = ["queues", "--sort", "per_second", "--watch=0.01", "-c2"];
        assert_eq!(text(&watch).matches(GROUP).count(), 2);
    });
}

#[test]
fn a_folded_row_names_the_owner_of_its_worst_socket() {
    in_sealed_netns(|| {
        unanswered_syns();
        let sockets = group(&[3, 3]);
        let handover = SocketHandover::at("stuck");
        let passed = handover.pass(&sockets[1]);
        let holder = spawn_descriptor_receiver("stuck", 3);
        passed.join().expect("it was passed");
        let mut clients = Vec::new();
        while accept_queue_len(&sockets[1]) < 4 {
            clients.push(deal_one(&sockets));
            if accept_queue_len(&sockets[0]) > 0 {
                sockets[0].accept().expect("one is queued");
            }
        }
        let [_healthy, stuck] = <[Socket; 2]>::try_from(sockets).expect("two sockets");
        drop(stuck);
        let table = text(&["queues", "--fold"]);
        let owners = format!("×2 ({}…)", holder.pid());
        assert!(table.contains(&owners), "{owners}: {table}");
    });
}

#[test]
fn an_mptcp_listener_is_shown_once() {
    in_netns(|| {
        lo_up();
        let server = match try_listen(Protocol::MPTCP, "127.0.0.1:8080", 5, |_| {}) {
            Ok(server) => server,
            Err(error) => return report_skipped(&format!("MPTCP listener: {error}")),
        };
        let _client = TcpStream::connect("127.0.0.1:8080").expect("room for it");
        let report = wait_for("the client is queued", || {
            let report = json(&["queues"]);
            let queued = listener(&report, "127.0.0.1:8080")["accept_queue"]["length"] == 1;
            queued.then_some(report)
        });
        let found = listener(&report, "127.0.0.1:8080");
        assert_eq!(found["protocol"], "mptcp");
        assert_eq!(found["inode"], inode(&server));
        assert_eq!(found["accept_queue"]["limit"], 5);
        assert_eq!(listeners(&report).len(), 1);
    });
}
