//! Writes the blocks of a pcapng file (draft-ietf-opsawg-pcapng): little endian, with times in
//! nanoseconds.

use crate::{
    model::Direction,
    source::{LinkType, Packet},
};

const LONGEST_COMMENT_BYTES: usize = 128;
/// Room for a comment: code and length of the option, and its text.
pub(super) const ROOM_BYTES: usize = 4 + LONGEST_COMMENT_BYTES;
/// The code of an option that fills the rest of the room. Codes from here on are for local use;
/// readers skip unknown ones.
const FILLER: u16 = 0x8000;
const COMMENT: u16 = 1;
const ETHERTYPE_VLAN: u16 = 0x8100;
/// tcpdump writes it for "no limit".
const SNAP_BYTES: u32 = 262_144;

/// Begins the file, with the names of machine, system and program.
pub(super) fn section(out: &mut Vec<u8>) {
    let system = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let name = format!("{} {}", text(system.sysname()), text(system.release()));
    let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    block(out, 0x0a0d_0d0a, |out| {
        out.extend(0x1a2b_3c4d_u32.to_le_bytes());
        out.extend(1_u16.to_le_bytes()); // version 1.0
        out.extend(0_u16.to_le_bytes());
        out.extend((-1_i64).to_le_bytes()); // length of the section: unknown
        option(out, 2, system.machine().to_bytes());
        option(out, 3, name.as_bytes());
        option(out, 4, program.as_bytes());
        option(out, 0, &[]);
    });
}

pub(super) fn link(packet: &Packet<'_>) -> LinkType {
    match packet.cooked {
        Some(_) => LinkType::CookedV2,
        None => packet.link,
    }
}

pub(super) fn interface(out: &mut Vec<u8>, link: LinkType, name: Option<&str>) {
    block(out, 1, |out| {
        out.extend(link.number().to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(SNAP_BYTES.to_le_bytes());
        if let Some(name) = name {
            option(out, 2, name.as_bytes());
        }
        option(out, 9, &[9]); // nanoseconds
        option(out, 0, &[]);
    });
}

/// Writes a packet of an interface that was described before. Returns where the room for a comment
/// begins, if it has room.
pub(super) fn packet(
    out: &mut Vec<u8>,
    interface: u32,
    packet: &Packet<'_>,
    has_room: bool,
) -> Option<usize> {
    let mut room = None;
    block(out, 6, |out| {
        out.extend(interface.to_le_bytes());
        out.extend(((packet.time_ns >> 32) as u32).to_le_bytes());
        out.extend((packet.time_ns as u32).to_le_bytes());
        let header = cooked_header(packet);
        let added = header.len() as u32;
        out.extend((packet.bytes.len() as u32 + added).to_le_bytes());
        out.extend(packet.wire_bytes.saturating_add(added).to_le_bytes());
        out.extend(header);
        out.extend(packet.bytes);
        pad(out);
        if let Some(direction) = packet.direction {
            option(out, 2, &flags(direction).to_le_bytes());
        }
        if has_room {
            room = Some(out.len());
            option(out, FILLER, &[0; LONGEST_COMMENT_BYTES]);
        }
        option(out, 0, &[]);
    });
    room
}

/// Fills the room: with a comment, truncated where it is too long, and a filler.
pub(super) fn comment(text: &str) -> Vec<u8> {
    let length = (0..=LONGEST_COMMENT_BYTES.min(text.len()))
        .rev()
        .find(|length| text.is_char_boundary(*length))
        .unwrap_or_default();
    let mut out = Vec::with_capacity(ROOM_BYTES);
    option(&mut out, COMMENT, &text.as_bytes()[..length]);
    if let Some(rest) = (ROOM_BYTES - out.len()).checked_sub(4) {
        option(&mut out, FILLER, &vec![0; rest]);
    }
    out
}

fn flags(direction: Direction) -> u32 {
    match direction {
        Direction::Incoming | Direction::Internal => 1,
        Direction::Outgoing => 2,
        Direction::Passing => 1 | 4 << 2, // promiscuous
    }
}

/// The header of libpcap for packets of a cooked socket (LINKTYPE_LINUX_SLL2), with the VLAN tag
/// that the kernel removed; nothing for a packet from a file, which begins with its own header.
fn cooked_header(packet: &Packet<'_>) -> Vec<u8> {
    let Some(cooked) = packet.cooked else {
        return Vec::new();
    };
    let mut header = Vec::with_capacity(24);
    let outermost = packet.vlan.map_or(cooked.protocol, |_| ETHERTYPE_VLAN);
    header.extend(outermost.to_be_bytes());
    header.extend(0_u16.to_be_bytes());
    header.extend(packet.interface.to_be_bytes());
    header.extend(cooked.hardware.to_be_bytes());
    header.extend([packet_type(packet.direction), cooked.address_bytes]);
    header.extend(cooked.address);
    if let Some(vlan) = packet.vlan {
        header.extend(vlan.to_be_bytes());
        header.extend(cooked.protocol.to_be_bytes());
    }
    header
}

/// `PACKET_HOST`… of include/uapi/linux/if_packet.h.
fn packet_type(direction: Option<Direction>) -> u8 {
    match direction {
        Some(Direction::Incoming | Direction::Internal) | None => 0,
        Some(Direction::Passing) => 3,
        Some(Direction::Outgoing) => 4,
    }
}

/// Appends a block: its kind and length, the content that `write` appends, and the length again.
fn block(out: &mut Vec<u8>, kind: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    write(out);
    let length = ((out.len() + 4 - begin) as u32).to_le_bytes();
    out[begin + 4..begin + 8].copy_from_slice(&length);
    out.extend(length);
}

/// A value longer than its 16-bit length can express is truncated.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend(code.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(&value[..length.into()]);
    pad(out);
}

/// Blocks and options are padded to whole words.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}
