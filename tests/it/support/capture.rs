//! What a capture saw, as far as tests ask, and frames sent as they are.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use pnet::datalink::{self, Channel, Config, DataLinkSender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sockdiag::model::{Direction, Families, Filter};
use sockdiag::source::{Capture, Packet};

use super::host::wait_until_up;
use super::netns::run;
use super::wait::{PATIENCE, wait_until};

pub const BOTH: Families = Families { v4: true, v6: true };
pub const EVERYTHING: Filter = Filter::ALL;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const SYN_ACK: u8 = 0x12;
pub const ACK: u8 = 0x10;

/// A packet of which the TCP header follows an IPv4 header of 20 or an IPv6 header of 40 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPacket {
    pub number: u64,
    pub time_ns: u64,
    pub interface: u32,
    pub direction: Option<Direction>,
    pub vlan: Option<u16>,
    pub version: u8,
    pub from: u16,
    pub to: u16,
    pub flags: u8,
    pub wire_bytes: u32,
}

impl SeenPacket {
    fn new(packet: &Packet<'_>) -> SeenPacket {
        let version = packet.bytes[0] >> 4;
        let tcp = &packet.bytes[if version == 4 { 20 } else { 40 }..];
        SeenPacket {
            number: packet.number,
            time_ns: packet.time_ns,
            interface: packet.interface,
            direction: packet.direction,
            vlan: packet.vlan,
            version,
            from: u16::from_be_bytes([tcp[0], tcp[1]]),
            to: u16::from_be_bytes([tcp[2], tcp[3]]),
            flags: tcp[13],
            wire_bytes: packet.wire_bytes,
        }
    }
}

/// A capture of everything on these devices.
#[track_caller]
pub fn capture(interfaces: &[&str]) -> Capture {
    capture_of(interfaces, &EVERYTHING)
}

#[track_caller]
pub fn capture_of(interfaces: &[&str], wanted: &Filter) -> Capture {
    let interfaces: Vec<String> = interfaces.iter().map(ToString::to_string).collect();
    Capture::open(&interfaces, wanted, BOTH, false).expect("root of the namespace may capture")
}

/// Takes what is ready.
pub fn take_packets(capture: &mut Capture, seen: &mut Vec<SeenPacket>) {
    capture.each_packet(|packet| seen.push(SeenPacket::new(packet)));
}

/// Takes packets until a condition on all of them holds.
#[track_caller]
pub fn capture_until(
    capture: &mut Capture,
    what: &str,
    mut enough: impl FnMut(&[SeenPacket]) -> bool,
) -> Vec<SeenPacket> {
    let mut seen = Vec::new();
    wait_until(what, || {
        capture
            .wait(&[], Duration::from_millis(100))
            .expect("it can be waited for");
        take_packets(capture, &mut seen);
        enough(&seen)
    });
    seen
}

/// Takes packets until the SYN to a port has come, which is sent last.
#[track_caller]
pub fn capture_until_syn_to(capture: &mut Capture, port: u16) -> Vec<SeenPacket> {
    capture_until(capture, "the last SYN was captured", |seen| {
        seen.iter().any(|seen| seen.to == port && seen.flags == SYN)
    })
}

/// Whether poll would report something at once.
pub fn is_readable(capture: &Capture) -> bool {
    let descriptors: Vec<BorrowedFd<'_>> = capture.descriptors().collect();
    let mut polled: Vec<_> = descriptors
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    poll(&mut polled, Some(&Timespec::default())).expect("descriptors can be polled") > 0
}

/// Two devices, up, of which each receives what is sent on the other.
pub fn veth_pair(near: &str, far: &str) {
    let ends = ["link", "add", near, "type", "veth", "peer", "name", far];
    run("ip", &ends);
    for device in [near, far] {
        run("ip", &["link", "set", device, "up"]);
    }
    wait_until_up(near);
    wait_until_up(far);
}

/// Sends frames as they are on a device.
pub struct Frames(Box<dyn DataLinkSender>);

impl Frames {
    pub fn on(device: &str) -> Frames {
        let interfaces = datalink::interfaces();
        let interface = interfaces.into_iter().find(|known| known.name == device);
        let config = Config {
            promiscuous: false,
            write_timeout: Some(PATIENCE),
            ..Config::default()
        };
        match datalink::channel(&interface.expect("the device is there"), config) {
            Ok(Channel::Ethernet(sender, _)) => Frames(sender),
            _ => panic!("no channel on {device}"),
        }
    }

    /// Sends a frame with these tags and this packet.
    pub fn send(&mut self, tags: &[(u16, u16)], packet: &[u8]) {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for (protocol, tag) in tags {
            frame.extend([protocol.to_be_bytes(), tag.to_be_bytes()].concat());
        }
        let protocol: u16 = if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
        frame.extend(protocol.to_be_bytes());
        frame.extend(packet);
        self.send_whole(&frame);
    }

    /// Sends a frame that has all its headers.
    pub fn send_whole(&mut self, frame: &[u8]) {
        let sent = self.0.send_to(frame, None).expect("it is a raw channel");
        sent.expect("a frame is sent");
    }
}

/// An IPv4 packet from 10.0.0.1, port 40000, to 10.0.0.2.
pub fn v4_packet(to: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![
        0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    packet.extend(segment(to, flags));
    packet
}

/// An IPv6 packet from fd00::1, port 40000, to fd00::2.
pub fn v6_packet(to: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    for host in [1, 2] {
        let mut address = [0; 16];
        (address[0], address[15]) = (0xfd, host);
        packet.extend(address);
    }
    packet.extend(segment(to, flags));
    packet
}

fn segment(to: u16, flags: u8) -> Vec<u8> {
    let mut segment = 40000u16.to_be_bytes().to_vec();
    segment.extend(to.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}
