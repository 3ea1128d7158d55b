//! Ends made by hand.

use super::*;
use crate::analysis::sockets::samples::connection;
use crate::model::{Endpoint, Family};

const TIME_WAIT: SocketState = SocketState::Connection(State::TimeWait);
const SYN_SENT: SocketState = SocketState::Connection(State::SynSent);
const SYN_RECV: SocketState = SocketState::Connection(State::SynRecv);
const CLOSE_WAIT: SocketState = SocketState::Connection(State::CloseWait);

fn row(local: &str, peer: &str) -> SocketRow {
    let local: std::net::SocketAddr = local.parse().unwrap();
    SocketRow {
        local: Local::Inet(Endpoint {
            family: Family::V4,
            address: local.ip(),
            port: local.port(),
            interface: 0,
        }),
        ..connection(peer, &[])
    }
}

fn end(local: &str, peer: &str) -> End {
    End::of(&row(local, peer), 0).unwrap()
}

fn at(place: usize, end: End) -> End {
    End { place, ..end }
}

fn on(interface: u32, end: End) -> End {
    End { interface, ..end }
}

fn in_state(state: SocketState, end: End) -> End {
    End { state, ..end }
}

/// The client's end of a connection that leaves a namespace, and the server's.
fn both() -> [End; 2] {
    [
        end("10.0.0.1:40000", "10.0.0.2:80"),
        end("10.0.0.2:80", "10.0.0.1:40000"),
    ]
}

fn with_transparent(transparent: Option<bool>, end: End) -> End {
    End { transparent, ..end }
}

fn pairs(ends: &[End]) -> Vec<(usize, Option<usize>)> {
    let joined = join(ends);
    assert_eq!(joined.several, [0; 0]);
    joined.pairs
}

#[test]
fn ends_are_joined_by_addresses_and_ports_the_other_way_round() {
    let [client, server] = both();
    assert_eq!(client.digest(), server.digest());
    let translated = end("10.0.0.2:8080", "10.0.0.1:40000");
    let ends = [server.clone(), translated.clone(), client.clone()];
    assert_eq!(pairs(&ends), [(2, Some(0))], "the client is first");
    assert_eq!(pairs(&[client, translated]), []);
    assert_eq!(pairs(&[server.clone(), server]), [], "the same way round");
}

#[test]
fn a_mapped_address_is_the_address() {
    let client = end("127.0.0.1:40000", "127.0.0.1:80");
    let server = end("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:40000");
    let other = end("[::1]:80", "[::1]:40000");
    assert_eq!(pairs(&[client, other, server]), [(0, Some(2))]);
}

#[test]
fn a_socket_may_be_its_own_peer() {
    let one = end("127.0.0.1:4000", "127.0.0.1:4000");
    assert!(one.is_connected_to_itself());
    let elsewhere = at(1, one.clone());
    assert_eq!(pairs(&[one, elsewhere]), [(0, None), (1, None)]);
}

#[test]
fn who_has_no_peer_is_no_end() {
    assert_eq!(End::of(&row("0.0.0.0:80", "0.0.0.0:0"), 0), None);
    let raw = SocketRow {
        protocol: SocketProtocol::Raw,
        ..row("10.0.0.1:1", "10.0.0.2:1")
    };
    assert_eq!(End::of(&raw, 0), None);
}

#[test]
fn udp_and_tcp_are_never_joined() {
    let udp = SocketRow {
        protocol: SocketProtocol::Udp,
        ..row("10.0.0.2:80", "10.0.0.1:40000")
    };
    let [client, _] = both();
    assert_eq!(pairs(&[client, End::of(&udp, 0).unwrap()]), []);
}

#[test]
fn another_namespace_is_searched_only_where_a_packet_could_come_from() {
    let [client, server] = both();
    let [here, there] = [client.clone(), at(1, server.clone())];
    assert_eq!(pairs(&[here, there.clone()]), [(0, Some(1))]);
    // The own namespace has precedence.
    assert_eq!(pairs(&[there, client, server]), [(1, Some(2))]);
    let client = end("127.0.0.1:40000", "127.0.0.1:80");
    let server = at(1, end("127.0.0.1:80", "127.0.0.1:40000"));
    assert_eq!(pairs(&[client, server]), []);
}

