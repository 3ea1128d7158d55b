//! `struct packet_diag_msg`, `netlink_diag_msg` and `vsock_diag_msg` and their attributes
//! (include/uapi/linux/{packet,netlink,vm_sockets}_diag.h).

use super::{Undecodable, attribute, memory, number};
use crate::model::{OtherEnd, OtherSocket, SocketProtocol, SocketState, SocketType};

const PACKET_INFO: u16 = 0;
const PACKET_UID: u16 = 5;
const PACKET_MEMINFO: u16 = 6;
const NETLINK_MEMINFO: u16 = 0;

/// `NETLINK_CONNECTED`
const NETLINK_CONNECTED: u8 = 1;

/// `VMADDR_CID_ANY` and `VMADDR_PORT_ANY`
const ANY: u32 = u32::MAX;

/// The fixed part as its bytes and 32-bit words.
struct Fixed<'a> {
    bytes: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Fixed<'a> {
    fn of(payload: &'a [u8], length: usize) -> Result<Self, Undecodable> {
        let (bytes, attributes) = payload.split_at_checked(length).ok_or(Undecodable)?;
        Ok(Fixed { bytes, attributes })
    }

    fn word(&self, at: usize) -> u32 {
        number(&self.bytes[at..]).unwrap_or_default()
    }

    fn cookie(&self, at: usize) -> Option<u64> {
        Some(u64::from(self.word(at + 4)) << 32 | u64::from(self.word(at)))
    }
}

/// `u8 family, type; u16 num; u32 ino, cookie[2]`
pub fn packet(payload: &[u8]) -> Result<OtherSocket, Undecodable> {
    let fixed = Fixed::of(payload, 16)?;
    let value = |kind| attribute(fixed.attributes, kind);
    let memory = value(PACKET_MEMINFO).and_then(memory);
    Ok(OtherSocket {
        protocol: SocketProtocol::Packet,
        kind: SocketType::from_number(fixed.bytes[1]),
        state: SocketState::Close,
        local: OtherEnd::Packet {
            ethertype: u16::from_ne_bytes([fixed.bytes[2], fixed.bytes[3]]),
            interface: value(PACKET_INFO).and_then(number).unwrap_or_default(),
        },
        peer: None,
        receive_queue: memory.map(|memory| memory.receive_bytes),
        send_queue: None,
        uid: value(PACKET_UID).and_then(number),
        inode: fixed.word(4),
        cookie: fixed.cookie(8),
        memory,
    })
}

/// `u8 family, type, protocol, state; u32 portid, dst_portid, dst_group, ino, cookie[2]`
pub fn netlink(payload: &[u8]) -> Result<OtherSocket, Undecodable> {
    let fixed = Fixed::of(payload, 28)?;
    let memory = attribute(fixed.attributes, NETLINK_MEMINFO).and_then(memory);
    let (port_id, group) = (fixed.word(8), fixed.word(12));
    Ok(OtherSocket {
        protocol: SocketProtocol::Netlink,
        kind: SocketType::from_number(fixed.bytes[1]),
        state: SocketState::Close,
        local: OtherEnd::Netlink {
            number: fixed.bytes[2].into(),
            port_id: fixed.word(4),
        },
        // The kernel itself is 0.
        peer: (fixed.bytes[3] == NETLINK_CONNECTED).then_some(OtherEnd::Netlink {
            number: group,
            port_id,
        }),
        receive_queue: memory.map(|memory| memory.receive_bytes),
        send_queue: memory.map(|memory| memory.send_bytes),
        uid: None,
        inode: fixed.word(16),
        cookie: fixed.cookie(20),
        memory,
    })
}

