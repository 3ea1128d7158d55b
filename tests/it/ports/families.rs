//! `sockdiag ports`: IPv4 and IPv6 share the range and have tuples of their own.

use crate::support::clients::{
    bind, client, clients, connect_with, exhaust_ports, finds_a_port, from_address, port_range,
};
use crate::support::kernel_parts::reports_bound_sockets;
use crate::support::netns::in_netns;
use crate::support::program::{count, json};
use crate::support::sockets::listen;
use crate::support::time_waits::{client_fin_wait_2s, client_time_waits};
use crate::support::tuples::{ss_count, ss_tuples, tuple, tuple_from, tuples};
use crate::support::unanswered::unanswered_syns;
use serde_json::json as object;

const SERVER: &str = "10.9.0.1:8080";
const MAPPED: &str = "[::ffff:10.9.0.1]:8080";
const SIX: &str = "[fd00:9::1]:8080";

#[test]
fn ipv6_destinations_have_the_same_range_to_themselves() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _servers = (listen(SERVER, 100), listen(SIX, 100));
        let full = exhaust_ports(SIX);
        assert_eq!(full.len(), 10, "the scene is set");
        let _some = clients(SERVER, 3);
        let report = json(&["ports"]);
        let six = tuple(&report, SIX);
        assert_eq!(six["source"], "fd00:9::1");
        assert_eq!(
            six["destination"],
            object!({"address": "fd00:9::1", "port": 8080})
        );
        assert_eq!((count(&six["used"]), count(&six["free"])), (10, 0));
        assert_eq!(six["state"], "exhausted");
        assert_eq!(tuple(&report, SERVER)["free"], 7);
    });
}

#[test]
fn an_ipv6_socket_on_an_ipv4_address_takes_ports_of_the_ipv4_tuple() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let server = listen(SERVER, 100);
        let _four = clients(SERVER, 3);
        let _mapped = clients(MAPPED, 4);
        let report = json(&["ports"]);
        assert_eq!(tuples(&report).len(), 1, "{report:#}");
        let found = tuple(&report, SERVER);
        assert_eq!(found["source"], "10.9.0.1");
        assert_eq!((count(&found["used"]), count(&found["free"])), (7, 3));
        let rest = exhaust_ports(MAPPED);
        assert_eq!(rest.len(), 3, "what connect() finds");
        assert!(!finds_a_port(SERVER), "one range for both");
        assert_eq!(tuple(&json(&["ports"]), SERVER)["free"], 0);
        drop(server);
    });
}

#[test]
fn a_family_can_be_chosen() {
    in_netns(|| {
        unanswered_syns();
        let _servers = (listen(SERVER, 100), listen(SIX, 100));
        let _clients = (clients(SERVER, 2), clients(SIX, 3));
        for (family, chosen, used) in [("-4", SERVER, 2), ("-6", SIX, 3)] {
            let report = json(&["ports", family]);
            assert_eq!(tuples(&report).len(), 1, "{family}: {report:#}");
            assert_eq!(tuple(&report, chosen)["used"], used);
        }
        assert_eq!(tuples(&json(&["ports"])).len(), 2);
    });
}

#[test]
fn a_port_that_the_other_family_bound_is_not_free_in_the_chosen_one() {
    in_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let _client = client(SERVER);
        let port = 40001;
        let _six = (bind(&format!("[::1]:{port}")), listen("[::1]:40003", 1));
        assert_eq!(tuple(&json(&["ports", "-4"]), SERVER)["free"], 7);
        assert_eq!(exhaust_ports(SERVER).len(), 7, "what connect() finds");
    });
}

#[test]
fn numbers_are_those_of_ss() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40099);
        let listener = listen(SERVER, 100);
        let _six = listen(SIX, 100);
        client_time_waits(&listener, 6);
        let _servers = client_fin_wait_2s(&listener, 4);
        let _clients = (clients(SERVER, 7), clients(MAPPED, 5), clients(SIX, 9));
        let _other = connect_with(SERVER, from_address("10.9.0.2:0")).expect("a port is free");
        let Some(by_ss) = ss_tuples() else { return };

        let report = json(&["ports"]);
        assert_eq!(tuples(&report).len(), by_ss.len(), "{by_ss:?}\n{report:#}");
        for ((source, destination), ports) in &by_ss {
            let found = tuple_from(&report, &source.to_string(), &destination.to_string());
            assert_eq!(found["used"], ports.len());
            assert_eq!(found["free"], 100 - ports.len());
        }
        let states = &tuple_from(&report, "10.9.0.1", SERVER)["states"];
        for (key, by_ss) in [("time_wait", "time-wait"), ("fin_wait_2", "fin-wait-2")] {
            assert_eq!(
                Some(count(&states[key])),
                ss_count(by_ss, SERVER).map(|n| n as u64)
            );
        }
    });
}

#[test]
fn a_mapped_destination_is_of_the_ipv4_family() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 100);
        let _clients = clients(MAPPED, 2);
        assert_eq!(tuple(&json(&["ports", "-4"]), SERVER)["used"], 2);
        assert_eq!(tuples(&json(&["ports", "-6"])).len(), 0);
    });
}
