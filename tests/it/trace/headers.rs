//! `sockdiag trace`: segments behind tags of VLANs, extension headers, and in fragments.

use crate::support::capture::{ACK, Frames, RST, SYN_ACK};
use crate::support::forged::Forged;
use crate::support::handshakes::{assert_has, assert_same_handshakes};
use crate::support::link::{Link, THERE};
use crate::support::netns::{in_netns, in_netns_for_tcpdump};
use crate::support::scenes::{CLIENT6, SERVER, SERVER6};
use crate::support::tcpdump::Tcpdump;
use crate::support::tracing::{Tracing, trace};
use serde_json::json as object;

#[test]
fn a_tag_of_a_vlan_is_found_whichever_way_the_packet_goes() {
    const DOT1Q: u16 = 0x8100;
    const DOT1AD: u16 = 0x88a8;
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut live = Tracing::start(&["--interface", "near"]);
        let capture = Tcpdump::start("near");
        let kinds = [
            &[(DOT1Q, 5)][..],
            // With a priority.
            &[(DOT1Q, 0x6005)],
            &[(DOT1AD, 5), (DOT1Q, 7)],
        ];
        for (port, tags) in (5001..).zip(kinds) {
            tagged_handshake(&link, &format!("10.7.0.2:{port}"), tags);
        }
        let live = live.handshakes(kinds.len());
        for handshake in &live {
            assert_has(
                handshake,
                object!({
                    "vlan": 5,
                    "outcome": "reset_by_server",
                    "captured_on": "server",
                    "sequence": {"client_isn": 1, "server_isn": 1001},
                }),
            );
        }
        if let Some(file) = capture.map(|capture| capture.end(THERE)) {
            assert_same_handshakes(&live, &trace(&["--read", &file.path]).handshakes());
        }
    });
}

/// A handshake that neither kernel has a part in. They take tags off what comes in, and leave them
/// on what goes out.
fn tagged_handshake(link: &Link, client: &str, tags: &[(u16, u16)]) {
    let syn = Forged::syn(client, SERVER);
    let syn_ack = syn.answer(SYN_ACK);
    let ack = syn_ack.answer(ACK);
    let reset = ack.answer(RST);
    link.there
        .run(|| Frames::on("far").send_whole(&syn.frame(2, 1, tags)));
    Frames::on("near").send_whole(&syn_ack.frame(1, 2, tags));
    link.there
        .run(|| Frames::on("far").send_whole(&ack.frame(2, 1, tags)));
    Frames::on("near").send_whole(&reset.frame(1, 2, tags));
}

#[test]
fn extension_headers_do_not_hide_a_segment_and_fragments_are_counted() {
    in_netns(|| {
        let link = Link::new();
        let mut live = Tracing::start(&[]);
        let syn = Forged::syn(CLIENT6, SERVER6);
        // Hop-by-hop options, destination options, then TCP; each eight bytes of padding.
        let headers = [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
        let extended = with_headers(&syn, 0, &headers);
        // A fragment header, and the first eight bytes of a segment.
        let fragment = with_fragment(&Forged::syn("[fd00:7::2]:5002", SERVER6));
        link.there.run(|| {
            Frames::on("far").send_whole(&fragment);
            Frames::on("far").send_whole(&extended);
        });
        let handshake = live.handshake();
        assert_has(
            &handshake,
            object!({
                "client": {"address": "fd00:7::2", "port": 5001},
                "outcome": "refused",
            }),
        );
        let traced = live.end();
        assert_has(&traced.summary, object!({"fragments": 1, "handshakes": 1}));
    });
}

/// A frame with other headers between that of IPv6 and that of TCP.
fn with_headers(segment: &Forged, first: u8, headers: &[u8]) -> Vec<u8> {
    const ETHERNET: usize = 14;
    const IPV6: usize = 40;
    let mut frame = segment.frame(2, 1, &[]);
    frame[ETHERNET + 6] = first;
    frame[ETHERNET + 5] += headers.len() as u8;
    frame.splice(ETHERNET + IPV6..ETHERNET + IPV6, headers.iter().copied());
    frame
}

/// A frame with the first fragment of a packet, which ends in the middle of the TCP header.
fn with_fragment(segment: &Forged) -> Vec<u8> {
    const REST: usize = 12;
    // TCP, reserved, offset 0 and more to come, identification.
    let mut frame = with_headers(segment, 44, &[6, 0, 0, 1, 0, 0, 0, 7]);
    frame.truncate(frame.len() - REST);
    frame[14 + 5] -= REST as u8;
    frame
}
