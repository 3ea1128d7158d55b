//! `sockdiag doctor`: packets that are lost, refused or not let in.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::support::capture::{Frames, veth_pair};
use crate::support::conntrack::{nearly_fill, send_to_each, track_connections};
use crate::support::diagnosis::{doctor_while, only, remedy};
use crate::support::link::{HERE, Link, THERE};
use crate::support::netns::{in_sealed_netns, lo_up, run, sysctl};
use crate::support::program::{finding, problems};
use crate::support::traffic::{lose_one_in_four, send_until, tcp, unhandled};

/// The pace of what is done meanwhile; nothing waits for it.
const PACE: Duration = Duration::from_millis(5);

#[test]
fn a_full_table_of_connections_is_critical() {
    in_sealed_netns(|| {
        lo_up();
        if !track_connections() {
            return;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let Some(mut next) = nearly_fill(&socket, 0) else {
            return;
        };
        let more = || {
            send_to_each(&socket, next..next + 500);
            next += 500;
        };
        let report = doctor_while(more, &["--for=500ms"]);
        let found = only(&report, "conntrack_full");
        assert_eq!(found["severity"], "critical");
        assert_eq!(found["inferred"], false, "{found:#}");
        let raise = "sysctl -w net.netfilter.nf_conntrack_max=";
        assert!(remedy(found).starts_with(raise), "{found:#}");
    });
}

#[test]
fn segments_that_are_lost_on_the_way_are_found() {
    in_sealed_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        if !lose_one_in_four() {
            return;
        }
        let lose = || {
            let before = tcp("RetransSegs");
            send_until(&listener, || tcp("RetransSegs") >= before + 10);
        };
        let report = doctor_while(lose, &["--for=2s"]);
        let found = only(&report, "retransmissions_high");
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["inferred"], true, "{found:#}");
    });
}

#[test]
fn connects_to_a_port_without_a_listener_are_found() {
    in_sealed_netns(|| {
        lo_up();
        let connect = || {
            TcpStream::connect("127.0.0.1:8081").expect_err("nobody listens");
        };
        let report = doctor_while(connect, &["--for=500ms"]);
        let found = only(&report, "resets_sent");
        assert_eq!(found["severity"], "warning");
        let cause = found["cause"].as_str().expect("text");
        assert!(cause.contains("nothing listens"), "{cause}");
    });
}

#[test]
fn packets_from_where_no_route_leads_back_are_found() {
    in_sealed_netns(|| {
        let link = Link::new();
        sysctl("net/ipv4/conf/near/rp_filter", 1);
        let socket = link.there.run(|| {
            run("ip", &["address", "add", "10.8.0.5/32", "dev", "far"]);
            UdpSocket::bind("10.8.0.5:0").expect("it is an address of that host")
        });
        let send = || {
            socket.send_to(b"x", (HERE, 9)).expect("a datagram is sent");
            thread::sleep(PACE);
        };
        let report = doctor_while(send, &["--for=500ms"]);
        let found = only(&report, "rp_filter_drops");
        assert_eq!(found["severity"], "warning");
        let loosen = "sysctl -w net/ipv4/conf/near/rp_filter=2 ";
        assert!(remedy(found).starts_with(loosen), "{found:#}");
    });
}

/// The other end takes only packets that fit its own MTU.
#[test]
fn packets_that_the_other_end_of_an_interface_refuses_are_found() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.there.run(|| {
            run("ip", &["link", "set", "far", "mtu", "576"]);
        });
        let socket = UdpSocket::bind((HERE, 0)).expect("a port is free");
        let send = || {
            socket.send_to(&[0; 1400], (THERE, 9)).expect("it is sent");
            thread::sleep(PACE);
        };
        let report = doctor_while(send, &["--for=500ms"]);
        let found = only(&report, "interface_drops");
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["subject"], "near");
        assert_eq!(found["inferred"], true, "{found:#}");
    });
}

#[test]
fn packets_that_nobody_handles_are_no_problem() {
    in_sealed_netns(|| {
        veth_pair("near", "far");
        let mut far = Frames::on("far");
        let frame = unhandled();
        let send = || {
            far.send_whole(&frame);
            thread::sleep(PACE);
        };
        let report = doctor_while(send, &["--for=500ms"]);
        assert_eq!(problems(&report), Vec::<&str>::new(), "{report:#}");
        assert_eq!(finding(&report, "interface_drops")["subject"], "near");
    });
}
