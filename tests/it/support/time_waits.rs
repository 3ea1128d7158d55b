//! Closed connections that keep their port: TIME_WAIT and FIN_WAIT2, at either end.

use std::fs;
use std::io::Read as _;

use socket2::Socket;

use super::clients::connect_with;
use super::sockets::fin_wait_2_count;
use super::wait::wait_until;

/// Connections of which the client closed first. It keeps its port for a minute.
#[track_caller]
pub fn client_time_waits(listener: &Socket, count: usize) {
    client_time_waits_with(listener, count, |_| Ok(()));
}

/// As [`client_time_waits`], with `before` called before each connect().
#[track_caller]
pub fn client_time_waits_with(
    listener: &Socket,
    count: usize,
    before: impl Fn(&Socket) -> std::io::Result<()>,
) {
    let before_all = time_wait_count();
    for _ in 0..count {
        let (client, server) = connected_pair(listener, &before);
        close_in_turn(client, server);
    }
    wait_until("all clients are in TIME_WAIT", || {
        time_wait_count() == before_all + count
    });
}

/// Connections of which the server closed first.
#[track_caller]
pub fn server_time_waits(listener: &Socket, count: usize) {
    let before_all = time_wait_count();
    for _ in 0..count {
        let (client, server) = connected_pair(listener, |_| Ok(()));
        close_in_turn(server, client);
    }
    wait_until("all servers are in TIME_WAIT", || {
        time_wait_count() == before_all + count
    });
}

/// Clients that closed while their servers do not. The kernel keeps them as long as
/// `tcp_fin_timeout` says; up to a minute of that as it keeps a TIME_WAIT. Returns the servers.
#[track_caller]
pub fn client_fin_wait_2s(listener: &Socket, count: usize) -> Vec<Socket> {
    let before = fin_wait_2_count();
    let servers: Vec<Socket> = (0..count)
        .map(|_| {
            let (client, server) = connected_pair(listener, |_| Ok(()));
            drop(client);
            server
        })
        .collect();
    // The acknowledgement may be put off, and what the timeout is then is what counts.
    wait_until("all clients wait for the other end", || {
        fin_wait_2_count() == before + count
    });
    servers
}

/// A new connection: its client and its server.
#[track_caller]
pub fn connected_pair(
    listener: &Socket,
    before: impl Fn(&Socket) -> std::io::Result<()>,
) -> (Socket, Socket) {
    let address = listener.local_addr().expect("it is bound");
    let address = address.as_socket().expect("it is a TCP listener");
    let client = connect_with(&address.to_string(), before).expect("a port is free");
    let (server, _) = listener.accept().expect("a client is there");
    (client, server)
}

fn close_in_turn(first: Socket, second: Socket) {
    drop(first);
    wait_for_eof(&second);
}

/// Nothing was sent, so the first thing to read is the end.
/// Waits until the other side has closed.
#[track_caller]
pub fn wait_for_eof(mut socket: &Socket) {
    let read = socket.read(&mut [0]).expect("the other side has closed");
    assert_eq!(read, 0, "nothing was sent");
}

/// `tw` of `/proc/net/sockstat`: TIME_WAITs, and FIN_WAIT2 that the kernel keeps as time-wait
/// sockets, of both families.
pub fn time_wait_count() -> usize {
    let text = fs::read_to_string("/proc/thread-self/net/sockstat")
        .expect("/proc/thread-self/net/sockstat");
    let line = text.lines().find_map(|line| line.strip_prefix("TCP: "));
    let mut words = line.expect("a line of TCP").split_whitespace();
    words.find(|word| *word == "tw").expect("tw N");
    words
        .next()
        .and_then(|count| count.parse().ok())
        .expect("tw N")
}
