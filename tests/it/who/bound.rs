//! Sockets that are bound and no more: what BPF reads is what sock_diag reports where it does.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;

use rustix::fs::{Uid, fchown};
use rustix::io::fcntl_dupfd_cloexec;
use sockdiag::collect::{Namespaces, OwnerNeeds, Wants, held};
use sockdiag::model::filter::{End, View as _};
use sockdiag::model::{Address, SocketProtocol, SocketRow, SocketState};
use sockdiag::source::{BoundSocket, Kernel, reports_bound};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::bind_verdicts::{tried, verdicts};
use crate::support::host::Host;
use crate::support::netns::{in_netns_of_root, lo_up, netns_inode};
use crate::support::program::json as report;
use crate::support::skipped::report_skipped;
use crate::support::sockets::inode;

/// What BPF reads of the host; `None`, loudly, where it may not or cannot.
fn by_bpf() -> Option<Vec<BoundSocket>> {
    match Kernel::new().bound_sockets() {
        Ok(bound) => Some(bound),
        Err(error) => {
            report_skipped(&format!("bound sockets by BPF: {error}: {}", error.io()));
            None
        }
    }
}

fn here(all: Vec<BoundSocket>) -> Vec<SocketRow> {
    let own = netns_inode("/proc/self/ns/net");
    let here = all.into_iter().filter(|bound| bound.netns == own);
    here.map(|bound| bound.socket).collect()
}

fn bound(address: &str, options: impl FnOnce(&Socket)) -> Socket {
    let address: SocketAddr = address.parse().expect("ADDRESS:PORT");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    let socket = socket.expect("a socket");
    options(&socket);
    socket.bind(&address.into()).expect("the port is free");
    socket
}

/// What both ways tell of a socket.
type Told = (Address, Option<u32>, u32, u32, u64);

fn told(row: &SocketRow) -> Told {
    let local = row.address(End::Local).expect("an address");
    (local, row.interface(), row.uid, row.inode, row.cookie)
}

fn address(row: &SocketRow) -> (IpAddr, u16) {
    let local = row.address(End::Local).expect("an address");
    (local.address, local.port)
}

#[test]
fn bound_sockets_are_the_same_either_way() {
    in_netns_of_root(|| {
        lo_up();
        let others = bound("127.0.0.1:8084", |socket| {
            fchown(socket, Some(Uid::from_raw(1000)), None).expect("it is ours");
        });
        let sockets = [
            bound("127.0.0.1:8080", |_| {}),
            bound("[::1]:8081", |_| {}),
            bound("[::]:8082", |socket| {
                socket.set_only_v6(false).expect("set")
            }),
            bound("[::ffff:127.0.0.1]:8083", |_| {}),
            bound("0.0.0.0:8085", |socket| {
                socket.bind_device(Some(b"lo")).expect("it is there");
            }),
            others,
        ];
        let _twice = fcntl_dupfd_cloexec(sockets[0].as_fd(), 900).expect("a descriptor");
        let _thread = std::thread::spawn(std::thread::park);
        // Neither of them holds a port: one never did, the other gave it back.
        let _unbound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let refused = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let nobody: SocketAddr = "127.0.0.1:9".parse().expect("an address");
        refused.connect(&nobody.into()).expect_err("nobody listens");
        // This one was bound first and keeps its port.
        let kept = bound("127.0.0.1:8086", |_| {});
        kept.connect(&nobody.into()).expect_err("nobody listens");

        let Some(all) = by_bpf() else { return };
        let rows = here(all);
        let inodes: BTreeSet<u32> = rows.iter().map(|row| row.inode).collect();
        let all = sockets.iter().chain([&kept]);
        let expected: BTreeSet<u32> = all.map(|socket| inode(socket) as u32).collect();
        assert_eq!((inodes, rows.len()), (expected, 7));
        assert!(rows.iter().all(|row| row.state == SocketState::Bound));
        let at: BTreeSet<u16> = rows.iter().map(|row| address(row).1).collect();
        assert_eq!(at, (8080..=8086).collect());
        let foreign = rows.iter().find(|row| address(row).1 == 8084);
        assert_eq!(foreign.expect("it is there").uid, 1000);
        if !reports_bound() {
            return report_skipped("comparison with sock_diag, which reports none here");
        }
        let kernel = Kernel::new();
        let by_port = (8080..=8086).flat_map(|port| {
            let namespaces = Namespaces::own(&kernel);
            let found = held(&kernel, &namespaces, Wants::Port(port), OwnerNeeds::None);
            found.expect("sockets can be read").sockets
        });
        let dumped: BTreeSet<Told> = by_port.map(|one| told(&one.socket)).collect();
        assert_eq!(rows.iter().map(told).collect::<BTreeSet<_>>(), dumped);
    });
}

#[test]
fn a_bound_socket_of_another_namespace_is_of_that_namespace() {
    in_netns_of_root(|| {
        lo_up();
        let host = Host::new();
        let (_socket, there) = host.run(|| {
            let socket = bound("127.0.0.1:8080", |_| {});
            (socket, netns_inode("/proc/thread-self/ns/net"))
        });
        let Some(all) = by_bpf() else { return };
        let of = |netns| {
            let sockets = all.iter().filter(|bound| bound.netns == netns);
            sockets
                .map(|bound| address(&bound.socket).1)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(there), [8080]);
        assert!(here(all.clone()).is_empty());
    });
}

#[test]
fn a_bound_mptcp_socket_is_listed_once() {
    in_netns_of_root(|| {
        lo_up();
        let socket = match Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) {
            Ok(socket) => socket,
            Err(error) => return report_skipped(&format!("MPTCP socket: {error}")),
        };
        let at: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        socket.bind(&at.into()).expect("the port is free");
        let Some(all) = by_bpf() else { return };
        let [row] = &here(all)[..] else {
            panic!("one socket")
        };
        assert_eq!(row.protocol, SocketProtocol::Mptcp);
        assert_eq!(address(row), (at.ip(), 8080));
        assert_eq!(row.inode, inode(&socket) as u32);
    });
}

/// By sock_diag, or on older kernels by BPF.
#[test]
fn who_knows_a_bound_socket_its_owner_and_its_options() {
    in_netns_of_root(|| {
        lo_up();
        if !reports_bound() && by_bpf().is_none() {
            return;
        }
        let socket = bound("127.0.0.1:8080", |socket| {
            socket.set_reuse_address(true).expect("an option");
        });
        // Other tests have such sockets in their namespaces.
        let own = ["--netns", "/proc/self/ns/net", "--owners", "all"];
        let report = report(&[&["who", ":8080"], &own[..]].concat());
        let [holder] = &report["holders"].as_array().expect("holders[]")[..] else {
            panic!("{report:#}")
        };
        assert_eq!(holder["kind"], "bound");
        assert_eq!(holder["state"], "bound");
        assert_eq!(holder["inode"], inode(&socket));
        assert_eq!(holder["owners"][0]["pid"], std::process::id());
        assert_eq!(holder["reuseaddr"], true);
        let concluded = tried(&[&[":8080"], &own[..]].concat());
        let expected = ["in_use", "ok"];
        let [plain, reuseaddr, ..] = verdicts(&concluded, "tcp", "0.0.0.0");
        assert_eq!([plain, reuseaddr], expected);
        let free = tried(&[&[":8081"], &own[..]].concat());
        assert_eq!(verdicts(&free, "tcp", "::")[0], "ok");
        assert!(
            !free["incomplete"].to_string().contains("bound"),
            "{free:#}"
        );
    });
}
