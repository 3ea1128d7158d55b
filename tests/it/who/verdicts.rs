//! The verdict on bind() against bind() itself, over many combinations of sockets on one port.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use rustix::fs::{Uid, fchown};
use sockdiag::analysis::who::{
    Asked, BindReport, Holder, Holders, Limits, Verdict, WhoReport, report,
};
use sockdiag::collect::{Held, Namespaces, OwnerNeeds, Wants, held};
use sockdiag::model::SocketProtocol;
use sockdiag::source::{BindTrial, Kernel};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::time_waits::wait_for_eof;

/// A user who owns sockets and runs nothing.
const OTHER: u32 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bound,
    Listening,
    /// An accepted connection, its listener closed.
    Accepted,
    /// An accepted connection beside its listener.
    AcceptedAndListening,
    /// Bound first, then connected.
    Outgoing,
    FinWait2,
    TimeWait,
    Udp,
    UdpConnected,
}

const SHAPES: [Shape; 9] = [
    Shape::Bound,
    Shape::Listening,
    Shape::Accepted,
    Shape::AcceptedAndListening,
    Shape::Outgoing,
    Shape::FinWait2,
    Shape::TimeWait,
    Shape::Udp,
    Shape::UdpConnected,
];

const ADDRESSES: [&str; 6] = [
    "0.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "::",
    "::1",
    "::ffff:127.0.0.1",
];

#[derive(Debug, Clone, Copy)]
struct Spec {
    shape: Shape,
    address: IpAddr,
    v6only: bool,
    reuseaddr: bool,
    reuseport: bool,
    uid: u32,
}

/// Sockets that keep a scene up.
type Scene = Vec<Socket>;

fn made(spec: &Spec, port: u16) -> std::io::Result<Scene> {
    let is_udp = matches!(spec.shape, Shape::Udp | Shape::UdpConnected);
    let address = SocketAddr::new(spec.address, port);
    let (kind, protocol) = match is_udp {
        true => (Type::DGRAM, Protocol::UDP),
        false => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if spec.uid != 0 {
        fchown(&socket, Some(Uid::from_raw(spec.uid)), None)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(spec.v6only)?;
    }
    socket.set_reuse_address(spec.reuseaddr)?;
    socket.set_reuse_port(spec.reuseport)?;
    socket.bind(&address.into())?;
    Ok(match spec.shape {
        Shape::Bound | Shape::Udp => vec![socket],
        Shape::UdpConnected => {
            socket.connect(&SocketAddr::new(peer_of(spec.address), 9).into())?;
            vec![socket]
        }
        Shape::Listening => {
            socket.listen(5)?;
            vec![socket]
        }
        Shape::Accepted | Shape::AcceptedAndListening | Shape::TimeWait => {
            socket.listen(5)?;
            let client = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            // Another listener of a SO_REUSEPORT group may get the connection.
            for end in [&socket, &client] {
                end.set_read_timeout(Some(Duration::from_millis(100)))?;
            }
            client.connect(&SocketAddr::new(peer_of(spec.address), port).into())?;
            let (server, _) = socket.accept()?;
            match spec.shape {
                Shape::AcceptedAndListening => vec![socket, server, client],
                Shape::Accepted => vec![server, client],
                _ => {
                    drop(server);
                    assert_eq!((&client).read(&mut [0])?, 0, "the server has closed");
                    Vec::new()
                }
            }
        }
        Shape::Outgoing | Shape::FinWait2 => {
            let listener = TcpListener::bind((peer_of(spec.address), 0))?;
            socket.connect(&listener.local_addr()?.into())?;
            let (server, _) = listener.accept()?;
            let server = Socket::from(server);
            match spec.shape {
                Shape::Outgoing => vec![socket, server],
                _ => {
                    drop(socket);
                    wait_for_eof(&server);
                    vec![server]
                }
            }
        }
    })
}

/// Where a socket with this address is reached.
fn peer_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => [127, 0, 0, 1].into(),
        IpAddr::V6(v6) if v6.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

fn concluded(port: u16, v6only: bool) -> WhoReport {
    let kernel = Kernel::new();
    let namespaces = Namespaces::own(&kernel);
    let found: Held = held(&kernel, &namespaces, Wants::Port(port), OwnerNeeds::All)
        .expect("sockets can be read");
    let place = &found.places[0];
    let holders = found.sockets.iter().map(|one| Holder {
        netns: &place.netns,
        interfaces: &place.interfaces,
        is_here: true,
        socket: &one.socket,
        options: one.options,
    });
    let holders = Holders {
        sockets: holders.collect(),
        owners: found.owners.as_ref(),
        ..Holders::default()
    };
    let addresses = [
        "0.0.0.0",
        "127.0.0.1",
        "127.0.0.2",
        "127.0.0.3",
        "::",
        "::1",
    ];
    let addresses: Vec<IpAddr> = addresses.map(|a| a.parse().expect("an address")).into();
    let asked = Asked {
        target: format!(":{port}"),
        port: Some(port),
        addresses,
        netns: place.netns.clone(),
        uid: rustix::process::geteuid().as_raw(),
        ..Asked::default()
    };
    let limits = Limits {
        v6only: Some(v6only),
        sees_bound: found.sees_bound,
        ..Limits::default()
    };
    report(&asked, &limits, &holders)
}

#[derive(Default)]
struct Tally {
    ok: usize,
    in_use: usize,
    unknown: usize,
}

/// Calls bind() for each verdict of a row.
fn compare(row: &BindReport, port: u16, scene: &str, tally: &mut Tally) {
    let verdicts = [
        (row.plain, false, false),
        (row.reuseaddr, true, false),
        (row.reuseport, false, true),
        (row.both, true, true),
    ];
    for (verdict, reuseaddr, reuseport) in verdicts {
        let trial = BindTrial {
            is_udp: row.protocol == SocketProtocol::Udp,
            address: SocketAddr::new(row.address, port),
            v6only: row.v6only.unwrap_or_default(),
            reuseaddr,
            reuseport,
        };
        let tried = match trial.run() {
            Ok(()) => Verdict::Ok,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Verdict::InUse,
            Err(error) => panic!("{trial:?}: {error}"),
        };
        match verdict {
            None => tally.unknown += 1,
            Some(verdict) => assert_eq!(verdict, tried, "{trial:?} beside {scene}: {row:?}"),
        }
        match tried {
            Verdict::Ok => tally.ok += 1,
            Verdict::InUse => tally.in_use += 1,
            Verdict::Denied | Verdict::NoAddress => unreachable!("{trial:?}"),
        }
    }
}

fn check(specs: &[Spec], port: u16, tally: &mut Tally) {
    let mut kept = Vec::new();
    let mut there = Vec::new();
    for spec in specs {
        // What excludes an earlier one is left out.
        if let Ok(sockets) = made(spec, port) {
            kept.extend(sockets);
            there.push(spec);
        }
    }
    let scene = format!("{there:#?}");
    for v6only in [false, true] {
        for row in &concluded(port, v6only).bind {
            compare(row, port, &scene, tally);
        }
    }
}

/// Every combination of options, for each shape at each address, alone on its port.
#[test]
fn the_verdict_beside_one_socket_is_what_bind_returns() {
    in_sealed_netns(|| {
        lo_up();
        let mut tally = Tally::default();
        let mut port = 20_000;
        for shape in SHAPES {
            for address in ADDRESSES {
                for options in 0..8 {
                    let spec = Spec {
                        shape,
                        address: address.parse().expect("an address"),
                        v6only: options & 1 != 0,
                        reuseaddr: options & 2 != 0,
                        reuseport: options & 4 != 0,
                        uid: 0,
                    };
                    port += 1;
                    check(&[spec], port, &mut tally);
                }
            }
        }
        assert_varied(&tally);
    });
}

/// Several sockets on a port, of two users.
#[test]
fn the_verdict_beside_several_sockets_is_what_bind_returns() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut tally = Tally::default();
        for port in 20_001..20_301 {
            let count = 2 + random.below(3);
            let specs: Vec<Spec> = (0..count).map(|_| random.spec()).collect();
            check(&specs, port, &mut tally);
        }
        assert_varied(&tally);
    });
}

