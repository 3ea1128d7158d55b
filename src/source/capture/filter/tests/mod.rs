//! The filter against packets whose verdict is known otherwise.

mod interpreter;
mod kernel;
mod oracle;
mod packets;
mod peer;
mod properties;

use super::{compile, *};
use crate::model::filter::{Comparison, End, Network, samples};
use interpreter::{Known, run};
use packets::{Built, Ip, segment};

const BOTH: Families = Families { v4: true, v6: true };

fn accepts(wanted: &Filter, families: Families, packet: &Built) -> bool {
    let program = compile(wanted, families).unwrap();
    run(&program, &packet.bytes, packet.known) == SNAP_BYTES
}

fn port(end: End, port: u16) -> Filter {
    Filter::port(end, Comparison::Equal, port)
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PSH_ACK: u8 = 0x18;

#[test]
fn only_what_tells_of_handshakes_passes() {
    for ip in [Ip::v4(), Ip::v6()] {
        for (flags, payload, expected) in [
            (SYN, 0, true),
            (SYN, 100, true),
            (SYN | ACK, 0, true),
            (ACK, 0, true),
            (ACK, 1, false),
            (PSH_ACK, 1448, false),
            (0x11, 7, true),
            (0x14, 0, true),
            (0x04, 9, true),
            (0, 0, false),
        ] {
            let packet = ip.carries(&segment(flags, payload));
            assert_eq!(
                accepts(&Filter::ALL, BOTH, &packet),
                expected,
                "{ip:?} {flags:#x}"
            );
        }
    }
}

#[test]
fn icmp_errors_about_tcp_pass_whatever_is_filtered() {
    for (ip, protocol, errors, at) in [(Ip::v4(), 1, [3, 11], 9), (Ip::v6(), 58, [1, 3], 6)] {
        for (kind, quoted, expected) in [
            (errors[0], 6, true),
            (errors[1], 6, true),
            (errors[0], 17, false),
            (8, 6, false),
        ] {
            let mut message = vec![0; 8 + 40];
            (message[0], message[8 + at]) = (kind, quoted);
            let ip = Ip {
                protocol,
                ..ip.clone()
            };
            let packet = ip.carries(&message);
            let wanted = port(End::Local, 8080);
            assert_eq!(accepts(&wanted, BOTH, &packet), expected, "{ip:?} {kind}");
        }
    }
}

#[test]
fn the_copy_on_the_way_out_of_loopback_is_dropped() {
    let mut packet = Ip::v4().carries(&segment(SYN, 0));
    let outgoing = u32::from(libc::PACKET_OUTGOING);
    for (packet_type, hardware, expected) in
        [(0, 772, true), (outgoing, 772, false), (outgoing, 1, true)]
    {
        packet.known = Known {
            packet_type,
            hardware,
            ..packet.known
        };
        assert_eq!(accepts(&Filter::ALL, BOTH, &packet), expected);
    }
}

#[test]
fn a_syn_behind_two_vlan_tags_is_found() {
    for ip in [Ip::v4(), Ip::v6()] {
        let packet = ip.carries(&segment(SYN, 0)).tagged(7).tagged(0x2fff);
        assert!(accepts(&Filter::ALL, BOTH, &packet));
        assert!(!accepts(&port(End::Local, 9), BOTH, &packet));
        assert!(accepts(&port(End::Local, 80), BOTH, &packet));
    }
}

#[test]
fn a_tag_that_is_before_the_network_header_is_not_looked_for() {
    for ip in [Ip::v4(), Ip::v6()] {
        let mut packet = ip.carries(&segment(SYN, 0));
        packet.known.protocol = 0x8100;
        assert!(accepts(&Filter::ALL, BOTH, &packet));
    }
}

#[test]
fn a_family_that_is_not_wanted_is_dropped() {
    let v4 = Families {
        v4: true,
        v6: false,
    };
    let v6 = Families {
        v4: false,
        v6: true,
    };
    for (ip, families) in [(Ip::v4(), v6), (Ip::v6(), v4)] {
        let packet = ip.carries(&segment(SYN, 0));
        assert!(!accepts(&Filter::ALL, families, &packet));
        assert!(!accepts(&Filter::ALL, families, &packet.tagged(3)));
    }
}

#[test]
fn fragments_pass_unless_their_addresses_forbid_it() {
    let within = |address: &str| {
        let address = address.parse().unwrap();
        Filter::within(End::Peer, Network { address, bits: 24 })
    };
    let fragment = Ip::v4().fragment(0x2000).carries(&[0; 8]);
    let later = Ip::v4().fragment(100).carries(&[0xff; 40]);
    for packet in [fragment, later] {
        let is_other_port = Filter::Not(Box::new(port(End::Local, 80)));
        assert!(accepts(&Filter::ALL, BOTH, &packet));
        assert!(accepts(&port(End::Local, 9), BOTH, &packet));
        assert!(accepts(&is_other_port, BOTH, &packet));
        assert!(accepts(&within("10.0.0.0"), BOTH, &packet));
        assert!(!accepts(&within("10.7.0.0"), BOTH, &packet));
    }
}

#[test]
fn a_packet_too_large_to_tell_its_length_is_not_a_bare_ack() {
    for ip in [Ip::v4(), Ip::v6()] {
        let mut packet = ip.carries(&segment(ACK, 0));
        let length = if packet.known.protocol == IPV4 { 2 } else { 4 };
        packet.bytes[length..length + 2].fill(0);
        assert!(!accepts(&Filter::ALL, BOTH, &packet));
    }
}

#[test]
fn a_condition_longer_than_the_kernel_takes_has_no_program() {
    let ports = (0..200).map(|number| port(End::Local, number)).collect();
    assert!(compile(&Filter::Any(ports), BOTH).is_some());
    let ports = (0..4000).map(|number| port(End::Local, number)).collect();
    assert!(compile(&Filter::Any(ports), BOTH).is_none());
}
