//! Network interfaces and what they count: RTM_GETLINK (man 7 rtnetlink), `struct ifinfomsg`
//! (16 bytes) and attributes (include/uapi/linux/if_link.h). Needs no privilege.

use std::ops::ControlFlow;

use super::{
    inet::{attribute, number},
    netlink::{Channel, DumpEnd, Fixed, NETLINK_ROUTE, Undecodable},
};
use crate::{
    Error, Result,
    model::snapshot::{Interface, InterfaceStats},
};

const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`, and the offset of `ifi_index` in it.
const HEADER: usize = 16;
const INDEX: usize = 4;

const IFNAME: u16 = 3;
const MASTER: u16 = 10;
const LINKINFO: u16 = 18;
const STATS64: u16 = 23;
/// `IFLA_INFO_KIND`, inside LINKINFO.
const KIND: u16 = 1;

/// The interfaces of the calling thread's network namespace.
pub fn links() -> Result<(Vec<Interface>, DumpEnd)> {
    let mut found = Vec::new();
    let mut each = |payload: &[u8]| {
        found.push(decode(payload).ok_or(Undecodable)?);
        Ok(ControlFlow::Continue(()))
    };
    let request = Fixed {
        kind: RTM_GETLINK,
        payload: [0; HEADER],
    };
    let channel = Channel::open(NETLINK_ROUTE);
    let dumped = channel.and_then(|mut channel| channel.dump(request, None, &mut each));
    let end = dumped.map_err(|cause| Error::Netlink("network interfaces", cause))?;
    Ok((found, end))
}

fn decode(payload: &[u8]) -> Option<Interface> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let value = |kind| attribute(attributes, kind);
    let kind = value(LINKINFO).and_then(|nested| attribute(nested, KIND));
    Some(Interface {
        index: number(&header[INDEX..])?,
        name: text(value(IFNAME)?),
        kind: kind.map(text),
        master: value(MASTER).and_then(number),
        stats: stats(value(STATS64)?)?,
    })
}

/// Up to the NUL byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let bytes = &bytes[..end.unwrap_or(bytes.len())];
    String::from_utf8_lossy(bytes).into_owned()
}

/// 64-bit numbers, of which newer kernels send more.
fn stats(bytes: &[u8]) -> Option<InterfaceStats> {
    let number = |index: usize| {
        let bytes = bytes.get(index * 8..)?;
        Some(u64::from_ne_bytes(*bytes.first_chunk()?))
    };
    Some(InterfaceStats {
        rx_packets: number(0)?,
        tx_packets: number(1)?,
        rx_errors: number(4)?,
        tx_errors: number(5)?,
        rx_dropped: number(6)?,
        tx_dropped: number(7)?,
        rx_crc_errors: number(12)?,
        rx_missed_errors: number(15)?,
        rx_nohandler: number(23),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length, kind, value, padding.
    fn nla(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = (4 + value.len()) as u16;
        let head = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        let mut bytes = [&head, value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// Each number is its own index.
    fn numbered(count: u64) -> Vec<u8> {
        (0..count).flat_map(u64::to_ne_bytes).collect()
    }

    fn message(stats: &[u8]) -> Vec<u8> {
        [
            &[0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &nla(IFNAME, b"near\0"),
            &nla(MASTER, &4u32.to_ne_bytes()),
            &nla(STATS64, stats),
            &nla(LINKINFO, &nla(KIND, b"veth\0")),
        ]
        .concat()
    }

    #[test]
    fn an_interface_has_a_name_a_kind_and_numbers() {
        let expected = Interface {
            index: 7,
            name: "near".into(),
            kind: Some("veth".into()),
            master: Some(4),
            stats: InterfaceStats {
                rx_packets: 0,
                tx_packets: 1,
                rx_errors: 4,
                tx_errors: 5,
                rx_dropped: 6,
                tx_dropped: 7,
                rx_crc_errors: 12,
                rx_missed_errors: 15,
                rx_nohandler: Some(23),
            },
        };
        assert_eq!(decode(&message(&numbered(25))), Some(expected.clone()));
        let older = decode(&message(&numbered(23))).expect("3.2 had 23 numbers");
        assert_eq!(older.stats.rx_nohandler, None);
        assert_eq!(decode(&message(&numbered(15))), None, "no kernel has fewer");
    }

    #[test]
    fn a_message_cut_short_is_no_interface_or_lacks_its_end() {
        let whole = message(&numbered(25));
        for length in 0..whole.len() {
            let cut = decode(&whole[..length]);
            assert!(cut.is_none_or(|cut| cut.name == "near"), "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..300, byte: u8, length in 0usize..300) {
            let mut bytes = message(&numbered(25));
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(length);
            decode(&bytes);
        }
    }
}
