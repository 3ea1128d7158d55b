//! The rows of `ss`, for every filter.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::netns::in_netns;
use crate::support::population::Population;
use crate::support::program::text;
use crate::support::skipped::report_skipped;
use crate::support::tree::Tree;

/// Protocol, state, both queues, local and peer.
type Row = [String; 6];

/// A filter, as `ss` and as `sockdiag sockets` take it: ss wants its states first, and takes `and`
/// and `or` from left to right.
const FILTERS: [&str; 71] = [
    "",
    "state established",
    "state syn-sent",
    "state syn-recv",
    "state fin-wait-1",
    "state fin-wait-2",
    "state time-wait",
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
    "state time-wait sport = :8080",
    "exclude listening ( dst 127.0.0.1 and dport > :8000 )",
    "dport = :5353 and src [::1]",
];

/// The sockets of `ss`; `None`, loudly, where it is not installed.
fn of_ss(flags: &str, filter: &str) -> Option<BTreeSet<Row>> {
    let words: Vec<&str> = filter.split_whitespace().collect();
    let output = match Command::new("ss").arg(flags).args(&words).output() {
        Ok(output) => output,
        Err(error) => {
            report_skipped(&format!("comparison with ss: {error}"));
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "ss {flags} {filter}: {said}"
    );
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let rows: Vec<Row> = text.lines().map(row_of_ss).collect();
    let count = rows.len();
    let rows: BTreeSet<Row> = rows.into_iter().collect();
    assert_eq!(rows.len(), count, "no two sockets are equal");
    Some(rows)
}

/// `tcp ESTAB 0 0 127.0.0.1:8080 127.0.0.1:40000`, `u_str ESTAB 0 0 /run/x 7 * 8`. The state is left
/// out where the filter names one, and empty here.
fn row_of_ss(line: &str) -> Row {
    let mut word: Vec<&str> = line.split_whitespace().collect();
    if word[1].parse::<u32>().is_ok() {
        word.insert(1, "");
    }
    let state = match word[1] {
        "ESTAB" => "established".to_owned(),
        "UNCONN" => "close".to_owned(),
        "FIN-WAIT-1" => "fin_wait1".to_owned(),
        "FIN-WAIT-2" => "fin_wait2".to_owned(),
        other => other.to_lowercase().replace('-', "_"),
    };
    let (protocol, local, peer) = match word[0].strip_prefix("u_") {
        Some(kind) => {
            let peer = if word[7] == "0" { "" } else { word[7] };
            (kind, format!("{} {}", word[4], word[5]), peer.to_owned())
        }
        None => (word[0], local_of_ss(word[4]), peer_of_ss(word[5])),
    };
    [
        protocol.to_owned(),
        state,
        word[2].to_owned(),
        word[3].to_owned(),
        local,
        peer,
    ]
}

/// A dual-stack wildcard is `*:80` there.
fn local_of_ss(address: &str) -> String {
    match address.strip_prefix('*') {
        Some(rest) => format!("[::]{rest}"),
        None => address.to_owned(),
    }
}

/// Nobody has port `*` there.
fn peer_of_ss(address: &str) -> String {
    match address.ends_with(":*") {
        true => String::new(),
        false => address.to_owned(),
    }
}

fn records(words: &[&str], columns: &str) -> Vec<csv::StringRecord> {
    let columns = format!("--columns={columns}");
    let args = [
        "sockets",
        "--no-owners",
        "-o",
        "csv",
        "--no-header",
        &columns,
        "--",
    ];
    let text = text(&[&args, words].concat());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    reader
        .records()
        .map(|record| record.expect("CSV"))
        .collect()
}

/// The rows without their state, where those of ss have none. All have the same one then.
fn as_much_as(expected: &BTreeSet<Row>, rows: BTreeSet<Row>) -> BTreeSet<Row> {
    if expected.iter().all(|row| !row[1].is_empty()) {
        return rows;
    }
    let states: BTreeSet<String> = rows.iter().map(|row| row[1].clone()).collect();
    assert!(states.len() <= 1, "{states:?}");
    let rows = rows.into_iter();
    rows.map(|[protocol, _, receive, send, local, peer]| {
        [protocol, String::new(), receive, send, local, peer]
    })
    .collect()
}

/// Without sockets that are only bound, which ss 6.1 does not show.
fn of_sockdiag(filter: &str) -> BTreeSet<Row> {
    let words = [
        &["tcp", "udp"],
        &filter.split_whitespace().collect::<Vec<_>>()[..],
    ]
    .concat();
    let records = records(&words, "protocol,state,receive_queue,send_queue,local,peer");
    let rows = records.iter().map(|record| {
        // The time comes first.
        std::array::from_fn(|at| record[at + 1].to_owned())
    });
    rows.filter(|row: &Row| row[1] != "bound").collect()
}

/// The rows of `ss` and ours, read while nothing changed.
fn both(filter: &str) -> Option<(BTreeSet<Row>, BTreeSet<Row>)> {
    loop {
        let before = of_ss("-tuanH", filter)?;
        let found = of_sockdiag(filter);
        if of_ss("-tuanH", filter)? == before {
            let found = as_much_as(&before, found);
            return Some((before, found));
        }
    }
}

#[test]
fn rows_are_those_of_ss_for_every_filter() {
    in_netns(|| {
        let _population = Population::of_internet();
        if of_ss("-tuanH", "").is_none() {
            return;
        }
        let all = of_ss("-tuanH", "").expect("ss is there");
        assert!(all.len() > 300, "{} sockets", all.len());
        let mut selective = 0;
        for filter in FILTERS {
            let (expected, found) = both(filter).expect("ss is there");
            let missing: Vec<_> = expected.difference(&found).collect();
            let wrong: Vec<_> = found.difference(&expected).collect();
            assert!(
                missing.is_empty() && wrong.is_empty(),
                "{filter:?}: missing {missing:#?}, not in ss {wrong:#?}"
            );
            selective += usize::from(!expected.is_empty() && expected.len() < all.len());
        }
        assert!(
            selective >= 60,
            "{selective} filters select something and not all"
        );
        let states: BTreeSet<&str> = all.iter().map(|row| &row[1][..]).collect();
        assert_eq!(states.len(), 11, "every state but bound: {states:?}");
    });
}

/// `autobound` is what the kernel knows of a socket: nobody named its port, as is true of what a
/// listener accepted. `ss` takes from those only ports that connect() may choose, and for `not
/// autobound` only others.
#[test]
fn autobound_is_that_of_ss_within_the_range_of_ports() {
    in_netns(|| {
        let _population = Population::of_internet();
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
            let Some((expected, found)) = both(filter) else {
                return;
            };
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
        let Some((expected, found)) = both(&filter) else {
            return;
        };
        assert!(!expected.is_empty());
        assert_eq!(found, expected);
    });
}

#[test]
fn unix_sockets_are_those_of_ss() {
    in_netns(|| {
        let folder = Tree::new();
        let _population = Population::of_unix(&folder);
        let paths = format!("src {}/*", folder.path());
        let mut selective = 0;
        for filter in [
            "",
            "state listening",
            "state established",
            "state closed",
            "state connected",
            "exclude listening",
            &paths,
            "src @sockdiag-test",
            "src unix:*test",
        ] {
            let Some(expected) = of_ss("-xanH", filter) else {
                return;
            };
            let words: Vec<&str> = filter.split_whitespace().collect();
            let words = [&["unix"], &words[..]].concat();
            let columns = "type,state,receive_queue,send_queue,local,peer";
            let rows = records(&words, columns).into_iter().map(|record| {
                let mut row: Row = std::array::from_fn(|at| record[at + 1].to_owned());
                row[0] = match &*row[0] {
                    "stream" => "str".to_owned(),
                    "dgram" => "dgr".to_owned(),
                    _ => "seq".to_owned(),
                };
                // ss knows the peer's inode only.
                row[5] = row[5].rsplit(' ').next().unwrap_or_default().to_owned();
                row
            });
            let rows = as_much_as(&expected, rows.collect());
            assert_eq!(rows, expected, "{filter:?}");
            selective += usize::from(!expected.is_empty());
        }
        assert!(selective >= 8, "{selective} filters select something");
    });
}
