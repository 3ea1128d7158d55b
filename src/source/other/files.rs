//! `/proc/net/raw`, `raw6`, `packet` and `netlink`, for kernels without the diag module of the
//! family (net/ipv4/raw.c, net/packet/af_packet.c, net/netlink/af_netlink.c).
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
//!    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
//! sk               RefCnt Type Proto  Iface R Rmem   User   Inode
//! 0000000000000000 3      3    0003   2     1 0      0      4712
//! sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//! 0000000000000000 0   731        00000001 0        0        0     2        0        4713
//! ```
//!
//! A line that is not of this form is counted as undecodable.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::ControlFlow,
};

use crate::{
    Result,
    model::{
        Address, Endpoint, Families, Family, Filter, Local, OtherEnd, OtherSocket, SocketProtocol,
        SocketRow, SocketState, SocketType, filter::View,
    },
    source::{Kernel, Walk},
};

/// The sockets of one protocol, as text.
pub struct SocketFile {
    protocol: SocketProtocol,
    text: String,
}

impl Kernel {
    /// The files of a protocol in the namespace of the calling thread; none where the kernel has
    /// none.
    pub fn socket_files(
        &self,
        protocol: SocketProtocol,
        families: Families,
    ) -> Result<Vec<SocketFile>> {
        let names: &[&str] = match protocol {
            SocketProtocol::Raw if families == Families::BOTH => &["raw", "raw6"],
            SocketProtocol::Raw if families.v6 => &["raw6"],
            SocketProtocol::Raw => &["raw"],
            SocketProtocol::Packet => &["packet"],
            SocketProtocol::Netlink => &["netlink"],
            _ => &[],
        };
        let mut files = Vec::new();
        for name in names {
            let text = self.read_if_present(&self.net_dir().join(name))?;
            files.extend(text.map(|text| SocketFile { protocol, text }));
        }
        Ok(files)
    }
}

impl SocketFile {
    /// Raw sockets that match, until `each` breaks.
    pub fn raw(&self, filter: &Filter, each: impl FnMut(SocketRow) -> ControlFlow<()>) -> Walk {
        read(&self.text, raw, filter, each)
    }

    /// Packet or netlink sockets that match, until `each` breaks.
    pub fn others(
        &self,
        filter: &Filter,
        each: impl FnMut(OtherSocket) -> ControlFlow<()>,
    ) -> Walk {
        match self.protocol {
            SocketProtocol::Packet => read(&self.text, packet, filter, each),
            _ => read(&self.text, netlink, filter, each),
        }
    }
}

fn read<T: View>(
    text: &str,
    parse: fn(&str) -> Option<T>,
    filter: &Filter,
    mut each: impl FnMut(T) -> ControlFlow<()>,
) -> Walk {
    let mut walk = Walk::default();
    // Behind the line of titles.
    for line in text.lines().skip(1) {
        let Some(row) = parse(line) else {
            walk.undecodable += 1;
            continue;
        };
        if filter.accepts(&row) && each(row).is_break() {
            walk.stopped = true;
            break;
        }
    }
    walk
}

/// The kernel prints the address as 32-bit words of its own byte order.
fn raw(line: &str) -> Option<SocketRow> {
    let word: Vec<&str> = line.split_whitespace().collect();
    let local = address(word.get(1)?)?;
    let (sent, received) = word.get(4)?.split_once(':')?;
    let queue = |digits| u32::from_str_radix(digits, 16).ok();
    Some(SocketRow {
        peer: Some(address(word.get(2)?)?),
        receive_queue: queue(received)?,
        send_queue: queue(sent)?,
        uid: word.get(7)?.parse().ok()?,
        inode: word.get(9)?.parse().ok()?,
        ..SocketRow::bare(
            SocketProtocol::Raw,
            SocketState::from_number(u8::from_str_radix(word.get(3)?, 16).ok()?)?,
            Local::Inet(Endpoint {
                family: match local.address {
                    IpAddr::V4(_) => Family::V4,
                    IpAddr::V6(_) => Family::V6,
                },
                address: local.address,
                port: local.port,
                interface: 0,
            }),
        )
    })
}

