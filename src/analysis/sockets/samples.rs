//! Connections made by hand, for tests.

use super::{Describer, SocketReport};
use crate::model::{
    Address, Endpoint, Family, Local, Owner, Owners, SocketProtocol, SocketRow, SocketState, State,
    TcpInfo,
};

/// An established connection of inode 7 from port 40000, without a timer.
pub fn connection(peer: &str, info: &[(usize, u64)]) -> SocketRow {
    let peer: std::net::SocketAddr = peer.parse().unwrap();
    SocketRow {
        peer: Some(Address {
            address: peer.ip(),
            port: peer.port(),
        }),
        inode: 7,
        cookie: 7,
        info: Some(tcp_info(info)),
        ..SocketRow::bare(
            SocketProtocol::Tcp,
            SocketState::Connection(State::Established),
            Local::Inet(Endpoint {
                family: Family::V4,
                address: "10.0.0.5".parse().unwrap(),
                port: 40000,
                interface: 0,
            }),
        )
    }
}

/// With numbers at these offsets: of four bytes before 104 and from 136 to 159, else of eight.
pub fn tcp_info(numbers: &[(usize, u64)]) -> TcpInfo {
    let mut bytes = [0; 248];
    for (at, number) in numbers {
        let long = *at >= 104 && !(136..160).contains(at);
        let width = if long { 8 } else { 4 };
        bytes[*at..at + width].copy_from_slice(&number.to_ne_bytes()[..width]);
    }
    TcpInfo::new(&bytes)
}

/// A process that has such a connection open.
pub fn api() -> Vec<Owner> {
    let name = "api".to_owned();
    vec![Owner {
        pid: 12,
        name,
        fd: 3,
    }]
}

/// As a report has it, held by [`api`].
pub fn described(row: &SocketRow) -> SocketReport {
    let mut found = Owners::default();
    found.by_inode.insert(row.inode, api());
    Describer::default().describe(row, Some(&found), |_| None)
}
