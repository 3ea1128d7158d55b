//! The pcapng format: blocks, in sections (draft-ietf-opsawg-pcapng).
//!
//! `pcap_parser` is not used for it: it lacks obsolete packet blocks, takes a wrong length for data
//! still to come, and allocates a list of the options of each block, of which a small compressed
//! file may have millions.

use std::io;

use super::{
    Found, LARGEST_BLOCK_BYTES, Step,
    clock::Clock,
    corrupt,
    interfaces::{Interface, Interfaces},
    number,
    window::Window,
};
use crate::model::Direction;

/// The first four bytes, in either byte order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Entries of the systemd journal, and custom blocks.
const NUMBERED: [u32; 3] = [9, 0xbad, 0x4000_0bad];

/// Offsets of the data in packet blocks.
const DATA: usize = 28;
const SIMPLE_DATA: usize = 12;
/// The length of a block is repeated at its end.
const TRAILER: usize = 4;
/// Ends the options of any block.
const END: u16 = 0;
/// Options of packets: `epb_flags`.
const FLAGS: u16 = 2;
/// Options of interfaces: `if_name`, `if_tsresol` and `if_tsoffset`.
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;
/// Ticks are microseconds unless an option says otherwise.
const USUAL_RESOLUTION: u8 = 6;
/// Offset of the options of an interface.
const INTERFACE_OPTIONS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Section {
    is_big_endian: bool,
    /// Numbers in the file, of the interfaces of the section.
    interfaces: Vec<u32>,
    time_ns: u64,
}

impl Section {
    pub fn step(&mut self, window: &mut Window, interfaces: &mut Interfaces) -> io::Result<Step> {
        let (&[kind, length_bytes, magic, ..], _) = window.ask(12)?.as_chunks() else {
            return Ok(Step::end(window));
        };
        if kind == MAGIC {
            self.is_big_endian = is_big_endian(magic)?;
        }
        let length = self.number(length_bytes);
        if length < 12 || !length.is_multiple_of(4) || length > LARGEST_BLOCK_BYTES {
            return Err(corrupt(format!("a block of {length} bytes")));
        }
        let Some(block) = window.ask(length as usize)?.get(..length as usize) else {
            return Ok(Step::Cut);
        };
        if !block.ends_with(&length_bytes) {
            return Err(corrupt(
                "a block that ends with another length than it begins with",
            ));
        }
        let kind = self.number(kind);
        match kind {
            SECTION => self.begin(block)?,
            INTERFACE => self.describe(block, interfaces)?,
            ENHANCED_PACKET | OBSOLETE_PACKET => {
                return self.packet(kind, block, interfaces).map(Step::Packet);
            }
            SIMPLE_PACKET => return self.simple_packet(block, interfaces).map(Step::Packet),
            _ => {}
        }
        Ok(Step::Other {
            block_bytes: block.len(),
            is_numbered: NUMBERED.contains(&kind),
        })
    }

    fn begin(&mut self, block: &[u8]) -> io::Result<()> {
        // Type, length, magic number, version, and the length of the section in two words.
        let (&[_, _, _, version, _, _, _, ..], _) = block.as_chunks() else {
            return Err(corrupt("a malformed section header"));
        };
        let [major, minor] = self.halves(version);
        if major != 1 {
            return Err(corrupt(format!("version {major}.{minor} of pcapng")));
        }
        self.interfaces.clear();
        Ok(())
    }

    fn describe(&mut self, block: &[u8], interfaces: &mut Interfaces) -> io::Result<()> {
        let (&[_, _, link, snap, _, ..], _) = block.as_chunks() else {
            return Err(corrupt("a malformed interface description"));
        };
        let options = &block[INTERFACE_OPTIONS..block.len() - TRAILER];
        let option = |code| self.option(options, code);
        let resolution = option(RESOLUTION).and_then(|value| value.first());
        let offset = option(TIME_OFFSET).and_then(|value| Some(*value.first_chunk()?));
        let offset = match self.is_big_endian {
            true => offset.map(i64::from_be_bytes),
            false => offset.map(i64::from_le_bytes),
        };
        let resolution = *resolution.unwrap_or(&USUAL_RESOLUTION);
        let clock = Clock::new(resolution, offset.unwrap_or(0));
        let [link, _] = self.halves(link);
        let interface = Interface::new(link.into(), clock, self.number(snap));
        let interface = interface.named(option(NAME).unwrap_or_default());
        self.interfaces.push(interfaces.add(interface)?);
        Ok(())
    }