#[test]
fn where_several_fit_none_is_joined() {
    let [client, server] = both();
    let ends = [
        at(0, client.clone()),
        at(1, server.clone()),
        at(2, server.clone()),
    ];
    let joined = join(&ends);
    assert_eq!((joined.pairs, joined.several), (vec![], vec![0, 1, 2]));
    // Two networks with the same addresses.
    let ends = [0, 1].map(|place| at(place, client.clone()));
    let ends = [ends, [2, 3].map(|place| at(place, server.clone()))].concat();
    assert_eq!(join(&ends).several.len(), 4);
    let many = vec![server; 1000];
    let joined = join(&[vec![client], many].concat());
    assert_eq!((joined.pairs.len(), joined.several.len()), (0, 1001));
}

#[test]
fn interfaces_separate_sockets_of_one_namespace_alone() {
    let [client, server] = both();
    let bound = |one, other| [on(one, client.clone()), on(other, server.clone())];
    assert_eq!(pairs(&bound(2, 3)), []);
    assert_eq!(pairs(&bound(2, 2)), [(0, Some(1))]);
    // What a listener of an interface accepts is bound to it, its client is not.
    assert_eq!(pairs(&bound(0, 2)), [(0, Some(1))]);
    let [client, server] = bound(2, 3);
    assert_eq!(pairs(&[client, at(1, server)]), [(0, Some(1))]);
    // The same connection in two VRFs.
    let ends = [bound(2, 2), bound(3, 3)].concat();
    assert_eq!(pairs(&ends), [(0, Some(1)), (2, Some(3))]);
}

#[test]
fn ends_in_two_namespaces_that_carried_other_bytes_are_not_joined() {
    let [client, server] = both();
    let with = |place, end: &End, (acked, received, sent), silent_ms| End {
        place,
        carried: Some(Carried {
            acked,
            received,
            sent,
            silent_ms,
        }),
        ..end.clone()
    };
    // The acknowledgement of a SYN counts; more may come before the server is read, if it is not
    // silent for longer.
    const BUSY: u32 = 0;
    const IDLE: u32 = 60_000;
    for (of_client, of_server, silent_ms, is_joined) in [
        ((1, 0, Some(0)), (0, 0, Some(0)), IDLE, true),
        ((701, 0, Some(700)), (0, 700, Some(0)), IDLE, true),
        ((701, 0, Some(700)), (9, 900, Some(9)), BUSY, true),
        ((701, 0, Some(700)), (9, 900, Some(9)), IDLE, false),
        ((701, 1, Some(700)), (0, 700, Some(0)), IDLE, true),
        ((701, 0, Some(700)), (0, 0, Some(0)), BUSY, false),
        ((1, 0, Some(0)), (0, 700, Some(0)), IDLE, false),
        ((1, 50, Some(0)), (0, 0, Some(20)), BUSY, false),
        ((1, 50, Some(0)), (0, 0, None), IDLE, true),
        ((u64::MAX, 0, None), (0, u64::MAX, None), IDLE, true),
    ] {
        let client = with(0, &client, of_client, IDLE);
        let server = with(1, &server, of_server, silent_ms);
        let found = pairs(&[client.clone(), server.clone()]);
        assert_eq!(!found.is_empty(), is_joined, "{of_client:?} {of_server:?}");
        assert_eq!(
            pairs(&[server.clone(), client.clone()]),
            match is_joined {
                true => vec![(1, Some(0))],
                false => vec![],
            }
        );
        // In one namespace there is no other.
        let found = pairs(&[at(0, client), at(0, server)]);
        assert_eq!(found, [(0, Some(1))]);
    }
}

