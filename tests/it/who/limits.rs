//! What bind() returns before it looks at other sockets: ports that need a capability, and addresses
//! that are not local.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sockdiag::source::reports_bound;

use crate::support::bind_verdicts::{rows, tried, tried_by, tried_where, verdicts, who};
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up, run, sysctl};
use crate::support::program::{PROGRAM, finish, json as report, stderr, text};
use crate::support::sockets::listen;
use crate::support::users::{as_nobody, as_nobody_with};

const START: &str = "net/ipv4/ip_unprivileged_port_start";

#[track_caller]
fn parsed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn by_nobody(args: &[&str]) -> Value {
    tried_by(|more| parsed(&as_nobody("", &[&["who", "--json"], args, more].concat())))
}

/// For TCP and UDP, at the address that was asked about or at both wildcards.
#[track_caller]
fn assert_all(report: &Value, verdict: &str) {
    let target = report["target"].as_str().expect("a target");
    let expected = if target.starts_with(':') { 4 } else { 2 };
    assert_eq!(rows(report).len(), expected, "{report:#}");
    for row in rows(report) {
        if verdict == "ok" && row["protocol"] == "tcp" && !reports_bound() {
            // A socket that is not seen may hold the port.
            assert_eq!(row["plain"], Value::Null, "{row:#}");
            continue;
        }
        for option in ["plain", "reuseaddr", "reuseport", "both"] {
            assert_eq!(row[option], verdict, "{row:#}");
        }
    }
}

#[test]
fn a_privileged_port_is_denied_to_an_ordinary_user() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let denied = by_nobody(&[":80"]);
        assert_all(&denied, "denied");
        let because = denied["bind"][0]["because"].as_str().expect("a reason");
        assert!(
            because.contains("EACCES") && because.contains("1024"),
            "{because}"
        );
        let page = as_nobody("", &["who", ":80"]);
        let page = String::from_utf8(page.stdout).expect("text");
        assert!(page.contains("denied  denied        denied"), "{page}");
        assert!(page.contains("setcap cap_net_bind_service=+ep"), "{page}");
        // The first port that needs nothing.
        assert_all(&by_nobody(&[":1024"]), "ok");
        assert_all(&by_nobody(&[":1023"]), "denied");

        sysctl(START, 80);
        assert_all(&by_nobody(&[":80"]), "ok");
        assert_all(&by_nobody(&[":79"]), "denied");

        assert_all(&tried(&[":79"]), "ok");
        assert_all(&report(&["who", ":79", "--as", "65534"]), "denied");
        let page = text(&["who", ":80"]);
        assert!(!page.contains("EACCES"), "{page}");
        let page = text(&["who", ":79"]);
        assert!(
            page.contains("EACCES"),
            "root is told what others get: {page}"
        );
    });
}

/// The kernel asks for the capability first.
#[test]
fn a_privileged_port_in_use_is_denied_all_the_same() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let _server = listen("0.0.0.0:80", 5);
        assert_all(&by_nobody(&[":80"]), "denied");
        assert_eq!(
            verdicts(&report(&["who", ":80"]), "tcp", "0.0.0.0")[0],
            "in_use"
        );
    });
}

#[test]
fn a_program_that_may_bind_privileged_ports_gets_them() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let run = |more: &[&str]| {
            let args = [&["who", ":80", "--json"], more].concat();
            parsed(&as_nobody_with("net_bind_service", &args))
        };
        assert_all(&tried_by(run), "ok");
    });
}

/// The capability counts in the user namespace that owns the network namespace.
#[test]
fn root_of_another_user_namespace_may_not_bind_privileged_ports() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let run = |more: &[&str]| {
            let mut command = Command::new("unshare");
            let flags = ["--user", "--map-root-user", "--", PROGRAM];
            command
                .args(flags)
                .args(["who", ":80", "--json"])
                .args(more);
            parsed(&finish(command.stdout(Stdio::piped())))
        };
        assert_all(&tried_by(run), "denied");
    });
}

#[test]
fn an_address_that_is_not_local_is_refused() {
    in_sealed_netns(|| {
        lo_up();
        for (target, sysctl_of) in [
            ("192.0.2.1:8080", "net/ipv4/ip_nonlocal_bind"),
            ("[2001:db8::1]:8080", "net/ipv6/ip_nonlocal_bind"),
        ] {
            let refused = tried(&[target]);
            assert_all(&refused, "no_address");
            assert!(
                refused["bind"][0]["because"]
                    .to_string()
                    .contains("EADDRNOTAVAIL")
            );
            assert!(!refused["incomplete"].to_string().contains("\"bind\""));
            sysctl(sysctl_of, 1);
            assert_all(&tried(&[target]), "ok");
            sysctl(sysctl_of, 0);
        }
        let page = text(&["who", "192.0.2.1:8080"]);
        assert!(page.contains("no address  no address"), "{page}");
        run(
            "ip",
            &["route", "add", "local", "192.0.2.0/24", "dev", "lo"],
        );
        assert_all(&tried(&["192.0.2.1:8080"]), "ok");
    });
}

/// IPv4 checks the address first, IPv6 the port.
#[test]
fn a_privileged_port_at_a_foreign_address_is_refused_as_the_kernel_does() {
    in_sealed_netns_of_root(|| {
        lo_up();
        assert_all(&by_nobody(&["192.0.2.1:80"]), "no_address");
        assert_all(&by_nobody(&["[2001:db8::1]:80"]), "denied");
    });
}

#[test]
fn an_address_that_needs_more_than_itself_is_unknown() {
    in_sealed_netns(|| {
        lo_up();
        let unknown = tried_where(who(&["[fe80::1]:8080"]), |_| false);
        assert_eq!(rows(&unknown).len(), 2, "{unknown:#}");
        assert!(
            unknown["incomplete"].to_string().contains("interface"),
            "{unknown:#}"
        );
        // TCP has no IPv6 multicast; UDP has.
        let is_udp = |row: &Value| row["protocol"] == "udp";
        let multicast = tried_where(who(&["[ff0e::1]:8080"]), is_udp);
        assert_eq!(verdicts(&multicast, "udp", "ff0e::1"), ["ok"; 4]);
    });
}

#[test]
fn a_reserved_port_can_be_bound_by_its_number() {
    in_sealed_netns(|| {
        lo_up();
        sysctl("net/ipv4/ip_local_reserved_ports", 40_000);
        assert_all(&tried(&[":40000"]), "ok");
    });
}
