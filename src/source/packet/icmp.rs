//! ICMP errors that quote a TCP segment (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::{
    Decoded, Packet,
    ip::{self, Carried},
};
use crate::model::{Address, IcmpError};

/// Type, code, checksum, and four bytes whose meaning depends on the type.
const HEADER: usize = 8;
/// Destination unreachable and time exceeded, of ICMP and of ICMPv6.
pub const ERRORS: [u8; 2] = [3, 11];
pub const ERRORS_V6: [u8; 2] = [1, 3];
/// Code of ICMP's destination unreachable: the packet is too long, which a later one need not be.
const FRAGMENTATION_NEEDED: u8 = 4;

pub(super) fn decode(packet: &Packet<'_>, sender: IpAddr, bytes: &[u8]) -> Decoded {
    let error = error(packet, sender, bytes);
    error.map_or(Decoded::Other, Decoded::IcmpError)
}

fn error(packet: &Packet<'_>, sender: IpAddr, bytes: &[u8]) -> Option<IcmpError> {
    let (header, quoted) = bytes.split_at_checked(HEADER)?;
    let (kind, code) = (header[0], header[1]);
    let is_error = match sender.is_ipv4() {
        true => ERRORS.contains(&kind) && (kind, code) != (ERRORS[0], FRAGMENTATION_NEEDED),
        false => ERRORS_V6.contains(&kind),
    };
    let Carried::Tcp(segment) = ip::decode(quoted, quoted.len()) else {
        return None;
    };
    let port = |at: usize| Some(u16::from_be_bytes(*segment.bytes.get(at..)?.first_chunk()?));
    let end = |address, at| {
        let port = port(at)?;
        Some(Address { address, port })
    };
    is_error.then_some(IcmpError {
        number: packet.number,
        time_ns: packet.time_ns,
        sender,
        kind,
        code,
        source: end(segment.source, 0)?,
        destination: end(segment.destination, 2)?,
        sequence: u32::from_be_bytes(*segment.bytes.get(4..)?.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use crate::source::packet::{
        Decoded, LinkType,
        samples::{SYN_V4, header_v6, packet, syn},
    };

    /// An ICMP error from 10.0.0.5, or an ICMPv6 error from the destination of the samples.
    fn error(is_v6: bool, kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
        let body = [&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat();
        if is_v6 {
            return [&header_v6(58, body.len() as u16)[..], &body].concat();
        }
        let mut bytes = SYN_V4[..20].to_vec();
        bytes[2..4].copy_from_slice(&(20 + body.len() as u16).to_be_bytes());
        bytes[9] = 1;
        bytes.extend(body);
        bytes
    }

    fn quoting_v6() -> Vec<u8> {
        [&header_v6(6, syn().len() as u16)[..], syn()].concat()
    }

    #[test]
    fn the_quoted_segment_is_found() {
        for (is_v6, kind, quoted) in [(false, 3, SYN_V4.to_vec()), (true, 1, quoting_v6())] {
            // A router may quote no more than eight bytes behind the IP header.
            let header = if is_v6 { 40 } else { 20 };
            for length in [quoted.len(), header + 8] {
                let bytes = error(is_v6, kind, 3, &quoted[..length]);
                let Decoded::IcmpError(found) = packet(LinkType::Raw, &bytes).decode() else {
                    panic!("{bytes:?}");
                };
                assert_eq!((found.kind, found.code), (kind, 3));
                assert_eq!(found.source.port, 45000);
                assert_eq!(found.destination.port, 8080);
                assert_eq!(found.sequence, 0x0102_0304);
                assert_eq!(found.source.address.is_ipv6(), is_v6);
            }
        }
    }

    #[test]
    fn other_messages_and_quotes_cut_short_are_none() {
        for (is_v6, kind, code, cut) in [
            (false, 8, 0, 0),
            (false, 3, 4, 0),
            (true, 128, 0, 0),
            (false, 3, 3, 33),
            (true, 1, 4, 33),
        ] {
            let quoted = if is_v6 { quoting_v6() } else { SYN_V4.to_vec() };
            let bytes = error(is_v6, kind, code, &quoted[..quoted.len() - cut]);
            let found = packet(LinkType::Raw, &bytes).decode();
            assert_eq!(found, Decoded::Other, "{kind} {code} {cut}");
        }
    }
}
