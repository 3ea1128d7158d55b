//! The flood: SYNs from as many addresses, none of which there is, as fast as they can be sent.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Instant;

use anyhow::Context;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::handshakes::Made;
use crate::segment::{SYN, Segment};

/// Nobody listens there, and nobody need: the kernel drops what comes from these sources.
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
/// The header is ours as well (`IPPROTO_RAW`).
const RAW: i32 = 255;

/// Sends so many.
pub fn send(count: u32) -> anyhow::Result<Made> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)));
    let socket = socket.context("opening a raw socket")?;
    let to = SockAddr::from(SERVER);
    let begun = Instant::now();
    let mut packet = Vec::new();
    for number in 0..count {
        packet.clear();
        syn(number).write(&mut packet);
        socket.send_to(&packet, &to).context("sending a SYN")?;
    }
    Ok(Made {
        handshakes: count.into(),
        time: begun.elapsed(),
    })
}

fn syn(number: u32) -> Segment {
    let [_, a, b, c] = number.to_be_bytes();
    Segment {
        from: SocketAddrV4::new(Ipv4Addr::new(10 + a, b, c, 1), 40_000),
        to: SERVER,
        sequence: number.wrapping_mul(2_654_435_761),
        acknowledgement: 0,
        flags: SYN,
        payload_bytes: 0,
    }
}
