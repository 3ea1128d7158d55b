//! Requests for dumps of internet sockets (include/uapi/linux/inet_diag.h).

use netlink_packet_core::{Emitable, NetlinkSerializable};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

use crate::model::{Families, Family, Filter, SocketProtocol, StateSet};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
/// `IPPROTO_RAW`: raw sockets of every protocol.
const RAW: u8 = 255;
pub const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The older request for a dump, `struct inet_diag_req` (include/uapi/linux/inet_diag.h), which
/// the crate lacks. It is of TCP only, and dumps both families: the kernel ignores `idiag_family`,
/// which is AF_INET here as in what ss sends (`inet_diag_dump_compat`, net/ipv4/inet_diag.c).
pub struct OfBothFamilies(pub InetRequest);

impl NetlinkSerializable for OfBothFamilies {
    fn message_type(&self) -> u16 {
        18 // TCPDIAG_GETSOCK
    }

    fn buffer_len(&self) -> usize {
        60
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let mut newer = [0; 56];
        self.0.emit(&mut newer);
        let [extensions, states, socket_id] = [2..3, 4..8, 8..56].map(|part| &newer[part]);
        buffer.fill(0);
        buffer[0] = AF_INET;
        buffer[3..4].copy_from_slice(extensions);
        buffer[4..52].copy_from_slice(socket_id);
        buffer[52..56].copy_from_slice(states);
    }
}

/// Which sockets to dump, and what of each.
#[derive(Debug, Clone, Copy)]
pub struct SocketRequest<'a> {
    pub protocol: SocketProtocol,
    pub families: Families,
    pub filter: &'a Filter,
    /// `struct tcp_info`.
    pub info: bool,
    /// Memory and drops.
    pub memory: bool,
}

/// Only for TCP is there a request for both families.
pub fn of_sockets(wanted: &SocketRequest<'_>, states: StateSet) -> Vec<InetRequest> {
    let of = |family: Family, number| {
        let mut extensions = ExtensionFlags::empty();
        extensions.set(ExtensionFlags::INFO, wanted.info);
        extensions.set(ExtensionFlags::SKMEMINFO, wanted.memory);
        let states = StateFlags::from_bits_retain(states.bits());
        request(family, number, extensions, states)
    };
    let families = wanted.families.each();
    match wanted.protocol {
        SocketProtocol::Tcp | SocketProtocol::Mptcp => {
            let one = families.last().map(|family| of(family, TCP));
            let one = one.map(|one| of_families(one, wanted.families));
            one.iter().flat_map(|one| by_cost(one, states)).collect()
        }
        SocketProtocol::Udp => families.map(|family| of(family, UDP)).collect(),
        SocketProtocol::Raw => families.map(|family| of(family, RAW)).collect(),
        // `SockDiag::others`
        SocketProtocol::Unix
        | SocketProtocol::Packet
        | SocketProtocol::Netlink
        | SocketProtocol::Vsock => Vec::new(),
    }
}

/// With INFO, which comes with the attribute that identifies MPTCP, a dump of connections takes a
/// third longer. Listeners are few, are dumped first and take no walk: they are requested with it in
/// every case.
fn by_cost(request: &InetRequest, states: StateSet) -> Vec<InetRequest> {
    let connected = states.without(StateSet::LISTEN);
    let part = |states: StateSet| InetRequest {
        states: StateFlags::from_bits_retain(states.bits()),
        ..request.clone()
    };
    let mut listening = part(states.without(connected));
    listening.extensions |= ExtensionFlags::INFO;
    let mut parts = vec![listening, part(connected)];
    parts.retain(|part| !part.states.is_empty());
    parts
}

/// A request for one family, or with `AF_UNSPEC` for both.
pub fn of_tcp(families: Families, extensions: ExtensionFlags, states: StateFlags) -> InetRequest {
    let family = if families.v6 { Family::V6 } else { Family::V4 };
    of_families(request(family, TCP, extensions, states), families)
}

fn of_families(request: InetRequest, families: Families) -> InetRequest {
    InetRequest {
        family: match families == Families::BOTH {
            true => AF_UNSPEC,
            false => request.family,
        },
        ..request
    }
}

pub fn request(
    family: Family,
    protocol: u8,
    extensions: ExtensionFlags,
    states: StateFlags,
) -> InetRequest {
    let (family, socket_id) = match family {
        Family::V4 => (AF_INET, SocketId::new_v4()),
        Family::V6 => (AF_INET6, SocketId::new_v6()),
    };
    InetRequest {
        family,
        protocol,
        extensions,
        states,
        socket_id,
    }
}
