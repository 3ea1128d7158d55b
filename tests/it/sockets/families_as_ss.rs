//! The rows of `ss` for raw, packet, netlink and vsock sockets, and who is dual-stack.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::capture::Frames;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{assert_failed, json, sockdiag};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{listen, listen_with, socket_address};
use crate::support::ss::{self, Row};
use crate::support::wait::wait_for;

/// The rows of ss, with the same fields; `None`, loudly, where it is not installed. It shows some
/// netlink sockets twice.
fn of_ss(flags: &str) -> Option<BTreeSet<Row>> {
    let row = |line: String| {
        let mut word: Vec<&str> = line.split_whitespace().collect();
        if !word[0].starts_with("p_") {
            word.insert(0, "");
        }
        let state = ss::state_name(word[1]);
        let row: Row = std::array::from_fn(|at| word[at].to_owned());
        let [kind, _, receive, send, local, peer] = row;
        [kind, state, receive, send, local, peer]
    };
    Some(ss::rows(flags, "")?.into_iter().map(row).collect())
}

/// Ours, with the type of ss. `ends` writes the local end and the peer as it does.
fn of_sockdiag(protocol: &str, ends: impl Fn(&Value) -> [String; 2]) -> BTreeSet<Row> {
    let report = json(&["sockets", protocol, "--no-owners"]);
    let rows = report["sockets"].as_array().expect("rows").iter();
    let row = |row: &Value| {
        let kind = match (protocol, row["type"].as_str()) {
            ("packet", Some("raw")) => "p_raw",
            ("packet", _) => "p_dgr",
            _ => "",
        };
        let state = row["state"].as_str().expect("a state");
        let [local, peer] = ends(row);
        // ss writes 0 for what the kernel does not report.
        let unreported: &[&str] = match protocol {
            "packet" => &["send_queue_bytes"],
            "vsock" => &["receive_queue_bytes", "send_queue_bytes"],
            _ => &[],
        };
        let [receive, send] = ["receive_queue_bytes", "send_queue_bytes"].map(|name| {
            assert_eq!(row[name].is_null(), unreported.contains(&name), "{row}");
            row[name].as_u64().unwrap_or(0).to_string()
        });
        [
            kind.to_owned(),
            state.to_owned(),
            receive,
            send,
            local,
            peer,
        ]
    };
    ss::distinct(rows.map(row))
}

/// Read while nothing changed.
fn assert_same(flags: &str, mut ours: impl FnMut() -> BTreeSet<Row>) {
    if of_ss(flags).is_none() {
        return;
    }
    let read = || of_ss(flags).expect("ss is there");
    let (expected, found) = wait_for("nothing changed between two readings", || {
        let (before, found) = (read(), ours());
        (read() == before).then_some((before, found))
    });
    assert!(!expected.is_empty(), "ss {flags}");
    assert_eq!(found, expected, "ss {flags}");
}

#[test]
fn raw_sockets_are_those_of_ss() {
    in_sealed_netns(|| {
        lo_up();
        let raw = |domain, protocol| {
            Socket::new(domain, Type::RAW, Some(Protocol::from(protocol))).expect("root")
        };
        let bound = raw(Domain::IPV4, 1);
        let at = socket_address("127.0.0.1:0");
        bound.bind(&at.into()).expect("an address");
        let connected = raw(Domain::IPV4, 47);
        connected.connect(&at.into()).expect("an address");
        let six = raw(Domain::IPV6, 58);
        let any = raw(Domain::IPV4, 89);
        assert_same("-wanH", || {
            of_sockdiag("raw", |row| {
                let end = |end: &Value| {
                    let address = end["address"].as_str().expect("an address");
                    let text = if address == "::" { "*" } else { address };
                    format!("{text}:{}", end["port"])
                };
                let local = end(&row["local"]);
                let nobody = if local.starts_with('*') {
                    "*:*"
                } else {
                    "0.0.0.0:*"
                };
                let peer = match &row["peer"] {
                    Value::Null => nobody.to_owned(),
                    peer => end(peer).replace(":0", ":*"),
                };
                [local, peer]
            })
        });
        drop((six, any));
    });
}

#[test]
fn packet_sockets_are_those_of_ss() {
    in_sealed_netns(|| {
        lo_up();
        let packet = |kind, ethertype: u16| {
            let protocol = Protocol::from(i32::from(ethertype.to_be()));
            Socket::new(Domain::PACKET, kind, Some(protocol)).expect("root")
        };
        let _frames = Frames::on("lo");
        let _others = [
            packet(Type::RAW, 0),
            packet(Type::RAW, 0x88cc),
            packet(Type::DGRAM, 0x0800),
        ];
        assert_same("-0anH", || {
            of_sockdiag("packet", |row| {
                let local = &row["local"];
                let ethertype = match local["ethertype"].as_u64() {
                    Some(3) => "*".to_owned(),
                    other => format!("[{}]", other.expect("a number")),
                };
                let interface = local["interface"].as_str().unwrap_or("*");
                [format!("{ethertype}:{interface}"), "*".to_owned()]
            })
        });
    });
}

/// The numbers of these, as `ss -n` has them.
const FAMILIES: [(&str, u32); 12] = [
    ("route", 0),
    ("usersock", 2),
    ("sock_diag", 4),
    ("nflog", 5),
    ("xfrm", 6),
    ("selinux", 7),
    ("audit", 9),
    ("fib_lookup", 10),
    ("connector", 11),
    ("netfilter", 12),
    ("kobject_uevent", 15),
    ("generic", 16),
];

