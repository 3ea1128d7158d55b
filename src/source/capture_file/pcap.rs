//! The old format of capture files: one header, then packets (man 5 pcap-savefile).

use std::io;

use pcap_parser::{
    PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::{
    Found, LARGEST_BLOCK_BYTES, Step, clock::Clock, corrupt, interfaces::Interface, number,
    window::Window,
};

/// The first four bytes, in either byte order, with microseconds and with nanoseconds; the last is
/// the modified format of some Linux systems, with a longer header of each packet.
pub(super) const MAGICS: [[u8; 4]; 5] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
];
/// Programs write it for "no limit" (libpcap: `MAXIMUM_SNAPLEN`).
const LARGEST_PACKET_BYTES: u32 = 262_144;
/// The highest bits are the length of the frame check sequence behind each packet.
const LINK_BITS: u32 = 0x03ff_ffff;
const SECOND_NS: u64 = 1_000_000_000;

pub(super) struct Pcap {
    header: PcapHeader,
    /// Resolution of the second part of a time stamp.
    fraction: Clock,
    largest_packet_bytes: u32,
}

impl Pcap {
    /// Reads the header, which describes the only interface.
    pub fn begin(window: &mut Window) -> io::Result<(Pcap, Interface)> {
        let bytes = window.ask(PcapHeader::new().size())?;
        let (_, header) =
            parse_pcap_header(bytes).map_err(|_| corrupt("the file ends in its header"))?;
        window.consume(header.size());
        let largest = header.snaplen.max(LARGEST_PACKET_BYTES);
        let pcap = Pcap {
            fraction: match header.is_nanosecond_precision() {
                true => Clock::NANOSECONDS,
                false => Clock::MICROSECONDS,
            },
            largest_packet_bytes: largest.min(LARGEST_BLOCK_BYTES),
            header,
        };
        let link = pcap.header.network.0 as u32 & LINK_BITS;
        let interface = Interface::new(link, pcap.fraction, pcap.header.snaplen);
        Ok((pcap, interface))
    }

    pub fn step(&self, window: &mut Window) -> io::Result<Step> {
        let (is_modified, is_big_endian) =
            (self.header.is_modified_format(), self.header.is_bigendian());
        let header_bytes = if is_modified { 24 } else { 16 };
        let Some(header) = window.ask(header_bytes)?.get(..header_bytes) else {
            return Ok(Step::end(window));
        };
        let captured = [header[8], header[9], header[10], header[11]];
        let captured = number(captured, is_big_endian);
        if captured > self.largest_packet_bytes {
            return Err(corrupt(format!("a packet of {captured} bytes")));
        }
        let whole_bytes = header_bytes + captured as usize;
        let Some(bytes) = window.ask(whole_bytes)?.get(..whole_bytes) else {
            return Ok(Step::Cut);
        };
        let parse = match (is_modified, is_big_endian) {
            (true, _) => parse_pcap_frame_modified,
            (false, true) => parse_pcap_frame_be,
            (false, false) => parse_pcap_frame,
        };
        let (_, frame) = parse(bytes).map_err(|_| corrupt("a malformed packet header"))?;
        let fraction_ns = self.fraction.time_ns(frame.ts_usec.into());
        Ok(Step::Packet(Found {
            block_bytes: whole_bytes,
            at: header_bytes,
            bytes: frame.data.len(),
            wire_bytes: frame.origlen,
            time_ns: u64::from(frame.ts_sec) * SECOND_NS + fraction_ns,
            interface: 0,
            direction: None,
        }))
    }
}
