//! UDP sockets, of which the kernel searches one of two tables.

use std::net::UdpSocket;

use serde_json::Value;
use sockdiag::source::udp_wildcards_miss;

use crate::support::bind_verdicts::{tried, verdicts};
use crate::support::netns::{in_sealed_netns, lo_up};

/// In the one that is searched where many sockets share a chain, kernels before 7.0 missed those at
/// addresses.
#[test]
fn a_wildcard_beside_many_sockets_at_addresses_is_what_bind_returns() {
    in_sealed_netns(|| {
        lo_up();
        let _sockets: Vec<UdpSocket> = (1..=40)
            .map(|last| UdpSocket::bind(format!("127.0.0.{last}:8888")))
            .collect::<Result<_, _>>()
            .expect("the port is free");
        let report = tried(&[":8888"]);
        let plain = verdicts(&report, "udp", "0.0.0.0")[0];
        match udp_wildcards_miss() {
            true => assert_eq!(*plain, Value::Null),
            false => assert_eq!(plain, "in_use"),
        }
        let at = tried(&["127.0.0.1:8888"]);
        assert_eq!(verdicts(&at, "udp", "127.0.0.1")[0], "in_use");
    });
}
