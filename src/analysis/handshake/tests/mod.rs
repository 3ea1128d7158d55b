//! Handshakes scripted segment by segment.

mod close;
mod copies;
mod findings;
mod flood;
mod listener;
mod odd;
mod outcomes;
mod properties;
mod syncookie_check;
mod translated;
mod unreachable;

use std::net::IpAddr;

use super::*;
use crate::model::{
    Address, Direction, Endpoint, Family, Flags, Listener, Queue, Segment, TcpOptions,
};

const START_NS: u64 = 1_700_000_000_000_000_000;
const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "10.0.0.2";
/// Initial sequence numbers; the server's is about to wrap.
const C: u32 = 1000;
const S: u32 = u32::MAX;

fn address(address: &str, port: u16) -> Address {
    let address: IpAddr = address.parse().unwrap();
    Address { address, port }
}

/// Segments in their order, and what the tracker makes of them.
struct Script {
    tracker: Tracker,
    sent: u64,
    /// The last segment may be the one that tells an outcome.
    told: bool,
    client: Address,
    server: Address,
    /// What the next segments have in common.
    like: Segment,
}

impl Script {
    fn new() -> Self {
        Self::with(Tracker::new(true))
    }

    fn with(tracker: Tracker) -> Self {
        let (client, server) = (address(CLIENT, 40_000), address(SERVER, 80));
        Script {
            tracker,
            sent: 0,
            told: false,
            client,
            server,
            like: Segment {
                number: 0,
                time_ns: START_NS,
                interface: 2,
                direction: None,
                vlan: None,
                tunnel: None,
                ip_id: None,
                source: client,
                destination: server,
                sequence: 0,
                acknowledgement: 0,
                flags: Flags::default(),
                window: 1000,
                payload_bytes: 0,
                options: TcpOptions::default(),
            },
        }
    }

    /// The time of what follows, in milliseconds since the start.
    fn at(&mut self, milliseconds: f64) -> &mut Self {
        self.like.time_ns = START_NS + (milliseconds * 1e6) as u64;
        self
    }

    fn on(&mut self, interface: u32, direction: Option<Direction>) -> &mut Self {
        (self.like.interface, self.like.direction) = (interface, direction);
        self
    }

    /// A dump of listeners at this time.
    fn listeners(&mut self, milliseconds: f64, listeners: &[Listener]) -> &mut Self {
        let taken_ns = START_NS.saturating_add_signed((milliseconds * 1e6) as i64);
        let listeners = Listeners::new(listeners, taken_ns);
        self.tracker.set_listeners(listeners);
        self
    }

    fn client(&mut self, flags: &str, sequence: u32, acknowledgement: u32) -> &mut Self {
        self.data(true, flags, sequence, acknowledgement, 0)
    }

    fn server(&mut self, flags: &str, sequence: u32, acknowledgement: u32) -> &mut Self {
        self.data(false, flags, sequence, acknowledgement, 0)
    }

    fn data(
        &mut self,
        from_client: bool,
        flags: &str,
        sequence: u32,
        acknowledgement: u32,
        payload_bytes: u32,
    ) -> &mut Self {
        self.sent += 1;
        let (source, destination) = match from_client {
            true => (self.client, self.server),
            false => (self.server, self.client),
        };
        self.told = self.tracker.segment(&Segment {
            number: self.sent,
            source,
            destination,
            sequence,
            acknowledgement,
            flags: letters(flags),
            payload_bytes,
            ..self.like
        });
        self
    }

    /// SYN, SYN-ACK and ACK, a millisecond apart.
    fn opened(&mut self, milliseconds: f64) -> &mut Self {
        self.at(milliseconds).client("S", C, 0);
        self.at(milliseconds + 1.0).server("SA", S, C + 1);
        self.at(milliseconds + 2.0).client("A", C + 1, after(S))
    }

    fn events(&mut self) -> Vec<Event> {
        self.tracker.events().collect()
    }

    fn handshakes(&mut self) -> Vec<Handshake> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Handshake(handshake) => Some(*handshake),
                _ => None,
            })
            .collect()
    }

    /// The only one that has ended.
    fn one(&mut self) -> Handshake {
        let all = self.handshakes();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.into_iter().next().unwrap()
    }

    /// The only one, once nothing more has come for so many milliseconds since the start.
    fn one_by(&mut self, milliseconds: f64) -> Handshake {
        assert_eq!(self.handshakes(), [], "nothing is decided yet");
        self.pass(milliseconds);
        self.one()
    }

    fn pass(&mut self, milliseconds: f64) -> &mut Self {
        self.tracker.pass(START_NS + (milliseconds * 1e6) as u64);
        self
    }
}

/// A listener at the server's address, on any interface, with a limit of 8.
fn listener(length: u32, drops: u32) -> Listener {
    let local = Endpoint {
        family: Family::V4,
        address: SERVER.parse().unwrap(),
        port: 80,
        interface: 0,
    };
    Listener {
        queue: Queue::Accept { length, limit: 8 },
        drops: Some(drops),
        ..Listener::idle(local, 1)
    }
}

fn after(sequence: u32) -> u32 {
    sequence.wrapping_add(1)
}

fn letters(text: &str) -> Flags {
    let flag = |letter| match letter {
        'S' => Flags::SYN,
        'A' => Flags::ACK,
        'F' => Flags::FIN,
        'R' => Flags::RST,
        'E' => Flags::ECE,
        'W' => Flags::CWR,
        other => panic!("no flag {other}"),
    };
    text.chars()
        .map(flag)
        .fold(Flags::default(), |flags, one| flags.and(one))
}
