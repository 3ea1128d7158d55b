//! The floor of `queues --no-owners`: the kernel asked for SYN_RECV sockets of both families, the
//! rows counted, nothing else. Nearly all of it is the kernel's walk over the host's table of
//! established sockets.

use anyhow::{Context, bail};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer};
use netlink_packet_sock_diag::constants::AF_INET;
use netlink_packet_sock_diag::inet::StateFlags;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

/// The kernel never sends more in one piece.
const BUFFER_LEN: usize = 32 * 1024;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER_LEN: usize = 16;
const TCPDIAG_GETSOCK: u16 = 18;
/// Of the request, and of `idiag_states` in it.
const LEN: usize = 76;
const STATES: usize = 68;

pub fn run() -> anyhow::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).context("opening a sock_diag socket")?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut buffer = vec![0; BUFFER_LEN];
    socket.send(&request(), 0)?;
    let rows = count_rows(&socket, &mut buffer)?;
    println!("{rows} request sockets");
    Ok(())
}

/// A `struct nlmsghdr`, and a `struct inet_diag_req` (include/uapi/linux/inet_diag.h), which dumps
/// both families at once.
fn request() -> Vec<u8> {
    let mut bytes = vec![0; LEN];
    bytes[..4].copy_from_slice(&(LEN as u32).to_ne_bytes());
    bytes[4..6].copy_from_slice(&TCPDIAG_GETSOCK.to_ne_bytes());
    bytes[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes[HEADER_LEN] = AF_INET;
    bytes[STATES..][..4].copy_from_slice(&StateFlags::SYN_RECV.bits().to_ne_bytes());
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
