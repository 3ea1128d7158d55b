//! `sockdiag ports`: how many ports are left towards a destination, beside what connect() finds.

use crate::support::clients::{
    bound_first, client, clients, close_by_rst, connect, connect_with, exhaust_ports,
    exhaust_ports_with, finds_a_port, from_address, local_port, port_range,
};
use crate::support::kernel_parts::bound_only;
use crate::support::netns::{in_netns, sysctl};
use crate::support::program::{assert_failed, count, finding, json, number, sockdiag};
use crate::support::sockets::listen;
use crate::support::tree::Tree;
use crate::support::tuples::{tuple, tuple_from, tuples, tuples_to};
use crate::support::unanswered::unanswered_syns;
use serde_json::Value;
use socket2::Socket;

const SERVER: &str = "10.9.0.1:8080";
const OTHER: &str = "10.9.0.1:8081";

#[test]
fn a_destination_runs_out_of_ports_while_another_still_connects() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _servers = (listen(SERVER, 100), listen(OTHER, 100));
        let held = exhaust_ports(SERVER);
        assert_eq!(held.len(), 20, "the scene is set");
        let _one = client(OTHER);

        let report = json(&["ports"]);
        assert_eq!(report["range"]["low"], 40000);
        assert_eq!(report["range"]["high"], 40019);
        assert_eq!(report["range"]["size"], 20);
        assert_eq!(report["range"]["reserved"], 0);
        assert_eq!(report["range"]["usable"], 20);
        let full = tuple(&report, SERVER);
        assert_eq!(full["source"], "10.9.0.1");
        assert_eq!(full["state"], "exhausted");
        assert_eq!((count(&full["used"]), count(&full["free"])), (20, 0));
        assert_eq!(number(&full["used_ratio"]), 1.0);
        assert_eq!(full["states"]["established"], 20);
        let other = tuple(&report, OTHER);
        assert_eq!(other["state"], "ok");
        assert_eq!((count(&other["used"]), count(&other["free"])), (1, 19));
        assert!((number(&other["used_ratio"]) - 0.05).abs() < 1e-9);
        // The worst comes first.
        assert_eq!(tuples(&report)[0], *full);
        let exhausted = finding(&report, "ports_exhausted");
        assert_eq!(exhausted["subject"], format!("10.9.0.1 → {SERVER}"));
        assert_eq!(exhausted["severity"], "critical");
    });
}

#[test]
fn connect_fails_at_the_moment_the_report_says_none_is_free() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let mut held = vec![client(SERVER)];
        loop {
            let report = json(&["ports", "--no-owners"]);
            let found = tuple(&report, SERVER);
            assert_eq!(found["used"], held.len());
            assert_eq!(found["free"], 10 - held.len());
            assert_eq!(found["state"] == "exhausted", held.len() == 10);
            match connect(SERVER) {
                Ok(client) => held.push(client),
                Err(_) => break assert_eq!(found["free"], 0),
            }
        }
        close_by_rst(held.pop().expect("ten are held"));
        assert!(finds_a_port(SERVER), "the scene is set");
        let report = json(&["ports", "--no-owners"]);
        assert_eq!(tuple(&report, SERVER)["free"], 1);
        assert_ne!(tuple(&report, SERVER)["state"], "exhausted");
    });
}

#[test]
fn ports_towards_many_destinations_are_not_added_up() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let destinations: Vec<String> = (8080..8085)
            .map(|port| format!("10.9.0.1:{port}"))
            .collect();
        let mut held = Vec::new();
        for destination in &destinations {
            held.push((listen(destination, 100), clients(destination, 15)));
        }
        let report = json(&["ports"]);
        assert_eq!(tuples(&report).len(), 5);
        for destination in &destinations {
            let found = tuple(&report, destination);
            assert_eq!((count(&found["used"]), count(&found["free"])), (15, 5));
            assert_eq!(number(&found["used_ratio"]), 0.75);
            assert_eq!(exhaust_ports(destination).len(), 5, "what connect() finds");
        }
    });
}

#[test]
fn reserved_ports_are_not_usable() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        // Ten inside; the other end of one span and a port far off are outside.
        sysctl(
            "net/ipv4/ip_local_reserved_ports",
            "39990-40003,40014-40019,50000",
        );
        let _server = listen(SERVER, 100);
        // bind() may have a reserved port if it asks for it. It takes none from connect().
        let _on_reserved = connect_with(SERVER, bound_first("10.9.0.1:40001")).expect("it is free");
        let _held = clients(SERVER, 4);
        let report = json(&["ports"]);
        assert_eq!(report["range"]["size"], 20);
        assert_eq!(report["range"]["reserved"], 10);
        assert_eq!(report["range"]["usable"], 10);
        assert_eq!(tuple(&report, SERVER)["free"], 6);

        let rest = exhaust_ports(SERVER);
        assert_eq!(rest.len(), 6, "the scene is set");
        let report = json(&["ports"]);
        assert_eq!(tuple(&report, SERVER)["free"], 0);
        assert_eq!(tuple(&report, SERVER)["state"], "exhausted");
        assert_eq!(number(&tuple(&report, SERVER)["used_ratio"]), 1.0);
    });
}

#[test]
fn each_source_address_has_the_whole_range() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let full = exhaust_ports_with(SERVER, from_address("10.9.0.1:0"));
        assert_eq!(full.len(), 10, "the scene is set");
        let one =
            connect_with(SERVER, from_address("10.9.0.2:0")).expect("another source has ports");
        let report = json(&["ports"]);
        assert_eq!(tuples(&report).len(), 2);
        assert_eq!(tuple_from(&report, "10.9.0.1", SERVER)["free"], 0);
        assert_eq!(tuple_from(&report, "10.9.0.2", SERVER)["free"], 9);
        let port = local_port(&one);
        assert!((40000..=40009).contains(&port), "the scene is set: {port}");
    });
}

