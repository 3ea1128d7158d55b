//! `sockdiag trace --close`: who closed a connection, how, and how long it had lived.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::support::clients::close_by_rst;
use crate::support::handshakes::assert_has;
use crate::support::link::Link;
use crate::support::netns::in_netns;
use crate::support::program::{count, number};
use crate::support::scenes::{CLIENT, SERVER, connection, exchange_byte, simultaneous_open};
use crate::support::sockets::listen;
use crate::support::time_waits::wait_for_eof;
use crate::support::tracing::Tracing;
use serde_json::{Value, json as object};

type Ends = (socket2::Socket, socket2::Socket);

/// A trace of what is closed, and a connection that it has seen begin.
#[track_caller]
fn open(link: &Link, client: &str) -> (Tracing, Ends) {
    let listener = listen(SERVER, 5);
    let mut trace = Tracing::start(&["--interface", "near", "--close"]);
    let ends = connection(link, client, &listener);
    exchange_byte(&ends);
    assert_has(&trace.handshake(), object!({"outcome": "established"}));
    (trace, ends)
}

/// Who is to hang up first, and who then.
fn in_turn(first: &str, (client, server): Ends) -> Ends {
    match first {
        "client" => (client, server),
        _ => (server, client),
    }
}

/// One after the other.
#[track_caller]
fn close((first, second): Ends) {
    drop(first);
    wait_for_eof(&second);
}

/// Another client than [`CLIENT`].
const OTHER: &str = "10.7.0.2:5002";

/// What is said of every connection of these tests.
#[track_caller]
fn assert_ends(end: &Value) {
    assert_has(
        end,
        object!({
            "client": {"address": "10.7.0.2"},
            "server": {"address": "10.7.0.1", "port": 8080},
            "interface": "near",
        }),
    );
    assert!(count(&end["packet"]) > 3, "{end:#}");
    assert!(end["ended"].as_str().expect("a time").ends_with('Z'));
}

#[test]
fn who_closes_first_has_closed() {
    in_netns(|| {
        let link = Link::new();
        for (client, closed_by) in [(CLIENT, "client"), (OTHER, "server")] {
            let (mut trace, ends) = open(&link, client);
            close(in_turn(closed_by, ends));
            let end = trace.close();
            assert_ends(&end);
            assert_has(&end, object!({"closed_by": closed_by, "how": "fin"}));
            let lived = number(&end["lived_ms"]);
            let half_closed = number(&end["half_closed_ms"]);
            assert!(0.0 <= half_closed && half_closed <= lived, "{end:#}");
        }
    });
}

#[test]
fn a_connection_may_be_half_closed_for_a_while() {
    in_netns(|| {
        let link = Link::new();
        let (mut trace, (client, server)) = open(&link, CLIENT);
        client.shutdown(Shutdown::Write).expect("it is connected");
        wait_for_eof(&server);
        thread::sleep(Duration::from_millis(200));
        close((server, client));
        let end = trace.close();
        assert_ends(&end);
        assert_has(&end, object!({"closed_by": "client", "how": "fin"}));
        let half_closed = number(&end["half_closed_ms"]);
        assert!(half_closed >= 200.0, "{end:#}");
        assert!(number(&end["lived_ms"]) >= half_closed, "{end:#}");
    });
}

#[test]
fn a_reset_ends_a_connection_as_well() {
    in_netns(|| {
        let link = Link::new();
        for (client, closed_by) in [(CLIENT, "client"), (OTHER, "server")] {
            let (mut trace, ends) = open(&link, client);
            let (first, _second) = in_turn(closed_by, ends);
            close_by_rst(first);
            let end = trace.close();
            assert_ends(&end);
            assert_has(
                &end,
                object!({"closed_by": closed_by, "how": "reset", "half_closed_ms": null}),
            );
            assert!(number(&end["lived_ms"]) >= 0.0);
        }
    });
}

#[test]
fn who_close_at_the_same_time_both_have_closed() {
    in_netns(|| {
        let link = Link::new();
        let mut trace = Tracing::start(&["--interface", "near", "--close"]);
        let ends = simultaneous_open(&link);
        exchange_byte(&ends);
        assert_has(
            &trace.handshake(),
            object!({"outcome": "simultaneous_open"}),
        );
        // Neither FIN can leave before both are sent.
        link.hide();
        drop(ends);
        link.reveal_there();
        link.reveal_here();
        let end = trace.close();
        assert_has(&end, object!({"closed_by": "both", "how": "fin"}));
    });
}

#[test]
fn a_connection_that_began_before_has_lived_for_nobody_knows_how_long() {
    in_netns(|| {
        let link = Link::new();
        let ends = connection(&link, CLIENT, &listen(SERVER, 5));
        exchange_byte(&ends);
        let mut trace = Tracing::start(&["--interface", "near", "--close"]);
        close(ends);
        assert_has(&trace.close(), object!({"how": "fin", "lived_ms": null}));
        assert_has(&trace.end().summary, object!({"handshakes": 0}));
    });
}

#[test]
fn without_the_flag_no_ends_are_told() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut trace = Tracing::start(&["--interface", "near"]);
        // Nothing is said, and an end proves as much.
        close(connection(&link, CLIENT, &listener));
        let expected = object!({"outcome": "established", "confirmed": true});
        assert_has(&trace.handshake(), expected);
        let traced = trace.end();
        assert_eq!(traced.lines, [] as [Value; 0]);
    });
}
