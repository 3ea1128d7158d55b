//! `sockdiag sockets --pairs` on a transparent proxy, whose sockets have the addresses of others.

use socket2::{Domain, Protocol, Socket, Type};

use super::pairs::{pairs, rows};
use crate::support::clients::bound_first;
use crate::support::host::{Host, VethEnd, connect_by_veth};
use crate::support::netns::{in_sealed_netns, lo_up, run};
use crate::support::program::text;
use crate::support::sockets::{listen, listen_with, socket_address};
use crate::support::time_waits::{connected_pair, time_wait_count, wait_for_eof};
use crate::support::wait::wait_until;

const CLIENT: &str = "10.1.0.2:5555";
const SERVER: &str = "10.2.0.2:80";

fn transparent(socket: &Socket) {
    let set = socket.set_ip_transparent_v4(true);
    set.expect("root of the user namespace may");
}

/// Another host, of which this one is the router; what comes from it is delivered here.
fn intercepted(near: &str, own: &str, far: &str) -> Host {
    let host = Host::new();
    let end = |device, hardware, addresses| VethEnd {
        device,
        hardware,
        addresses,
    };
    let addresses = [[own], [far]].map(|[address]| [format!("{address}/24")]);
    let [own_address, far_address] = addresses.each_ref().map(|[address]| [address.as_str()]);
    connect_by_veth(
        &end(near, 1, &own_address),
        &host,
        &end("far", 2, &far_address),
    );
    host.run(|| run("ip", &["route", "add", "default", "via", own]));
    run("ip", &["rule", "add", "iif", near, "lookup", "100"]);
    host
}

#[test]
fn the_two_connections_of_a_transparent_proxy_are_not_joined() {
    in_sealed_netns(|| {
        lo_up();
        run(
            "ip",
            &[
                "route", "add", "local", "default", "dev", "lo", "table", "100",
            ],
        );
        let clients = intercepted("clients", "10.1.0.1", "10.1.0.2");
        let servers = intercepted("servers", "10.2.0.1", "10.2.0.2");
        let listener = listen_with(SERVER, 5, transparent);
        let (client, accepted) = clients.run(|| connected_pair(&listener, bound_first(CLIENT)));
        let server = servers.run(|| listen(SERVER, 5));
        let upstream = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP));
        let upstream = upstream.expect("a socket");
        transparent(&upstream);
        // The address of the client, which an accepted socket has here as its peer.
        upstream.set_reuse_address(true).expect("an option");
        upstream
            .bind(&socket_address(CLIENT).into())
            .expect("IP_TRANSPARENT");
        upstream
            .connect(&socket_address(SERVER).into())
            .expect("the server listens");
        let (server_end, peer) = server.accept().expect("the proxy");
        assert_eq!(peer.as_socket(), Some(socket_address(CLIENT)));

        let report = pairs(&[]);
        assert_eq!(rows(&report).len(), 0, "{report:#}");
        assert_eq!(report["unpaired"], 2);
        let missing = &report["incomplete"][0];
        assert_eq!(
            (&missing["what"], &missing["count"]),
            (&"pairs".into(), &2.into())
        );
        let why = missing["why"].as_str().expect("a reason");
        assert!(why.starts_with("IP_TRANSPARENT"), "{why}");
        // One of the two connections matches.
        let report = pairs(&["sport", "=", ":80"]);
        assert_eq!((rows(&report).len(), &report["unpaired"]), (0, &1.into()));
        let table = text(&["sockets", "--pairs"]);
        assert!(table.contains("IP_TRANSPARENT"), "{table}");

        // TIME_WAITs do not show the option, which the listener still has.
        for (proxy, host) in [(accepted, client), (upstream, server_end)] {
            drop(proxy);
            wait_for_eof(&host);
        }
        wait_until("both are in TIME_WAIT", || time_wait_count() == 2);
        let report = pairs(&[]);
        assert_eq!((rows(&report).len(), &report["unpaired"]), (0, &2.into()));
        drop(listener);
    });
}
