//! `sockdiag trace` while devices go down, come back and are made anew.

use crate::support::clients::client;
use crate::support::handshakes::assert_has;
use crate::support::host::{Host, VethEnd, connect_by_veth};
use crate::support::link::Link;
use crate::support::netns::{in_netns, lo_up, run};
use crate::support::scenes::{SERVER, connection, exchange_byte};
use crate::support::sockets::listen;
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::json as object;

/// One connection from the other host that is used.
#[track_caller]
fn connection_seen_by(trace: &mut Tracing, link: &Link, listener: &socket2::Socket, port: u16) {
    exchange_byte(&connection(link, &format!("10.7.0.2:{port}"), listener));
    let handshake = trace.handshake();
    assert_has(
        &handshake,
        object!({
            "client": {"port": port},
            "interface": "near",
            "outcome": "established",
        }),
    );
}

#[test]
fn a_device_may_go_down_and_up_again() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        // One port is in TIME_WAIT when the next one is needed.
        let of_one = &["--interface", "near"][..];
        for (args, ports) in [(of_one, 5001..5004), (&[], 5004..5007)] {
            let mut trace = Tracing::start(args);
            for port in ports {
                connection_seen_by(&mut trace, &link, &listener, port);
                run("ip", &["link", "set", "near", "down"]);
                run("ip", &["link", "set", "near", "up"]);
                link.add_neighbours();
                trace.wait_until_receiving();
            }
            let traced = trace.end();
            assert_has(&traced.summary, object!({"handshakes": 3}));
        }
    });
}

#[test]
fn a_device_may_be_deleted_and_made_again() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        // One port is in TIME_WAIT when the next one is needed.
        let of_one = &["--interface", "near"][..];
        for (args, ports) in [(of_one, 5001..5004), (&[], 5004..5007)] {
            let mut trace = Tracing::start(args);
            for port in ports {
                connection_seen_by(&mut trace, &link, &listener, port);
                run("ip", &["link", "delete", "near"]);
                link.create_veth();
                trace.wait_until_receiving();
            }
            let traced = trace.end();
            assert_has(&traced.summary, object!({"handshakes": 3}));
        }
    });
}

#[test]
fn a_device_that_comes_later_is_traced_with_the_others() {
    in_netns(|| {
        lo_up();
        let listener = listen("0.0.0.0:8080", 5);
        let mut trace = Tracing::start(&[]);
        let other = Host::new();
        let near = VethEnd {
            device: "later",
            hardware: 3,
            addresses: &["10.8.0.1/24"],
        };
        let far = VethEnd {
            device: "far",
            hardware: 4,
            addresses: &["10.8.0.2/24"],
        };
        connect_by_veth(&near, &other, &far);
        let client = other.run(|| client("10.8.0.1:8080"));
        let (server, _) = listener.accept().expect("a client is there");
        exchange_byte(&(client, server));
        let handshake = trace.handshake();
        let expected = object!({"interface": "later", "captured_on": "server"});
        assert_has(&handshake, expected);
    });
}

#[test]
fn a_device_is_promiscuous_only_when_asked() {
    in_netns(|| {
        let _link = Link::new();
        let promiscuous = || {
            let text = run("ip", &["-d", "link", "show", "near"]);
            let mut words = text.split_whitespace();
            words.find(|word| *word == "promiscuity");
            words.next().map(str::to_owned)
        };
        let trace = Tracing::start(&["--interface", "near"]);
        assert_eq!(promiscuous().as_deref(), Some("0"));
        trace.end();
        let trace = Tracing::start(&["--interface", "near", "--promiscuous"]);
        assert_eq!(promiscuous().as_deref(), Some("1"));
        trace.end();
        wait_until("the device is as before", || {
            promiscuous().as_deref() == Some("0")
        });
    });
}
