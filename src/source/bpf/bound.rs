//! TCP sockets that are bound and neither listen nor are connected, of all processes of the host:
//! what sock_diag reports from Linux 6.8 on.
//!
//! A socket that is in no descriptor table (on its way through a unix socket, or registered with
//! io_uring alone) is not seen.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    Assembler, CONTEXT, MPTCP, Program, Record,
    Register::{R0, R1, R8, R9, R10},
    Size, TASK_FILE, TCP, Types,
    assembler::{Label, When},
    begin, number, read_memory, store_inode, unsupported,
};
use crate::{
    Result,
    model::{Endpoint, Family, Local, SocketProtocol, SocketRow, SocketState},
    source::Kernel,
};

const RECORD: Record = Record(64);
/// Where its parts are.
const INODE: usize = 0;
const COOKIE: usize = 8;
const V6: usize = 16;
const V4: usize = 32;
const NETNS: usize = 36;
const UID: usize = 40;
const INTERFACE: usize = 44;
const PORT: usize = 48;
const FAMILY: usize = 52;
const PROTOCOL: usize = 56;

/// Below the record on the stack.
const POINTER: i16 = RECORD.part(0) - 8;
const STATE: i16 = RECORD.part(0) - 16;
const NUMBER: i16 = RECORD.part(0) - 24;

const AF_INET6: u32 = libc::AF_INET6 as u32;
/// A helper: the cookie, which the socket gets if it has none (Linux 5.12).
const SOCKET_COOKIE: i32 = 46;

const STRUCTURES: [&str; 8] = [
    CONTEXT,
    "bpf_iter_meta",
    "file",
    "inode",
    "socket",
    "sock",
    "net",
    "mptcp_sock",
];

/// A TCP socket that is only bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSocket {
    /// Inode of its network namespace.
    pub netns: u64,
    pub socket: SocketRow,
}

impl Kernel {
    /// All of them on the host, each once. Fails where BPF is not permitted or supported.
    pub fn bound_sockets(&self) -> Result<Vec<BoundSocket>> {
        if !self.may_use_bpf() {
            return Err(unsupported(
                "needs CAP_BPF and CAP_PERFMON, outside containers",
            ));
        }
        let types = Types::read(&TASK_FILE, STRUCTURES)?;
        let program: Program = types.load(b"sockdiag_bound", program(&types)?)?;
        let (mut records, mut found) = (program.records(RECORD.0)?, Vec::new());
        let mut seen = HashSet::new();
        while let Some(some) = records.next()? {
            found.extend(
                some.map(decode)
                    .filter(|bound| seen.insert(bound.socket.cookie)),
            );
        }
        Ok(found)
    }
}

fn decode(record: &[u8]) -> BoundSocket {
    let part = |at| u32::from_ne_bytes(number(record, at));
    let (family, address) = match part(FAMILY) {
        AF_INET6 => {
            let address = Ipv6Addr::from(number::<16>(record, V6));
            (Family::V6, IpAddr::V6(address))
        }
        _ => {
            let address = Ipv4Addr::from(number::<4>(record, V4));
            (Family::V4, IpAddr::V4(address))
        }
    };
    let local = Local::Inet(Endpoint {
        family,
        address,
        port: part(PORT) as u16,
        interface: part(INTERFACE),
    });
    let socket = SocketRow {
        uid: part(UID),
        inode: u64::from_ne_bytes(number(record, INODE)) as u32,
        cookie: u64::from_ne_bytes(number(record, COOKIE)),
        ..SocketRow::bare(
            match part(PROTOCOL) as i32 {
                MPTCP => SocketProtocol::Mptcp,
                _ => SocketProtocol::Tcp,
            },
            SocketState::Bound,
            local,
        )
    };
    BoundSocket {
        netns: part(NETNS).into(),
        socket,
    }
}

