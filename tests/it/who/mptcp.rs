//! Options of MPTCP sockets: the row has the cookie of a subflow, and the descriptor another.

use std::collections::BTreeSet;

use serde_json::{Value, json as object};

use crate::support::mptcp::mptcp_scene;
use crate::support::netns::{in_sealed_netns_of_root, lo_up};
use crate::support::program::{count, json};

#[test]
fn the_options_of_mptcp_sockets_are_known() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        scene.listener.set_reuse_port(true).expect("an option");
        let report = json(&["who", ":8080", "--owners", "all"]);
        let holders = report["holders"].as_array().expect("holders[]");
        let listens = |holder: &&Value| holder["kind"] == "listener";
        let listener = holders.iter().find(listens).expect("a listener");
        assert_eq!(listener["protocol"], "mptcp");
        assert_eq!(
            listener["reuseaddr"],
            scene.listener.reuse_address().unwrap()
        );
        assert_eq!(listener["reuseport"], true);
        let connections: Vec<&Value> = holders.iter().filter(|one| !listens(one)).collect();
        assert_eq!(connections.len(), 1, "{report:#}");
        assert_eq!(connections[0]["protocol"], "mptcp");
        assert_eq!(connections[0]["kind"], "connection");
        assert!(connections[0]["reuseaddr"].is_boolean(), "{report:#}");
        let bind = &report["bind"][0];
        assert_eq!(
            (&bind["address"], &bind["protocol"]),
            (&"0.0.0.0".into(), &"tcp".into())
        );
        for options in ["plain", "reuseaddr", "reuseport", "both"] {
            assert_eq!(bind[options], "in_use", "{options}: {report:#}");
        }
    });
}

#[test]
fn a_process_has_its_mptcp_sockets_by_name() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        let report = json(&["who", &std::process::id().to_string()]);
        let holders = report["holders"].as_array().expect("holders[]").iter();
        let mptcp = holders.filter(|holder| holder["protocol"] == "mptcp");
        let inodes: BTreeSet<u64> = mptcp.map(|holder| count(&holder["inode"])).collect();
        let [client, server] = scene.connection();
        assert!(
            inodes.is_superset(&[scene.listener(), client, server].into()),
            "{report:#}"
        );
    });
}

#[test]
fn keepalive_of_an_mptcp_connection_is_read_from_a_duplicate() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let Some(scene) = mptcp_scene() else { return };
        scene.client.set_keepalive(true).expect("an option");
        let args = [
            "keepalive",
            "--by",
            "socket",
            "--options",
            "dport",
            "=",
            ":8080",
        ];
        let report = json(&args);
        let options = &report["sockets"][0]["options"];
        let expected = object!({
            "enabled": true, "idle_seconds": 7200, "interval_seconds": 75, "probes": 9,
            "user_timeout_ms": 0,
        });
        assert_eq!(*options, expected, "{report:#}");
        assert_eq!(report["incomplete"], object!([]));
    });
}