/// Without those that ask, whose port ids differ.
#[test]
fn netlink_sockets_are_those_of_ss() {
    in_sealed_netns(|| {
        use rustix::net::{AddressFamily, SocketType, bind, connect, netlink, socket};
        // NETLINK_ROUTE is 0, which is none.
        let open = |protocol, port_id, groups| {
            let found = socket(AddressFamily::NETLINK, SocketType::RAW, protocol);
            let found = found.expect("a socket");
            let at = netlink::SocketAddrNetlink::new(port_id, groups);
            bind(&found, &at).expect("a free port id");
            found
        };
        // Members of a group, whom the kernel sends twice.
        let member = open(None, 4711, 1);
        let connected = open(Some(netlink::GENERIC), 4712, 0);
        let kernel = netlink::SocketAddrNetlink::new(0, 0);
        connect(&connected, &kernel).expect("the kernel");
        let to_other = open(None, 4713, 0);
        let other = netlink::SocketAddrNetlink::new(4711, 0);
        connect(&to_other, &other).expect("an address");
        let are_others = |row: &Row| row[4].starts_with("4:");
        let read = || {
            let mut rows = of_sockdiag("netlink", |row| {
                let local = &row["local"];
                let family = local["family"].as_str().expect("a name");
                let known = FAMILIES.iter().find(|(name, _)| *name == family);
                let family = known.map_or(family.to_owned(), |(_, number)| number.to_string());
                let signed = |end: &Value| end["port_id"].as_u64().expect("an id") as u32 as i32;
                let peer = match &row["peer"] {
                    Value::Null => "*".to_owned(),
                    peer => format!("{}:{}", peer["group"], signed(peer)),
                };
                [format!("{family}:{}", signed(local)), peer]
            });
            rows.retain(|row| !are_others(row));
            rows
        };
        let Some(mut expected) = of_ss("-f netlink -anH") else {
            return;
        };
        expected.retain(|row| !are_others(row));
        assert_eq!(read(), expected);
        let has = |local: &str, peer: &str| {
            let mut rows = expected.iter();
            rows.any(|row| (&row[4][..], &row[5][..]) == (local, peer))
        };
        assert!(has("0:4711", "*") && has("16:4712", "0:0") && has("0:4713", "0:4711"));
        drop(member);
        let report = json(&["sockets", "netlink"]);
        assert_eq!(
            report["incomplete"],
            serde_json::json!([]),
            "the kernel holds the others"
        );
    });
}

#[test]
fn vsock_sockets_are_those_of_ss_where_the_kernel_shows_them() {
    in_sealed_netns(|| {
        let output = sockdiag(&["sockets", "vsock"]);
        if !output.status.success() {
            assert_failed(&output, 1, &["lacks the diag module"]);
            return report_skipped("comparison with ss --vsock: no vsock_diag");
        }
        let Some(expected) = of_ss("--vsock -anH") else {
            return;
        };
        let any = |number: &Value| match number.as_u64() {
            None => "*".to_owned(),
            Some(number) => number.to_string(),
        };
        let found = of_sockdiag("vsock", |row| {
            let end = |end: &Value| format!("{}:{}", any(&end["cid"]), any(&end["port"]));
            [end(&row["local"]), end(&row["peer"])]
        });
        assert_eq!(found, expected);
    });
}

/// ss writes `*` for the address of a socket that takes IPv4, too, and `[::]` for that of one which
/// does not.
#[test]
fn dual_stack_sockets_are_those_of_ss() {
    in_sealed_netns(|| {
        lo_up();
        let v6only = |socket: &Socket| socket.set_only_v6(true).expect("an option");
        let _tcp = [
            listen("[::]:8443", 5),
            listen_with("[::]:9003", 5, v6only),
            listen("[::1]:9004", 5),
            listen("0.0.0.0:80", 5),
        ];
        let _udp = ["[::]:5353", "[::1]:53", "0.0.0.0:68"].map(UdpSocket::bind);
        let udp = Socket::new(Domain::IPV6, Type::DGRAM, None).expect("a socket");
        v6only(&udp);
        let at = socket_address("[::]:6000");
        udp.bind(&at.into()).expect("a free port");
        let Some(rows) = of_ss("-tuanH") else {
            return;
        };
        // The first word is the protocol, so that all are one further than without.
        let expected: BTreeSet<_> = rows.into_iter().map(|row| row[5].clone()).collect();
        let report = json(&["sockets", "tcp", "udp", "--no-owners"]);
        let local = |row: &Value| {
            let local = &row["local"];
            let address = local["address"].as_str().expect("an address");
            let is_six = address.contains(':');
            assert_eq!(row["v6only"].is_boolean(), is_six, "{row}");
            match (address, &row["v6only"]) {
                ("::", Value::Bool(false)) => format!("*:{}", local["port"]),
                _ if is_six => format!("[{address}]:{}", local["port"]),
                _ => format!("{address}:{}", local["port"]),
            }
        };
        let rows = report["sockets"].as_array().expect("rows");
        let found: BTreeSet<String> = rows.iter().map(local).collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), 8);
        assert!(
            found.contains("*:8443") && found.contains("[::]:9003"),
            "{found:?}"
        );
    });
}