/// Neither all alike nor mostly unknown.
#[track_caller]
fn assert_varied(tally: &Tally) {
    let all = tally.ok + tally.in_use;
    assert!(tally.ok > all / 10, "{} of {all} ok", tally.ok);
    assert!(tally.in_use > all / 10, "{} of {all} in use", tally.in_use);
    assert!(
        tally.unknown < all / 4,
        "{} of {all} unknown",
        tally.unknown
    );
}

/// xorshift64*: the same scenes at each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn is(&mut self) -> bool {
        self.below(2) == 1
    }

    fn spec(&mut self) -> Spec {
        Spec {
            shape: SHAPES[self.below(SHAPES.len())],
            address: ADDRESSES[self.below(ADDRESSES.len())]
                .parse()
                .expect("an address"),
            v6only: self.is(),
            reuseaddr: self.is(),
            reuseport: self.is(),
            uid: if self.below(4) == 0 { OTHER } else { 0 },
        }
    }
}

/// The local port of a connection is chosen by connect(), which asks nobody's options.
#[test]
fn the_verdict_beside_a_connection_on_an_ephemeral_port_is_what_bind_returns() {
    in_sealed_netns(|| {
        lo_up();
        let mut tally = Tally::default();
        for address in ["127.0.0.1", "::1"] {
            for options in 0..4 {
                let address: IpAddr = address.parse().expect("an address");
                let listener = TcpListener::bind((address, 0)).expect("a port is free");
                let peer = listener.local_addr().expect("it is bound");
                let client = Socket::new(Domain::for_address(peer), Type::STREAM, None);
                let client = client.expect("a socket");
                client.set_reuse_address(options & 1 != 0).expect("set");
                client.set_reuse_port(options & 2 != 0).expect("set");
                client.connect(&peer.into()).expect("it listens");
                let local = client.local_addr().expect("it is connected");
                let port = local.as_socket().expect("an address").port();
                for v6only in [false, true] {
                    for row in &concluded(port, v6only).bind {
                        compare(row, port, &format!("{address} {options}"), &mut tally);
                    }
                }
            }
        }
        assert!(tally.ok > 0 && tally.in_use > 0);
    });
}
