//! Clients on ports that the kernel chooses, until it has none left.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::netns::sysctl;
use super::sockets::socket_address;

/// Where connect() looks for a port, in both families.
pub fn port_range(low: u16, high: u16) {
    sysctl("net/ipv4/ip_local_port_range", format!("{low} {high}"));
}

/// A connection to `to`, from a port that connect() chooses.
#[track_caller]
pub fn client(to: &str) -> Socket {
    connect(to).unwrap_or_else(|error| panic!("connecting to {to}: {error}"))
}

/// A connect() that has begun, whatever becomes of it.
#[track_caller]
pub fn begin(to: &str) -> Socket {
    let to = socket_address(to);
    let socket = tcp(to).expect("a socket");
    socket.set_nonblocking(true).expect("a flag");
    let error = socket.connect(&to.into()).err();
    let is_begun = |error: &io::Error| Errno::from_io_error(error) == Some(Errno::INPROGRESS);
    assert!(error.as_ref().is_none_or(is_begun), "{error:?}");
    socket
}

/// `count` connections to `to`.
#[track_caller]
pub fn clients(to: &str, count: usize) -> Vec<Socket> {
    (0..count).map(|_| client(to)).collect()
}

/// As [`client`], where it may fail.
pub fn connect(to: &str) -> io::Result<Socket> {
    connect_with(to, |_| Ok(()))
}

/// As [`connect`], with `before` called between socket() and connect(). An IPv6 destination makes an IPv6
/// socket, also where it stands for an IPv4 one.
pub fn connect_with(
    to: &str,
    before: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<Socket> {
    let to = socket_address(to);
    let socket = tcp(to)?;
    before(&socket)?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// From this address, the port left to connect(). Port 0 is any.
pub fn from_address(source: &str) -> impl Fn(&Socket) -> io::Result<()> {
    let source = socket_address(source);
    move |socket| {
        without_port(socket)?;
        socket.bind(&source.into())
    }
}

/// bind() to port 0 then takes none (IP_BIND_ADDRESS_NO_PORT).
pub fn without_port(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// From this address, the port chosen by bind() already, which then holds it for all destinations.
pub fn bound_first(source: &str) -> impl Fn(&Socket) -> io::Result<()> {
    let source = socket_address(source);
    move |socket| socket.bind(&source.into())
}

/// From a port of this window of the range (IP_LOCAL_PORT_RANGE).
pub fn from_port_window(low: u16, high: u16) -> impl Fn(&Socket) -> io::Result<()> {
    /// include/uapi/linux/in.h
    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
    let window = u32::from(high) << 16 | u32::from(low);
    move |socket| set_option(socket, IP_LOCAL_PORT_RANGE, window)
}

/// A socket that is bound and neither listens nor connects.
#[track_caller]
pub fn bind(address: &str) -> Socket {
    bind_with(address, |_| Ok(()))
}

/// As [`bind`], with options that must be set before.
#[track_caller]
pub fn bind_with(address: &str, before: impl FnOnce(&Socket) -> io::Result<()>) -> Socket {
    let at = socket_address(address);
    let bound = tcp(at).and_then(|socket| {
        before(&socket)?;
        socket.bind(&at.into())?;
        Ok(socket)
    });
    bound.unwrap_or_else(|error| panic!("binding {address}: {error}"))
}

/// Connects until the kernel has no port left.
#[track_caller]
pub fn exhaust_ports(to: &str) -> Vec<Socket> {
    exhaust_ports_with(to, |_| Ok(()))
}

/// As [`exhaust_ports`], with `before` called before each connect().
#[track_caller]
pub fn exhaust_ports_with(to: &str, before: impl Fn(&Socket) -> io::Result<()>) -> Vec<Socket> {
    let mut clients = Vec::new();
    while clients.len() < 5000 {
        match connect_with(to, &before) {
            Ok(client) => clients.push(client),
            Err(error) if is_exhaustion(&error) => return clients,
            Err(error) => panic!("connecting to {to}: {error}"),
        }
    }
    panic!("ports never ran out");
}

/// Whether connect() finds a port for `to`. The port is free again afterwards.
#[track_caller]
pub fn finds_a_port(to: &str) -> bool {
    match connect(to) {
        Ok(client) => {
            close_by_rst(client);
            true
        }
        Err(error) if is_exhaustion(&error) => false,
        Err(error) => panic!("connecting to {to}: {error}"),
    }
}

/// Closes without a TIME_WAIT at either end.
pub fn close_by_rst(socket: Socket) {
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER of a TCP socket");
}

/// The port that a socket has here.
pub fn local_port(socket: &Socket) -> u16 {
    let address = socket.local_addr().expect("it has one");
    address.as_socket().expect("it is a TCP socket").port()
}

fn is_exhaustion(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ADDRNOTAVAIL)
}

fn tcp(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )
}

/// An option of level IPPROTO_IP, which IPv6 sockets take as well.
#[expect(unsafe_code, reason = "socket2 and rustix lack these options")]
fn set_option(socket: &Socket, option: libc::c_int, value: u32) -> io::Result<()> {
    // SAFETY: the value is a live local of four bytes, the length that both options have, and is
    // only read.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            option,
            (&raw const value).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
