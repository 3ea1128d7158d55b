//! `sockdiag who`: sockets in a VRF.

use socket2::{Domain, Socket, Type};

use crate::support::bind_verdicts::{tried, verdicts};
use crate::support::link::Link;
use crate::support::netns::in_netns;
use crate::support::sockets::{listen_with, socket_address};

/// A socket in a VRF has another table of ports, so what it excludes is not concluded.
#[test]
fn what_a_socket_in_a_vrf_excludes_is_left_open() {
    in_netns(|| {
        let link = Link::new();
        if !link.enter_vrf("red") {
            return;
        }
        let inside = |socket: &Socket| {
            socket.bind_device(Some(b"red")).expect("the VRF is there");
        };
        let _listener = listen_with("0.0.0.0:8080", 5, inside);
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        inside(&udp);
        udp.bind(&socket_address("0.0.0.0:8080").into())
            .expect("the port is free");
        for target in [":8080", "10.7.0.1:8080", "127.0.0.1:8080"] {
            let report = tried(&[target]);
            let holders = report["holders"].as_array().expect("holders[]");
            assert_eq!(holders.len(), 2, "{report:#}");
            assert!(
                holders
                    .iter()
                    .all(|holder| holder["local"]["interface"] == "red")
            );
        }
        // Outside it, the port is free.
        let _outside = listen_with("0.0.0.0:8080", 5, |_| {});
        let report = tried(&[":8080"]);
        assert_eq!(verdicts(&report, "tcp", "0.0.0.0")[0], "in_use");
    });
}
