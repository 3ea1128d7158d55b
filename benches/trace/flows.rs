//! Connections as they are found in a capture: most come off and carry data, some need a segment
//! twice, are refused or get no answer.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::segment::{ACK, FIN, PSH, RST, SYN, Segment};

/// One segment of a connection.
pub struct Step {
    /// Since the first one.
    pub microseconds: u64,
    by: Side,
    flags: u8,
    /// How many bytes the sender had sent before, its SYN counted.
    sent: u32,
    /// How many of the peer's it acknowledges.
    taken: u32,
    payload_bytes: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}
use Side::{Client, Server};

const fn step(microseconds: u64, by: Side, flags: u8, numbers: (u32, u32)) -> Step {
    let (sent, taken) = numbers;
    Step {
        microseconds,
        by,
        flags,
        sent,
        taken,
        payload_bytes: 0,
    }
}

const fn data(microseconds: u64, by: Side, numbers: (u32, u32), payload_bytes: usize) -> Step {
    Step {
        payload_bytes,
        ..step(microseconds, by, PSH | ACK, numbers)
    }
}

const SECOND: u64 = 1_000_000;

const PLAIN: [Step; 10] = [
    step(0, Client, SYN, (0, 0)),
    step(200, Server, SYN | ACK, (0, 1)),
    step(400, Client, ACK, (1, 1)),
    data(450, Client, (1, 1), 200),
    step(650, Server, ACK, (1, 201)),
    data(900, Server, (1, 201), 400),
    step(1100, Client, ACK, (201, 401)),
    step(1200, Client, FIN | ACK, (201, 401)),
    step(1400, Server, FIN | ACK, (401, 202)),
    step(1600, Client, ACK, (202, 402)),
];

const LOST_SYN: [Step; 6] = [
    step(0, Client, SYN, (0, 0)),
    step(SECOND, Client, SYN, (0, 0)),
    step(SECOND + 200, Server, SYN | ACK, (0, 1)),
    step(SECOND + 400, Client, ACK, (1, 1)),
    step(SECOND + 500, Server, FIN | ACK, (1, 1)),
    step(SECOND + 700, Client, FIN | ACK, (1, 2)),
];

const LOST_ANSWER: [Step; 6] = [
    step(0, Client, SYN, (0, 0)),
    step(200, Server, SYN | ACK, (0, 1)),
    step(SECOND, Server, SYN | ACK, (0, 1)),
    step(SECOND + 200, Client, ACK, (1, 1)),
    step(SECOND + 300, Client, FIN | ACK, (1, 1)),
    step(SECOND + 500, Server, FIN | ACK, (1, 2)),
];

const REFUSED: [Step; 2] = [
    step(0, Client, SYN, (0, 0)),
    step(200, Server, RST | ACK, (0, 1)),
];

const UNANSWERED: [Step; 3] = [
    step(0, Client, SYN, (0, 0)),
    step(SECOND, Client, SYN, (0, 0)),
    step(3 * SECOND, Client, SYN, (0, 0)),
];

/// Of twenty connections, all but so many come off at once.
const SCRIPTS: usize = 20;
const CLIENTS: u32 = 2000;
const SERVERS: u32 = 20;
const FIRST_PORT: u32 = 10_000;

/// What the connection of this number does.
pub fn script(flow: u32) -> &'static [Step] {
    match flow as usize % SCRIPTS {
        16 => &LOST_SYN,
        17 => &LOST_ANSWER,
        18 => &REFUSED,
        19 => &UNANSWERED,
        _ => &PLAIN,
    }
}

impl Step {
    /// The segment that it is in the connection of this number.
    pub fn segment(&self, flow: u32) -> Segment {
        let (client, server) = (client(flow), server(flow));
        // Any numbers that differ from one connection to the next.
        let first = [
            flow.wrapping_mul(2_654_435_761),
            flow.wrapping_mul(40_503_001),
        ];
        let (from, to, [own, other]) = match self.by {
            Client => (client, server, first),
            Server => (server, client, [first[1], first[0]]),
        };
        let acknowledgement = other.wrapping_add(self.taken);
        Segment {
            from,
            to,
            sequence: own.wrapping_add(self.sent),
            acknowledgement: if self.flags & ACK == 0 {
                0
            } else {
                acknowledgement
            },
            flags: self.flags,
            payload_bytes: self.payload_bytes,
        }
    }

    pub fn is_syn(&self) -> bool {
        self.flags == SYN
    }
}

fn client(flow: u32) -> SocketAddrV4 {
    let [_, _, high, low] = (flow % CLIENTS).to_be_bytes();
    let port = FIRST_PORT + flow / CLIENTS;
    SocketAddrV4::new(Ipv4Addr::new(10, 1, high, low), port as u16)
}

fn server(flow: u32) -> SocketAddrV4 {
    let host = (flow % SERVERS) as u8;
    SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1 + host), 443)
}
