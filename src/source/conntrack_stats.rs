//! The table of tracked connections: how full it is, and what was dropped for it.
//!
//! `/proc/net/stat/nf_conntrack` (net/netfilter/nf_conntrack_standalone.c) has a line of names, then
//! a line of hexadecimal numbers for each CPU. Kernels without CONFIG_NF_CONNTRACK_PROCFS are asked
//! by netlink, which needs CAP_NET_ADMIN.

use std::ops::ControlFlow;

use super::{
    Kernel,
    inet::attribute,
    netlink::{Channel, Fixed, NETLINK_NETFILTER, Undecodable},
};
use crate::{
    Error, Result,
    model::snapshot::{Conntrack, ConntrackTotals},
};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU`
const GET_STATS_CPU: u16 = 1 << 8 | 4;
/// `struct nfgenmsg`
const HEADER: usize = 4;
/// `CTA_STATS_…` (include/uapi/linux/netfilter/nfnetlink_conntrack.h), big-endian.
const INSERT_FAILED: u16 = 9;
const DROP: u16 = 10;
const EARLY_DROP: u16 = 11;

impl Kernel {
    /// Of the calling thread's network namespace; `None` where netfilter does not track connections.
    pub(super) fn conntrack(&self) -> Result<Option<Conntrack>> {
        let Some(count) = self.sysctl("netfilter/nf_conntrack_count")? else {
            return Ok(None);
        };
        let text = self.read_if_present(&self.net_dir().join("stat/nf_conntrack"))?;
        Ok(Some(Conntrack {
            count: count.into(),
            max: self.sysctl("netfilter/nf_conntrack_max")?.map(u64::from),
            totals: text.as_deref().and_then(parse),
        }))
    }
}

/// The same numbers by netlink.
pub fn conntrack_totals() -> Result<ConntrackTotals> {
    let mut sum = ConntrackTotals::default();
    let mut each = |payload: &[u8]| {
        sum.add(&decode(payload).ok_or(Undecodable)?);
        Ok(ControlFlow::Continue(()))
    };
    let request = Fixed {
        kind: GET_STATS_CPU,
        payload: [0; HEADER],
    };
    let channel = Channel::open(NETLINK_NETFILTER);
    let dumped = channel.and_then(|mut channel| channel.dump(request, None, &mut each));
    dumped.map_err(|cause| Error::Netlink("statistics of connection tracking", cause))?;
    Ok(sum)
}

fn decode(payload: &[u8]) -> Option<ConntrackTotals> {
    let attributes = payload.get(HEADER..)?;
    let number = |kind| {
        let value = attribute(attributes, kind)?;
        Some(u32::from_be_bytes(*value.first_chunk()?).into())
    };
    Some(ConntrackTotals {
        drop: number(DROP)?,
        early_drop: number(EARLY_DROP)?,
        insert_failed: number(INSERT_FAILED)?,
    })
}

fn parse(text: &str) -> Option<ConntrackTotals> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    let place = |name| names.iter().position(|other| *other == name);
    let places = [
        place("drop")?,
        place("early_drop")?,
        place("insert_failed")?,
    ];
    let mut sum = ConntrackTotals::default();
    for line in lines {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |place: usize| u32::from_str_radix(columns.get(place)?, 16).ok();
        let [drop, early_drop, insert_failed] = places.map(number);
        sum.add(&ConntrackTotals {
            drop: drop?.into(),
            early_drop: early_drop?.into(),
            insert_failed: insert_failed?.into(),
        });
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "entries  clashres found new invalid ignore delete chainlength insert \
        insert_failed drop early_drop icmp_error  expect_new\n\
        00000012  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 \
        0000000a 00000001 000000ff 00000000  00000000\n\
        00000012  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 \
        00000001 00000002 00000000 00000000  00000000\n";

    const SUM: ConntrackTotals = ConntrackTotals {
        drop: 3,
        early_drop: 255,
        insert_failed: 11,
    };

    #[test]
    fn cpus_are_added_up() {
        assert_eq!(parse(TEXT), Some(SUM));
    }

    #[test]
    fn what_lacks_a_column_or_a_number_is_unknown() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("entries drop early_drop\n1 2 3\n"), None);
        assert_eq!(parse(&TEXT[..TEXT.len() - 60]), None, "cut short");
        assert_eq!(parse(&TEXT.replace("000000ff", "0000000g")), None);
    }

    /// Length, kind, big-endian value.
    fn attributes(values: &[(u16, u32)]) -> Vec<u8> {
        let one = |(kind, value): &(u16, u32)| {
            let head = [8u16.to_ne_bytes(), kind.to_ne_bytes()].concat();
            [head, value.to_be_bytes().to_vec()].concat()
        };
        values.iter().flat_map(one).collect()
    }

    #[test]
    fn a_message_is_a_cpu() {
        let values = [(1, 7), (INSERT_FAILED, 11), (DROP, 3), (EARLY_DROP, 255)];
        let message = [vec![0; HEADER], attributes(&values)].concat();
        assert_eq!(decode(&message), Some(SUM));
        for length in 0..message.len() {
            assert_eq!(decode(&message[..length]), None, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_and_no_bytes_make_the_parsers_panic(
            text in "(drop|early_drop|insert_failed|[ \n]|[0-9a-f]{0,9}){0,30}",
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100),
        ) {
            parse(&text);
            decode(&bytes);
        }
    }
}
