//! The floor of `queues --no-owners`: the kernel asked for SYN_RECV sockets of both families, the
//! rows counted, nothing else. Nearly all of it is the kernel's walk over the host's table of
//! established sockets.

use anyhow::{Context, bail};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

/// The kernel never sends more in one piece.
const BUFFER_LEN: usize = 32 * 1024;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER_LEN: usize = 16;

pub fn run() -> anyhow::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).context("opening a sock_diag socket")?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut buffer = vec![0; BUFFER_LEN];
    let mut rows = 0;
    for family in [AF_INET, AF_INET6] {
        socket.send(&request(family), 0)?;
        rows +=
            count_rows(&socket, &mut buffer).with_context(|| format!("dump of family {family}"))?;
    }
    println!("{rows} request sockets");
    Ok(())
}

fn request(family: u8) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let body = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::SYN_RECV,
        socket_id: SocketId::new_v4(),
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(body).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn count_rows(socket: &Socket, buffer: &mut [u8]) -> anyhow::Result<usize> {
    let mut rows = 0;
    loop {
        let received = socket.recv(&mut &mut buffer[..], 0)?;
        let mut rest = &buffer[..received];
        while !rest.is_empty() {
            let message = NetlinkBuffer::new_checked(rest)?;
            match message.message_type() {
                NLMSG_DONE => return Ok(rows),
                NLMSG_ERROR => bail!("the kernel refuses it"),
                _ => rows += 1,
            }
            let taken = (message.length() as usize)
                .max(HEADER_LEN)
                .next_multiple_of(4);
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
}
