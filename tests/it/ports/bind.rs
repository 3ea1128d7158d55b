//! `sockdiag ports`: ports that bind() and listen() keep from every destination.

use crate::support::clients::{
    bind, bind_with, bound_first, client, clients, close_by_rst, connect_with, exhaust_ports,
    from_address, local_port, port_range, without_port,
};
use crate::support::kernel_parts::{bound_only, reports_bound_sockets, unseen};
use crate::support::netns::{in_netns, in_sealed_netns};
use crate::support::program::{count, finding_ids, json, number};
use crate::support::sockets::{listen, socket_address};
use crate::support::tuples::tuple;
use crate::support::unanswered::unanswered_syns;
use socket2::Socket;

const SERVER: &str = "10.9.0.1:8080";
const OTHER: &str = "10.9.0.1:8081";
const SIX: &str = "[fd00:9::1]:8080";

#[test]
fn listeners_inside_the_range_are_free_for_nobody() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _servers = (listen(SERVER, 100), listen(SIX, 100));
        // Another address, another family and two on one port.
        let inside = [
            "127.0.0.1:40003",
            "[::1]:40004",
            "127.0.0.1:40005",
            "10.9.0.1:40005",
        ];
        let _inside = inside.map(|address| listen(address, 1));
        let _outside = listen("127.0.0.1:30000", 1);
        let _clients = (client(SERVER), client(SIX));
        let report = json(&["ports"]);
        assert_eq!(report["namespaces"][0]["listeners"], 3);
        assert_eq!(report["bound_only"], bound_only(0));
        let ids = ["ports_held_by_bind", "port_range_over_listener"];
        assert_eq!(finding_ids(&report), ids);
        for destination in [SERVER, SIX] {
            let found = tuple(&report, destination);
            assert_eq!((count(&found["used"]), count(&found["free"])), (1, 16));
            assert!((number(&found["used_ratio"]) - 0.2).abs() < 1e-9);
            assert_eq!(exhaust_ports(destination).len(), 16, "what connect() finds");
        }
    });
}

#[test]
fn sockets_that_only_bound_a_port_keep_it_from_every_destination() {
    in_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        unanswered_syns();
        port_range(40000, 40019);
        let _servers = (listen(SERVER, 100), listen(SIX, 100));
        let v6only = |socket: &Socket| socket.set_only_v6(true);
        let _bound = (
            bind("10.9.0.1:40002"),
            bind("127.0.0.1:40003"),
            bind("[::1]:40004"),
            bind_with("[::]:40005", v6only),
            bind("[::]:40006"),
            (bind("127.0.0.1:40007"), bind("127.0.0.2:40007")),
            bind("127.0.0.1:30000"),
        );
        let _clients = (client(SERVER), client(SIX));
        let report = json(&["ports"]);
        assert_eq!(report["bound_only"], 6);
        assert_eq!(report["namespaces"][0]["bound_only"], 6);
        assert_eq!(report["namespaces"][0]["listeners"], 0);
        assert_eq!(finding_ids(&report), ["ports_held_by_bind"]);
        for destination in [SERVER, SIX] {
            assert_eq!(tuple(&report, destination)["free"], 13);
            assert_eq!(exhaust_ports(destination).len(), 13, "what connect() finds");
        }
    });
}

#[test]
fn a_port_that_is_used_and_bound_is_missing_once() {
    in_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        unanswered_syns();
        port_range(40000, 40009);
        let _servers = (listen(SERVER, 100), listen(OTHER, 100));
        let clients = clients(SERVER, 2);
        let _bound = bind(&format!("127.0.0.1:{}", local_port(&clients[0])));
        let _other = client(OTHER);
        let report = json(&["ports"]);
        assert_eq!(report["bound_only"], 1);
        assert_eq!(tuple(&report, SERVER)["used"], 2);
        assert_eq!(tuple(&report, SERVER)["free"], 8);
        assert_eq!(tuple(&report, OTHER)["free"], 8);
        assert_eq!(exhaust_ports(SERVER).len(), 8, "what connect() finds");
        assert_eq!(exhaust_ports(OTHER).len(), 8, "what connect() finds");
    });
}

