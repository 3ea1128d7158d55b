//! Handshakes of every kind between the two hosts of a [`Link`], made by real stacks.
//!
//! The client is the host at the other end, the server this one.

use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::io::Errno;
use socket2::{SockAddr, Socket};

use super::clients::{bind_with, bound_first, connect_with};
use super::link::Link;
use super::netns::sysctl;
use super::sockets::{accept_queue_len, half_open_count, listen, socket_address, sockets_of_port};
use super::time_waits::{connected_pair, time_wait_count, wait_for_eof};
use super::tools::tcp_ext;
use super::wait::wait_until;

/// Where servers of scenes listen, and where most clients come from.
pub const SERVER: &str = "10.7.0.1:8080";
pub const SERVER6: &str = "[fd00:7::1]:8080";
pub const CLIENT: &str = "10.7.0.2:5001";
pub const CLIENT6: &str = "[fd00:7::2]:5001";

/// A connection from `client` to `listener`: its two ends.
#[track_caller]
pub fn connection(link: &Link, client: &str, listener: &Socket) -> (Socket, Socket) {
    link.there
        .run(|| connected_pair(listener, bound_first(client)))
}

/// Sends a byte that the server acknowledges, which completes the handshake beyond doubt.
#[track_caller]
pub fn exchange_byte((client, server): &(Socket, Socket)) {
    (&mut &*client).write_all(b"x").expect("it is connected");
    let mut byte = [MaybeUninit::uninit()];
    assert_eq!(server.recv(&mut byte).expect("it is connected"), 1);
}

/// A client with the address `client` that waits for an answer.
#[track_caller]
pub fn start_connect(client: &str, server: &str) -> Socket {
    let socket = bind_with(client, |socket| socket.set_nonblocking(true));
    let begun = socket.connect(&socket_address(server).into());
    let error = begun.expect_err("no answer can have come yet");
    assert_eq!(Errno::from_io_error(&error), Some(Errno::INPROGRESS));
    socket
}

/// As [`start_connect`], from the other host.
#[track_caller]
pub fn start_connect_from_peer(link: &Link, client: &str, server: &str) -> Socket {
    link.there.run(|| start_connect(client, server))
}

/// Returns when a client of the other host has retransmitted its SYN.
#[track_caller]
pub fn wait_for_syn_retransmit(link: &Link, client: &Socket) {
    link.there.run(|| {
        wait_until("the SYN is retransmitted", || tcp_ext("TCPSynRetrans") >= 1);
    });
    // The kernel counts first, but lets nobody touch the socket before it has sent.
    client.set_tcp_nodelay(true).expect("TCP_NODELAY");
}

/// Returns when this host has retransmitted `count` SYN-ACKs.
pub fn wait_for_syn_ack_retransmits(count: u64) {
    wait_until("the SYN-ACK is retransmitted", || {
        tcp_ext("TCPSynRetrans") >= count
    });
}

/// A connection of the other host that may not have been accepted yet.
#[track_caller]
pub fn connect_from_peer(link: &Link, client: &str, server: &str) -> Socket {
    let connected = link.there.run(|| connect_with(server, bound_first(client)));
    connected.unwrap_or_else(|error| panic!("connecting {client} to {server}: {error}"))
}

/// A client whose two SYNs nobody answers. Both are sent when this returns.
#[track_caller]
pub fn unanswered_connect(link: &Link) -> Socket {
    link.there.run(|| {
        sysctl("net/ipv4/tcp_syn_retries", 1);
        // Since Linux 6.5 so many are sent besides.
        if Path::new("/proc/sys/net/ipv4/tcp_syn_linear_timeouts").exists() {
            sysctl("net/ipv4/tcp_syn_linear_timeouts", 0);
        }
    });
    let client = start_connect_from_peer(link, CLIENT, "10.7.0.9:8080");
    wait_for_syn_retransmit(link, &client);
    client
}

/// A listener whose queue is full, and the clients in it, from ports above 6000.
#[track_caller]
pub fn fill_from_peer(link: &Link, listener: &Socket, clients: usize) -> Vec<Socket> {
    let address = listener.local_addr().expect("it is bound");
    let address = address.as_socket().expect("TCP").to_string();
    let clients: Vec<Socket> = link.there.run(|| {
        let ports = 6001..;
        let dial = |port| connect_with(&address, bound_first(&format!("10.7.0.2:{port}")));
        let all = ports.take(clients).map(dial);
        all.collect::<io::Result<_>>().expect("the queue has room")
    });
    wait_until("all clients are queued", || {
        accept_queue_len(listener) == clients.len()
    });
    clients
}

/// A client whose ACK comes when the queue is full already.
pub struct LateAck {
    /// It holds 3.
    pub listener: Socket,
    /// They came earlier.
    _queued: Vec<Socket>,
    /// Connected as far as its own host knows.
    pub client: Socket,
}

/// The queue fills up while the SYN-ACK is delayed, for at least as long as `meanwhile` takes. The
/// ACK has arrived when this returns.
#[track_caller]
pub fn late_ack(link: &Link, meanwhile: impl FnOnce()) -> LateAck {
    let listener = listen(SERVER, 2);
    let client = start_connect_from_peer(link, "10.7.0.12:5001", SERVER);
    wait_until("the SYN has arrived", || half_open_count(8080) == 1);
    let queued = fill_from_peer(link, &listener, 3);
    meanwhile();
    let before = tcp_ext("ListenOverflows");
    link.reveal_there();
    wait_until("the ACK finds no room", || {
        tcp_ext("ListenOverflows") > before
    });
    LateAck {
        listener,
        _queued: queued,
        client,
    }
}

