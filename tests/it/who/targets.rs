//! What `who` can be asked about.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::cgroup::Unit;
use crate::support::helper_process::{ListenerSetup, spawn_cat, spawn_listener};
use crate::support::kernel_parts::reports_bound_sockets;
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::program::{assert_failed, json as report, sockdiag, text};
use crate::support::sockets::{inode, listen};
use crate::support::time_waits::connected_pair;
use crate::support::tools::tool_output;
use crate::support::users::as_nobody;
use crate::support::wait::wait_until;

#[test]
fn a_process_has_all_its_sockets_on_one_page() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 5,
                clients: 2,
                syns: 0,
            },
            &[],
        );
        let _other = listen("127.0.0.1:8081", 5);
        let own = report(&["who", &server.pid().to_string(), "--owners", "none"]);
        let report = report(&["who", &server.pid().to_string()]);
        let holders = report["holders"].as_array().expect("holders[]");
        let kinds: Vec<&str> = holders
            .iter()
            .filter_map(|row| row["kind"].as_str())
            .collect();
        assert_eq!(kinds, ["listener", "connection", "connection"]);
        assert!(
            holders
                .iter()
                .all(|row| row["owners"][0]["pid"] == server.pid())
        );
        assert_eq!(report["bind"].as_array().map(Vec::len), Some(0));
        assert_eq!(own["holders"][0]["owners"], holders[0]["owners"]);
        assert_eq!(own["holders"][0]["owners_complete"], false);
        assert_eq!(own["incomplete"], json!([]));
        assert_eq!(report["port"], Value::Null);
    });
}

#[test]
fn what_is_no_target_is_pointed_at() {
    for (target, reason) in [
        (":http8", "a number from 1 to 65535"),
        (":0", "a number from 1 to 65535"),
        (":65536", "  :65536\n   ^"),
        ("127.0.0.1", "127.0.0.1:PORT"),
        ("::1", "[::1]:PORT"),
        ("::1:80", "[::1:80]:PORT"),
        ("[::1:80", "neither an address"),
        ("", "a process id or a unit"),
        ("http", ":http"),
    ] {
        assert_failed(&sockdiag(&["who", target]), 2, &[reason]);
    }
    assert_failed(
        &sockdiag(&["who", ":80", "--as", "nobody-here"]),
        1,
        &["no such user"],
    );
    let nobody = "4194305";
    assert_failed(
        &sockdiag(&["who", nobody]),
        1,
        &["a port is written :4194305"],
    );
    assert_failed(&sockdiag(&["who", "no-such.service"]), 1, &["no such unit"]);
}

#[test]
fn options_of_other_users_are_unknown_and_said_to_be() {
    in_sealed_netns_of_root(|| {
        if !reports_bound_sockets() {
            return;
        }
        lo_up();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        let address: std::net::SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        socket.bind(&address.into()).expect("the port is free");
        let output = as_nobody("", &["who", ":8080", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["holders"][0]["reuseaddr"], Value::Null);
        assert_eq!(report["bind"][0]["plain"], "in_use");
        assert_eq!(report["bind"][0]["reuseaddr"], Value::Null);
        let incomplete = report["incomplete"].to_string();
        assert!(incomplete.contains("other users"), "{incomplete}");
    });
}

/// Listeners, connections, sockets without a port, and other families.
#[test]
fn a_process_has_sockets_of_every_family_on_its_page() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let (client, accepted) = connected_pair(&server, |_| Ok(()));
        let udp = std::net::UdpSocket::bind("127.0.0.1:8081").expect("the port is free");
        let (one, other) = UnixStream::pair().expect("a pair");
        let unbound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root may");
        let packet = family(AddressFamily::PACKET, SocketType::RAW);
        let netlink = family(AddressFamily::NETLINK, SocketType::RAW);
        bind(&netlink, &SocketAddrNetlink::new(0, 0)).expect("a port id");
        let kept = [
            server.as_fd(),
            client.as_fd(),
            accepted.as_fd(),
            udp.as_fd(),
            one.as_fd(),
            other.as_fd(),
            unbound.as_fd(),
            raw.as_fd(),
            packet.as_fd(),
            netlink.as_fd(),
        ];
        for socket in kept {
            fcntl_setfd(socket, FdFlags::empty()).expect("a flag");
        }
        let holder = spawn_cat();
        wait_until("it is cat", || holder.name() == "cat");
        let pid = holder.pid().to_string();
        let report = report(&["who", &pid]);
        let holders = report["holders"].as_array().expect("holders[]");
        let count = |protocol: &str, kind: &str| {
            let is = |row: &&Value| row["protocol"] == protocol && row["kind"] == kind;
            holders.iter().filter(is).count()
        };
        assert_eq!(count("tcp", "listener"), 1);
        assert_eq!(count("tcp", "connection"), 2);
        assert_eq!(count("udp", "bound"), 1);
        assert_eq!(count("unix", "connection"), 2);
        assert_eq!(
            [count("packet", "bound"), count("netlink", "bound")],
            [1, 1]
        );
        assert_eq!(
            holders
                .iter()
                .filter(|row| row["protocol"] == "raw")
                .count(),
            1
        );
        let inodes = holders.iter().filter_map(|row| row["inode"].as_u64());
        let all = kept
            .iter()
            .filter(|socket| socket.as_raw_fd() != unbound.as_raw_fd());
        let all: BTreeSet<u64> = all.map(inode).collect();
        assert_eq!(inodes.collect::<BTreeSet<_>>(), all);
        let unlisted = &report["incomplete"][0];
        assert_eq!(
            (&unlisted["what"], &unlisted["count"]),
            (&json!("sockets"), &json!(1))
        );
        assert!(unlisted["why"].to_string().contains("1 TCP"), "{unlisted}");
        // Whoever else has them open is an owner, too: this process, and the program by inheritance.
        let pids = holders[0]["owners"].as_array().expect("owners[]").iter();
        let pids: BTreeSet<u64> = pids.filter_map(|owner| owner["pid"].as_u64()).collect();
        let both = BTreeSet::from([std::process::id(), holder.pid()].map(u64::from));
        assert!(pids.is_superset(&both), "{pids:?}");
        let answer = report["answer"].as_str().expect("a sentence");
        assert_eq!(
            answer,
            format!(
                "cat ({pid}) has 1 listener, 2 bound sockets, 2 connections, 2 unix sockets, 1 packet \
                 socket, 1 netlink socket"
            )
        );
        // ss names no owner of a netlink socket whose port id is another process's.
        assert_as_ss(&pid, holders.len() - 1);
    });
}

