//! Listeners with a chosen backlog, clients that fill their queues, and what /proc/net says of them.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::wait::wait_until;

/// A TCP listener that nobody accepts from.
#[track_caller]
pub fn listen(address: &str, backlog: i32) -> Socket {
    listen_with(address, backlog, |_| {})
}

/// A TCP listener with socket options that must be set before `bind`.
#[track_caller]
pub fn listen_with(address: &str, backlog: i32, options: impl FnOnce(&Socket)) -> Socket {
    try_listen(Protocol::TCP, address, backlog, options)
        .unwrap_or_else(|error| panic!("listening at {address}: {error}"))
}

/// A stream listener of any protocol; fails where the kernel has none such.
pub fn try_listen(
    protocol: Protocol,
    address: &str,
    backlog: i32,
    options: impl FnOnce(&Socket),
) -> std::io::Result<Socket> {
    let address = socket_address(address);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol))?;
    options(&socket);
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket)
}

/// Finished handshakes that wait in the queue of `listener` when this returns.
#[track_caller]
pub fn fill_accept_queue(listener: &Socket, clients: usize) -> Vec<TcpStream> {
    let address = listener.local_addr().expect("it is bound");
    let address = address.as_socket().expect("it is a TCP listener");
    let before = accept_queue_len(listener);
    let clients: Vec<TcpStream> = (0..clients)
        .map(|_| TcpStream::connect(address).expect("the queue has room"))
        .collect();
    // The client is connected one packet before the server is.
    wait_until("all clients are queued", || {
        accept_queue_len(listener) == before + clients.len()
    });
    clients
}

/// Handshakes that the kernel says wait for accept(), by the listener's inode.
#[track_caller]
pub fn accept_queue_len(listener: &Socket) -> usize {
    let inode = inode(listener).to_string();
    let row = rows()
        .into_iter()
        .find(|row| row.inode == inode && row.state == "0A")
        .expect("a listener is in /proc/net/tcp");
    row.receive_queue
}

/// Handshakes at `port` whose last acknowledgement is missing.
pub fn half_open_count(port: u16) -> usize {
    rows()
        .iter()
        .filter(|row| row.state == "03" && row.port == port)
        .count()
}

/// Sockets of `port`, in whatever state.
pub fn sockets_of_port(port: u16) -> usize {
    rows().iter().filter(|row| row.port == port).count()
}

/// Queued connections of `port` whose client has hung up.
pub fn close_wait_count(port: u16) -> usize {
    rows()
        .iter()
        .filter(|row| row.state == "08" && row.port == port)
        .count()
}

/// Connections of which only this end has closed.
pub fn fin_wait_2_count() -> usize {
    rows().iter().filter(|row| row.state == "05").count()
}

/// Bytes that wait to be read on connections of `port`.
pub fn unread_bytes(port: u16) -> usize {
    rows()
        .iter()
        .filter(|row| row.state != "0A" && row.port == port)
        .map(|row| row.receive_queue)
        .sum()
}

/// The number by which sock_diag and /proc/PID/fd know a socket.
pub fn inode(socket: impl AsFd) -> u64 {
    rustix::fs::fstat(socket)
        .expect("fstat of an open socket")
        .st_ino
}

/// What the kernel says a UDP socket dropped: the last column of /proc/net/udp.
#[track_caller]
pub fn udp_drops(port: u16) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/udp").expect("/proc/thread-self/net/udp");
    let local = format!(":{port:04X}");
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|row| row[1].ends_with(&local))
        .and_then(|row| row.last()?.parse().ok())
        .expect("the socket is in /proc/net/udp")
}

/// `127.0.0.1:80` or `[::1]:80`.
pub fn socket_address(address: &str) -> SocketAddr {
    address
        .parse()
        .unwrap_or_else(|error| panic!("{address}: {error}"))
}

struct Row {
    port: u16,
    state: String,
    receive_queue: usize,
    inode: String,
}

/// Both families: `sl local rem st tx:rx tr:when retrnsmt uid timeout inode …`.
fn rows() -> Vec<Row> {
    let tcp = fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc/thread-self/net/tcp");
    let tcp6 = fs::read_to_string("/proc/thread-self/net/tcp6").unwrap_or_default();
    let lines = tcp.lines().chain(tcp6.lines());
    lines.filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let column: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = column.get(1)?.split_once(':')?;
    let (_, receive_queue) = column.get(4)?.split_once(':')?;
    Some(Row {
        port: u16::from_str_radix(port, 16).ok()?,
        state: column.get(3)?.to_string(),
        receive_queue: usize::from_str_radix(receive_queue, 16).ok()?,
        inode: column.get(9)?.to_string(),
    })
}
