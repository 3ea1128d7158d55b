//! The verdict beside a connection that another user accepted: the socket belongs to whoever called
//! accept(2).

use std::net::SocketAddr;

use rustix::fs::{Uid, fchown};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::bind_verdicts::{tried, verdicts};
use crate::support::netns::{in_sealed_netns_of_root, lo_up};

const OTHER: u32 = 1000;

/// A listener and a connection that the other user accepted; the client is first.
fn accepted(address: SocketAddr, reuseaddr: bool, reuseport: bool) -> [Socket; 3] {
    let listener = Socket::new(Domain::for_address(address), Type::STREAM, None);
    let listener = listener.expect("a socket");
    listener.set_reuse_address(reuseaddr).expect("an option");
    listener.set_reuse_port(reuseport).expect("an option");
    listener.bind(&address.into()).expect("the port is free");
    listener.listen(5).expect("it is bound");
    let client = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    client.connect(&address.into()).expect("it listens");
    let (server, _) = listener.accept().expect("a client is there");
    fchown(&server, Some(Uid::from_raw(OTHER)), None).expect("it is ours");
    [client, listener, server]
}

#[test]
fn the_verdict_beside_a_connection_that_another_user_accepted_is_what_bind_returns() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let mut port = 8080;
        for address in ["127.0.0.1", "::1"] {
            for (options, has_listener) in (0..4).flat_map(|o| [(o, true), (o, false)]) {
                port += 1;
                let at = SocketAddr::new(address.parse().expect("an address"), port);
                let [client, listener, server] = accepted(at, options & 1 != 0, options & 2 != 0);
                let kept = match has_listener {
                    true => vec![client, listener, server],
                    false => vec![client, server],
                };
                for target in [format!(":{port}"), at.to_string()] {
                    tried(&[&target]);
                }
                drop(kept);
            }
        }
    });
}

/// The port remembers the user who bound it, and the kernel asks no further.
#[test]
fn what_the_kernel_admits_by_the_user_who_bound_first_is_not_called_in_use() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let at: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        let _sockets = accepted(at, false, true);
        let report = tried(&["127.0.0.1:8080"]);
        let [plain, reuseaddr, reuseport, both] = verdicts(&report, "tcp", "127.0.0.1");
        assert_eq!([plain, reuseaddr], ["in_use"; 2]);
        assert_eq!([reuseport, both], [&Value::Null; 2]);
    });
}
