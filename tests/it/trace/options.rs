//! `sockdiag trace`: what client and server offer each other in a handshake.

use crate::support::compared_trace::{ComparedTrace, Comparison};
use crate::support::forged::Forged;
use crate::support::handshakes::{assert_has, assert_latency_adds_up};
use crate::support::link::{Link, THERE};
use crate::support::netns::{in_netns_for_tcpdump, sysctl};
use crate::support::program::count;
use crate::support::scenes::{
    CLIENT, SERVER, connect_from_peer, connection, exchange_byte, fast_open,
    fast_open_cookie_request, fast_open_listener,
};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{listen, listen_with, socket_address, try_listen};
use crate::support::tcpdump::{Tcpdump, flag_letters, tshark_fields};
use crate::support::tools::tcp_ext;
use crate::support::tracing::{Tracing, trace};
use serde_json::{Value, json as object};
use socket2::{Protocol, Socket};

/// Sets a sysctl of TCP on both hosts.
fn on_both(link: &Link, name: &str, value: u8) {
    let path = format!("net/ipv4/{name}");
    sysctl(&path, value);
    link.there.run(|| sysctl(&path, value));
}

/// The one handshake of a connection, on which the traces agree.
#[track_caller]
fn handshake_of(link: &Link, client: &str, listener: &Socket) -> Value {
    let mut compared = ComparedTrace::start(&[]);
    exchange_byte(&connection(link, client, listener));
    compared.handshake();
    let comparison = compared.assert_matches_tcpdump(&[]);
    assert_has(
        comparison.handshake(),
        object!({"outcome": "established", "confirmed": true}),
    );
    if let Some(file) = &comparison.file {
        assert_as_in_the_packets(comparison.handshake(), &file.path);
    }
    comparison.handshake().clone()
}

/// By tshark's reading of the options of the SYN and the SYN-ACK.
#[track_caller]
fn assert_as_in_the_packets(handshake: &Value, path: &str) {
    let fields = [
        "tcp.options.mss_val",
        "tcp.options.wscale.shift",
        "tcp.options.sack_perm",
        "tcp.options.timestamp.tsval",
    ];
    let Some(text) = tshark_fields(path, "tcp.flags.syn == 1", &fields) else {
        return;
    };
    for (side, line) in ["client", "server"].into_iter().zip(text.lines()) {
        let column: Vec<&str> = line.split('\t').collect();
        let options = &handshake["options"][side];
        for (key, text) in [("mss", column[0]), ("window_scale", column[1])] {
            assert_eq!(options[key].as_u64(), text.parse().ok(), "{key} in {line}");
        }
        for (key, text) in [("sack", column[2]), ("timestamps", column[3])] {
            assert_eq!(options[key], !text.is_empty(), "{key} in {line}");
        }
    }
}

#[test]
fn both_sides_offer_what_kernels_offer() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        on_both(&link, "tcp_ecn", 0);
        let handshake = handshake_of(&link, CLIENT, &listen(SERVER, 5));
        let usual = object!({
            "mss": 1460,
            "sack": true,
            "timestamps": true,
            "ecn": false,
            "fast_open": null,
            "mptcp": false,
        });
        let both = object!({"client": usual, "server": usual});
        assert_has(&handshake["options"], both);
        for side in ["client", "server"] {
            let shift = count(&handshake["options"][side]["window_scale"]);
            assert!((1..=14).contains(&shift), "{handshake:#}");
        }
    });
}

#[test]
fn what_a_client_does_not_offer_no_side_has() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        link.there.run(|| {
            for name in ["tcp_window_scaling", "tcp_sack", "tcp_timestamps"] {
                sysctl(&format!("net/ipv4/{name}"), 0);
            }
        });
        let handshake = handshake_of(&link, CLIENT, &listen(SERVER, 5));
        let bare = object!({"window_scale": null, "sack": false, "timestamps": false});
        let both = object!({"client": bare, "server": bare});
        assert_has(&handshake["options"], both);
    });
}

#[test]
fn a_server_may_decline_what_the_client_offers() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        for name in ["tcp_window_scaling", "tcp_sack", "tcp_timestamps"] {
            sysctl(&format!("net/ipv4/{name}"), 0);
        }
        let small = listen_with(SERVER, 5, |socket| {
            socket.set_tcp_mss(1000).expect("TCP_MAXSEG");
        });
        let handshake = handshake_of(&link, CLIENT, &small);
        let offered = object!({"mss": 1460, "sack": true, "timestamps": true});
        let taken = object!({
            "mss": 1000,
            "window_scale": null,
            "sack": false,
            "timestamps": false,
        });
        let both = object!({"client": offered, "server": taken});
        assert_has(&handshake["options"], both);
    });
}

#[test]
fn ecn_is_offered_and_taken_or_declined() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        link.there.run(|| sysctl("net/ipv4/tcp_ecn", 1));
        let listener = listen(SERVER, 5);
        for (client, server, taken) in [(CLIENT, 1, true), ("10.7.0.2:5002", 0, false)] {
            sysctl("net/ipv4/tcp_ecn", server);
            let handshake = handshake_of(&link, client, &listener);
            let expected = object!({"client": {"ecn": true}, "server": {"ecn": taken}});
            assert_has(&handshake["options"], expected);
        }
    });
}