#[test]
fn a_socket_that_left_its_port_to_connect_has_none_yet() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let _late = bind_with("10.9.0.1:0", without_port);
        let _client = client(SERVER);
        let report = json(&["ports"]);
        assert_eq!(report["bound_only"], bound_only(0));
        assert_eq!(tuple(&report, SERVER)["free"], 9);
        assert_eq!(exhaust_ports(SERVER).len(), 9, "what connect() finds");
    });
}

#[test]
fn connections_bound_first_are_taken_from_what_is_likely_free() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40199);
        let _servers = (listen(SERVER, 1000), listen(OTHER, 1000));
        let _bound: Vec<Socket> = (0..60)
            .map(|_| connect_with(OTHER, bound_first("10.9.0.1:0")).expect("a port is free"))
            .collect();
        let _clients = clients(SERVER, 20);
        let report = json(&["ports"]);
        assert_eq!(tuple(&report, OTHER)["used"], 60);
        assert_eq!(tuple(&report, OTHER)["bound_first"], 60);
        let found = tuple(&report, SERVER);
        assert_eq!(
            (count(&found["used"]), count(&found["bound_first"])),
            (20, 0)
        );
        assert_eq!(found["free"], 180);
        assert_eq!(found["free_likely"], 120);

        let rest = exhaust_ports(SERVER);
        assert_eq!(rest.len(), 120, "what connect() finds");
        let report = json(&["ports"]);
        let found = tuple(&report, SERVER);
        assert_eq!(found["used"], 140);
        assert_eq!(found["free"], 60);
        assert_eq!(found["free_likely"], 0);
        assert_eq!(found["state"], "likely_exhausted");
    });
}

#[test]
fn ports_bound_by_hand_for_two_destinations_are_taken_from_the_third() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let servers = [SERVER, OTHER, "10.9.0.1:8082"];
        let _servers = servers.map(|server| listen(server, 100));
        let _bound: Vec<Socket> = [SERVER, OTHER]
            .iter()
            .flat_map(|to| (40001..40013).step_by(2).map(move |port| by_hand(to, port)))
            .collect();
        let _clients = clients(servers[2], 5);
        let report = json(&["ports"]);
        assert_eq!(report["namespaces"][0]["bound_first"], 6);
        let found = tuple(&report, servers[2]);
        assert_eq!(found["free_likely"], 9);
        assert_eq!(exhaust_ports(servers[2]).len(), 9, "what connect() finds");
    });
}

/// Its parity shows nothing of a port that stands beside others.
#[test]
fn neighbouring_ports_of_two_destinations_leave_it_open_who_chose_them() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let servers = [SERVER, OTHER, "10.9.0.1:8082"];
        let _servers = servers.map(|server| listen(server, 100));
        let _bound: Vec<Socket> = [SERVER, OTHER]
            .iter()
            .flat_map(|to| (40000..40006).map(move |port| by_hand(to, port)))
            .collect();
        let _clients = clients(servers[2], 5);
        let report = json(&["ports"]);
        for server in [SERVER, OTHER] {
            assert!(
                tuple(&report, server)["bound_first"].is_null(),
                "{report:#}"
            );
        }
        let [missing] = unseen(&report)[..] else {
            panic!("{report:#}");
        };
        assert_eq!(missing["what"], "bound_first");
        assert_eq!(missing["count"], 2);
    });
}

/// Connected from this port, which other sockets may be bound to as well.
fn by_hand(to: &str, port: u16) -> Socket {
    let shared = |socket: &Socket| {
        socket.set_reuse_address(true)?;
        socket.bind(&socket_address(&format!("10.9.0.1:{port}")).into())
    };
    connect_with(to, shared).expect("the port is free towards this destination")
}

