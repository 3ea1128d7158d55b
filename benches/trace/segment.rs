//! TCP segments in IPv4 packets, as bytes (RFC 791, RFC 9293). Checksums are left out, as a kernel
//! leaves them to the device.

use std::net::SocketAddrV4;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// What Linux offers: MSS, SACK, timestamps, window scale.
const SYN_OPTIONS: [u8; 20] = [
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7,
];
/// Timestamps only.
const OPTIONS: [u8; 12] = [1, 1, 8, 10, 0, 1, 2, 3, 0, 4, 5, 6];

const IP_HEADER_BYTES: usize = 20;
const TCP_HEADER_BYTES: usize = 20;

pub struct Segment {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: u8,
    pub payload_bytes: usize,
}

impl Segment {
    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let options: &[u8] = match self.flags {
            flags if flags & SYN != 0 => &SYN_OPTIONS,
            flags if flags & RST != 0 => &[],
            _ => &OPTIONS,
        };
        let tcp_bytes = TCP_HEADER_BYTES + options.len() + self.payload_bytes;
        self.write_ip(out, IP_HEADER_BYTES + tcp_bytes);
        out.extend(self.from.port().to_be_bytes());
        out.extend(self.to.port().to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.acknowledgement.to_be_bytes());
        let words = (TCP_HEADER_BYTES + options.len()) / 4;
        out.extend([(words as u8) << 4, self.flags]);
        out.extend([0xfa, 0xf0, 0, 0, 0, 0]); // window, checksum, urgent pointer
        out.extend(options);
        out.resize(out.len() + self.payload_bytes, b'x');
    }

    fn write_ip(&self, out: &mut Vec<u8>, total_bytes: usize) {
        out.extend([0x45, 0]);
        out.extend((total_bytes as u16).to_be_bytes());
        out.extend([0, 0, 0x40, 0, 64, 6, 0, 0]); // may not be fragmented; TCP
        out.extend(self.from.ip().octets());
        out.extend(self.to.ip().octets());
    }
}
