//! Sockets of every family, state and kind, all of which stay as they are while the value lives.

use std::io::Write as _;
use std::net::{Shutdown, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};

use socket2::{Domain, SockAddr, Socket, Type};

use super::clients::{begin, bind, bound_first, clients, connect_with, from_address};
use super::netns::sysctl;
use super::sockets::{fill_accept_queue, listen, listen_with, socket_address};
use super::time_waits::{
    client_fin_wait_2s, client_time_waits, connected_pair, server_time_waits, wait_for_eof,
};
use super::traffic::fill;
use super::tree::Tree;
use super::unanswered::{syn_flood, unanswered_syns};
use super::wait::wait_until;

/// SO_MARK of some sockets.
pub const MARK: u32 = 0x17;

/// What was made.
pub struct Population(Vec<Box<dyn Send>>);

impl Population {
    /// Some 400 TCP and UDP sockets, in every state.
    pub fn of_internet() -> Population {
        unanswered_syns();
        sysctl("net/ipv4/tcp_syncookies", 0);
        let mut kept = Population(Vec::new());
        kept.add_connections();
        kept.add_closing();
        kept.add_udp();
        kept.add(begin("10.9.0.77:4444"));
        kept.add(begin("10.9.0.78:4444"));
        kept.add(["127.0.0.2:8092", "[::1]:8090"].map(bind));
        syn_flood("10.9.0.1:8080", 20);
        syn_flood("[fd00:9::1]:8443", 10);
        wait_until(
            "acknowledgements that the kernel puts off have come",
            || {
                let [fin_wait_1, last_ack, closing] = ["04", "09", "0B"].map(count_in_state);
                (fin_wait_1, last_ack, closing) == (1, 1, 1) && unacknowledged() == 0
            },
        );
        kept
    }

    fn add(&mut self, kept: impl Send + 'static) {
        self.0.push(Box::new(kept));
    }

