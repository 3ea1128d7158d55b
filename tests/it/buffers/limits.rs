//! `sockdiag buffers` on real connections: what holds a sender up, and what takes memory.

use serde_json::{Value, json as object};

use crate::support::helper_process::process_name;
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::program::{count, json, number, stderr};
use crate::support::sockets::listen;
use crate::support::time_waits::connected_pair;
use crate::support::traffic::fill;
use crate::support::users::{EACH_PROC, as_nobody};
use crate::support::wait::wait_for;

const SERVER: &str = "127.0.0.1:8080";

/// The one group of connections towards the server.
#[track_caller]
fn group(more: &[&str]) -> Value {
    let report = json(&[&["buffers", "--by", "peer", "dport", "=", ":8080"], more].concat());
    let groups = report["groups"].as_array().expect("groups[]");
    assert_eq!(groups.len(), 1, "{report:#}");
    groups[0].clone()
}

#[test]
fn a_connection_that_sent_nothing_has_no_shares() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _pair = connected_pair(&server, |_| Ok(()));
        let found = group(&[]);
        assert_eq!(found["limited_by_receive_window_ratio"], Value::Null);
        assert_eq!(found["limited_by_send_buffer_ratio"], Value::Null);
        assert_eq!(
            (&found["receive_bytes"], &found["send_bytes"]),
            (&object!(0), &object!(0))
        );
    });
}

/// The window of a peer that does not read closes: that is no matter of the send buffer, though
/// this one is full, too.
#[test]
fn a_receiver_that_does_not_read_limits_its_peer() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        server.set_recv_buffer_size(4096).expect("an option");
        let (client, reader) = connected_pair(&server, |_| Ok(()));
        fill(&client);
        let found = wait_for("the window limits the client", || {
            let found = group(&[]);
            let ratio = found["limited_by_receive_window_ratio"].as_f64();
            (ratio > Some(0.5)).then_some(found)
        });
        assert_eq!(found["limited_by_send_buffer_ratio"], 0.0, "{found:#}");
        let unsent = found["send_bytes"].as_u64().expect("a number");
        assert!(
            unsent > 0 && number(&found["send_limit_bytes"]) > 0.0,
            "{found:#}"
        );
        let all = json(&["buffers", "--by", "socket", "sport", "=", ":8080"]);
        let unread = all["groups"][0]["receive_bytes"].as_u64();
        assert!(unread > Some(0), "{all:#}");
        let local = reader
            .local_addr()
            .expect("an address")
            .as_socket()
            .expect("of TCP");
        let peer = reader
            .peer_addr()
            .expect("an address")
            .as_socket()
            .expect("of TCP");
        assert_eq!(all["groups"][0]["key"], format!("{local} {peer}"));
    });
}

#[test]
fn processes_listeners_and_limits_are_named() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let (client, _reader) = connected_pair(&server, |_| Ok(()));
        let report = json(&["buffers"]);
        let own = &report["groups"][0];
        assert_eq!(own["key"], process_name(std::process::id()));
        assert_eq!(
            (&own["pid"], &own["sockets"]),
            (&object!(std::process::id()), &object!(2))
        );
        for name in ["rmem", "wmem"] {
            let path = format!("/proc/sys/net/ipv4/tcp_{name}");
            let text = std::fs::read_to_string(path).expect("a sysctl");
            let sizes = text.split_whitespace().map(|size| size.parse().ok());
            let limits = &report["limits"][name];
            let found = ["minimum", "default", "maximum"].map(|size| limits[size].as_u64());
            assert_eq!(found.to_vec(), sizes.collect::<Vec<_>>(), "{name}");
        }
        // The kernel shows it in the initial namespace only.
        assert_eq!(report["limits"]["tcp_mem_pages"], Value::Null);
        assert_eq!(report["totals"]["tcp_mem_ratio"], Value::Null);
        let why = "net.ipv4.tcp_mem is visible in the initial network namespace only";
        let missing = object!([{"what": "tcp_mem", "why": why, "count": null}]);
        assert_eq!(report["incomplete"], missing);
        let of_listener = json(&["buffers", "--by", "listener"]);
        let keys = of_listener["groups"].as_array().expect("groups[]").iter();
        let mut keys: Vec<_> = keys.map(|group| group["key"].as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, [None, Some(SERVER)]);
        let size = client.send_buffer_size().expect("an option");
        assert_eq!(group(&[])["send_limit_bytes"], size);
    });
}

#[test]
fn others_see_the_memory_and_not_the_processes() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _pair = connected_pair(&server, |_| Ok(()));
        for first in EACH_PROC {
            let output = as_nobody(first, &["buffers", "--json"]);
            assert!(output.status.success(), "{first}: {}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let [nobodys] = &report["groups"].as_array().expect("groups[]")[..] else {
                panic!("{first}: {report:#}");
            };
            let key = (&nobodys["key"], &nobodys["pid"], &nobodys["sockets"]);
            assert_eq!(key, (&Value::Null, &Value::Null, &object!(2)), "{first}");
            assert!(number(&nobodys["receive_limit_bytes"]) > 0.0, "{first}");
            let missing = report["incomplete"].as_array().expect("a list").iter();
            let mut owners = missing.filter(|missing| missing["what"] == "owners");
            let owners = owners.next().map(|missing| count(&missing["count"]));
            assert_eq!(owners, Some(2), "{first}: {report:#}");
        }
    });
}
