//! `--process`, `--user`, `--unit` and `--by unit` of the commands that show or count sockets.

use rustix::fs::{Gid, Uid, fchown};
use rustix::io::{FdFlags, fcntl_setfd};
use serde_json::Value;

use crate::support::cgroup::Unit;
use crate::support::helper_process::spawn_cat;
use crate::support::netns::{in_sealed_netns_of_root, lo_up};
use crate::support::program::{count, json};
use crate::support::sockets::listen;
use crate::support::time_waits::connected_pair;
use crate::support::wait::wait_until;

/// Of the clients of the one server, how many are shown or counted.
#[track_caller]
fn number_of(command: &str, more: &[&str]) -> u64 {
    let report = json(&[&[command, "dport = :8080"], more].concat());
    match command {
        "sockets" => count(&report["count"]),
        "states" => count(&report["total"]),
        "keepalive" => count(&report["count"]),
        _ => count(&report["totals"]["sockets"]),
    }
}

/// The unit of each of them, once for each.
#[track_caller]
fn units(command: &str) -> Vec<Value> {
    if command == "sockets" {
        let report = json(&[command, "dport = :8080"]);
        let rows = report["sockets"].as_array().expect("sockets[]").iter();
        return rows.map(|row| row["unit"].clone()).collect();
    }
    let report = json(&[command, "dport = :8080", "--by", "unit"]);
    let groups = report["groups"].as_array().expect("groups[]").iter();
    let units = groups.flat_map(|group| {
        let sockets = group.get("sockets").unwrap_or(&group["total"]);
        (0..count(sockets)).map(|_| group["key"].clone())
    });
    units.collect()
}

#[test]
fn sockets_are_chosen_by_process_user_and_unit() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let unit = Unit::new();
        let server = listen("127.0.0.1:8080", 5);
        let [given_away, chowned, _kept] = [(); 3].map(|()| connected_pair(&server, |_| Ok(())));
        fcntl_setfd(&given_away.0, FdFlags::empty()).expect("a descriptor");
        let cat = spawn_cat();
        drop(given_away.0);
        wait_until("it is a cat", || cat.name() == "cat");
        if let Some(unit) = &unit {
            unit.add(cat.pid());
        }
        let nobody = (Uid::from_raw(65534), Gid::from_raw(65534));
        fchown(&chowned.0, Some(nobody.0), Some(nobody.1)).expect("root may");

        let own = std::process::id().to_string();
        for command in ["sockets", "states", "keepalive", "buffers"] {
            for (more, expected) in [
                (&[][..], 3),
                (&["--process", "cat"], 1),
                (&["--process", &cat.pid().to_string()], 1),
                (&["--process", &own], 2),
                (&["--user", "65534"], 1),
                (&["--user", "0"], 2),
                (&["--user", "4242"], 0),
                (&["--process", &own, "--user", "65534"], 1),
            ] {
                assert_eq!(number_of(command, more), expected, "{command} {more:?}");
            }
            let Some(unit) = unit.as_ref().map(Unit::name) else {
                continue;
            };
            assert_eq!(number_of(command, &["--unit", unit]), 1, "{command}");
            let of_other = ["--unit", unit, "--user", "65534"];
            assert_eq!(number_of(command, &of_other), 0, "{command}");
            let units = units(command);
            assert_eq!(units.len(), 3, "{command}: {units:?}");
            let of_cat = units.iter().filter(|of| **of == unit);
            assert_eq!(of_cat.count(), 1, "{command}: {units:?}");
        }
    });
}