    fn add_connections(&mut self) {
        let marked = |socket: &Socket| socket.set_mark(MARK).expect("root of the namespace");
        let of_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).expect("a device");
        let v6only = |socket: &Socket| socket.set_only_v6(true).expect("an option");
        let any = listen("0.0.0.0:8080", 100);
        let dual = listen("[::]:8443", 100);
        let queued = listen("127.0.0.1:443", 5);
        client_time_waits(&any, 20);
        server_time_waits(&any, 20);
        self.add(client_fin_wait_2s(&any, 10));
        self.add(fill_accept_queue(&queued, 4));
        for to in ["127.0.0.1:8080", "10.9.0.2:8080"] {
            self.add(clients(to, 30));
        }
        for to in [
            "[::1]:8443",
            "[fd00:9::2]:8443",
            "[::ffff:127.0.0.1]:8443",
            "127.0.0.1:8443",
        ] {
            self.add(clients(to, 15));
        }
        for source in ["127.0.0.2:0", "127.0.0.3:5000", "10.9.0.1:1024"] {
            self.add(connect_with("127.0.0.1:8080", bound_first(source)).expect("a connection"));
        }
        self.add(
            connect_with("127.0.0.1:8080", from_address("127.0.0.9:0")).expect("a connection"),
        );
        self.add(connect_with("127.0.0.1:8080", |socket| socket.set_mark(MARK)).expect("one"));
        self.add(connect_with("127.0.0.1:8080", |socket| socket.set_mark(1)).expect("one"));
        self.add(
            connect_with("127.0.0.1:8080", |socket| socket.bind_device(Some(b"lo"))).expect("one"),
        );
        self.add([
            listen("127.0.0.1:80", 5),
            listen_with("127.0.0.1:9001", 5, marked),
            listen_with("0.0.0.0:9002", 5, of_lo),
            listen_with("[::]:9003", 5, v6only),
            listen_with("[::1]:9004", 5, of_lo),
            any,
            dual,
            queued,
        ]);
    }

    /// Ends that wait for a peer which reads nothing.
    fn add_closing(&mut self) {
        let listener = listen("127.0.0.4:7000", 100);
        let pair = || connected_pair(&listener, |_| Ok(()));
        // FIN_WAIT1: the FIN waits behind the data.
        let (client, server) = pair();
        stuff(&client);
        client.shutdown(Shutdown::Write).expect("it is connected");
        self.add((client, server));
        // CLOSING: the peer's FIN comes meanwhile.
        let (client, server) = pair();
        stuff(&client);
        client.shutdown(Shutdown::Write).expect("it is connected");
        server.shutdown(Shutdown::Write).expect("it is connected");
        self.add((client, server));
        // LAST_ACK: the peer was first, and reads nothing.
        let (client, server) = pair();
        stuff(&client);
        server.shutdown(Shutdown::Write).expect("it is connected");
        wait_for_eof(&client);
        client.shutdown(Shutdown::Write).expect("it is connected");
        self.add((client, server));
        // Unread data, and CLOSE_WAIT with an owner.
        let (client, server) = pair();
        (&client).write_all(&[7; 1000]).expect("there is room");
        client.shutdown(Shutdown::Write).expect("it is connected");
        self.add((client, server, listener));
    }

    fn add_udp(&mut self) {
        for at in [
            "127.0.0.1:53",
            "0.0.0.0:5353",
            "[::]:123",
            "[::1]:5353",
            "127.0.0.1:0",
        ] {
            self.add(UdpSocket::bind(at).expect("a free port"));
        }
        for (from, to) in [("127.0.0.1:0", "127.0.0.1:53"), ("[::1]:0", "[::1]:5353")] {
            let socket = UdpSocket::bind(from).expect("a free port");
            socket.connect(to).expect("a peer");
            socket.send(&[1; 700]).expect("there is room");
            self.add(socket);
        }
        let autobound = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        let to = socket_address("127.0.0.1:5353");
        autobound.connect(&to.into()).expect("a peer");
        let of_lo = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        of_lo.bind_device(Some(b"lo")).expect("a device");
        of_lo.set_mark(MARK).expect("root of the namespace");
        of_lo
            .bind(&socket_address("0.0.0.0:8080").into())
            .expect("a free port");
        self.add([autobound, of_lo]);
    }

    /// Unix sockets with paths in this folder, and abstract ones.
    pub fn of_unix(folder: &Tree) -> Population {
        let mut kept = Population(Vec::new());
        let path = |name: &str| format!("{}/{name}", folder.path());
        let listener = UnixListener::bind(path("stream.sock")).expect("a path");
        let client = UnixStream::connect(path("stream.sock")).expect("a listener");
        let (mut server, _) = listener.accept().expect("a client");
        server.write_all(&[1; 300]).expect("there is room");
        kept.add((client, server));
        kept.add(UnixStream::connect(path("stream.sock")).expect("a queue"));
        kept.add(listener);
        let name = UnixAddress::from_abstract_name("sockdiag-test").expect("a name");
        kept.add(UnixListener::bind_addr(&name).expect("a name"));
        let receiver = UnixDatagram::bind(path("dgram.sock")).expect("a path");
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.connect(path("dgram.sock")).expect("a receiver");
        sender.send(&[1; 100]).expect("there is room");
        kept.add((receiver, sender));
        kept.add(UnixDatagram::pair().expect("a pair"));
        kept.add(UnixStream::pair().expect("a pair"));
        let seqpacket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket");
        let at = SockAddr::unix(path("seq.sock")).expect("a path");
        seqpacket.bind(&at).expect("a path");
        seqpacket.listen(3).expect("it is bound");
        let client = Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket");
        client.connect(&at).expect("a listener");
        kept.add((seqpacket, client));
        kept
    }
}

/// TCP connections over IPv4 in this state, by its number as /proc/net/tcp has it.
fn count_in_state(state: &str) -> usize {
    rows().filter(|row| row[3] == state).count()
}

/// Established connections with data that the peer has not acknowledged.
fn unacknowledged() -> usize {
    let rows = rows().filter(|row| row[3] == "01");
    rows.filter(|row| !row[4].starts_with("00000000:")).count()
}

fn rows() -> impl Iterator<Item = Vec<String>> {
    let text = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc");
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().map(str::to_owned).collect());
    rows.collect::<Vec<_>>().into_iter()
}

/// Fills a small send queue.
fn stuff(socket: &Socket) {
    socket.set_send_buffer_size(4096).expect("an option");
    fill(socket);
}