fn program(types: &Types) -> Result<Assembler> {
    let mut asm = Assembler::default();
    let of_socket = |member: &str| types.offset("sock", member);
    let [out, is_inet] = [(); 2].map(|()| asm.label());
    begin(&mut asm, types, out)?;
    RECORD.clear(&mut asm);
    asm.load(Size::Double, R9, R9, types.offset("socket", "sk")?);
    asm.go_if(When::Equal, R9, 0, out);
    asm.load(Size::Half, R1, R9, of_socket("__sk_common.skc_family")?);
    asm.store(Size::Word, RECORD.part(FAMILY), R1);
    asm.go_if(When::Equal, R1, libc::AF_INET, is_inet);
    asm.go_if(When::NotEqual, R1, libc::AF_INET6, out);
    asm.place(is_inet);
    asm.load(Size::Half, R1, R9, of_socket("sk_protocol")?);
    asm.store(Size::Word, RECORD.part(PROTOCOL), R1);
    load_port(&mut asm, types, out)?;
    asm.store(Size::Word, RECORD.part(PORT), R1);
    for (member, to) in [
        ("__sk_common.skc_rcv_saddr", V4),
        ("__sk_common.skc_bound_dev_if", INTERFACE),
        ("sk_uid.val", UID),
    ] {
        asm.load(Size::Word, R1, R9, of_socket(member)?);
        asm.store(Size::Word, RECORD.part(to), R1);
    }
    asm.load(Size::Double, R1, R9, of_socket("__sk_common.skc_net.net")?);
    asm.load(Size::Word, R1, R1, types.offset("net", "ns.inum")?);
    asm.store(Size::Word, RECORD.part(NETNS), R1);
    // A kernel without IPv6 has no such address.
    if let Ok(address) = of_socket("__sk_common.skc_v6_rcv_saddr") {
        read_memory(&mut asm, RECORD.part(V6), 16, R9, address);
    }
    store_inode(&mut asm, types, RECORD.part(INODE))?;
    asm.copy(R1, R9);
    asm.call(SOCKET_COOKIE);
    asm.store(Size::Double, RECORD.part(COOKIE), R0);
    RECORD.write(&mut asm, types)?;
    asm.place(out);
    asm.exit(0);
    Ok(asm)
}

/// R1 = the port of the socket in R9, whose protocol is in R1. Jumps to `out` where it is connected or
/// has none: the port was given back, which getsockname(2) does not show. Of MPTCP the first subflow
/// has the port, and the other socket keeps the number of one that was given back.
fn load_port(asm: &mut Assembler, types: &Types, out: Label) -> Result<()> {
    let [is_tcp, is_known] = [(); 2].map(|()| asm.label());
    let [state, number] = ["skc_state", "skc_num"]
        .map(|member| types.offset("sock", &format!("__sk_common.{member}")));
    let (state, number) = (state?, number?);
    let closed = SocketState::Close.number().into();
    asm.go_if(When::Equal, R1, TCP, is_tcp);
    asm.go_if(When::NotEqual, R1, MPTCP, out);
    match types.has("mptcp_sock") {
        false => asm.go(out),
        true => {
            let first = types.offset("mptcp_sock", "first")?;
            read_memory(asm, POINTER, 8, R9, first);
            asm.load(Size::Double, R8, R10, POINTER);
            asm.go_if(When::Equal, R8, 0, out);
            read_memory(asm, STATE, 1, R8, state);
            asm.load(Size::Byte, R1, R10, STATE);
            asm.go_if(When::NotEqual, R1, closed, out);
            read_memory(asm, NUMBER, 2, R8, number);
            asm.load(Size::Half, R1, R10, NUMBER);
            asm.go(is_known);
        }
    }
    asm.place(is_tcp);
    asm.load(Size::Byte, R1, R9, state);
    asm.go_if(When::NotEqual, R1, closed, out);
    asm.load(Size::Half, R1, R9, number);
    asm.place(is_known);
    asm.go_if(When::Equal, R1, 0, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_decoded_by_its_parts() {
        let mut record = [0; RECORD.0];
        let mut set = |at: usize, value: u32| {
            record[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        set(NETNS, 4_026_531_840);
        set(UID, 1000);
        set(INTERFACE, 2);
        set(PORT, 8080);
        set(FAMILY, AF_INET6);
        set(PROTOCOL, MPTCP as u32);
        record[COOKIE..COOKIE + 8].copy_from_slice(&77u64.to_ne_bytes());
        record[INODE..INODE + 8].copy_from_slice(&0x1_0000_0007u64.to_ne_bytes());
        record[V6 + 15] = 1;
        let BoundSocket { netns, socket } = decode(&record);
        let Local::Inet(local) = socket.local else {
            panic!("{:?}", socket.local)
        };
        assert_eq!(local.address, Ipv6Addr::LOCALHOST);
        assert_eq!((local.port, local.interface), (8080, 2));
        assert_eq!(socket.protocol, SocketProtocol::Mptcp);
        assert_eq!((socket.uid, socket.inode, socket.cookie), (1000, 7, 77));
        assert_eq!(netns, 4_026_531_840);
    }
}
