//! Whatever the segments of a few connections are, what is reported of them is sound.

use proptest::prelude::*;

use super::*;
use crate::model::IcmpError;

#[derive(Debug, Clone)]
struct Sent {
    /// Since the one before: clocks of captures go backwards, too.
    later_ms: i64,
    by_client: bool,
    client: u16,
    flags: u8,
    /// From the initial sequence numbers.
    sequence: i32,
    acknowledgement: i32,
    payload_bytes: u32,
    direction: Option<Direction>,
    /// It arrives as what an ICMP error quotes.
    is_quoted: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let directions = [
        Direction::Incoming,
        Direction::Outgoing,
        Direction::Internal,
    ];
    let direction = prop::option::of(prop::sample::select(directions.to_vec()));
    let flags = prop::sample::select(vec![0x02, 0x12, 0x10, 0x04, 0x14, 0x01, 0x11]);
    let who = (
        any::<bool>(),
        0u16..2,
        prop_oneof![8 => flags, 1 => any::<u8>()],
    );
    let numbers = (-2i32..3, -2i32..3, 0u32..3);
    (-500i64..4000, who, numbers, direction, 0u8..10).prop_map(
        |(
            later_ms,
            (by_client, client, flags),
            (sequence, acknowledgement, payload_bytes),
            direction,
            odd,
        )| Sent {
            later_ms,
            by_client,
            client,
            flags,
            sequence,
            acknowledgement,
            payload_bytes,
            direction,
            is_quoted: odd == 0,
        },
    )
}

/// As in a capture, one after the other.
fn apply(script: &mut Script, all: &[Sent]) {
    let mut time_ns = START_NS;
    for (number, sent) in (1..).zip(all) {
        time_ns = time_ns.saturating_add_signed(sent.later_ms * 1_000_000);
        let client = address(CLIENT, 40_000 + sent.client);
        let (source, destination, own, other) = match sent.by_client {
            true => (client, script.server, C, S),
            false => (script.server, client, S, C),
        };
        let segment = Segment {
            number,
            time_ns,
            direction: sent.direction,
            source,
            destination,
            sequence: own.wrapping_add_signed(sent.sequence),
            acknowledgement: other.wrapping_add_signed(sent.acknowledgement),
            flags: Flags(sent.flags),
            payload_bytes: sent.payload_bytes,
            ..script.like
        };
        match sent.is_quoted {
            true => script.tracker.icmp_error(&IcmpError {
                number,
                time_ns,
                sender: SERVER.parse().unwrap(),
                kind: 3,
                code: sent.flags,
                source,
                destination,
                sequence: segment.sequence,
            }),
            false => script.tracker.segment(&segment),
        };
    }
}

proptest! {
    #[test]
    fn no_segments_make_it_panic_or_report_more_than_there_was(
        all in prop::collection::vec(sent(), 0..40),
        follows_closes: bool,
    ) {
        let mut script = Script::with(Tracker::new(follows_closes));
        script.listeners(0.0, &[listener(8, 0)]);
        apply(&mut script, &all);
        script.tracker.finish();
        let found = script.handshakes();
        prop_assert!(found.len() <= all.len());
        prop_assert_eq!(script.tracker.waiting().count, 0);
        for handshake in found {
            let durations = [
                handshake.syn_to_syn_ack_ms,
                handshake.syn_ack_to_ack_ms,
                handshake.total_ms,
                handshake.host_ms,
                handshake.network_ms,
            ];
            let after = handshake.syn_after_ms.iter().chain(&handshake.syn_ack_after_ms);
            for ms in durations.iter().flatten().chain(after) {
                prop_assert!(ms.is_finite() && *ms >= 0.0, "{:#?}", handshake);
            }
        }
    }
}
