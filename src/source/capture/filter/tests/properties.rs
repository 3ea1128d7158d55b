//! Random packets and conditions: the interpreted filter against the oracle.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{
    packets::{Addresses, segment_between},
    *,
};
use crate::model::Network;

/// Few, so that conditions and packets meet.
const PORTS: [u16; 5] = [0, 80, 443, 40000, 65535];

fn v4() -> impl Strategy<Value = [u8; 4]> {
    prop::sample::select(vec![
        [10, 0, 0, 1],
        [10, 0, 0, 2],
        [10, 0, 128, 1],
        [127, 0, 0, 1],
    ])
}

fn v6() -> impl Strategy<Value = [u8; 16]> {
    let texts = [
        "fd00::1",
        "fd00::2",
        "fd00:0:0:1::1",
        "::1",
        "::ffff:10.0.0.1",
        "::",
    ];
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    prop::sample::select(texts.map(address).to_vec())
}

fn network() -> impl Strategy<Value = Network> {
    let v4 = (v4(), 0u8..=32).prop_map(|(address, bits)| Network {
        address: Ipv4Addr::from(address).into(),
        bits,
    });
    let v6 = (v6(), 0u8..=128).prop_map(|(address, bits)| {
        let address = std::net::IpAddr::from(address).to_canonical();
        let bits = if address.is_ipv4() {
            bits.min(32)
        } else {
            bits
        };
        Network { address, bits }
    });
    prop_oneof![v4, v6]
}

pub fn condition() -> impl Strategy<Value = Condition> {
    let end = || prop::sample::select(vec![End::Client, End::Server]);
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let port = (end(), comparison, prop::sample::select(PORTS.to_vec()))
        .prop_map(|(end, is, port)| Condition::Port { end, is, port });
    let within = (end(), network()).prop_map(|(end, network)| Condition::Within { end, network });
    prop_oneof![port, within].prop_recursive(4, 40, 4, |part| {
        let parts = || prop::collection::vec(part.clone(), 0..4);
        prop_oneof![
            parts().prop_map(Condition::Any),
            parts().prop_map(Condition::All),
            part.clone().prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

fn tcp() -> impl Strategy<Value = Vec<u8>> {
    let port = || prop::sample::select(PORTS.to_vec());
    let flags = prop_oneof![Just(SYN), Just(ACK), Just(PSH_ACK), any::<u8>()];
    (
        port(),
        port(),
        0u8..=10,
        flags,
        prop_oneof![Just(0usize), 0usize..40],
    )
        .prop_map(|(from, to, options, flags, data)| {
            segment_between(from, to, options, flags, data)
        })
}

fn ip() -> impl Strategy<Value = Ip> {
    let addresses = prop_oneof![
        (v4(), v4()).prop_map(|(from, to)| Addresses::V4(from, to)),
        (v6(), v6()).prop_map(|(from, to)| Addresses::V6(from, to)),
    ];
    let kind = prop::sample::select(vec![0u8, 43, 60, 51, 60, 135]);
    let extensions = prop::collection::vec((kind, 0u8..4), 0..8);
    let fragment = prop_oneof![3 => Just(None), 1 => any::<u16>().prop_map(Some)];
    // Numbers of extension headers would ask for such a header behind the others.
    let is_last = |protocol: &u8| ![0, 43, 44, 51, 60].contains(protocol);
    let other = any::<u8>().prop_filter("an extension header", is_last);
    let protocol = prop_oneof![8 => Just(6u8), 1 => other];
    (addresses, 0u8..=10, extensions, fragment, protocol).prop_map(
        |(addresses, options, extensions, fragment, protocol)| Ip {
            addresses,
            options,
            extensions,
            fragment,
            protocol,
        },
    )
}

/// A well-formed packet without tags.
pub fn packet() -> impl Strategy<Value = Built> {
    (ip(), tcp()).prop_map(|(ip, segment)| ip.carries(&segment))
}

/// Like one, or nothing of the kind.
pub fn anything() -> impl Strategy<Value = Vec<u8>> {
    let spoilt = (
        packet(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0usize..120,
    );
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..120),
        packet().prop_map(|packet| packet.bytes),
        (packet(), any::<u16>()).prop_map(|(packet, tag)| packet.tagged(tag).bytes),
        spoilt.prop_map(|(mut packet, at, byte, length)| {
            let at = at.index(packet.bytes.len());
            packet.bytes[at] = byte;
            packet.bytes.truncate(length.max(1));
            packet.bytes
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_filter_says_what_the_oracle_says(
        wanted in condition(),
        packet in packet(),
        tags in prop::collection::vec(any::<u16>(), 0..=2),
        (v4, v6) in prop_oneof![4 => Just((true, true)), 1 => any::<(bool, bool)>()],
    ) {
        let families = Families { v4, v6 };
        let expected = oracle::wants(&wanted, families, &packet).expect("it is well-formed");
        let tagged = tags.iter().fold(packet, |packet, tag| packet.tagged(*tag));
        prop_assert_eq!(accepts(&wanted, families, &tagged), expected);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in anything(), protocol in prop::sample::select(vec![0x0800, 0x86dd, 0x8100, 0x88a8, 0, 3, 99])) {
        let known = Known { protocol, packet_type: 0, hardware: 1 };
        accepts(&ALL, BOTH, &Built { bytes, known });
    }
}
