//! Packets for the filter, built from their parts.

use super::interpreter::Known;

/// A packet as a cooked socket's filter sees it.
#[derive(Debug, Clone)]
pub struct Built {
    pub bytes: Vec<u8>,
    pub known: Known,
}

impl Built {
    /// The same in a VLAN, with its tag in the bytes.
    pub fn tagged(&self, tag: u16) -> Built {
        let mut bytes = tag.to_be_bytes().to_vec();
        bytes.extend((self.known.protocol as u16).to_be_bytes());
        bytes.extend(&self.bytes);
        let known = Known {
            protocol: 0x8100,
            ..self.known
        };
        Built { bytes, known }
    }
}

/// What an IP header is built from.
#[derive(Debug, Clone)]
pub struct Ip {
    pub addresses: Addresses,
    /// IPv4: words of options. IPv6: kinds of extension headers, each with its length in words of
    /// eight bytes beyond the first, of four beyond two for the authentication header.
    pub options: u8,
    pub extensions: Vec<(u8, u8)>,
    /// IPv4: the word of flags and offset. IPv6: that of a fragment header, which is there unless
    /// this is `None`.
    pub fragment: Option<u16>,
    pub protocol: u8,
}

#[derive(Debug, Clone, Copy)]
pub enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

impl Ip {
    /// From 10.0.0.1 to 10.0.0.2.
    pub fn v4() -> Self {
        Self::with(Addresses::V4([10, 0, 0, 1], [10, 0, 0, 2]))
    }

    /// From 2001:: to 2002::.
    pub fn v6() -> Self {
        let address = |second| std::array::from_fn(|at| [0x20, second].get(at).map_or(0, |b| *b));
        Self::with(Addresses::V6(address(1), address(2)))
    }

    pub fn with(addresses: Addresses) -> Self {
        Ip {
            addresses,
            options: 0,
            extensions: Vec::new(),
            fragment: None,
            protocol: 6,
        }
    }

    pub fn fragment(mut self, word: u16) -> Self {
        self.fragment = Some(word);
        self
    }

    /// The packet with this behind its headers.
    pub fn carries(&self, payload: &[u8]) -> Built {
        let (protocol, bytes) = match self.addresses {
            Addresses::V4(source, destination) => {
                (0x0800, self.v4_bytes(source, destination, payload))
            }
            Addresses::V6(source, destination) => {
                (0x86dd, self.v6_bytes(source, destination, payload))
            }
        };
        let known = Known {
            protocol,
            packet_type: 0,
            hardware: 1,
        };
        Built { bytes, known }
    }

    #[rustfmt::skip]
    fn v4_bytes(&self, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let words = 5 + self.options;
        let total = usize::from(words) * 4 + payload.len();
        let mut bytes = vec![0x40 | words, 0];
        bytes.extend((total as u16).to_be_bytes());
        bytes.extend([0x12, 0x34]);                                  // identification
        bytes.extend(self.fragment.unwrap_or(0x4000).to_be_bytes()); // flags and offset
        bytes.extend([64, self.protocol, 0, 0]);                     // hops, protocol, checksum
        bytes.extend(source);
        bytes.extend(destination);
        bytes.resize(usize::from(words) * 4, 1);
        bytes.extend(payload);
        bytes
    }

    fn v6_bytes(&self, source: [u8; 16], destination: [u8; 16], payload: &[u8]) -> Vec<u8> {
        let mut headers = self.extension_headers();
        let first = headers.first().map_or(self.protocol, |(kind, _)| *kind);
        let kinds: Vec<u8> = headers.iter().map(|(kind, _)| *kind).collect();
        for (at, (_, header)) in headers.iter_mut().enumerate() {
            header[0] = kinds.get(at + 1).copied().unwrap_or(self.protocol);
        }
        let rest: Vec<u8> = headers.into_iter().flat_map(|(_, header)| header).collect();
        let length = rest.len() + payload.len();
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend((length as u16).to_be_bytes());
        bytes.extend([first, 64]);
        bytes.extend(source);
        bytes.extend(destination);
        bytes.extend(rest);
        bytes.extend(payload);
        bytes
    }

    fn extension_headers(&self) -> Vec<(u8, Vec<u8>)> {
        let header = |(kind, length): (u8, u8)| {
            let bytes = match kind {
                51 => (usize::from(length) + 2) * 4,
                _ => (usize::from(length) + 1) * 8,
            };
            let mut header = vec![0; bytes];
            header[1] = length;
            (kind, header)
        };
        let mut headers: Vec<_> = self.extensions.iter().copied().map(header).collect();
        if let Some(word) = self.fragment {
            let [high, low] = word.to_be_bytes();
            headers.push((44, vec![0, 0, high, low, 0, 0, 0, 1]));
        }
        headers
    }
}

/// A TCP header, from port 40000 to 80, and so much data.
pub fn segment(flags: u8, payload: usize) -> Vec<u8> {
    segment_between(40000, 80, 0, flags, payload)
}

/// A TCP header with words of options, and so much data.
pub fn segment_between(from: u16, to: u16, options: u8, flags: u8, payload: usize) -> Vec<u8> {
    let words = 5 + options;
    let mut bytes = from.to_be_bytes().to_vec();
    bytes.extend(to.to_be_bytes());
    bytes.resize(12, 7);
    bytes.extend([words << 4, flags]);
    bytes.resize(usize::from(words) * 4 + payload, 0);
    bytes
}