fn address(text: &str) -> Option<Address> {
    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    let words = digits.as_bytes().chunks(8);
    for (at, word) in words.enumerate() {
        let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        bytes
            .get_mut(at * 4..at * 4 + 4)?
            .copy_from_slice(&word.to_ne_bytes());
    }
    let address = match digits.len() {
        8 => IpAddr::from(Ipv4Addr::from(*bytes.first_chunk::<4>()?)),
        32 => IpAddr::from(Ipv6Addr::from(bytes)),
        _ => return None,
    };
    Some(Address { address, port })
}

fn packet(line: &str) -> Option<OtherSocket> {
    let word: Vec<&str> = line.split_whitespace().collect();
    Some(OtherSocket {
        kind: SocketType::from_number(word.get(2)?.parse().ok()?),
        receive_queue: Some(word.get(6)?.parse().ok()?),
        uid: Some(word.get(7)?.parse().ok()?),
        ..unconnected(
            SocketProtocol::Packet,
            OtherEnd::Packet {
                ethertype: u16::from_str_radix(word.get(3)?, 16).ok()?,
                interface: word.get(4)?.parse().ok()?,
            },
            word.get(8)?.parse().ok()?,
        )
    })
}

fn netlink(line: &str) -> Option<OtherSocket> {
    let word: Vec<&str> = line.split_whitespace().collect();
    Some(OtherSocket {
        receive_queue: Some(word.get(4)?.parse().ok()?),
        send_queue: Some(word.get(5)?.parse().ok()?),
        ..unconnected(
            SocketProtocol::Netlink,
            OtherEnd::Netlink {
                number: word.get(1)?.parse().ok()?,
                port_id: word.get(2)?.parse().ok()?,
            },
            word.get(9)?.parse().ok()?,
        )
    })
}

fn unconnected(protocol: SocketProtocol, local: OtherEnd, inode: u32) -> OtherSocket {
    OtherSocket {
        protocol,
        kind: None,
        state: SocketState::Close,
        local,
        peer: None,
        receive_queue: None,
        send_queue: None,
        uid: None,
        inode,
        cookie: None,
        memory: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_raw_socket_of_each_family() {
        let v4 = "   1: 0100007F:0001 00000000:0000 07 00000010:00000300 00:00000000 00000000    33        0 4711 2 0000000000000000 0";
        let socket = raw(v4).unwrap();
        let local = Address {
            address: "127.0.0.1".parse().unwrap(),
            port: 1,
        };
        let Local::Inet(at) = socket.local else {
            panic!("{socket:?}")
        };
        assert_eq!((at.address, at.port), (local.address, local.port));
        assert_eq!((socket.send_queue, socket.receive_queue), (0x10, 0x300));
        assert_eq!((socket.uid, socket.inode), (33, 4711));
        assert_eq!(socket.state, SocketState::Close);

        let v6 = "   58: 00000000000000000000000001000000:003A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0000000000000000 0";
        let Local::Inet(at) = raw(v6).unwrap().local else {
            panic!("an internet socket")
        };
        assert_eq!((at.address, at.port), ("::1".parse().unwrap(), 58));
    }

    #[test]
    fn packet_and_netlink_sockets() {
        let text = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n\
                    0000000000000000 3      3    0003   2     1 832    33     4712\n";
        let mut found = Vec::new();
        let walk = read(text, packet, &Filter::ALL, |socket| {
            found.push(socket);
            ControlFlow::Continue(())
        });
        assert_eq!(walk, Walk::default());
        let [socket] = &found[..] else {
            panic!("{found:?}")
        };
        let local = OtherEnd::Packet {
            ethertype: 3,
            interface: 2,
        };
        assert_eq!(socket.local, local);
        assert_eq!(
            (socket.receive_queue, socket.uid, socket.inode),
            (Some(832), Some(33), 4712)
        );
        assert_eq!(socket.send_queue, None, "the file has none");

        let line = "0000000000000000 15  731        00000001 64       32       0     2        0        4713";
        let socket = netlink(line).unwrap();
        let local = OtherEnd::Netlink {
            number: 15,
            port_id: 731,
        };
        assert_eq!((socket.local, socket.inode), (local, 4713));
        assert_eq!(
            (socket.receive_queue, socket.send_queue),
            (Some(64), Some(32))
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "[ 0-9A-Fa-z:é]{0,160}", hex in "[0-9A-F]{0,40}") {
            let _ = (raw(&line), packet(&line), netlink(&line));
            let _ = raw(&format!("1: {hex}:0001 {hex}:0000 07 0:0 0 0 0 0 1"));
        }
    }
}
