//! Segments and ICMP errors of a few connections in any order, through the tracker.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sockdiag::{
    analysis::handshake::{Event, Handshake, Listeners, Tracker},
    model::{
        Address, Direction, Endpoint, Family, Flags, IcmpError, Listener, Local, Protocol, Queue,
        Segment, TcpOptions, Timestamps,
    },
};

#[derive(Arbitrary, Debug)]
enum Step {
    Segment(Sent),
    Error { of: Sent, kind: u8, code: u8 },
    Pass,
    Lost(u8),
    Listeners(bool),
    ClockSet(i64),
    Finish,
}

#[derive(Arbitrary, Debug)]
struct Sent {
    /// Since the last step, in units of 16 ms: clocks of captures go backwards, too.
    later: i16,
    by_client: bool,
    translated: bool,
    client: u8,
    flags: u8,
    /// From the initial sequence numbers.
    sequence: i8,
    acknowledgement: i8,
    payload_bytes: u8,
    interface: u8,
    direction: Option<u8>,
    ip_id: Option<u16>,
    timestamps: Option<(u8, u8)>,
    fast_open: Option<u8>,
    mptcp: Option<u8>,
    cut: bool,
}

const START_NS: u64 = 1_700_000_000_000_000_000;
const CLIENT_ISN: u32 = 1000;
const SERVER_ISN: u32 = u32::MAX;
const SERVER: [u8; 4] = [10, 0, 0, 2];

fuzz_target!(|steps: (bool, Vec<Step>)| {
    let (follows_closes, steps) = steps;
    let mut tracker = Tracker::new(follows_closes);
    let mut time_ns = START_NS;
    let mut ended = 0;
    for (number, step) in (1..).zip(&steps) {
        match step {
            Step::Segment(sent) => {
                tracker.segment(&sent.segment(number, &mut time_ns));
            }
            Step::Error { of, kind, code } => {
                let segment = of.segment(number, &mut time_ns);
                tracker.icmp_error(&error(&segment, *kind, *code));
            }
            Step::Pass => tracker.pass(time_ns),
            Step::Lost(packets) => tracker.has_lost((*packets).into()),
            Step::Listeners(is_full) => {
                tracker.set_listeners(Listeners::new(&[listener(*is_full)], time_ns));
            }
            Step::ClockSet(nanoseconds) => tracker.clock_set_by((*nanoseconds).into()),
            Step::Finish => tracker.finish(),
        }
        assert!(tracker.waiting().count <= number);
        ended += check(&mut tracker);
    }
    tracker.finish();
    ended += check(&mut tracker);
    // Each segment begins one at most.
    assert!(ended <= steps.len());
    assert_eq!(tracker.waiting().count, 0);
});

impl Sent {
    fn segment(&self, number: u64, time_ns: &mut u64) -> Segment {
        *time_ns = time_ns.saturating_add_signed(i64::from(self.later) * 16_000_000);
        let behind = if self.translated { 8080 } else { 80 };
        let client = address([10, 0, 0, 1], 40_000 + u16::from(self.client % 4));
        let server = address(SERVER, behind);
        let (source, destination) = match self.by_client {
            true => (client, server),
            false => (server, client),
        };
        let (own, other) = match self.by_client {
            true => (CLIENT_ISN, SERVER_ISN),
            false => (SERVER_ISN, CLIENT_ISN),
        };
        Segment {
            number,
            time_ns: *time_ns,
            interface: u32::from(self.interface % 3),
            direction: self.direction.map(|which| match which % 4 {
                0 => Direction::Incoming,
                1 => Direction::Outgoing,
                2 => Direction::Passing,
                _ => Direction::Internal,
            }),
            vlan: None,
            tunnel: None,
            ip_id: self.ip_id,
            source,
            destination,
            sequence: own.wrapping_add_signed(self.sequence.into()),
            acknowledgement: other.wrapping_add_signed(self.acknowledgement.into()),
            flags: Flags(self.flags),
            window: 1000,
            payload_bytes: self.payload_bytes.into(),
            options: self.options(),
        }
    }

    fn options(&self) -> TcpOptions {
        TcpOptions {
            timestamps: self.timestamps.map(|(value, echo)| Timestamps {
                value: value.into(),
                echo: echo.into(),
            }),
            fast_open_cookie: self.fast_open,
            mptcp: self.mptcp,
            cut: self.cut,
            ..TcpOptions::default()
        }
    }
}

fn address(address: [u8; 4], port: u16) -> Address {
    Address {
        address: address.into(),
        port,
    }
}

fn error(about: &Segment, kind: u8, code: u8) -> IcmpError {
    IcmpError {
        number: about.number,
        time_ns: about.time_ns,
        sender: [10, 0, 0, 9].into(),
        kind,
        code,
        source: about.source,
        destination: about.destination,
        sequence: about.sequence,
    }
}

fn listener(is_full: bool) -> Listener {
    let local = Endpoint {
        family: Family::V4,
        address: SERVER.into(),
        port: 80,
        interface: 0,
    };
    Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(local),
        v6only: None,
        queue: Queue::Accept {
            length: if is_full { 9 } else { 0 },
            limit: 8,
        },
        drops: Some(is_full.into()),
        uid: None,
        inode: 1,
        cookie: 1,
        cgroup_id: None,
    }
}

/// Returns how many handshakes ended.
fn check(tracker: &mut Tracker) -> usize {
    let handshakes = tracker.events().filter_map(|event| match event {
        Event::Handshake(handshake) => Some(handshake),
        _ => None,
    });
    handshakes.inspect(|handshake| sound(handshake)).count()
}

fn sound(handshake: &Handshake) {
    let durations = [
        handshake.syn_to_syn_ack_ms,
        handshake.syn_ack_to_ack_ms,
        handshake.total_ms,
        handshake.host_ms,
        handshake.network_ms,
        handshake.reused_after_ms,
    ];
    let after = handshake.syn_after_ms.iter();
    let after = after.chain(&handshake.syn_ack_after_ms).copied();
    for ms in durations.into_iter().flatten().chain(after) {
        assert!(ms.is_finite() && ms >= 0.0, "{handshake:#?}");
    }
    assert!(!handshake.outcome.word().is_empty());
    assert!(!handshake.started.is_empty());
}
