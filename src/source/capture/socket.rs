//! Cooked packet sockets and their options (man 7 packet; include/uapi/linux/if_packet.h).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use libc::{c_int, sock_filter, socklen_t};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt::socket_error};

use super::filter;
use crate::{
    Error, Result,
    model::{Families, Filter},
};

/// The index that stands for every interface.
pub const ANY: u32 = 0;

/// A cooked packet socket with its filter. It receives nothing before it is bound.
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Needs CAP_NET_RAW in the calling thread's network namespace.
    pub fn open(wanted: &Filter, families: Families) -> Result<Self> {
        let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(family, kind, flags, None)
            .map_err(|errno| failed("opening a packet socket", errno.into()))?;
        let filtered = attach_filter(&fd, wanted, families);
        filtered.map_err(|cause| failed("attaching the packet filter", cause))?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1)
            .map_err(|cause| failed("locking the packet filter", cause))?;
        Ok(PacketSocket(fd))
    }

    /// Receives from one interface, or from [`ANY`]; can be repeated when the interface was
    /// deleted. The interface may be down. Needs no privilege.
    pub fn bind(&self, index: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: index as c_int,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        bind(&self.0, &address)
    }

    /// Puts an interface into promiscuous mode while this socket is open.
    pub fn add_promiscuous(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        let (level, name) = (libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP);
        set_option(&self.0, level, name, &request)
    }

    /// Packets that the filter accepted and that did not fit into the ring, since the last call.
    pub fn take_lost(&self) -> io::Result<u64> {
        Ok(statistics(&self.0)?.tp_drops.into())
    }

    /// Clears the socket's error, so that poll does not report it forever. `true` when there was
    /// one: the interface went down or was deleted (ENETDOWN).
    pub fn take_error(&self) -> bool {
        !matches!(socket_error(&self.0), Ok(Ok(())))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub fn failed(attempt: &'static str, cause: io::Error) -> Error {
    Error::Capture(attempt, cause)
}

/// Where the compiled filter exceeds the kernel's limits, one that accepts all handshakes is
/// attached.
fn attach_filter(fd: &OwnedFd, wanted: &Filter, families: Families) -> io::Result<()> {
    let attached = filter::compile(wanted, families).map(|program| attach(fd, &program));
    match attached {
        Some(Ok(())) => Ok(()),
        // ENOMEM: net.core.optmem_max bounds the size, too.
        Some(Err(error)) if error.raw_os_error() != Some(libc::ENOMEM) => Err(error),
        _ => {
            let program = filter::compile(&Filter::ALL, families);
            attach(fd, &program.expect("without a condition it is short"))
        }
    }
}

pub fn attach(fd: &impl AsFd, program: &[sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: program.len().try_into().map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    set_option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// `T` must be the type that the kernel expects for the option.
#[expect(unsafe_code, reason = "rustix does not know these options")]
pub fn set_option<T>(fd: &impl AsFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    let length = size_of::<T>() as socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`, and the instructions of a filter, which
    // the caller borrows for as long, by the length beside their address.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const *value).cast(), length) };
    checked(result)
}

#[expect(unsafe_code, reason = "rustix does not know the option")]
fn statistics(fd: &OwnedFd) -> io::Result<libc::tpacket_stats_v3> {
    let mut statistics = libc::tpacket_stats_v3 {
        tp_packets: 0,
        tp_drops: 0,
        tp_freeze_q_cnt: 0,
    };
    let mut length = size_of_val(&statistics) as socklen_t;
    let (level, name) = (libc::SOL_PACKET, libc::PACKET_STATISTICS);
    let value = (&raw mut statistics).cast();
    // SAFETY: the kernel writes at most `length` bytes to `statistics`, which consists of integers.
    checked(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value, &mut length) })?;
    Ok(statistics)
}

#[expect(unsafe_code, reason = "rustix does not know packet addresses")]
fn bind(fd: &OwnedFd, address: &libc::sockaddr_ll) -> io::Result<()> {
    let length = size_of_val(address) as socklen_t;
    // SAFETY: the kernel reads `length` bytes, the size of `address`.
    checked(unsafe { libc::bind(fd.as_raw_fd(), (&raw const *address).cast(), length) })
}

fn checked(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
