//! A bind(2) for real, in the network namespace of the calling thread. The socket is closed at once.

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt},
    thread::{CapabilitySet, capabilities},
};

use super::capture::set_option;
use crate::model::{AddressOutcome, AddressTrial, has_fix};

/// The socket that is bound.
#[derive(Debug, Clone, Copy)]
pub struct BindTrial {
    pub is_udp: bool,
    pub address: SocketAddr,
    /// IPV6_V6ONLY, of an IPv6 address.
    pub v6only: bool,
    pub reuseaddr: bool,
    pub reuseport: bool,
}

impl BindTrial {
    pub fn run(&self) -> io::Result<()> {
        let socket = socket(self.is_udp, self.address.ip())?;
        if self.address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, self.v6only)?;
        }
        sockopt::set_socket_reuseaddr(&socket, self.reuseaddr)?;
        sockopt::set_socket_reuseport(&socket, self.reuseport)?;
        Ok(bind(&socket, &self.address)?)
    }
}

fn socket(is_udp: bool, address: IpAddr) -> io::Result<OwnedFd> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let kind = match is_udp {
        true => SocketType::DGRAM,
        false => SocketType::STREAM,
    };
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// Asks for an address alone; no port is taken (`IP_BIND_ADDRESS_NO_PORT`).
pub fn try_address(is_udp: bool, address: IpAddr) -> AddressTrial {
    let bound = || -> io::Result<()> {
        let socket = socket(is_udp, address)?;
        let without_port = libc::IP_BIND_ADDRESS_NO_PORT;
        set_option(&socket, libc::IPPROTO_IP, without_port, &1)?;
        Ok(bind(&socket, &SocketAddr::new(address, 0))?)
    };
    let outcome = match bound() {
        Ok(()) => AddressOutcome::Taken,
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => AddressOutcome::Absent,
        Err(error) => AddressOutcome::Refused(error.to_string()),
    };
    AddressTrial {
        is_udp,
        address,
        outcome,
    }
}

/// Whether this process may bind ports below `ip_unprivileged_port_start` in the calling thread's
/// network namespace: CAP_NET_BIND_SERVICE counts in the user namespace that owns it.
pub fn may_bind_privileged() -> io::Result<bool> {
    let own = capabilities(None)?.effective;
    Ok(own.contains(CapabilitySet::NET_BIND_SERVICE) && is_owned_by_ours()?)
}

/// Whether the network namespace belongs to the user namespace of this process or to one below it.
#[expect(unsafe_code, reason = "rustix does not know the request")]
fn is_owned_by_ours() -> io::Result<bool> {
    /// `_IO(0xb7, 0x1)`, include/uapi/linux/nsfs.h
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    let netns = File::open("/proc/thread-self/ns/net")?;
    // SAFETY: the request takes no argument.
    let owner = unsafe { libc::ioctl(netns.as_raw_fd(), NS_GET_USERNS) };
    if owner >= 0 {
        // SAFETY: a new descriptor, which is nobody else's.
        drop(unsafe { OwnedFd::from_raw_fd(owner) });
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // It is neither (`ns_get_owner`, kernel/user_namespace.c).
        Some(libc::EPERM) => Ok(false),
        _ => Err(error),
    }
}

/// Whether bind(2) of a UDP wildcard misses sockets at addresses where a chain of the table is long
/// (`udp_lib_get_port`, net/ipv4/udp.c; CVE-2026-31503).
pub fn udp_wildcards_miss() -> bool {
    const FIXED: [(u32, u32, u32); 5] = [
        (6, 1, 168),
        (6, 6, 131),
        (6, 12, 80),
        (6, 18, 21),
        (6, 19, 11),
    ];
    let system = rustix::system::uname();
    !has_fix(&system.release().to_string_lossy(), &FIXED)
}

/// Whether the policy of SELinux is enforced; a file that cannot be read may say so.
pub fn selinux_enforces() -> bool {
    match std::fs::read_to_string("/sys/fs/selinux/enforce") {
        Ok(enforce) => enforce.trim() == "1",
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}
