//! Random packets and filters: the interpreted filter against the oracle.

use proptest::prelude::*;

use super::{
    packets::{Addresses, segment_between},
    *,
};

fn tcp() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![Just(SYN), Just(ACK), Just(PSH_ACK), any::<u8>()];
    (
        samples::port(),
        samples::port(),
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
        (samples::v4(), samples::v4())
            .prop_map(|(from, to)| Addresses::V4(from.octets(), to.octets())),
        (samples::v6(), samples::v6())
            .prop_map(|(from, to)| Addresses::V6(from.octets(), to.octets())),
    ];
    let kind = prop::sample::select(vec![0u8, 43, 60, 51, 60, 135]);
    let extensions = prop::collection::vec((kind, 0u8..4), 0..8);
    let fragment = prop_oneof![3 => Just(None), 1 => any::<u16>().prop_map(Some)];
    // The number of an extension header would require one behind the others.
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

/// An ICMP message that quotes the begin of something.
fn icmp() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let protocol = prop::sample::select(vec![1u8, 58]);
    let kind = prop::sample::select(vec![1u8, 3, 11, 0, 128]);
    let quoted = prop::collection::vec(prop_oneof![Just(6u8), any::<u8>()], 0..60);
    (protocol, kind, quoted).prop_map(|(protocol, kind, quoted)| {
        (
            protocol,
            [&[kind, 3, 0, 0, 0, 0, 0, 0], &quoted[..]].concat(),
        )
    })
}

/// An IP packet in a tunnel: the protocol and the payload of the outer IP header.
fn tunnel() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let kind = prop::sample::select(vec![4u8, 41, 47, 17]);
    let port = prop::sample::select(vec![4789u16, 8472, 6081, 53]);
    let flags = prop::sample::select(vec![0u16, 0x8000, 0x2000, 0x3000, 0xb000]);
    (kind, port, flags, any::<bool>(), 0u8..3, ip(), tcp()).prop_map(
        |(kind, port, flags, has_frame, options, ip, segment)| {
            let inner = ip.carries(&segment);
            let protocol = (inner.known.protocol as u16).to_be_bytes();
            let frame = [&[0; 12], &protocol[..], &inner.bytes].concat();
            let (named, payload) = match has_frame {
                true => ([0x65, 0x58], &frame),
                false => (protocol, &inner.bytes),
            };
            let fields = [0x8000, 0x2000, 0x1000].map(|one| usize::from(flags & one != 0) * 4);
            let fields = vec![7; fields.iter().sum()];
            let gre = [&flags.to_be_bytes()[..], &named, &fields, payload].concat();
            let udp = [&[0, 9], &port.to_be_bytes()[..], &[0; 4]].concat();
            let geneve = [
                &[options, 0],
                &named[..],
                &[0; 4],
                &vec![9; usize::from(options) * 4],
            ];
            let within = match (kind, port) {
                (4 | 41, _) => inner.bytes,
                (47, _) => gre,
                (_, 6081) => [udp, geneve.concat(), payload.clone()].concat(),
                _ => [udp, vec![8; 8], frame].concat(),
            };
            (kind, within)
        },
    )
}

/// A well-formed packet without tags.
pub fn packet() -> impl Strategy<Value = Built> {
    prop_oneof![
        4 => (ip(), tcp()).prop_map(|(ip, segment)| ip.carries(&segment)),
        2 => (ip(), tunnel()).prop_map(|(ip, (protocol, payload))| {
            Ip { protocol, extensions: Vec::new(), ..ip }.carries(&payload)
        }),
        1 => (ip(), icmp()).prop_map(|(ip, (protocol, message))| {
            Ip { protocol, ..ip }.carries(&message)
        }),
    ]
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
        wanted in samples::filter(),
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
        accepts(&Filter::ALL, BOTH, &Built { bytes, known });
    }
}