#[test]
fn a_connection_from_outside_the_range_takes_none_of_it() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let _outside = connect_with(SERVER, bound_first("10.9.0.1:30000")).expect("it is free");
        let _inside = clients(SERVER, 3);
        let report = json(&["ports"]);
        let found = tuple(&report, SERVER);
        assert_eq!((count(&found["used"]), count(&found["free"])), (3, 7));
        assert_eq!(exhaust_ports(SERVER).len(), 7, "what connect() finds");
    });
}

#[test]
fn servers_on_a_port_of_the_range_are_no_tuples() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let inside = "10.9.0.1:40005";
        let _server = listen(inside, 100);
        let _clients = clients(inside, 4);
        let report = json(&["ports"]);
        // Their clients are; those have the server's port neither.
        assert_eq!(tuples(&report).len(), 1, "{report:#}");
        let found = tuple(&report, inside);
        assert_eq!((count(&found["used"]), count(&found["free"])), (4, 5));
        assert_eq!(report["namespaces"][0]["listeners"], 1);
        assert_eq!(exhaust_ports(inside).len(), 5, "what connect() finds");
    });
}

#[test]
fn udp_sockets_take_no_ports_of_tcp() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let _client = client(SERVER);
        let bound = [40002, 40003].map(|port| std::net::UdpSocket::bind(("10.9.0.1", port)));
        let udp = bound.map(|socket| socket.expect("it is free"));
        udp[0].connect(SERVER).expect("UDP connects to anything");
        let report = json(&["ports"]);
        assert_eq!(report["bound_only"], bound_only(0));
        let found = tuple(&report, SERVER);
        assert_eq!((count(&found["used"]), count(&found["free"])), (1, 9));
        assert_eq!(exhaust_ports(SERVER).len(), 9, "what connect() finds");
    });
}

#[test]
fn a_range_of_one_port_serves_one_connection_to_each_destination() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40000);
        let _servers = (listen(SERVER, 100), listen(OTHER, 100));
        let _clients = (exhaust_ports(SERVER), exhaust_ports(OTHER));
        let report = json(&["ports"]);
        assert_eq!(report["range"]["size"], 1);
        for destination in [SERVER, OTHER] {
            let found = tuple(&report, destination);
            assert_eq!((count(&found["used"]), count(&found["free"])), (1, 0));
            assert_eq!(found["state"], "exhausted");
        }
    });
}

#[test]
fn a_socket_on_a_device_finds_no_port_that_one_on_any_device_holds() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let on_device = |socket: &socket2::Socket| socket.bind_device(Some(b"lo"));
        let _any = clients(SERVER, 4);
        let _two = [(); 2].map(|()| connect_with(SERVER, on_device).expect("a port is free"));
        let report = json(&["ports"]);
        let free = |interface: serde_json::Value| {
            let mut found = tuples_to(&report, SERVER);
            found.retain(|tuple| tuple["interface"] == interface);
            assert_eq!(found.len(), 1, "{interface} in {report:#}");
            count(&found[0]["free"])
        };
        assert_eq!((free(serde_json::Value::Null), free("lo".into())), (6, 4));
        assert_eq!(
            exhaust_ports_with(SERVER, on_device).len(),
            4,
            "what connect() finds"
        );
    });
}

#[test]
fn the_highest_port_of_a_range_of_three_is_not_counted() {
    in_netns(|| {
        unanswered_syns();
        // connect() looks at an even number of ports: here at the first two.
        port_range(40000, 40002);
        let _server = listen(SERVER, 100);
        let held = exhaust_ports(SERVER);
        assert_eq!(held.len(), 2, "the scene is set");
        let report = json(&["ports"]);
        let found = tuple(&report, SERVER);
        assert_eq!(
            (&found["free"], &found["state"]),
            (&0.into(), &"exhausted".into())
        );
        assert_eq!(report["range"]["usable"], 2);
    });
}

#[test]
fn unbound_sockets_have_the_ports_of_sockets_bound_to_an_interface() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _server = listen(SERVER, 100);
        let to_lo = |socket: &Socket| socket.bind_device(Some(b"lo"));
        let mut unbound = clients(SERVER, 10);
        let bound = exhaust_ports_with(SERVER, to_lo);
        assert_eq!(bound.len(), 10, "the scene is set");
        let report = json(&["ports"]);
        let of = |interface: Value| {
            let mut found = tuples_to(&report, SERVER).into_iter();
            let found = found.find(|row| row["interface"] == interface);
            found.unwrap_or_else(|| panic!("{report:#}"))
        };
        assert_eq!(of("lo".into())["state"], "exhausted");
        let free = of(Value::Null);
        assert_eq!(
            (&free["free"], &free["free_likely"]),
            (&10.into(), &10.into())
        );
        unbound.extend(exhaust_ports(SERVER));
        assert_eq!(unbound.len(), 20, "what connect() finds");
    });
}

#[test]
fn a_range_that_cannot_be_read_is_an_error_and_no_empty_report() {
    let tree = Tree::copy_of("6.18-overflow-and-syn-flood");
    for command in ["ports", "timewait"] {
        let output = sockdiag(&[command, "--proc-root", tree.path()]);
        assert_failed(&output, 1, &["ip_local_port_range"]);
    }
}
