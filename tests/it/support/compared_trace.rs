//! The same traffic seen by `sockdiag trace`, by tcpdump, and by tshark in what tcpdump wrote.

use serde_json::Value;

use super::handshakes::{assert_same_handshakes, sort_handshakes};
use super::link::THERE;
use super::tcpdump::{Tcpdump, TcpdumpFile, TsharkSegment, flag_letters, tshark};
use super::tracing::{Traced, Tracing, trace};

/// A trace and a tcpdump on the device `near`.
pub struct ComparedTrace {
    trace: Tracing,
    capture: Option<Tcpdump>,
    live_handshakes: Vec<Value>,
}

/// The live trace, and the trace of the file by tcpdump, which agree.
pub struct Comparison {
    /// The trace while it happened.
    pub live: Traced,
    /// All its handshakes.
    pub handshakes: Vec<Value>,
    /// The trace of the file.
    pub read: Option<Traced>,
    /// The segments in the file.
    pub packets: Option<Vec<TsharkSegment>>,
    /// The file.
    pub file: Option<TcpdumpFile>,
}

impl ComparedTrace {
    /// Starts both. They miss nothing from now on.
    pub fn start(args: &[&str]) -> ComparedTrace {
        ComparedTrace {
            trace: Tracing::start(&[&["--interface", "near"], args].concat()),
            capture: Tcpdump::start("near"),
            live_handshakes: Vec::new(),
        }
    }

    /// The trace's next handshake.
    #[track_caller]
    pub fn handshake(&mut self) -> Value {
        let handshake = self.trace.handshake();
        self.live_handshakes.push(handshake.clone());
        handshake
    }

    /// Ends the trace, reads the file and compares.
    #[track_caller]
    pub fn assert_matches_tcpdump(self, args: &[&str]) -> Comparison {
        let file = self.capture.map(|capture| capture.end(THERE));
        let live = self.trace.end();
        let mut handshakes = [self.live_handshakes, live.handshakes()].concat();
        sort_handshakes(&mut handshakes);
        let read = file
            .as_ref()
            .map(|file| trace(&[&["--read", &file.path], args].concat()));
        let packets = file.as_ref().and_then(|file| tshark(&file.path));
        let comparison = Comparison {
            live,
            handshakes,
            read,
            packets,
            file,
        };
        comparison.compare();
        comparison
    }
}

impl Comparison {
    #[track_caller]
    fn compare(&self) {
        let Some(read) = &self.read else { return };
        assert_same_handshakes(&self.handshakes, &read.handshakes());
        if let Some(packets) = &self.packets {
            assert_matches_tshark(&read.handshakes(), packets);
        }
    }

    /// The one handshake.
    #[track_caller]
    pub fn handshake(&self) -> &Value {
        assert_eq!(self.handshakes.len(), 1, "{:#?}", self.handshakes);
        &self.handshakes[0]
    }

    /// Asserts the flags of all segments, where tshark is installed.
    #[track_caller]
    pub fn assert_packets(&self, flags: &[&str]) {
        if let Some(packets) = &self.packets {
            let seen: Vec<_> = packets
                .iter()
                .map(|packet| flag_letters(packet.flags))
                .collect();
            assert_eq!(seen, flags, "the scene is set");
        }
    }
}

/// Asserts that the handshakes of a file are those that tshark finds in it.
#[track_caller]
pub fn assert_matches_tshark(handshakes: &[Value], packets: &[TsharkSegment]) {
    for (key, flags) in [("syn_retransmits", "S"), ("syn_ack_retransmits", "S.")] {
        let ours: u64 = handshakes.iter().filter_map(|one| one[key].as_u64()).sum();
        let theirs = packets
            .iter()
            .enumerate()
            .filter(|(_, packet)| packet.retransmission && flag_letters(packet.flags) == flags)
            .filter(|(at, packet)| !answers_crosswise(packet, &packets[..*at]))
            .count();
        assert_eq!(
            ours, theirs as u64,
            "{key} in {handshakes:#?}\n{packets:#?}"
        );
    }
    for handshake in handshakes {
        let own: Vec<&TsharkSegment> = packets
            .iter()
            .filter(|packet| belongs(packet, handshake))
            .collect();
        assert!(!own.is_empty(), "tshark does not know {handshake:#}");
        assert_same_numbers(handshake, &own);
        assert_same_latency(handshake, &own);
    }
}

/// Whether somebody who has sent a SYN answers that of the other end: a SYN-ACK in a simultaneous
/// open, which tshark takes for a retransmitted SYN.
fn answers_crosswise(packet: &TsharkSegment, before: &[TsharkSegment]) -> bool {
    let first = before
        .iter()
        .find(|other| other.source == packet.source && other.sequence == packet.sequence);
    first
        .is_some_and(|first| flag_letters(first.flags) == "S" && flag_letters(packet.flags) == "S.")
}

/// By the two ports, which every scene gives only to one pair of hosts.
fn belongs(packet: &TsharkSegment, handshake: &Value) -> bool {
    let client = handshake["client"]["port"].as_u64();
    let server = handshake["server"]["port"].as_u64();
    let ports = [
        Some(packet.source_port.into()),
        Some(packet.destination_port.into()),
    ];
    ports == [client, server] || ports == [server, client]
}

#[track_caller]
fn assert_same_numbers(handshake: &Value, packets: &[&TsharkSegment]) {
    for (side, key) in [("client", "client_isn"), ("server", "server_isn")] {
        let Some(number) = handshake["sequence"][key].as_u64() else {
            continue;
        };
        let of_side = |packet: &&&TsharkSegment| {
            packet.source == handshake[side]["address"]
                && handshake[side]["port"] == packet.source_port
        };
        let mut syns = packets
            .iter()
            .filter(of_side)
            .filter(|packet| packet.flags & 0x02 != 0);
        assert!(
            syns.any(|packet| u64::from(packet.sequence) == number),
            "{key} {number} of {handshake:#} is in no SYN of {packets:#?}"
        );
    }
    let number = handshake["packet"].as_u64().expect("a packet's number");
    assert!(
        packets.iter().any(|packet| packet.number == number),
        "packet {number} of {handshake:#} is none of {packets:#?}"
    );
}

/// tshark counts from the last SYN, so only what was sent once can be compared.
#[track_caller]
fn assert_same_latency(handshake: &Value, packets: &[&TsharkSegment]) {
    let mut streams: Vec<u64> = packets.iter().map(|packet| packet.stream).collect();
    streams.dedup();
    let repeated = packets
        .iter()
        .any(|packet| packet.retransmission && packet.flags & 0x02 != 0);
    let theirs = packets.iter().find_map(|packet| packet.initial_rtt_ms);
    let (Some(ours), Some(theirs)) = (handshake["total_ms"].as_f64(), theirs) else {
        return;
    };
    if !repeated && streams.len() == 1 && handshake["outcome"] == "established" {
        let difference = (ours - theirs).abs();
        assert!(difference < 0.001, "{theirs} ms by tshark: {handshake:#}");
    }
}
