//! The verdict on bind() against bind() itself, over many combinations of sockets on one port.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use sockdiag::analysis::who::{
    Asked, BindReport, Holder, Holders, Limits, Verdict, WhoReport, report,
};
use sockdiag::collect::{Held, Namespaces, OwnerNeeds, Wants, held};
use sockdiag::model::SocketProtocol;
use sockdiag::source::{Kernel, reports_bound};
use socket2::{Domain, Socket, Type};

use crate::support::bind_scenes::{Random, SHAPES, Shape, Spec};
use crate::support::bind_verdicts::{OPTIONS, bind_returns};
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::wait::PATIENCE;

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

/// How long to wait for a connection that another listener of a SO_REUSEPORT group may get.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Verdicts by what bind() returned.
#[derive(Debug, Default)]
struct Tally {
    ok: usize,
    in_use: usize,
    /// By option, as in [`OPTIONS`].
    unknown: [usize; 4],
}

/// Calls bind() for each verdict of a row.
fn compare(row: &BindReport, port: u16, scene: &str, tally: &mut Tally) {
    let is_udp = row.protocol == SocketProtocol::Udp;
    let at = SocketAddr::new(row.address, port);
    let verdicts = [row.plain, row.reuseaddr, row.reuseport, row.both];
    for (index, (verdict, options)) in verdicts.into_iter().zip(OPTIONS).enumerate() {
        let returned = bind_returns(is_udp, at, row.v6only.unwrap_or_default(), options);
        match verdict {
            None => tally.unknown[index] += 1,
            Some(verdict) => assert_eq!(verdict, returned, "{options:?} beside {scene}: {row:?}"),
        }
        match returned {
            Verdict::Ok => tally.ok += 1,
            Verdict::InUse => tally.in_use += 1,
            Verdict::Denied | Verdict::NoAddress => unreachable!("{at}"),
        }
    }
}

/// Compares all rows about a port. Returns what was compared.
fn compare_all(port: u16, scene: &str) -> Tally {
    let mut tally = Tally::default();
    for v6only in [false, true] {
        let report = concluded(port, v6only);
        // TCP and UDP at six addresses.
        assert_eq!(report.bind.len(), 12, "{scene}");
        for row in &report.bind {
            compare(row, port, scene, &mut tally);
        }
    }
    tally
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.ok += other.ok;
        self.in_use += other.in_use;
        for (sum, other) in self.unknown.iter_mut().zip(other.unknown) {
            *sum += other;
        }
    }

    /// Neither is rare.
    #[track_caller]
    fn assert_varied(&self) {
        let all = self.ok + self.in_use;
        assert!(self.ok > all / 10, "{self:?}");
        assert!(self.in_use > all / 10, "{self:?}");
    }
}

/// How many verdicts are unknown beside one socket of each shape, with every combination of options:
/// plain, with SO_REUSEADDR, with SO_REUSEPORT, and with both.
///
/// With SO_REUSEPORT it depends on sockets that are gone, beside one that has SO_REUSEADDR alone and
/// does not listen, and for the wildcard of both families. The kernel does not report the options of
/// what it keeps in place of a socket: every verdict that these decide is unknown, and without
/// options that on 0.0.0.0 beside an IPv6 address.
const UNKNOWN: [(Shape, [usize; 4]); 9] = [
    (Shape::Bound, [0, 0, 77, 10]),
    (Shape::Listening, [0, 0, 20, 20]),
    (Shape::Accepted, [0, 0, 64, 11]),
    (Shape::AcceptedAndListening, [0, 0, 20, 20]),
    (Shape::Outgoing, [0, 0, 64, 11]),
    (Shape::FinWait2, [32, 236, 236, 236]),
    (Shape::TimeWait, [32, 236, 236, 236]),
    (Shape::Udp, [0; 4]),
    (Shape::UdpConnected, [0; 4]),
];

/// Every combination of options, for each shape at each address, alone on its port.
#[test]
fn the_verdict_beside_one_socket_is_what_bind_returns() {
    in_sealed_netns(|| {
        lo_up();
        let (mut all, mut port) = (Tally::default(), 20_000);
        let unknown = SHAPES.map(|shape| {
            let mut tally = Tally::default();
            for spec in Spec::all(shape) {
                port += 1;
                match spec.make(port, PATIENCE) {
                    Ok(_scene) => tally.add(&compare_all(port, &format!("{spec:#?}"))),
                    Err(error) => assert!(is_contradiction(&spec, &error), "{spec:?}: {error}"),
                }
            }
            all.add(&tally);
            (shape, tally.unknown)
        });
        all.assert_varied();
        if reports_bound() {
            assert_eq!(unknown, UNKNOWN);
        }
    });
}

/// A socket of IPv6 alone cannot be bound to an IPv4 address.
fn is_contradiction(spec: &Spec, error: &Error) -> bool {
    let is_mapped = spec.address.is_ipv6() && spec.address.to_canonical().is_ipv4();
    is_mapped && spec.v6only && error.kind() == ErrorKind::InvalidInput
}

/// Several sockets on a port, of two users.
#[test]
fn the_verdict_beside_several_sockets_is_what_bind_returns() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut all, mut made) = (Tally::default(), SHAPES.map(|shape| (shape, 0)));
        for port in 20_001..20_301 {
            let count = 2 + random.below(3);
            let specs: Vec<Spec> = (0..count).map(|_| random.spec()).collect();
            let (mut kept, mut there) = (Vec::new(), Vec::new());
            for spec in specs {
                match spec.make(port, A_MOMENT) {
                    Ok(sockets) => {
                        kept.extend(sockets);
                        there.push(spec);
                    }
                    // An earlier one excludes it, or is another listener and has got the connection.
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::WouldBlock)
                            || is_contradiction(&spec, &error),
                        "{spec:?}: {error}"
                    ),
                }
            }
            for (shape, count) in &mut made {
                *count += there.iter().filter(|spec| spec.shape == *shape).count();
            }
            let scene = format!("{there:#?}");
            let tally = compare_all(port, &scene);
            if reports_bound() && there.iter().all(|spec| spec.shape.has_options()) {
                let [plain, reuseaddr, ..] = tally.unknown;
                assert_eq!([plain, reuseaddr], [0; 2], "{scene}");
            }
            all.add(&tally);
        }
        all.assert_varied();
        assert!(made.iter().all(|(_, count)| *count >= 40), "{made:?}");
    });
}

/// The local port of a connection is chosen by connect(), which asks nobody's options.
#[test]
fn the_verdict_beside_a_connection_on_an_ephemeral_port_is_what_bind_returns() {
    in_sealed_netns(|| {
        lo_up();
        let mut all = Tally::default();
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
                all.add(&compare_all(port, &format!("{address} {options}")));
            }
        }
        assert!(all.ok > 0 && all.in_use > 0);
        if reports_bound() {
            // As beside any other socket (see UNKNOWN).
            assert_eq!(all.unknown, [0, 0, 13, 2]);
        }
    });
}
