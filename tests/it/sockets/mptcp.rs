//! MPTCP sockets are told from TCP sockets.

use serde_json::Value;

use crate::support::mptcp::mptcp_scene;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{count, json};

/// Protocol and inode of each TCP socket in these states that somebody holds.
#[track_caller]
fn protocols(more: &[&str]) -> Vec<(Value, u64)> {
    let report = json(&[&["sockets", "tcp"], more].concat());
    let sockets = report["sockets"].as_array().expect("sockets[]");
    let of = |socket: &Value| (socket["protocol"].clone(), count(&socket["inode"]));
    let mut found: Vec<_> = sockets.iter().map(of).collect();
    found.sort_by_key(|(_, inode)| *inode);
    found
}

#[test]
fn a_listener_is_told_without_info() {
    in_sealed_netns(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        let mut expected = [
            ("mptcp".into(), scene.listener()),
            ("tcp".into(), scene.tcp()),
        ];
        expected.sort_by_key(|(_, inode)| *inode);
        let listening = ["state", "listening"];
        assert_eq!(protocols(&listening), expected);
        assert_eq!(protocols(&[&["--info"], &listening[..]].concat()), expected);
        // Beside sockets in other states.
        let at_port = protocols(&["sport", "=", ":8080"]);
        let named = at_port.iter().filter(|(name, _)| name == "mptcp");
        assert_eq!(named.count(), 1, "{at_port:?}");
    });
}

/// The kernel names them only with `tcp_info`, which takes long of many.
#[test]
fn subflows_are_told_with_info() {
    in_sealed_netns(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        let named = |name: &str| {
            let mut both = scene.connection().map(|inode| (Value::from(name), inode));
            both.sort_by_key(|(_, inode)| *inode);
            both.to_vec()
        };
        let connected = ["state", "established"];
        assert_eq!(protocols(&connected), named("tcp"));
        assert_eq!(
            protocols(&[&["--info"], &connected[..]].concat()),
            named("mptcp")
        );
    });
}

#[test]
fn each_socket_is_listed_once_and_listeners_first() {
    in_sealed_netns(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        for more in [&[][..], &["--info"]] {
            let report = json(&[&["sockets", "tcp"], more].concat());
            let states: Vec<&str> = report["sockets"]
                .as_array()
                .expect("sockets[]")
                .iter()
                .map(|socket| socket["state"].as_str().expect("a state"))
                .collect();
            let bound = usize::from(sockdiag::source::reports_bound());
            let count = |state| states.iter().filter(|one| **one == state).count();
            assert_eq!(
                ["listen", "bound", "established"].map(count),
                [2, bound, 2],
                "{states:?}"
            );
            assert_eq!(states[..2], ["listen", "listen"]);
        }
        drop(scene);
    });
}