/// A connection whose SYN-ACK is delayed for at least as long as `meanwhile` takes.
#[track_caller]
pub fn delayed_syn_ack(
    link: &Link,
    listener: &Socket,
    meanwhile: impl FnOnce(),
) -> (Socket, Socket) {
    let client = start_connect_from_peer(link, "10.7.0.12:5009", SERVER);
    wait_until("the SYN has arrived", || half_open_count(8080) == 1);
    meanwhile();
    link.reveal_there();
    let (server, _) = listener.accept().expect("a client is there");
    (client, server)
}

/// Two sockets that connect to each other: each SYN is sent before the other has arrived. Both are
/// connected when this returns.
#[track_caller]
pub fn simultaneous_open(link: &Link) -> (Socket, Socket) {
    let here = start_connect("10.7.0.11:7001", "10.7.0.12:7002");
    let there = start_connect_from_peer(link, "10.7.0.12:7002", "10.7.0.11:7001");
    link.reveal_there();
    link.reveal_here();
    wait_until("both are connected", || {
        here.peer_addr().is_ok() && there.peer_addr().is_ok()
    });
    (here, there)
}

/// A socket of this host that has connected to itself.
#[track_caller]
pub fn self_connect(address: &str) -> Socket {
    connect_with(address, bound_first(address)).expect("a socket may do so")
}

/// A connection that the server has closed first, so that it keeps the 4-tuple in TIME_WAIT.
#[track_caller]
pub fn time_wait_at_server(link: &Link, listener: &Socket) {
    let (client, server) = connection(link, CLIENT, listener);
    let before = time_wait_count();
    drop(server);
    wait_for_eof(&client);
    drop(client);
    wait_until("the server is in TIME_WAIT", || {
        time_wait_count() == before + 1
    });
    link.there.run(|| {
        wait_until("the client has forgotten it", || sockets_of_port(5001) == 0);
    });
}

/// A client that asks for a cookie and says nothing yet.
#[track_caller]
pub fn fast_open_cookie_request(link: &Link, client: &str, listener: &Socket) -> (Socket, Socket) {
    let asking = |socket: &Socket| {
        tcp_option(socket, libc::TCP_FASTOPEN_CONNECT, 1);
        bound_first(client)(socket)
    };
    link.there.run(|| connected_pair(listener, asking))
}

/// A client that sends data with its SYN when it has a cookie. When it has none, it asks for one,
/// and sends the data with the ACK.
#[track_caller]
pub fn fast_open(link: &Link, client: &str, listener: &Socket, data: &[u8]) -> (Socket, Socket) {
    let address: SockAddr = listener.local_addr().expect("it is bound");
    let client = link.there.run(|| {
        let socket = bind_with(client, |_| Ok(()));
        let sent = socket.send_to_with_flags(data, &address, libc::MSG_FASTOPEN);
        assert_eq!(sent.expect("tcp_fastopen allows it"), data.len());
        socket
    });
    let (server, _) = listener.accept().expect("a client is there");
    let mut received = [MaybeUninit::uninit(); 64];
    let bytes = server.recv(&mut received).expect("it is connected");
    assert_eq!(bytes, data.len());
    (client, server)
}

/// A listener that takes data with the SYN.
#[track_caller]
pub fn fast_open_listener(address: &str) -> Socket {
    let listener = listen(address, 10);
    tcp_option(&listener, libc::TCP_FASTOPEN, 10);
    listener
}

#[track_caller]
#[expect(unsafe_code, reason = "socket2 and rustix lack the option")]
fn tcp_option(socket: &Socket, option: libc::c_int, value: libc::c_int) {
    // SAFETY: the value is a live local of the length that is given, and is only read.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// What keeps the connections of a scene open.
pub struct FourClients {
    /// At port 8080.
    pub listener: Socket,
    _others: Vec<Socket>,
}

/// Four clients, from ports 5001 to 5004: to 8080 over IPv4, over IPv6, to 9999 where nobody
/// listens, and to 8081.
pub fn four_clients(link: &Link) -> FourClients {
    let listener = listen("[::]:8080", 5);
    let other = listen("10.7.0.1:8081", 5);
    let mut others = Vec::new();
    for (client, server, listener) in [
        (CLIENT, SERVER, &listener),
        ("[fd00:7::2]:5002", SERVER6, &listener),
        ("10.7.0.2:5004", "10.7.0.1:8081", &other),
    ] {
        let client = connect_from_peer(link, client, server);
        let (server, _) = listener.accept().expect("a client is there");
        let ends = (client, server);
        exchange_byte(&ends);
        others.extend([ends.0, ends.1]);
    }
    let refused = link
        .there
        .run(|| connect_with("10.7.0.1:9999", bound_first("10.7.0.2:5003")));
    refused.expect_err("nobody listens");
    others.push(other);
    FourClients {
        listener,
        _others: others,
    }
}
