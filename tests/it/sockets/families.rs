//! Sockets of other families: unix, packet, netlink, vsock, and raw ones.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::Value;
use sockdiag::model::{Families, Filter, SocketProtocol};
use sockdiag::source::{SockDiag, SocketRequest};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::capture::Frames;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{assert_failed, count, json, sockdiag};
use crate::support::schema::assert_valid;
use crate::support::skipped::report_skipped;
use crate::support::sockets::{inode, socket_address};
use crate::support::tree::Tree;

fn rows(report: &Value) -> &Vec<Value> {
    report["sockets"].as_array().expect("rows")
}

#[test]
fn a_unix_connection_has_the_name_and_the_owner_of_its_peer() {
    in_sealed_netns(|| {
        let folder = Tree::new();
        let path = format!("{}/x.sock", folder.path());
        let listener = UnixListener::bind(&path).expect("a path");
        let client = UnixStream::connect(&path).expect("a listener");
        let (server, _) = listener.accept().expect("a client");
        let report = json(&["sockets", "unix", "state", "established"]);
        assert_valid("sockets", &[&["sockets", "unix"]]);
        let of = |inode: u64| {
            let mut rows = rows(&report).iter();
            rows.find(|row| row["inode"] == inode).expect("its row")
        };
        let row = of(inode(&client));
        assert_eq!(row["type"], "stream");
        assert_eq!(row["local"]["path"], Value::Null);
        assert_eq!(row["peer"]["path"], *path, "the server's end is bound");
        assert_eq!(row["peer"]["inode"], inode(&server));
        let pid = std::process::id();
        assert_eq!(row["owners"][0]["pid"], pid);
        assert_eq!(row["peer"]["owners"][0]["pid"], pid);
        assert_eq!(of(inode(&server))["local"]["path"], *path);
        let report = json(&["sockets", &format!("{}/*", folder.path())]);
        assert_eq!(report["count"], 2, "a path alone is of unix sockets");
    });
}

#[test]
fn raw_and_packet_sockets_have_protocol_and_interface() {
    in_sealed_netns(|| {
        lo_up();
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root");
        raw.bind(&socket_address("127.0.0.1:0").into())
            .expect("an address");
        let raw6 = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("root");
        let of_link = Protocol::from(i32::from(0x88cc_u16.to_be()));
        let packet = Socket::new(Domain::PACKET, Type::RAW, Some(of_link)).expect("root");
        let report = json(&["sockets", "raw", "packet"]);
        assert_valid("sockets", &[&["sockets", "raw", "packet"]]);
        let found: Vec<_> = rows(&report)
            .iter()
            .map(|row| (row["inode"].as_u64().expect("it is held"), &row["local"]))
            .collect();
        let local = |address: &str, port| serde_json::json!({"address": address, "port": port, "interface": null});
        let of_packet = serde_json::json!({"ethertype": 0x88cc, "interface": null});
        assert_eq!(
            found,
            [
                (inode(&raw), &local("127.0.0.1", 1)),
                (inode(&raw6), &local("::", 58)),
                (inode(&packet), &of_packet),
            ]
        );
        assert_eq!(json(&["sockets", "raw", "-4"])["count"], 1);
        assert_eq!(json(&["sockets", "raw", "src", "127.0.0.1"])["count"], 1);
        let _frames = Frames::on("lo");
        let report = json(&["sockets", "packet", "dev", "lo"]);
        let of_lo = serde_json::json!({"ethertype": 3, "interface": "lo"});
        assert_eq!(report["sockets"][0]["local"], of_lo);
        assert_eq!(report["count"], 1);
        assert_eq!(json(&["sockets", "packet", "not", "dev", "lo"])["count"], 1);
    });
}

#[test]
fn netlink_sockets_have_family_and_port_id() {
    in_sealed_netns(|| {
        let report = json(&["sockets", "netlink"]);
        assert_valid("sockets", &[&["sockets", "netlink"]]);
        let own = rows(&report)
            .iter()
            .find(|row| row["local"]["family"] == "sock_diag" && row["local"]["port_id"] != 0);
        assert!(own.is_some(), "the program's own: {report}");
        assert_eq!(own.expect("it is there")["uid"], Value::Null, "not told");
    });
}

#[test]
fn a_family_without_its_diag_module_is_said() {
    in_sealed_netns(|| {
        let output = sockdiag(&["sockets", "vsock"]);
        if output.status.success() {
            return report_skipped("a family without its diag module: vsock_diag is there");
        }
        assert_failed(&output, 1, &["lacks the diag module"]);
        let report = json(&["sockets", "all"]);
        let missing = report["incomplete"].as_array().expect("a list");
        assert!(
            missing.iter().any(|missing| missing["what"] == "vsock"),
            "{missing:?}"
        );
        assert!(report["count"].as_u64() > Some(0), "the others are shown");
    });
}

/// Whether the kernel has raw_diag; without it, /proc/net/raw is read.
fn dumps_raw_sockets() -> bool {
    let request = SocketRequest {
        protocol: SocketProtocol::Raw,
        families: Families::BOTH,
        filter: &Filter::ALL,
        info: false,
        memory: false,
    };
    let mut diag = SockDiag::open().expect("netlink");
    match diag.sockets(&request, |_| ControlFlow::Continue(())) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.io().kind(), ErrorKind::NotFound, "{error}");
            false
        }
    }
}

#[test]
fn raw_sockets_from_a_file_are_not_matched_against_what_it_lacks() {
    in_sealed_netns(|| {
        let _raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root");
        let report = json(&["sockets", "raw", "tcp", "not", "dev", "7"]);
        let missing = report["incomplete"].as_array().expect("a list");
        let is_said = missing.iter().any(|missing| missing["what"] == "raw");
        let is_dumped = dumps_raw_sockets();
        if is_dumped {
            report_skipped("raw sockets from a file: raw_diag is there");
        }
        let expected = (!is_dumped, u64::from(is_dumped));
        assert_eq!((is_said, count(&report["count"])), expected, "{report}");
    });
}
