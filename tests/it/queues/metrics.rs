//! `sockdiag queues -o prom`: what is exported, above all for sockets that share an address.

use std::net::{TcpStream, UdpSocket};

use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{json, members, number, text};
use crate::support::sockets::{
    accept_queue_len, fill_accept_queue, half_open_count, listen, listen_with,
};
use crate::support::tools::{assert_promtool_accepts, tcp_ext};
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;
use serde_json::Value;

const GROUP: &str = "10.9.0.1:8080";

/// The value of the one sample of `name` at `local`.
#[track_caller]
fn sample(metrics: &str, name: &str, local: &str) -> f64 {
    let (begin, label) = (format!("sockdiag_{name}{{"), format!("local=\"{local}\""));
    let found: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with(&begin) && line.contains(&label))
        .collect();
    assert_eq!(found.len(), 1, "{name} at {local} in\n{metrics}");
    let (_, value) = found[0].rsplit_once(' ').expect("SERIES VALUE");
    value.parse().expect("a number")
}

/// What the JSON of all members adds up to.
fn sum(report: &Value, pointer: &str) -> f64 {
    let members = members(report, GROUP);
    let value = |member: &&Value| number(member.pointer(pointer).expect(pointer));
    members.iter().map(value).sum()
}

#[test]
fn a_group_is_one_series_with_sums_and_the_worst_of_its_members() {
    in_netns(|| {
        unanswered_syns();
        let member = |backlog| {
            listen_with(GROUP, backlog, |socket| {
                socket.set_reuse_port(true).expect("SO_REUSEPORT");
            })
        };
        let sockets = [member(9), member(1), member(9)];
        let mut clients = Vec::new();
        // The second is stuck; the others keep one each.
        while accept_queue_len(&sockets[1]) < 2 {
            let queued = || sockets.iter().map(accept_queue_len).sum::<usize>();
            let before = queued();
            clients.push(TcpStream::connect(GROUP).expect("room for it"));
            wait_until("a member has it", || queued() == before + 1);
            for other in [&sockets[0], &sockets[2]] {
                if accept_queue_len(other) > 1 {
                    other.accept().expect("two are queued");
                }
            }
        }
        syn_flood(GROUP, 40);
        assert!(tcp_ext("ListenOverflows") > 0, "the scene is set");
        let metrics = text(&["queues", "-o", "prom"]);
        let report = json(&["queues"]);
        assert_eq!(members(&report, GROUP).len(), 3);
        for (name, pointer) in [
            ("accept_queue_length", "/accept_queue/length"),
            ("accept_queue_limit", "/accept_queue/limit"),
            ("listener_drops_total", "/drops"),
        ] {
            assert_eq!(
                sample(&metrics, name, GROUP),
                sum(&report, pointer),
                "{name}"
            );
        }
        assert_eq!(sample(&metrics, "accept_queue_limit", GROUP), 19.0);
        assert_eq!(sample(&metrics, "accept_queue_fill_ratio", GROUP), 1.0);
        // The SYN queue is one for all members, whose limits add up.
        let half_open = half_open_count(8080) as f64;
        assert_eq!(sample(&metrics, "syn_queue_length", GROUP), half_open);
        assert_eq!(sample(&metrics, "syn_queue_limit", GROUP), 19.0);
        assert_promtool_accepts(&metrics);
    });
}

#[test]
fn what_is_not_known_has_no_sample() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8081", 5);
        let _udp = UdpSocket::bind("127.0.0.1:5353").expect("it is free");
        let metrics = text(&["queues", "-o", "prom", "--udp", "--no-syn"]);
        assert_eq!(
            sample(&metrics, "accept_queue_length", "127.0.0.1:8081"),
            0.0
        );
        assert_eq!(
            sample(&metrics, "receive_queue_bytes", "127.0.0.1:5353"),
            0.0
        );
        for name in ["syn_queue_length", "accept_queue_oldest_wait_seconds"] {
            assert!(!metrics.contains(name), "{name} in\n{metrics}");
        }
        let _clients = fill_accept_queue(&server, 2);
        let metrics = text(&["queues", "-o", "prom"]);
        assert_eq!(
            sample(&metrics, "accept_queue_length", "127.0.0.1:8081"),
            2.0
        );
        assert!(
            sample(
                &metrics,
                "accept_queue_oldest_wait_seconds",
                "127.0.0.1:8081"
            ) >= 0.0
        );
        assert_eq!(sample(&metrics, "syn_queue_length", "127.0.0.1:8081"), 0.0);
    });
}
