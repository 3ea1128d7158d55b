//! `sockdiag sockets --pairs --netns all`: ends in two namespaces.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddrV6, TcpListener, TcpStream};

use serde_json::Value;
use socket2::Socket;

use super::pairs::{inodes, of, pairs, rows};
use crate::support::clients::bound_first;
use crate::support::host::{Host, VethEnd, connect_by_veth};
use crate::support::link::{Link, THERE, THERE6};
use crate::support::netns::{in_sealed_netns, lo_up, netns_inode, run};
use crate::support::program::text;
use crate::support::scenes::simultaneous_open;
use crate::support::sockets::listen;
use crate::support::time_waits::connected_pair;
use crate::support::wait::{wait_for, wait_until};

#[test]
fn ends_in_two_namespaces_are_joined_when_both_are_read() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.there.name("there");
        let listeners = [THERE, &format!("[{THERE6}]")].map(|at| {
            let at = format!("{at}:8080");
            link.there.run(|| listen(&at, 5))
        });
        let ends = [&listeners[0], &listeners[1]].map(|one| connected_pair(one, |_| Ok(())));
        let report = pairs(&[]);
        assert_eq!(
            rows(&report).len(),
            0,
            "one end of each is here: {report:#}"
        );
        assert_eq!(report["unpaired"], 2);
        let table = text(&["sockets", "--pairs"]);
        assert!(
            table.contains("no connection that matches has both ends here"),
            "{table}"
        );
        assert!(
            table.contains("2 more connections match whose other ends were not found"),
            "{table}"
        );

        let report = pairs(&["--netns", "all"]);
        let expected = ends.each_ref().map(|(client, server)| of(client, server));
        assert_eq!(inodes(&report), BTreeSet::from(expected), "{report:#}");
        assert_eq!(report["unpaired"], 0);
        let row = &report["sockets"][0];
        let here = netns_inode("/proc/self/ns/net");
        assert_eq!(row["netns"]["inode"], here);
        assert_eq!(row["other_end"]["netns"]["name"], "there");
        assert_eq!(row["other_end"]["owners"][0]["pid"], std::process::id());
        let table = text(&["sockets", "--pairs", "--netns", "all"]);
        let header = table.lines().next().expect("a header");
        assert!(header.contains("P-NETNS"), "{table}");
    });
}

#[test]
fn a_simultaneous_open_is_one_connection() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.there.name("there");
        let (here, there) = simultaneous_open(&link);
        // The higher port looks like the client's.
        let report = pairs(&["--netns", "all"]);
        assert_eq!(inodes(&report), BTreeSet::from([of(&there, &here)]));
    });
}

/// Two hosts with a connection between them.
struct Network {
    hosts: [Host; 2],
    client: Socket,
    server: Socket,
}

impl Network {
    /// Each has the same addresses and ports, as test rigs and containers do.
    fn new() -> Network {
        let hosts = [Host::new(), Host::new()];
        let end = |device, hardware, addresses| VethEnd {
            device,
            hardware,
            addresses,
        };
        let near = end("near", 1, &["10.7.0.1/24"]);
        let far = end("far", 2, &["10.7.0.2/24"]);
        hosts[0].run(|| connect_by_veth(&near, &hosts[1], &far));
        let listener = hosts[1].run(|| listen("10.7.0.2:8080", 5));
        let from = bound_first("10.7.0.1:50000");
        let (client, server) = hosts[0].run(|| connected_pair(&listener, from));
        Network {
            hosts,
            client,
            server,
        }
    }

    fn ends(&self) -> (u64, u64) {
        of(&self.client, &self.server)
    }
}

#[test]
fn the_same_addresses_in_several_namespaces_are_not_joined_at_random() {
    in_sealed_netns(|| {
        lo_up();
        let networks = ["red", "blue"].map(|color| {
            let network = Network::new();
            network.hosts[0].name(&format!("{color}-client"));
            network.hosts[1].name(&format!("{color}-server"));
            network
        });
        // Each namespace has its own loopback device.
        let local = networks.each_ref().map(|network| {
            network.hosts[0].run(|| {
                let listener = listen("127.0.0.1:8080", 5);
                connected_pair(&listener, bound_first("127.0.0.1:50000"))
            })
        });
        let local = local.each_ref().map(|(client, server)| of(client, server));
        let report = pairs(&["--netns", "all"]);
        assert_eq!(inodes(&report), BTreeSet::from(local));
        let missing = report["incomplete"].as_array().expect("a list");
        let missing = missing.iter().find(|missing| missing["what"] == "pairs");
        assert_eq!(missing.expect("it is said")["count"], 4);
        assert_eq!(report["unpaired"], 0);

        // What they carry tells them apart.
        let [red, blue] = &networks;
        (&red.client).write_all(&[1; 700]).expect("there is room");
        (&blue.server).write_all(&[1; 300]).expect("there is room");
        wait_until("both pairs are known", || {
            let report = pairs(&["--netns", "all", "not", "src", "127.0.0.1"]);
            inodes(&report) == BTreeSet::from([red.ends(), blue.ends()])
        });
    });
}

#[test]
fn one_end_of_each_of_two_networks_is_no_pair() {
    in_sealed_netns(|| {
        lo_up();
        let [red, blue] = [(); 2].map(|()| Network::new());
        red.hosts[0].name("red-client");
        blue.hosts[1].name("blue-server");
        let joined = || inodes(&pairs(&["--netns", "all"]));
        (&red.client).write_all(&[1; 700]).expect("there is room");
        wait_until("it is acknowledged", || joined().is_empty());
        assert_eq!(pairs(&["--netns", "all"])["unpaired"], 1, "their tuple");
        red.hosts[1].name("red-server");
        assert_eq!(joined(), BTreeSet::from([red.ends()]));
        let row = pairs(&["--netns", "all"])["sockets"][0].clone();
        assert_eq!(row["tcp_info"], Value::Null, "not asked for");
    });
}

/// Their interfaces have other indices in each namespace.
#[test]
fn link_local_ends_in_two_namespaces_are_joined() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.there.name("there");
        let scoped = |address: &str, device: &str| {
            let index = run("ip", &["-o", "link", "show", device]);
            let index = index.split(':').next().expect("an index").to_owned();
            SocketAddrV6::new(
                address.parse().expect("an address"),
                8080,
                0,
                index.parse().expect("a number"),
            )
        };
        run(
            "ip",
            &["address", "add", "fe80::1/64", "dev", "near", "nodad"],
        );
        let listener = link.there.run(|| {
            run(
                "ip",
                &["address", "add", "fe80::2/64", "dev", "far", "nodad"],
            );
            let at = scoped("fe80::2", "far");
            wait_for("the address can be bound", || TcpListener::bind(at).ok())
        });
        let client = TcpStream::connect(scoped("fe80::2", "near")).expect("a listener");
        let (server, _) = listener.accept().expect("a client");
        let report = pairs(&["--netns", "all"]);
        assert_eq!(
            inodes(&report),
            BTreeSet::from([of(&client, &server)]),
            "{report:#}"
        );
        let row = &report["sockets"][0];
        assert_eq!(row["local"]["interface"], "near");
        assert_eq!(row["other_end"]["local"]["interface"], "far");
        assert_eq!(rows(&pairs(&[])).len(), 0);
    });
}