fn family(family: AddressFamily, kind: SocketType) -> OwnedFd {
    socket_with(family, kind, SocketFlags::empty(), None).expect("root may")
}

/// `users:(("cat",pid=12,fd=5))` of each socket.
fn assert_as_ss(pid: &str, count: usize) {
    if let Some(printed) = tool_output("ss", &["-H", "-a", "-n", "-p", "-A", "all"]) {
        let of_process = printed
            .lines()
            .filter(|line| line.contains(&format!("pid={pid},")));
        assert_eq!(of_process.count(), count, "{printed}");
    }
}

#[test]
fn a_unit_has_the_sockets_of_all_its_processes() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let Some(unit) = Unit::new() else { return };
        let listener = |address| {
            let setup = ListenerSetup {
                address,
                backlog: 5,
                clients: 1,
                syns: 0,
            };
            spawn_listener(&setup, &[])
        };
        let members = [listener("127.0.0.1:8080"), listener("127.0.0.1:8081")];
        let _other = listener("127.0.0.1:8082");
        for member in &members {
            unit.add(member.pid());
        }
        let name = unit.name();
        for target in [name, name.strip_suffix(".service").expect("its end")] {
            let report = report(&["who", target]);
            let holders = report["holders"].as_array().expect("holders[]");
            let kinds: Vec<_> = holders.iter().map(|row| &row["kind"]).collect();
            assert_eq!(kinds, ["listener", "listener", "connection", "connection"]);
            assert!(holders.iter().all(|row| row["unit"] == name), "{report:#}");
            let answer = format!("{target} has 2 listeners, 2 connections");
            assert_eq!(report["answer"], answer);
        }
        let of_port = report(&["who", ":8080"]);
        let stop = format!("systemctl stop {name}");
        assert!(
            of_port["advice"][0].to_string().contains(&stop),
            "{of_port:#}"
        );
    });
}

#[test]
fn other_users_processes_are_refused_with_the_way_in() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 5,
                clients: 0,
                syns: 0,
            },
            &[],
        );
        let pid = server.pid().to_string();
        assert_failed(&as_nobody("", &["who", &pid]), 1, &["CAP_SYS_PTRACE"]);
        for hidepid in [1, 2] {
            let first = format!("mount -t proc -o hidepid={hidepid} proc /proc &&");
            let refused = as_nobody(&first, &["who", &pid]);
            let reason = if hidepid == 1 {
                "CAP_SYS_PTRACE"
            } else {
                "no process"
            };
            assert_failed(&refused, 1, &[reason]);

            let output = as_nobody(&first, &["who", ":8080", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let holder = &report["holders"][0];
            assert_eq!(
                (&holder["kind"], &holder["owners"]),
                (&json!("listener"), &json!([]))
            );
            assert_eq!(holder["owners_complete"], false);
            assert_eq!(report["bind"][0]["plain"], "in_use");
            let incomplete = report["incomplete"].to_string();
            assert!(
                incomplete.contains("owners"),
                "hidepid={hidepid}: {incomplete}"
            );
        }
    });
}

#[test]
fn a_process_without_sockets_has_none() {
    in_sealed_netns(|| {
        let holder = spawn_cat();
        wait_until("it is cat", || holder.name() == "cat");
        let pid = holder.pid().to_string();
        let report = report(&["who", &pid]);
        assert_eq!(report["answer"], format!("cat ({pid}) has no socket"));
        assert_eq!(report["incomplete"], json!([]));
        let page = text(&["who", &pid]);
        assert_eq!(page, format!("cat ({pid}) has no socket\n"));
    });
}
