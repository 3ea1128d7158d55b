//! Which MPTCP sockets hold a port without a connection, as BPF reads it before Linux 6.8.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use sockdiag::source::{Kernel, reports_bound};
use socket2::Socket;

use crate::support::mptcp::{SERVER, mptcp_scene, mptcp_socket};
use crate::support::netns::{in_netns_of_root, lo_up, netns_inode};
use crate::support::program::{count, json};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{inode, socket_address};

/// Inodes of those that BPF reads in this namespace; `None`, loudly, where it may not or cannot.
fn by_bpf() -> Option<BTreeSet<u64>> {
    let own = netns_inode("/proc/self/ns/net");
    match Kernel::new().bound_sockets() {
        Ok(bound) => {
            let here = bound.iter().filter(|bound| bound.netns == own);
            Some(here.map(|bound| bound.socket.inode.into()).collect())
        }
        Err(error) => {
            report_skipped(&format!("bound sockets by BPF: {error}: {}", error.io()));
            None
        }
    }
}

fn by_sock_diag() -> BTreeSet<u64> {
    let report = json(&["sockets", "tcp"]);
    let rows = report["sockets"].as_array().expect("sockets[]").iter();
    let bound = rows.filter(|row| row["state"] == "bound");
    bound.map(|row| count(&row["inode"])).collect()
}

/// The server resets the connection, and the client still has it open.
fn reset(mut client: &Socket, server: Socket) {
    server.set_linger(Some(Duration::ZERO)).expect("an option");
    drop(server);
    let error = client.read(&mut [0]).expect_err("it is reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_mptcp_connection_holds_a_port_only_where_it_was_bound_first() {
    in_netns_of_root(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        let bound_first = mptcp_socket();
        let at = socket_address("127.0.0.1:8090");
        bound_first.bind(&at.into()).expect("the port is free");
        bound_first
            .connect(&socket_address(SERVER).into())
            .expect("it listens");
        let (server, _) = scene.listener.accept().expect("a connection");
        let Some(before) = by_bpf() else { return };
        let only_bound = inode(&scene.bound);
        assert_eq!(before, [only_bound].into());

        reset(&bound_first, server);
        reset(&scene.client, scene.server);
        let expected = BTreeSet::from([only_bound, inode(&bound_first)]);
        assert_eq!(by_bpf().expect("as before"), expected);
        match reports_bound() {
            true => assert_eq!(by_sock_diag(), expected),
            false => report_skipped("comparison with sock_diag, which reports none here"),
        }
    });
}
