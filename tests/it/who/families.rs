//! `sockdiag who PID`: sockets of every family.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::support::helper_process::{HelperProcess, spawn_cat};
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::json as report;
use crate::support::sockets::{inode, listen};
use crate::support::time_waits::connected_pair;
use crate::support::tools::tool_output;
use crate::support::wait::wait_until;

/// Listeners, connections, sockets without a port, and other families.
fn of_each_kind() -> Vec<OwnedFd> {
    let server = listen("127.0.0.1:8080", 5);
    let (client, accepted) = connected_pair(&server, |_| Ok(()));
    let udp = UdpSocket::bind("127.0.0.1:8081").expect("the port is free");
    let (one, other) = UnixStream::pair().expect("a pair");
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root may");
    let made = |family| socket_with(family, SocketType::RAW, SocketFlags::empty(), None);
    let packet = made(AddressFamily::PACKET).expect("root may");
    let netlink = made(AddressFamily::NETLINK).expect("a socket");
    bind(&netlink, &SocketAddrNetlink::new(0, 0)).expect("a port id");
    vec![
        server.into(),
        client.into(),
        accepted.into(),
        udp.into(),
        one.into(),
        other.into(),
        raw.into(),
        packet,
        netlink,
    ]
}

/// A process that has them open as well; the program inherits them, too.
fn heir<'a>(sockets: impl IntoIterator<Item = &'a OwnedFd>) -> HelperProcess {
    for socket in sockets {
        fcntl_setfd(socket, FdFlags::empty()).expect("a flag");
    }
    let heir = spawn_cat();
    wait_until("it is cat", || heir.name() == "cat");
    heir
}

#[test]
fn a_process_has_sockets_of_every_family_on_its_page() {
    in_sealed_netns(|| {
        lo_up();
        let sockets = of_each_kind();
        let unbound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let heir = heir(sockets.iter().chain([&unbound.into()]));
        let pid = heir.pid().to_string();
        let report = report(&["who", &pid]);
        let holders = report["holders"].as_array().expect("holders[]");
        let count = |protocol: &str, kind: &str| {
            let is = |row: &&Value| row["protocol"] == protocol && row["kind"] == kind;
            holders.iter().filter(is).count()
        };
        for (protocol, kind, expected) in [
            ("tcp", "listener", 1),
            ("tcp", "connection", 2),
            ("udp", "bound", 1),
            ("raw", "bound", 1),
            ("unix", "connection", 2),
            ("packet", "bound", 1),
            ("netlink", "bound", 1),
        ] {
            assert_eq!(count(protocol, kind), expected, "{protocol} {kind}");
        }
        let inodes = holders.iter().filter_map(|row| row["inode"].as_u64());
        let all: BTreeSet<u64> = sockets.iter().map(inode).collect();
        assert_eq!(inodes.collect::<BTreeSet<_>>(), all);
        let unlisted = &report["incomplete"][0];
        assert_eq!(
            [&unlisted["what"], &unlisted["count"]],
            [&json!("sockets"), &json!(1)]
        );
        assert!(unlisted["why"].to_string().contains("1 TCP"), "{unlisted}");
        let pids = holders[0]["owners"].as_array().expect("owners[]").iter();
        let pids: BTreeSet<u64> = pids.filter_map(|owner| owner["pid"].as_u64()).collect();
        let both = BTreeSet::from([std::process::id(), heir.pid()].map(u64::from));
        assert!(pids.is_superset(&both), "{pids:?}");
        let answer = format!(
            "cat ({pid}) has 1 listener, 2 bound sockets, 2 connections, 2 unix sockets, 1 packet \
             socket, 1 netlink socket"
        );
        assert_eq!(report["answer"], answer);
        // ss names no owner of a netlink socket whose port id is another process's.
        assert_as_ss(&pid, holders.len() - 1);
    });
}

#[test]
fn a_unix_connection_that_nobody_has_accepted_or_whose_peer_is_closed_is_no_bound_socket() {
    in_sealed_netns(|| {
        let address = SockAddr::unix("\0server").expect("a name");
        let made = |kind| Socket::new(Domain::UNIX, kind, None).expect("a socket");
        let server = made(Type::STREAM);
        server.bind(&address).expect("the name is free");
        server.listen(5).expect("a stream");
        let client = made(Type::STREAM);
        client.connect(&address).expect("it listens");
        let (left, closed) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).expect("a pair");
        drop(closed);
        let unconnected = made(Type::STREAM);
        let datagrams = made(Type::DGRAM);
        let address = SockAddr::unix("\0datagrams").expect("a name");
        datagrams.bind(&address).expect("the name is free");
        let sockets = [server, client, left, unconnected, datagrams].map(OwnedFd::from);
        let heir = heir(&sockets);
        let report = report(&["who", &heir.pid().to_string()]);
        let holders = report["holders"].as_array().expect("holders[]");
        let kinds = sockets.each_ref().map(|socket| {
            let of = holders.iter().find(|row| row["inode"] == inode(socket));
            of.expect("it is listed")["kind"].as_str().expect("a kind")
        });
        let expected = ["listener", "connection", "connection", "bound", "bound"];
        assert_eq!(kinds, expected);
    });
}

/// `users:(("cat",pid=12,fd=5))` of each socket.
fn assert_as_ss(pid: &str, count: usize) {
    if let Some(printed) = tool_output("ss", &["-H", "-a", "-n", "-p", "-A", "all"]) {
        let user = format!("pid={pid},");
        let of_process = printed.lines().filter(|line| line.contains(&user));
        assert_eq!(of_process.count(), count, "{printed}");
    }
}