    fn packet(&mut self, kind: u32, block: &[u8], interfaces: &Interfaces) -> io::Result<Found> {
        let (&[_, _, place, high, low, captured, wire, _, ..], _) = block.as_chunks() else {
            return Err(corrupt("a packet block without room for its header"));
        };
        let place = match (kind, self.is_big_endian) {
            (ENHANCED_PACKET, _) => self.number(place),
            (_, true) => self.number(place) >> 16,
            (_, false) => self.number(place) & 0xffff,
        };
        let (interface, described) = self.interface(place, interfaces)?;
        let captured = self.number(captured);
        let rest = block[DATA..block.len() - TRAILER].split_at_checked(captured as usize);
        let Some((_, padded_options)) = rest else {
            let block_bytes = block.len();
            return Err(corrupt(format!(
                "{captured} bytes of a packet in a block of {block_bytes}"
            )));
        };
        let padding = (captured as usize).next_multiple_of(4) - captured as usize;
        let ticks = u64::from(self.number(high)) << 32 | u64::from(self.number(low));
        self.time_ns = described.clock.time_ns(ticks);
        Ok(Found {
            block_bytes: block.len(),
            at: DATA,
            bytes: captured as usize,
            wire_bytes: self.number(wire),
            time_ns: self.time_ns,
            interface,
            direction: self.direction(padded_options.get(padding..).unwrap_or_default()),
        })
    }

    /// A packet of the first interface without a time, for which that of the packet before is used.
    fn simple_packet(&self, block: &[u8], interfaces: &Interfaces) -> io::Result<Found> {
        let (interface, described) = self.interface(0, interfaces)?;
        let (&[_, _, wire, _, ..], _) = block.as_chunks() else {
            return Err(corrupt("a simple packet block without room for its header"));
        };
        let wire_bytes = self.number(wire);
        let captured = match described.snap_bytes {
            0 => wire_bytes,
            limit => wire_bytes.min(limit),
        };
        Ok(Found {
            block_bytes: block.len(),
            at: SIMPLE_DATA,
            bytes: (captured as usize).min(block.len() - SIMPLE_DATA - TRAILER),
            wire_bytes,
            time_ns: self.time_ns,
            interface,
            direction: None,
        })
    }

    fn interface<'a>(&self, place: u32, all: &'a Interfaces) -> io::Result<(u32, &'a Interface)> {
        let number = self.interfaces.get(place as usize).copied();
        number
            .and_then(|number| Some((number, all.find(number)?)))
            .ok_or_else(|| corrupt(format!("interface {place}, which is not described")))
    }

    /// `epb_flags`: the lowest two bits are the direction, the next three the kind of address.
    fn direction(&self, options: &[u8]) -> Option<Direction> {
        let bytes = self.option(options, FLAGS)?.try_into().ok()?;
        let flags = self.number(bytes);
        match (flags & 3, flags >> 2 & 7) {
            (1, 4) => Some(Direction::Passing),
            (1, _) => Some(Direction::Incoming),
            (2, _) => Some(Direction::Outgoing),
            _ => None,
        }
    }

    fn option<'a>(&self, mut options: &'a [u8], code: u16) -> Option<&'a [u8]> {
        loop {
            let (head, rest) = options.split_first_chunk()?;
            let [found, length] = self.halves(*head);
            let length = usize::from(length);
            match found {
                END => return None,
                found if found == code => return rest.get(..length),
                _ => options = rest.get(length.next_multiple_of(4)..)?,
            }
        }
    }

    fn halves(&self, [a, b, c, d]: [u8; 4]) -> [u16; 2] {
        let half = match self.is_big_endian {
            true => u16::from_be_bytes,
            false => u16::from_le_bytes,
        };
        [half([a, b]), half([c, d])]
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        number(bytes, self.is_big_endian)
    }
}

fn is_big_endian(magic: [u8; 4]) -> io::Result<bool> {
    match magic {
        [0x1a, 0x2b, 0x3c, 0x4d] => Ok(true),
        [0x4d, 0x3c, 0x2b, 0x1a] => Ok(false),
        _ => Err(corrupt("a section header without its magic number")),
    }
}
