//! The table of tracked connections, and the reverse-path filter.

use std::fs;
use std::net::UdpSocket;

use crate::support::conntrack::{conntrack, nearly_fill, send_to_each, track_connections};
use crate::support::link::{HERE, Link};
use crate::support::netns::{in_netns, lo_up, run, sysctl};
use crate::support::network_reports::{findings, namespace, only_finding, report_of, snapshot};
use crate::support::tools::{tcp_ext, tool_output};
use crate::support::wait::wait_until;
use sockdiag::analysis::Severity;
use sockdiag::source::conntrack_totals;

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

        let Some(next) = nearly_fill(&socket, 1000) else {
            return;
        };
        let max = conntrack("max");
        let full = report_of(|| send_to_each(&socket, next..next + 510));
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
        let command = remedy
            .split(" # ")
            .next()
            .expect("split() has a first part");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        if tool_output("sysctl", &words).is_some() {
            let mode = fs::read_to_string("/proc/sys/net/ipv4/conf/near/rp_filter");
            assert_eq!(mode.expect("it is there").trim(), "2");
        }
    });
}
