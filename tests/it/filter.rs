//! Filters evaluated by the kernel on real sockets, against their evaluation in the library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use crate::support::clients::{bind, bound_first, connect_with};
use crate::support::netns::{in_netns, lo_up};
use sockdiag::model::filter::{End, Ends, Filter};
use sockdiag::model::{Address, Endpoint, Families, Family, Holder, RequestSocket, StateSet};
use sockdiag::source::{SockDiag, reports_bound};

/// Conditions of each kind, on addresses of each family, that hold for some of the sockets.
const CONDITIONS: [&str; 16] = [
    ":8080",
    "dport = :8081",
    "sport >= :8081",
    "sport < :8081",
    "dport > :8080",
    "dport <= :8080",
    "dport != :0",
    "127.0.0.1",
    "dst 127.0.0.0/30",
    "dst 0.0.0.0/0",
    "src ::1",
    "dst ::/0",
    "src ::/64",
    "dst [::/1]:8080",
    "127.0.0.2:8090",
    "dport = :8080 and dst 127.0.0.1",
];

/// Both ends of connections over IPv4, over IPv6 and between IPv6 sockets over IPv4, and bound
/// sockets of both families (reported since Linux 6.8), all of which stay as they are while the value lives.
fn sockets() -> impl Sized {
    let listeners = ["127.0.0.1:8080", "[::1]:8080", "[::]:8081"]
        .map(|address| TcpListener::bind(address).unwrap());
    let clients = [
        "127.0.0.1:8080",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:8081",
        "[::1]:8081",
        "127.0.0.1:8081",
    ]
    .map(|address| TcpStream::connect(address).unwrap());
    let bound_first = connect_with("127.0.0.1:8080", bound_first("127.0.0.2:8090")).unwrap();
    let bound = ["127.0.0.2:8092", "[::1]:8090"].map(|address| bind(address));
    (listeners, clients, bound_first, bound)
}

const FAMILIES: [Families; 3] = [
    Families::BOTH,
    Families {
        v4: true,
        v6: false,
    },
    Families {
        v4: false,
        v6: true,
    },
];

fn holders(families: Families, filter: &Filter) -> Vec<Ends> {
    let mut found = Vec::new();
    let mut diag = SockDiag::open().unwrap();
    let each = |holder| found.push(ends(holder));
    diag.walk(families, StateSet::HOLDERS, filter, each)
        .unwrap();
    found.sort_by_key(|ends| (ends.local, ends.peer));
    found
}

fn ends(holder: Holder) -> Ends {
    let local = |at: Endpoint| Address {
        address: at.address,
        port: at.port,
    };
    match holder {
        Holder::Connection(connection) => Ends {
            local: local(connection.local),
            peer: Address {
                address: connection.peer,
                port: connection.peer_port,
            },
        },
        Holder::Request(RequestSocket { local: at, .. }) | Holder::Bound { local: at, .. } => {
            Ends {
                local: local(at),
                peer: Address {
                    address: match at.family {
                        Family::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                        Family::V6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
                    },
                    port: 0,
                },
            }
        }
    }
}

/// The conditions joined by fours in two ways, and a filter too long for a request: few, as the
/// kernel goes through the host's whole table for each.
fn filters() -> impl Iterator<Item = Filter> {
    let fours = (0..4).flat_map(|at| {
        let [a, b, c, d] = [0, 4, 8, 12].map(|from| CONDITIONS[at + from]);
        [
            format!("({a} or {b}) and not ({c} and {d})"),
            format!("{c} and not ({a}) or {d} and not ({b})"),
        ]
    });
    let too_long: Vec<u16> = (2000..9000).collect();
    fours
        .map(|text| Filter::parse_connection(&text).unwrap())
        .chain([Filter::port_is_one_of(End::Local, &too_long)])
}

#[test]
fn the_kernel_accepts_the_sockets_that_the_library_accepts() {
    in_netns(|| {
        lo_up();
        let _sockets = sockets();
        let all = FAMILIES.map(|families| (families, holders(families, &Filter::ALL)));
        for filter in filters() {
            for (families, all) in &all {
                let expected = all.iter().filter(|ends| filter.accepts(*ends));
                let expected: Vec<Ends> = expected.copied().collect();
                assert_eq!(holders(*families, &filter), expected, "{filter:?}");
            }
        }
        for condition in CONDITIONS {
            let filter = Filter::parse_connection(condition).unwrap();
            let mut accepted = all
                .iter()
                .flat_map(|(_, all)| all)
                .map(|ends| filter.accepts(ends));
            let first = accepted.next().unwrap();
            // Every connection has a peer, so that it takes a bound socket.
            let is_of_bound = condition == "dport != :0";
            assert!(
                accepted.any(|other| other != first) || is_of_bound && !reports_bound(),
                "{condition}"
            );
        }
    });
}
