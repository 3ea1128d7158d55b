//! One end of a socket of any family, as it is reported.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{LocalReport, interface},
    model::{Address, Local, OtherEnd, Owner},
};

/// One end of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EndReport {
    /// The local end of an internet socket.
    Inet(LocalReport),
    /// The peer of an internet socket.
    Peer(Address),
    /// An end of a unix socket.
    Unix {
        /// Path; an abstract name begins with `@`. `null` when it has none.
        path: Option<String>,
        /// Socket inode.
        inode: u32,
        /// Of the peer: processes that have it open.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        owners: Vec<Owner>,
    },
    /// What a packet socket receives.
    Packet {
        /// EtherType; 3 (`ETH_P_ALL`) is all, 0 none.
        ethertype: u16,
        /// The interface that it is bound to; `null` for all.
        interface: Option<String>,
    },
    /// An end of a netlink socket.
    Netlink {
        /// `route`, `audit`…, or the number of the netlink family; of a peer `null`.
        family: Option<String>,
        /// Of a peer: the multicast group, 0 for none.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<u32>,
        /// Port id; 0 is the kernel's.
        port_id: u32,
    },
    /// An end of a vsock socket.
    Vsock {
        /// Context id of the machine; `null` for any.
        cid: Option<u32>,
        /// Port; `null` for any.
        port: Option<u32>,
    },
}

/// `NETLINK_*` (include/uapi/linux/netlink.h), by number.
const FAMILIES: [&str; 23] = [
    "route",
    "unused",
    "usersock",
    "fw",
    "sock_diag",
    "nflog",
    "xfrm",
    "selinux",
    "iscsi",
    "audit",
    "fib_lookup",
    "connector",
    "netfilter",
    "ip6_fw",
    "dnrtmsg",
    "kobject_uevent",
    "generic",
    "dm",
    "scsi",
    "ecryptfs",
    "rdma",
    "crypto",
    "smc",
];

impl EndReport {
    /// `interfaces` has names by index.
    pub fn local(local: &Local, interfaces: &BTreeMap<u32, String>) -> Self {
        EndReport::Inet(LocalReport::new(local, interfaces))
    }

    pub fn other(end: &OtherEnd, is_peer: bool, interfaces: &BTreeMap<u32, String>) -> Self {
        match end {
            OtherEnd::Unix { name, inode } => EndReport::Unix {
                path: (!name.is_empty()).then(|| {
                    // As ss shows it: the zero bytes of an abstract name as `@`.
                    String::from_utf8_lossy(name).replace('\0', "@")
                }),
                inode: *inode,
                owners: Vec::new(),
            },
            OtherEnd::Packet {
                ethertype,
                interface: index,
            } => EndReport::Packet {
                ethertype: *ethertype,
                interface: interface(*index, interfaces),
            },
            OtherEnd::Netlink { number, port_id } => EndReport::Netlink {
                family: (!is_peer).then(|| family(*number)),
                group: is_peer.then_some(*number),
                port_id: *port_id,
            },
            OtherEnd::Vsock { cid, port } => {
                let known = |number: u32| (number != u32::MAX).then_some(number);
                EndReport::Vsock {
                    cid: known(*cid),
                    port: known(*port),
                }
            }
        }
    }
}

fn family(number: u32) -> String {
    let name = FAMILIES.get(number as usize).copied();
    name.map_or_else(|| number.to_string(), str::to_owned)
}

impl fmt::Display for EndReport {
    /// `127.0.0.1:80`, `/run/x.sock`, `ip:eth0`, `route:731`, `2:1024`; `*` is any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |number: &Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        match self {
            EndReport::Inet(local) => local.fmt(f),
            EndReport::Peer(address) => address.fmt(f),
            EndReport::Unix { path, inode, .. } => match path {
                Some(path) => write!(f, "{path} {inode}"),
                None => write!(f, "* {inode}"),
            },
            EndReport::Packet {
                ethertype,
                interface,
            } => {
                match ethertype {
                    0 => f.write_str("none")?,
                    3 => f.write_str("*")?,
                    0x0800 => f.write_str("ip")?,
                    0x0806 => f.write_str("arp")?,
                    0x86dd => f.write_str("ipv6")?,
                    other => write!(f, "{other:#06x}")?,
                }
                write!(f, ":{}", interface.as_deref().unwrap_or("*"))
            }
            EndReport::Netlink {
                family,
                group,
                port_id,
            } => match (family, group) {
                (Some(family), _) => write!(f, "{family}:{port_id}"),
                (None, group) => write!(f, "{}:{port_id}", group.unwrap_or_default()),
            },
            EndReport::Vsock { cid, port } => write!(f, "{}:{}", any(cid), any(port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_each_family_as_text() {
        let interfaces = BTreeMap::from([(2, "eth0".to_owned())]);
        let shown = |end, is_peer| EndReport::other(&end, is_peer, &interfaces).to_string();
        let packet = |ethertype, interface| OtherEnd::Packet {
            ethertype,
            interface,
        };
        let netlink = |number, port_id| OtherEnd::Netlink { number, port_id };
        let unix = |name: &[u8]| OtherEnd::Unix {
            name: name.to_vec(),
            inode: 7,
        };
        for (end, is_peer, expected) in [
            (unix(b"/run/x.sock"), false, "/run/x.sock 7"),
            (unix(b"\0x"), true, "@x 7"),
            (unix(b""), false, "* 7"),
            (packet(3, 0), false, "*:*"),
            (packet(0, 2), false, "none:eth0"),
            (packet(0x86dd, 2), false, "ipv6:eth0"),
            (packet(0x88cc, 9), false, "0x88cc:if9"),
            (netlink(0, 731), false, "route:731"),
            (netlink(99, 0), false, "99:0"),
            (netlink(2, 0), true, "2:0"),
            (
                OtherEnd::Vsock {
                    cid: 2,
                    port: u32::MAX,
                },
                false,
                "2:*",
            ),
        ] {
            assert_eq!(shown(end, is_peer), expected);
        }
    }
}