#[test]
fn what_is_left_of_an_earlier_connection_is_no_other_end() {
    let [client, server] = both();
    let established = client.state;
    for (one, other, is_joined) in [
        (established, established, true),
        (established, SYN_RECV, true),
        (established, CLOSE_WAIT, true),
        (SYN_SENT, SYN_SENT, true),
        (SYN_SENT, SYN_RECV, true),
        (SYN_SENT, established, false),
        (SYN_SENT, TIME_WAIT, false),
        (SYN_RECV, TIME_WAIT, false),
        (established, TIME_WAIT, false),
        (CLOSE_WAIT, TIME_WAIT, false),
        (TIME_WAIT, TIME_WAIT, true),
        (SocketState::Connection(State::LastAck), TIME_WAIT, true),
        (SocketState::Connection(State::FinWait2), CLOSE_WAIT, true),
        (SocketState::Connection(State::FinWait2), TIME_WAIT, false),
    ] {
        let ends = [
            in_state(one, client.clone()),
            in_state(other, server.clone()),
        ];
        assert_eq!(!pairs(&ends).is_empty(), is_joined, "{one:?} {other:?}");
        let ends = [
            in_state(other, client.clone()),
            in_state(one, server.clone()),
        ];
        assert_eq!(!pairs(&ends).is_empty(), is_joined, "{other:?} {one:?}");
    }
}

/// One end towards the client, with the server's address, and one towards the server, with the
/// client's: on the proxy they are the same 4-tuple the other way round.
#[test]
fn ends_of_a_transparent_proxy_are_not_joined() {
    let [upstream, accepted] = both();
    for (one, other, is_joined) in [
        (Some(true), Some(true), false),
        // TIME_WAIT and request sockets do not show it.
        (Some(true), None, false),
        (None, Some(true), false),
        // A client of this host that is intercepted.
        (Some(true), Some(false), true),
        (Some(false), Some(true), true),
        (Some(false), Some(false), true),
        // Before Linux 5.10.
        (None, None, true),
    ] {
        let ends = [
            with_transparent(one, upstream.clone()),
            with_transparent(other, accepted.clone()),
        ];
        let joined = join(&ends);
        assert_eq!(
            joined.pairs.len(),
            usize::from(is_joined),
            "{one:?} {other:?}"
        );
        let relayed = if is_joined { vec![] } else { vec![0, 1] };
        assert_eq!((joined.relayed, joined.several), (relayed, vec![]));
    }
    // An address of the loopback device is no other host's.
    let own = [
        end("127.0.0.1:40000", "127.0.0.1:80"),
        end("127.0.0.1:80", "127.0.0.1:40000"),
    ];
    assert_eq!(
        pairs(&own.map(|end| with_transparent(Some(true), end))).len(),
        1
    );
}

#[test]
fn time_waits_beside_transparent_sockets_may_be_ends_of_a_proxy() {
    let [mut one, mut other] = both().map(|end| in_state(TIME_WAIT, end));
    assert_eq!(pairs(&[one.clone(), other.clone()]).len(), 1);
    for end in [&mut one, &mut other] {
        end.may_be_transparent();
    }
    let joined = join(&[one, other]);
    assert_eq!((joined.pairs, joined.relayed), (vec![], vec![0, 1]));
    let [mut client, server] = both().map(|end| with_transparent(Some(false), end));
    client.may_be_transparent();
    assert_eq!(pairs(&[client, server]).len(), 1, "what is known stays");
}

#[test]
fn the_end_of_a_proxy_is_joined_with_its_client_in_another_namespace() {
    let [upstream, accepted] = both().map(|end| with_transparent(Some(true), end));
    let [client, _] = both().map(|end| at(1, with_transparent(Some(false), end)));
    let joined = join(&[upstream, accepted, client]);
    assert_eq!(joined.pairs, [(2, Some(1))]);
    assert_eq!(joined.relayed, [0], "the server is elsewhere");
}

#[test]
fn a_unix_connection_is_mutual() {
    let unix = |inode, peer, name: &str| OtherSocket {
        protocol: SocketProtocol::Unix,
        kind: None,
        state: SocketState::Connection(State::Established),
        local: OtherEnd::Unix {
            name: name.into(),
            inode,
        },
        peer: Some(OtherEnd::Unix {
            name: Vec::new(),
            inode: peer,
        }),
        receive_queue: Some(0),
        send_queue: Some(0),
        uid: None,
        inode,
        cookie: None,
        memory: None,
    };
    let end = |inode, peer, name| End::of_other(&unix(inode, peer, name), 0).unwrap();
    let ends = [
        end(7, 8, "/run/x"),
        end(8, 7, ""),
        // One that sends to a socket which is connected to another, and one to itself.
        end(9, 7, ""),
        end(5, 5, "/run/y"),
    ];
    assert_eq!(pairs(&ends), [(1, Some(0)), (3, None)]);
}
