//! `sockdiag ports [FILTER]`: which tuples are shown.

use serde_json::Value;

use crate::support::clients::{clients, connect_with, from_address, port_range};
use crate::support::netns::in_netns;
use crate::support::program::{assert_failed, count, json, sockdiag};
use crate::support::sockets::listen;
use crate::support::tree::Tree;
use crate::support::tuples::tuples;
use crate::support::unanswered::unanswered_syns;

/// Ports of the destinations.
fn ports(filter: &str) -> Vec<u64> {
    let report = json(&["ports", "--no-owners", filter]);
    let port = |tuple: &Value| count(&tuple["destination"]["port"]);
    let mut ports: Vec<u64> = tuples(&report).iter().map(port).collect();
    ports.sort_unstable();
    ports
}

#[test]
fn a_condition_chooses_destinations_and_sources() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40099);
        let servers = [
            "10.9.0.1:80",
            "10.9.0.1:8081",
            "10.9.0.2:8082",
            "[fd00:9::1]:8083",
        ];
        let _servers = servers.map(|at| listen(at, 9));
        let _clients = servers.map(|to| clients(to, 2));
        let from_other = from_address("10.9.0.2:0");
        let _other = connect_with("10.9.0.1:8081", from_other).expect("a port is free");
        let folder = Tree::new();
        folder.write("filter", "dport = :http\nor dst [fd00:9::/64]\n");
        let file = format!("@{}/filter", folder.path());
        for (filter, expected) in [
            ("", &[80, 8081, 8081, 8082, 8083][..]),
            ("dst 10.9.0.2", &[8082]),
            ("dst 10.9.0.0/24 and not dport = :8081", &[80, 8082]),
            ("src 10.9.0.2", &[8081, 8082]),
            ("dport = :http or dport = :8081", &[80, 8081, 8081]),
            ("dport >= :8082", &[8082, 8083]),
            (":http", &[80]),
            ("10.9.0.1:8081", &[8081, 8081]),
            (&file, &[80, 8083]),
            ("dport = :40000", &[]),
        ] {
            assert_eq!(ports(filter), expected, "{filter}");
        }
        let counted = "connections are counted by address and port, whatever else they are; \
                       sockdiag sockets takes this condition";
        for (filter, why, column) in [
            (
                "dst 10.9.0.2 and sport = :80",
                "local ports are counted per source and destination: use src, dst or dport",
                17,
            ),
            ("not dev lo", counted, 4),
            ("state established", counted, 0),
        ] {
            let said = format!(
                "sockdiag: in the filter: {why}\n  {filter}\n  {:column$}^\n",
                ""
            );
            assert_failed(&sockdiag(&["ports", filter]), 2, &[&said]);
        }
    });
}
