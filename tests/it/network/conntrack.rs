//! The table of tracked connections, and the reverse-path filter.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;

use crate::support::firewall::add_chain;
use crate::support::link::{HERE, Link};
use crate::support::netns::{in_netns, lo_up, run, sysctl, test_inside};
use crate::support::network_reports::{findings, namespace, only_finding, report_of, snapshot};
use crate::support::skipped::report_skipped;
use crate::support::tools::{tcp_ext, tool_output};
use crate::support::wait::wait_until;
use sockdiag::analysis::Severity;
use sockdiag::source::conntrack_totals;

/// An entry takes some hundred bytes of kernel memory.
const MOST_ENTRIES: u64 = 1_000_000;

fn conntrack(name: &str) -> u64 {
    let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim().parse().expect("a number")
}

/// Tracks connections from now on; `false`, loudly, where that cannot be arranged.
fn track_connections() -> bool {
    add_chain("filter", "output", &["ct state new accept"])
}

/// Sends a datagram to each of these destinations on this host, each an entry of its own.
fn send_to_each(socket: &UdpSocket, destinations: std::ops::Range<u64>) {
    for number in destinations {
        let number = u32::try_from(number).expect("a million at the most");
        let address = Ipv4Addr::from(0x7f00_0002 + (number >> 12));
        let port = 20_000 + (number & 0xfff) as u16;
        // Dropped where the table is full, and refused where nobody receives.
        let _ = socket.send_to(b"x", (address, port));
    }
}

#[test]
fn a_full_table_is_critical_and_a_used_one_is_not() {
    in_netns(|| {
        lo_up();
        if !track_connections() {
            return;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let used = report_of(|| send_to_each(&socket, 0..1000));
        assert!(findings(&used).is_empty(), "{:#?}", used.findings);
        let table = namespace(&used).conntrack.expect("it is tracked");
        assert!(table.count >= 1000, "{table:?}");
        assert_eq!(table.early_drops, Some(0));

        let max = conntrack("max");
        let timeout = "net/netfilter/nf_conntrack_udp_timeout";
        if max > MOST_ENTRIES || !Path::new("/proc/sys").join(timeout).exists() {
            // The limit is one for the host, which is not the test's to change.
            let what = format!("{}: filling a table of {max}", test_inside());
            return report_skipped(&what);
        }
        sysctl(timeout, 600);
        send_to_each(&socket, 1000..max - 10);
        let count = conntrack("count");
        assert!(count > max / 100 * 80, "{count} of {max}");
        let full = report_of(|| send_to_each(&socket, max - 10..max + 500));
        let finding = only_finding(&full, "conntrack_full");
        assert_eq!(finding.severity, Severity::Critical);
        assert!(!finding.inferred);
        let table = namespace(&full).conntrack.expect("it is tracked");
        assert_eq!(table.limit, Some(max));
        let lost = table.drops.expect("known") + table.early_drops.expect("known");
        assert!(lost >= 400, "{table:?}");
        assert!(
            finding.remedy[0].contains(&format!("nf_conntrack_max={}", max * 2)),
            "{:?}",
            finding.remedy
        );
    });
}

#[test]
fn netlink_and_proc_agree_on_what_was_dropped() {
    in_netns(|| {
        lo_up();
        if !track_connections() {
            return;
        }
        let by_netlink = conntrack_totals().expect("root of the namespace may ask");
        let snapshot = snapshot();
        let network = snapshot.namespaces[0].network.as_ref().expect("read");
        let table = network.conntrack.expect("it is tracked");
        assert_eq!(table.totals, Some(by_netlink));
        assert_eq!(table.count, conntrack("count"));
        assert!(snapshot.incomplete.is_empty(), "{:?}", snapshot.incomplete);
    });
}

#[test]
fn what_the_reverse_path_filter_drops_is_a_warning_that_names_the_interface() {
    in_netns(|| {
        let link = Link::new();
        sysctl("net/ipv4/conf/near/rp_filter", 1);
        let before = tcp_ext("IPReversePathFilter");
        let report = report_of(|| {
            link.there.run(|| {
                // No route leads back to this address from here.
                run("ip", &["address", "add", "10.8.0.5/32", "dev", "far"]);
                let socket = UdpSocket::bind("10.8.0.5:0").expect("it is an address of that host");
                for _ in 0..20 {
                    socket.send_to(b"x", (HERE, 9)).expect("a datagram is sent");
                }
            });
            wait_until("all were dropped", || {
                tcp_ext("IPReversePathFilter") >= before + 20
            });
        });
        assert_eq!(namespace(&report).rp_filter_drops, Some(20));
        let finding = only_finding(&report, "rp_filter_drops");
        assert_eq!(finding.severity, Severity::Warning);
        let remedy = &finding.remedy[0];
        assert!(
            remedy.starts_with("sysctl -w net/ipv4/conf/near/rp_filter=2 "),
            "{remedy}"
        );
        // The command is one that sysctl(8) takes.
        let command = remedy.split(" (").next().expect("split() has a first part");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        if tool_output("sysctl", &words).is_some() {
            let mode = fs::read_to_string("/proc/sys/net/ipv4/conf/near/rp_filter");
            assert_eq!(mode.expect("it is there").trim(), "2");
        }
    });
}
