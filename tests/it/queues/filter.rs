//! `sockdiag queues [FILTER]`: which listeners are shown, and in which order.

use crate::support::cgroup::Unit;
use crate::support::helper_process::{process_name, spawn_cat};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::program::{
    assert_failed, count, finding_ids, json, listener, listeners, ports, sockdiag, text,
};
use crate::support::sockets::{fill_accept_queue, listen, listen_with};
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::wait_until;
use rustix::fs::{Gid, Uid};
use socket2::Socket;

#[test]
fn a_bare_port_and_an_address_with_port_select_listeners() {
    in_netns(|| {
        unanswered_syns();
        let _listeners = [
            listen("127.0.0.1:8080", 5),
            listen("10.9.0.1:8080", 5),
            listen("127.0.0.1:8081", 5),
            listen("[::1]:8080", 5),
            listen("[::]:8082", 5),
        ];
        let addresses = |filter: &str| {
            let report = json(&["queues", filter]);
            let mut found: Vec<_> = listeners(&report)
                .iter()
                .map(|listener| {
                    let local = &listener["local"];
                    let address = local["address"].as_str().expect("an address");
                    format!("{address} {}", local["port"])
                })
                .collect();
            found.sort();
            found
        };
        assert_eq!(
            addresses(":8080"),
            ["10.9.0.1 8080", "127.0.0.1 8080", "::1 8080"]
        );
        assert_eq!(addresses("127.0.0.1:8080"), ["127.0.0.1 8080"]);
        assert_eq!(addresses("[::1]:8080"), ["::1 8080"]);
        assert_eq!(addresses("[::]:8082"), [":: 8082"]);
        assert_eq!(addresses(":9999"), [] as [&str; 0]);
        assert_eq!(addresses("10.9.0.2:8080"), [] as [&str; 0]);
    });
}

#[test]
fn conditions_on_numbers_select_listeners() {
    in_netns(|| {
        lo_up();
        let _idle = listen("127.0.0.1:8080", 5);
        let full = listen("127.0.0.1:8081", 1);
        let _clients = fill_accept_queue(&full, 2);
        for (condition, expected) in [
            ("fill>99%", &[8081][..]),
            ("fill<50%", &[8080]),
            ("recvq=0", &[8080]),
            ("recvq>0 and sendq=1", &[8081]),
            ("sendq>1", &[8080]),
            ("drops>0", &[]),
            ("age<1h", &[8081]),
            ("age>1h", &[]),
            ("rtt>0", &[]),
        ] {
            let report = json(&["queues", "--where", condition]);
            assert_eq!(ports(&report), expected, "{condition}");
            let is_full = expected.contains(&8081);
            assert_eq!(!finding_ids(&report).is_empty(), is_full, "{report:#}");
        }
        let refused = sockdiag(&["queues", "--where", "fill>"]);
        assert_failed(&refused, 2, &["a percentage, as 80%"]);
    });
}

#[test]
fn conditions_are_those_of_ss_on_what_a_listener_has() {
    in_netns(|| {
        unanswered_syns();
        let of_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).expect("a device");
        let _listeners = [
            listen("127.0.0.1:80", 5),
            listen("127.0.0.1:8080", 5),
            listen("127.0.0.1:8081", 5),
            listen("10.9.0.1:8082", 5),
            listen_with("127.0.0.1:9001", 5, of_lo),
            listen_with("[::1]:9002", 5, of_lo),
        ];
        for (filter, expected) in [
            (
                "not sport = :8080 and src 127.0.0.0/8",
                &[80, 8081, 9001][..],
            ),
            ("dev lo", &[9001, 9002]),
            ("not dev lo", &[80, 8080, 8081, 8082]),
            ("dev lo and src [::1]", &[9002]),
            ("sport = :http or sport = :8081", &[80, 8081]),
            (":http", &[80]),
            ("src 10.9.0.0/24", &[8082]),
            ("sport > :8081 and ! dev lo", &[8082]),
        ] {
            assert_eq!(ports(&json(&["queues", filter])), expected, "{filter}");
        }
        for (filter, why, column) in [
            (
                "sport = :8080 and dport = :80",
                "a listener has no peer: use sport or src",
                18,
            ),
            (
                "not fwmark 1",
                "listeners are chosen by address, port and dev; sockdiag sockets takes this condition",
                4,
            ),
        ] {
            let said = format!(
                "sockdiag: in the filter: {why}\n  {filter}\n  {:column$}^\n",
                ""
            );
            assert_failed(&sockdiag(&["queues", filter]), 2, &[&said]);
        }
    });
}

