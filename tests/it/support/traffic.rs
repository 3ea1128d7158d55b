//! What a network carries: segments, some of which are lost, queues of them, frames that nobody
//! handles, and connections that one end leaves open.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::firewall::add_chain;
use super::meanwhile::{AtEnd, while_repeating};
use super::tools::kernel_counter;
use super::wait::{PATIENCE, wait_until};

/// A counter of TCP in this namespace.
pub fn tcp(name: &str) -> u64 {
    kernel_counter("snmp", "Tcp", name)
}

/// Sends small segments to a reader at this listener until `is_done`.
pub fn send_until(listener: &TcpListener, is_done: impl FnMut() -> bool) {
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("it listens");
    client.set_nodelay(true).expect("TCP_NODELAY");
    let timeout = client.set_write_timeout(Some(PATIENCE));
    timeout.expect("SO_SNDTIMEO");
    let (mut server, _) = listener.accept().expect("a client is there");
    let (mut sender, mut buffer) = (&client, [0; 4096]);
    thread::scope(|scope| {
        // The reader ends with the stream.
        let _over = AtEnd(|| client.shutdown(Shutdown::Write).expect("it is connected"));
        scope.spawn(|| while server.read(&mut buffer).expect("the client writes") > 0 {});
        let send = || sender.write_all(&[7; 100]).expect("the server reads");
        while_repeating(send, || wait_until("enough was sent", is_done));
    });
}

/// Sends until neither the peer nor the kernel takes more.
#[track_caller]
pub fn fill(sender: &impl AsFd) {
    /// The peer may be about to take more.
    const A_WHILE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let socket = SockRef::from(sender);
    loop {
        match socket.send_with_flags(&[7; 4096], libc::MSG_DONTWAIT) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let room = &mut [PollFd::new(sender, PollFlags::OUT)];
                if poll(room, Some(&A_WHILE)).expect("a socket can be polled") == 0 {
                    return;
                }
            }
            Err(error) => panic!("filling the send queue: {error}"),
        }
    }
}

/// Loses one in four segments to port 8080 that open or abort nothing; `false`, loudly, where that
/// cannot be arranged.
pub fn lose_one_in_four() -> bool {
    let drop = "tcp dport 8080 tcp flags & (syn | rst) == 0 numgen inc mod 4 == 0 drop";
    add_chain("filter", "input", &[drop])
}

/// A broadcast of a protocol for local experiments, which no kernel handles (IEEE 802).
pub fn unhandled() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.resize(60, 0);
    frame
}

/// Connections that this process has accepted, and whose clients have closed.
pub fn left_open(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
    let address = listener.local_addr().expect("it is bound");
    let mut accepted = Vec::new();
    for _ in 0..count {
        let client = TcpStream::connect(address).expect("it listens");
        accepted.push(listener.accept().expect("a client is there").0);
        drop(client);
    }
    accepted
}