#[test]
fn ports_left_to_connect_are_not_judged_bound_first() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40199);
        let _servers = (listen(SERVER, 1000), listen(OTHER, 1000));
        let _late: Vec<Socket> = (0..60)
            .map(|_| connect_with(OTHER, from_address("10.9.0.1:0")).expect("a port is free"))
            .collect();
        // So many that both parities are in use.
        let _clients = clients(SERVER, 130);
        let report = json(&["ports"]);
        for (destination, free) in [(OTHER, 140), (SERVER, 70)] {
            let found = tuple(&report, destination);
            assert!(
                found["bound_first"].as_u64().unwrap_or(0) == 0,
                "0 or not reported"
            );
            assert_eq!(found["free"], free);
            assert_eq!(found["free_likely"], free);
            assert_eq!(
                exhaust_ports(destination).len(),
                free,
                "what connect() finds"
            );
        }
    });
}

#[test]
fn a_listener_at_another_address_does_not_make_a_client_a_server() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _servers = (listen(SERVER, 100), listen(OTHER, 100));
        let clients = clients(SERVER, 2);
        let _late = listen(&format!("127.0.0.1:{}", local_port(&clients[0])), 1);
        let _other = client(OTHER);
        let report = json(&["ports"]);
        let found = tuple(&report, SERVER);
        assert_eq!((count(&found["used"]), count(&found["free"])), (2, 8));
        assert_eq!(tuple(&report, OTHER)["free"], 8);
        assert_eq!(exhaust_ports(SERVER).len(), 8, "what connect() finds");
        assert_eq!(exhaust_ports(OTHER).len(), 8, "what connect() finds");
    });
}

#[test]
fn what_is_left_after_a_peak_is_not_judged_bound_first() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40199);
        let _servers = (listen(SERVER, 1000), listen(OTHER, 1000));
        // Ports of both kinds, every third of which is then given back.
        let busy = clients(SERVER, 190);
        let kept: Vec<Socket> = busy
            .into_iter()
            .enumerate()
            .filter_map(|(at, client)| {
                if at % 3 > 0 {
                    return Some(client);
                }
                close_by_rst(client);
                None
            })
            .collect();
        let _few = clients(OTHER, 3);
        let report = json(&["ports"]);
        assert_eq!(tuple(&report, SERVER)["used"], kept.len());
        assert_eq!(tuple(&report, SERVER)["bound_first"], 0);
        assert_eq!(tuple(&report, OTHER)["free_likely"], 197);
        assert_eq!(exhaust_ports(OTHER).len(), 197, "what connect() finds");
    });
}

#[test]
fn a_small_majority_after_a_peak_is_not_judged_bound_first() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40199);
        let _servers = (listen(SERVER, 1000), listen(OTHER, 1000));
        // connect() took all ports; by chance a few more of the odd ones are left.
        let left = |port: u16| port % 2 == 1 || port >= 40040;
        let (kept, ended): (Vec<Socket>, Vec<Socket>) = exhaust_ports(SERVER)
            .into_iter()
            .partition(|client| left(local_port(client)));
        ended.into_iter().for_each(close_by_rst);
        assert_eq!(kept.len(), 180, "the scene is set");
        let _few = clients(OTHER, 3);
        let report = json(&["ports"]);
        assert_eq!(tuple(&report, SERVER)["bound_first"], 0);
        assert_eq!(tuple(&report, OTHER)["free_likely"], 197);
        assert_eq!(exhaust_ports(OTHER).len(), 197, "what connect() finds");
    });
}

#[test]
fn who_only_bound_a_port_is_named() {
    in_sealed_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        unanswered_syns();
        port_range(40000, 40019);
        let _bound = (bind("10.9.0.1:40002"), bind("[::1]:40004"));
        let report = json(&["ports"]);
        let namespace = &report["namespaces"][0];
        let binders = namespace["binders"].as_array().expect("binders[]");
        let pids: Vec<_> = binders.iter().map(|owner| count(&owner["pid"])).collect();
        assert_eq!(pids, [u64::from(std::process::id()); 2], "{namespace:#}");
    });
}