#[test]
fn process_selects_by_the_name_or_the_id_of_an_owner() {
    in_sealed_netns(|| {
        lo_up();
        let shared = listen("127.0.0.1:8080", 5);
        shared.set_cloexec(false).expect("FD_CLOEXEC");
        let cat = spawn_cat();
        shared.set_cloexec(true).expect("FD_CLOEXEC");
        wait_until("it is a cat", || cat.name() == "cat");
        let _mine = listen("127.0.0.1:8081", 5);

        let of = |process: &str| ports(&json(&["queues", "--process", process]));
        assert_eq!(of("cat"), [8080]);
        assert_eq!(of(&cat.pid().to_string()), [8080]);
        assert_eq!(of(&process_name(std::process::id())), [8080, 8081]);
        assert_eq!(of(&std::process::id().to_string()), [8080, 8081]);
    });
}

#[test]
fn user_selects_by_name_or_number() {
    in_netns_of_root(|| {
        lo_up();
        let _of_root = listen("127.0.0.1:8080", 5);
        let of_nobody = listen("127.0.0.1:8081", 5);
        let owner = (Uid::from_raw(65534), Gid::from_raw(65534));
        rustix::fs::fchown(&of_nobody, Some(owner.0), Some(owner.1)).expect("root may");

        let of = |user: &str| ports(&json(&["queues", "--user", user]));
        assert_eq!(of("0"), [8080]);
        assert_eq!(of("root"), [8080]);
        assert_eq!(of("65534"), [8081]);
        assert_eq!(of("4242"), [] as [u64; 0]);
        let report = json(&["queues"]);
        assert_eq!(listener(&report, "127.0.0.1:8081")["uid"], 65534);
    });
}

#[test]
fn unit_selects_by_the_cgroup_that_the_listener_was_made_in() {
    in_netns_of_root(|| {
        lo_up();
        let _outside = listen("127.0.0.1:8080", 5);
        let Some(unit) = Unit::new() else { return };
        unit.add(std::process::id());
        let name = unit.name();
        let _inside = listen("127.0.0.1:8081", 5);

        let report = json(&["queues"]);
        let found = listener(&report, "127.0.0.1:8081");
        assert_eq!(found["unit"], name, "{found:#}");
        let cgroup = found["cgroup"].as_str().expect("a path");
        assert!(cgroup.ends_with(name), "{cgroup}");
        // Without its owner, a socket is of the group it was made in; with it, of the one that
        // the owner is in now.
        let made = json(&["queues", "--no-owners"]);
        assert_eq!(listener(&made, "127.0.0.1:8081")["unit"], name);
        assert_ne!(listener(&made, "127.0.0.1:8080")["unit"], name);
        assert_eq!(listener(&report, "127.0.0.1:8080")["unit"], name);

        let of = |unit: &str| ports(&json(&["queues", "--no-owners", "--unit", unit]));
        assert_eq!(of(name), [8081]);
        // As systemctl does, without the ending.
        assert_eq!(of(name.trim_end_matches(".service")), [8081]);
        let output = sockdiag(&["queues", "--no-owners", "--unit", "no-such.service"]);
        assert_failed(&output, 1, &["no such unit"]);
    });
}

#[test]
fn sort_orders_and_top_limits() {
    in_netns(|| {
        lo_up();
        let sockets = [
            listen("127.0.0.1:8081", 9),
            listen("127.0.0.1:8082", 9),
            listen("127.0.0.1:8083", 99),
        ];
        let _clients = (
            fill_accept_queue(&sockets[0], 1),
            fill_accept_queue(&sockets[1], 9),
            fill_accept_queue(&sockets[2], 20),
        );
        let order = |args: &[&str]| {
            let report = json(&[&["queues"], args].concat());
            let order: Vec<_> = listeners(&report)
                .iter()
                .map(|listener| count(&listener["local"]["port"]))
                .collect();
            order
        };
        // By fill: 9 of 10, 20 of 100, 1 of 10.
        assert_eq!(order(&["--sort", "fill"]), [8082, 8083, 8081]);
        assert_eq!(order(&["--sort", "fill", "--top", "2"]), [8082, 8083]);
        assert_eq!(order(&["--top", "1"]), [8082]);
        assert_eq!(order(&["--sort", "-fill"]), [8081, 8083, 8082]);
        assert_eq!(order(&["--sort", "-fill", "--top", "1"]), [8081]);
    });
}

#[test]
fn columns_are_chosen_by_name_and_listed_on_request() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let help = text(&["queues", "--columns", "help"]);
        for column in ["state", "local", "drops"] {
            assert!(help.contains(column), "{help}");
        }
        let table = text(&["queues", "--columns", "local,state", "--no-header"]);
        let words: Vec<_> = table.split_whitespace().take(2).collect();
        assert_eq!(words, ["127.0.0.1:8080", "idle"]);
    });
}