/// `u8 family, type, state, shutdown; u32 src_cid, src_port, dst_cid, dst_port, ino, cookie[2]`
pub fn vsock(payload: &[u8]) -> Result<OtherSocket, Undecodable> {
    let fixed = Fixed::of(payload, 32)?;
    let end = |at| OtherEnd::Vsock {
        cid: fixed.word(at),
        port: fixed.word(at + 4),
    };
    let peer = end(12);
    let nobody = OtherEnd::Vsock {
        cid: ANY,
        port: ANY,
    };
    Ok(OtherSocket {
        protocol: SocketProtocol::Vsock,
        kind: SocketType::from_number(fixed.bytes[1]),
        state: SocketState::from_number(fixed.bytes[2]).ok_or(Undecodable)?,
        local: end(4),
        peer: (peer != nobody).then_some(peer),
        receive_queue: None,
        send_queue: None,
        uid: None,
        inode: fixed.word(20),
        cookie: fixed.cookie(24),
        memory: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::unix;
    use proptest::prelude::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn with(mut fixed: Vec<u8>, kind: u16, value: &[u8]) -> Vec<u8> {
        fixed.extend((4 + value.len() as u16).to_ne_bytes());
        fixed.extend(kind.to_ne_bytes());
        fixed.extend(value);
        fixed
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_packet_socket() {
        // AF_PACKET, SOCK_RAW, ETH_P_ALL; inode 7, cookie 5; interface 2, which five words follow.
        let fixed = [vec![17, 3, 3, 0], words(&[7, 5, 1])].concat();
        let payload = with(fixed, PACKET_INFO, &words(&[2, 0, 0, 0, 0, 0]));
        let payload = with(
            payload,
            PACKET_MEMINFO,
            &words(&[4096, 212992, 0, 0, 0, 0, 0, 0, 9]),
        );
        let socket = packet(&payload).unwrap();
        assert_eq!(socket.kind, Some(SocketType::Raw));
        let local = OtherEnd::Packet {
            ethertype: 3,
            interface: 2,
        };
        assert_eq!((socket.local, socket.inode), (local, 7));
        assert_eq!(socket.cookie, Some(1 << 32 | 5));
        assert_eq!(
            (socket.receive_queue, socket.send_queue),
            (Some(4096), None)
        );
        assert_eq!(socket.memory.unwrap().drops, Some(9));
        assert_eq!(socket.uid, None, "not sent");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_netlink_socket() {
        // AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, connected to nobody.
        let payload = [vec![16, 3, 0, 0], words(&[731, 0, 0, 8, 5, 0])].concat();
        let socket = netlink(&payload).unwrap();
        let local = OtherEnd::Netlink {
            number: 0,
            port_id: 731,
        };
        assert_eq!((socket.local, socket.peer), (local, None));
        let payload = [vec![16, 3, 4, 1], words(&[731, 9, 2, 8, 5, 0])].concat();
        let peer = OtherEnd::Netlink {
            number: 2,
            port_id: 9,
        };
        assert_eq!(netlink(&payload).unwrap().peer, Some(peer));
        let payload = [vec![16, 3, 0, 1], words(&[731, 0, 0, 8, 5, 0])].concat();
        let kernel = OtherEnd::Netlink {
            number: 0,
            port_id: 0,
        };
        assert_eq!(netlink(&payload).unwrap().peer, Some(kernel));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_vsock_listener_has_no_peer() {
        // AF_VSOCK, SOCK_STREAM, TCP_LISTEN.
        let payload = [vec![40, 1, 10, 0], words(&[2, 1024, ANY, ANY, 8, 5, 0])].concat();
        let socket = vsock(&payload).unwrap();
        assert_eq!((socket.state, socket.peer), (SocketState::Listen, None));
        assert_eq!(
            (socket.receive_queue, socket.send_queue),
            (None, None),
            "not sent"
        );
        let local = OtherEnd::Vsock { cid: 2, port: 1024 };
        assert_eq!(socket.local, local);
        let of_no_state = [vec![40, 1, 99, 0], words(&[0; 7])].concat();
        assert!(vsock(&of_no_state).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = packet(&bytes);
            let _ = netlink(&bytes);
            let _ = vsock(&bytes);
            let _ = unix::socket(&bytes);
        }
    }
}