#[test]
fn multipath_tcp_is_offered_and_taken() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = match try_listen(Protocol::MPTCP, SERVER, 5, |_| {}) {
            Ok(listener) => listener,
            Err(error) => return report_skipped(&format!("handshakes of MPTCP: {error}")),
        };
        let mut compared = ComparedTrace::start(&[]);
        let over_both = link.there.run(|| multipath_client(SERVER));
        let (_server, _) = listener.accept().expect("a client is there");
        let over_one = connect_from_peer(&link, CLIENT, SERVER);
        let (_other, _) = listener.accept().expect("a client is there");
        let handshakes = [compared.handshake(), compared.handshake()];
        let multipath = [&handshakes[0], &handshakes[1]].map(|handshake| {
            let sides = ["client", "server"];
            sides.map(|side| handshake["options"][side]["mptcp"] == true)
        });
        assert_eq!(multipath, [[true, true], [false, false]], "{handshakes:#?}");
        compared.assert_matches_tcpdump(&[]);
        drop((over_both, over_one));
    });
}

/// From a port that the kernel chooses.
fn multipath_client(server: &str) -> Socket {
    let address = socket_address(server);
    let domain = socket2::Domain::for_address(address);
    let socket = Socket::new(domain, socket2::Type::STREAM, Some(Protocol::MPTCP));
    let socket = socket.expect("the kernel has MPTCP");
    socket.connect(&address.into()).expect("a listener");
    socket
}

#[test]
fn fast_open_first_asks_for_a_cookie_and_then_sends_data_with_the_syn() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        on_both(&link, "tcp_fastopen", 3);
        let listener = fast_open_listener(SERVER);
        let mut compared = ComparedTrace::start(&[]);
        let asking = fast_open_cookie_request(&link, CLIENT, &listener);
        exchange_byte(&asking);
        let _open = fast_open(&link, "10.7.0.2:5002", &listener, b"hello");
        compared.handshake();
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        assert_bytes_with_syns(&comparison, &[0, 5]);
        let [asking, open] = &comparison.handshakes[..] else {
            panic!("two handshakes: {:#?}", comparison.handshakes);
        };
        assert_has(
            asking,
            object!({
                "outcome": "established",
                "options": {
                    "client": {"fast_open": "cookie_requested"},
                    "server": {"fast_open": "cookie"},
                },
                "fast_open_bytes": null,
            }),
        );
        assert_has(
            open,
            object!({
                "outcome": "established",
                "options": {
                    "client": {"fast_open": "cookie"},
                    "server": {"fast_open": null},
                },
                "fast_open_bytes": 5,
            }),
        );
        for handshake in [asking, open] {
            assert_latency_adds_up(handshake);
        }
    });
}

/// Asserts how many bytes came with each SYN, where tshark tells: the scene is set.
#[track_caller]
fn assert_bytes_with_syns(comparison: &Comparison, bytes: &[u32]) {
    if let Some(packets) = &comparison.packets {
        let syns = packets
            .iter()
            .filter(|packet| flag_letters(packet.flags) == "S");
        let seen: Vec<u32> = syns.map(|packet| packet.payload_bytes).collect();
        assert_eq!(seen, bytes, "the scene is set");
    }
}

#[test]
fn an_ack_that_carries_data_ends_a_handshake_as_well() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        on_both(&link, "tcp_fastopen", 3);
        let listener = fast_open_listener(SERVER);
        let mut live = Tracing::start(&["--interface", "near"]);
        let capture = Tcpdump::start("near");
        let _ends = fast_open(&link, CLIENT, &listener, b"hello");
        // The kernel is asked for no data, so that live only the answer to it tells.
        let expected = object!({"outcome": "established", "confirmed": true});
        assert_has(&live.handshake(), expected.clone());
        if let Some(file) = capture.map(|capture| capture.end(THERE)) {
            let read = trace(&["--read", &file.path]).handshake();
            assert_has(&read, expected);
            assert_latency_adds_up(&read);
        }
    });
}

#[test]
fn data_with_a_syn_that_the_server_does_not_take_is_not_acknowledged() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let _listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        let syn = Forged {
            payload: b"hello".to_vec(),
            ..Forged::syn(CLIENT, SERVER)
        };
        // The other host knows nothing of it and resets.
        link.there.run(|| syn.send());
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        assert_has(
            comparison.handshake(),
            object!({"outcome": "reset_by_client", "fast_open_bytes": 0}),
        );
    });
}

#[test]
fn a_handshake_by_syn_cookies_is_one_like_others() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        sysctl("net/ipv4/tcp_syncookies", 2);
        let handshake = handshake_of(&link, CLIENT, &listen(SERVER, 5));
        assert_eq!(tcp_ext("SyncookiesRecv"), 1, "the scene is set");
        assert_has(
            &handshake,
            object!({"syn_ack_retransmits": 0, "remarks": []}),
        );
    });
}

#[test]
fn a_syn_cookie_that_nobody_takes_is_not_sent_again() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        sysctl("net/ipv4/tcp_syncookies", 2);
        let _listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        let syn = Forged::syn("10.7.0.9:5001", SERVER);
        link.there.run(|| syn.send());
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S."]);
        assert_has(
            comparison.handshake(),
            object!({
                "outcome": "syn_ack_unanswered",
                "syn_ack_retransmits": 0,
                "remarks": ["syn_ack_not_repeated"],
            }),
        );
    });
}
