//! One unix socket in a dump: `struct unix_diag_msg` and its attributes
//! (include/uapi/linux/unix_diag.h, net/unix/diag.c).

use netlink_packet_core::Parseable;
use netlink_packet_sock_diag::unix::{UnixResponseBuffer, UnixResponseHeader};

use super::{
    inet::{attribute, memory, number},
    netlink::Undecodable,
};
use crate::model::{
    Listener, Local, OtherEnd, OtherSocket, Protocol, Queue, SocketProtocol, SocketState,
    SocketType,
};

const HEADER: usize = size_of::<UnixResponseBuffer>();
const NAME: u16 = 0;
const PEER: u16 = 2;
const RQLEN: u16 = 4;
const MEMINFO: u16 = 5;
const UID: u16 = 7;

/// Queue length and limit come in one attribute, without which there is nothing to report.
pub fn listener(payload: &[u8]) -> Result<Listener, Undecodable> {
    let (fixed, attributes) = payload.split_at_checked(HEADER).ok_or(Undecodable)?;
    let header = UnixResponseHeader::parse(fixed).map_err(|_| Undecodable)?;
    let (length, limit) = queue(attributes).ok_or(Undecodable)?;
    Ok(Listener {
        protocol: Protocol::Unix,
        local: Local::Unix(name(attribute(attributes, NAME).unwrap_or_default())),
        v6only: None,
        queue: Queue::Accept { length, limit },
        drops: None,
        uid: attribute(attributes, UID).and_then(number),
        inode: header.inode,
        cookie: u64::from_ne_bytes(header.cookie),
        cgroup_id: None,
    })
}

/// A socket in any state. Its peer is known by its inode alone.
pub fn socket(payload: &[u8]) -> Result<OtherSocket, Undecodable> {
    let (fixed, attributes) = payload.split_at_checked(HEADER).ok_or(Undecodable)?;
    let header = UnixResponseHeader::parse(fixed).map_err(|_| Undecodable)?;
    let value = |kind| attribute(attributes, kind);
    let (receive_queue, send_queue) = queue(attributes).unzip();
    let peer = value(PEER).and_then(number).filter(|inode| *inode != 0);
    Ok(OtherSocket {
        protocol: SocketProtocol::Unix,
        kind: SocketType::from_number(header.kind),
        state: SocketState::from_number(header.state).ok_or(Undecodable)?,
        local: OtherEnd::Unix {
            name: name(value(NAME).unwrap_or_default()),
            inode: header.inode,
        },
        peer: peer.map(|inode| OtherEnd::Unix {
            name: Vec::new(),
            inode,
        }),
        receive_queue,
        send_queue,
        uid: value(UID).and_then(number),
        inode: header.inode,
        cookie: Some(u64::from_ne_bytes(header.cookie)),
        memory: value(MEMINFO).and_then(memory),
    })
}

/// The inode of a socket, and its name where it has one.
pub fn named(payload: &[u8]) -> Result<(u32, Option<Vec<u8>>), Undecodable> {
    let (fixed, attributes) = payload.split_at_checked(HEADER).ok_or(Undecodable)?;
    let header = UnixResponseHeader::parse(fixed).map_err(|_| Undecodable)?;
    Ok((header.inode, attribute(attributes, NAME).map(name)))
}

fn queue(attributes: &[u8]) -> Option<(u32, u32)> {
    let value = attribute(attributes, RQLEN)?;
    Some((number(value)?, number(&value[4..])?))
}

/// A path is a C string; an abstract name begins with a zero byte and may contain more.
fn name(bytes: &[u8]) -> Vec<u8> {
    match bytes.iter().position(|byte| *byte == 0) {
        None | Some(0) => bytes.to_vec(),
        Some(end) => bytes[..end].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[rustfmt::skip]
    fn row(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![1, 1, 10, 0];              // AF_UNIX, SOCK_STREAM, LISTEN, pad
        bytes.extend(4711u32.to_ne_bytes());            // inode
        bytes.extend([5, 0, 0, 0, 0, 0, 0, 0]);         // cookie
        for (kind, value) in attributes {
            bytes.extend((4 + value.len() as u16).to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    const QUEUE: &[u8] = &[3, 0, 0, 0, 2, 0, 0, 0];

    #[test]
    #[cfg(target_endian = "little")]
    fn a_listener_of_this_kernel() {
        let bytes = row(&[
            (NAME, b"/run/x.sock\0"),
            (RQLEN, QUEUE),
            (UID, &[33, 0, 0, 0]),
        ]);
        let listener = listener(&bytes).unwrap();
        assert_eq!(listener.local, Local::Unix(b"/run/x.sock".to_vec()));
        assert_eq!(
            listener.queue,
            Queue::Accept {
                length: 3,
                limit: 2
            }
        );
        assert_eq!(
            (listener.uid, listener.inode, listener.cookie),
            (Some(33), 4711, 5)
        );
    }

    #[test]
    fn an_abstract_name_keeps_its_zero_bytes() {
        let listener = listener(&row(&[(NAME, b"\0a\0b"), (RQLEN, QUEUE)])).unwrap();
        assert_eq!(listener.local, Local::Unix(b"\0a\0b".to_vec()));
        assert_eq!(listener.uid, None, "kernels before 5.3 do not send it");
    }

    #[test]
    fn a_row_without_its_queue_or_cut_short_is_undecodable() {
        assert!(listener(&row(&[(NAME, b"/x\0")])).is_err());
        let whole = row(&[(RQLEN, QUEUE)]);
        for length in 0..whole.len() {
            assert!(listener(&whole[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = listener(&bytes);
            let _ = listener(&[row(&[]), bytes].concat());
        }
    }
}
