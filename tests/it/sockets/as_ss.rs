//! The rows of `ss`, for every filter.

use std::collections::BTreeSet;

use crate::support::netns::in_netns;
use crate::support::population::Population;
use crate::support::skipped::report_skipped;
use crate::support::ss::{self, Row};
use crate::support::wait::wait_for;

/// TCP and UDP sockets in every state.
const ALL: &str = "-tuanH";

/// A filter, as `ss` and as `sockdiag sockets` take it: ss wants its states first, and takes `and`
/// and `or` from left to right. Those that select TIME_WAITs alone come early: these last a minute.
const FILTERS: [&str; 71] = [
    "",
    "state established",
    "state syn-sent",
    "state syn-recv",
    "state fin-wait-1",
    "state fin-wait-2",
    "state time-wait",
    "state time-wait sport = :8080",
    "state closed",
    "state unconnected",
    "state close-wait",
    "state last-ack",
    "state listening",
    "state closing",
    "state all",
    "state connected",
    "state synchronized",
    "state bucket",
    "state big",
    "exclude established",
    "exclude time-wait exclude listening",
    "state established state time-wait",
    "state connected exclude established",
    "sport = :8080",
    "sport = 8080",
    "sport eq :8080",
    "sport == :8080",
    "sport != :8080",
    "sport neq :8080",
    "dport = :8443",
    "dport gt :1024",
    "dport > :8080",
    "dport >= :8080",
    "dport ge :8443",
    "sport lt :1024",
    "sport <= :443",
    "sport le :443",
    "sport = :http",
    "sport = :https",
    "dport = :domain",
    "src 127.0.0.1",
    "src 127.0.0.1:8080",
    "src 127.0.0.0/8",
    "src 10.9.0.0/24",
    "dst 10.9.0.0/24",
    "dst 10.9.0.77:4444",
    "dst 127.0.0.1:443",
    "src = 127.0.0.1",
    "not dst 127.0.0.1",
    "src [::1]",
    "src [::1]:8443",
    "src [fd00:9::/64]",
    "dst [fd00:9::/64]",
    "dst 10.9.0.78 and dport = 4444",
    "src 0.0.0.0/0",
    "dev lo",
    "dev = lo",
    "dev != lo",
    "fwmark 0x17",
    "fwmark 1/1",
    "fwmark = 0x10/0xf0",
    "not sport = :8080",
    "! dport = :8443",
    "sport = :8080 and dst 127.0.0.0/8",
    "sport = :8080 dst 127.0.0.0/8",
    "( sport = :8080 or dport = :8443 )",
    "( sport = :8080 | dport = :8080 ) & src 10.9.0.2",
    "( sport = :8080 or dport = :8080 ) and ( not src 127.0.0.1 )",
    "state established ( sport = :8080 or sport = :8443 )",
    "exclude listening ( dst 127.0.0.1 and dport > :8000 )",
    "dport = :5353 and src [::1]",
];

/// The rows of `ss` and ours, read while nothing changed.
fn both(flags: &str, filter: &str, ours: &[&str], words: &str) -> (BTreeSet<Row>, BTreeSet<Row>) {
    let read = || ss::sockets(flags, filter).expect("ss is there");
    wait_for("nothing changed between two readings", || {
        let before = read();
        let found = ss::of_sockdiag(ours, words, "protocol");
        (read() == before).then(|| {
            let found = ss::as_much_as(&before, found);
            (before, found)
        })
    })
}

/// Of a filter that both understand.
fn of_filter(filter: &str) -> (BTreeSet<Row>, BTreeSet<Row>) {
    both(ALL, filter, &["-tu"], filter)
}

#[track_caller]
fn assert_same((expected, found): &(BTreeSet<Row>, BTreeSet<Row>), what: &str) {
    let missing: Vec<_> = expected.difference(found).collect();
    let wrong: Vec<_> = found.difference(expected).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "{what:?}: missing {missing:#?}, not in ss {wrong:#?}"
    );
}

#[test]
fn rows_are_those_of_ss_for_every_filter() {
    in_netns(|| {
        let _population = Population::of_internet();
        let Some(all) = ss::sockets(ALL, "") else {
            return;
        };
        assert!(all.len() > 300, "{} sockets", all.len());
        let mut unselective = Vec::new();
        for filter in FILTERS {
            let rows = of_filter(filter);
            assert_same(&rows, filter);
            if rows.0.is_empty() || rows.0.len() >= all.len() {
                unselective.push(filter);
            }
        }
        assert_eq!(unselective, ["", "state all"]);
        let states: BTreeSet<&str> = all.iter().map(|row| &row[1][..]).collect();
        assert_eq!(states.len(), 11, "every state but bound: {states:?}");
    });
}

#[test]
fn flags_select_what_they_select_in_ss() {
    in_netns(|| {
        let _population = Population::of_internet();
        let Some(all) = ss::sockets(ALL, "") else {
            return;
        };
        for (flags, ours, words) in [
            ("-ltunH", &["-l"][..], ""),
            ("-ltunH", &["-ltun"], ""),
            ("-4tanH", &["-4"], "tcp"),
            ("-6tanH", &["-6"], "tcp"),
            ("-4tuanH", &["-4"], ""),
            ("-6tuanH", &["-6"], ""),
        ] {
            let rows = both(flags, "", ours, words);
            assert_same(&rows, flags);
            assert!(!rows.0.is_empty() && rows.0.len() < all.len(), "{flags}");
        }
    });
}

/// `autobound` is what the kernel knows of a socket: nobody named its port, as is true of what a
/// listener accepted. `ss` takes from those only ports that connect() may choose, and for `not
/// autobound` only others.
#[test]
fn autobound_is_that_of_ss_within_the_range_of_ports() {
    in_netns(|| {
        let _population = Population::of_internet();
        if ss::rows(ALL, "").is_none() {
            return;
        }
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = range.expect("/proc/sys");
        let range: Vec<u16> = range.split_whitespace().flat_map(str::parse).collect();
        let is_in_range = |row: &Row| {
            let port = row[4].rsplit(':').next().and_then(|port| port.parse().ok());
            port.is_some_and(|port| (range[0]..=range[1]).contains(&port))
        };
        for (filter, within) in [
            ("autobound", true),
            ("not autobound", false),
            ("state connected autobound", true),
            ("state all ( autobound and dport = :8080 )", true),
        ] {
            let (expected, found) = of_filter(filter);
            assert!(!expected.is_empty(), "{filter:?}");
            let found = found.into_iter().filter(|row| is_in_range(row) == within);
            assert_eq!(found.collect::<BTreeSet<_>>(), expected, "{filter:?}");
        }
    });
}

#[test]
fn the_cgroup_of_this_process_selects_what_it_selects_in_ss() {
    in_netns(|| {
        let _population = Population::of_internet();
        if ss::rows(ALL, "").is_none() {
            return;
        }
        let own = std::fs::read_to_string("/proc/self/cgroup").expect("/proc");
        let path = own.lines().find_map(|line| line.strip_prefix("0::"));
        let mounts = std::fs::read_to_string("/proc/self/mounts").expect("/proc");
        let mut mounts = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|mount| mount.get(2) == Some(&"cgroup2"));
        let Some((mount, path)) = mount.zip(path) else {
            return report_skipped("cgroup2 is not there");
        };
        let filter = format!("cgroup {}{path}", mount[1]);
        let rows = of_filter(&filter);
        assert!(!rows.0.is_empty());
        assert_same(&rows, &filter);
    });
}
