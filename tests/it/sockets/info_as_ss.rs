//! The numbers of `ss -tinm`: memory, and what TCP knows of a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use serde_json::Value;
use socket2::{SockFilter, Socket};

use crate::support::clients::{begin, connect};
use crate::support::link::{HIDDEN_THERE, Link, THERE};
use crate::support::netns::in_netns;
use crate::support::program::{json, number, text};
use crate::support::sockets::{fill_accept_queue, listen, unread_bytes};
use crate::support::ss;
use crate::support::time_waits::connected_pair;
use crate::support::tools::tcp_ext;
use crate::support::wait::{wait_for, wait_until};

/// Numbers by the names that ss has for them; `retrans` has two, `rtt` its variation.
type Numbers = BTreeMap<&'static str, f64>;

/// By both addresses.
type Rows = BTreeMap<String, Numbers>;

/// In the order of ss, which is the kernel's (`SK_MEMINFO_*`), and as JSON has them.
const MEMORY: [(&str, &str); 9] = [
    ("r", "receive_bytes"),
    ("rb", "receive_limit_bytes"),
    ("t", "send_bytes"),
    ("tb", "send_limit_bytes"),
    ("f", "forward_bytes"),
    ("w", "queued_bytes"),
    ("o", "option_bytes"),
    ("bl", "backlog_bytes"),
    ("d", "drops"),
];

/// Of these, ss leaves out what is 0.
const INFO: [(&str, &str); 8] = [
    ("rtt", "rtt_ms"),
    ("rttvar", "rttvar_ms"),
    ("cwnd", "snd_cwnd"),
    ("bytes_sent", "bytes_sent"),
    ("bytes_acked", "bytes_acked"),
    ("bytes_received", "bytes_received"),
    ("retrans", "retrans"),
    ("total_retrans", "total_retrans"),
];

/// Columns of CSV.
const COLUMNS: [(&str, &str); 14] = [
    ("rtt", "rtt"),
    ("cwnd", "cwnd"),
    ("total_retrans", "retrans"),
    ("bytes_acked", "sent"),
    ("bytes_received", "received"),
    ("r", "receive_memory"),
    ("rb", "receive_limit"),
    ("t", "send_memory"),
    ("tb", "send_limit"),
    ("w", "queued"),
    ("f", "forward"),
    ("bl", "backlog"),
    ("o", "options"),
    ("d", "drops"),
];

/// What `buffers` adds up, of one connection.
const BUFFERS: [(&str, &str); 5] = [
    ("r", "receive_bytes"),
    ("rb", "receive_limit_bytes"),
    ("w", "send_bytes"),
    ("tb", "send_limit_bytes"),
    ("f", "forward_bytes"),
];

/// `ESTAB 0 0 127.0.0.1:8080 127.0.0.1:40000 skmem:(r0,…) cubic rtt:0.03/0.01 …`
fn of_ss() -> Option<Rows> {
    let rows = ss::rows("-tainmHO", "")?;
    let row = |line: &String| {
        let word: Vec<&str> = line.split_whitespace().collect();
        let of_name = |name: &str| {
            let mut values = word[5..].iter().filter_map(|word| word.split_once(':'));
            values
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let parsed = |text: &str| text.parse::<f64>().expect("a number");
        let memory = of_name("skmem").expect("-m").trim_matches(['(', ')']);
        let mut numbers: Numbers = memory
            .split(',')
            .zip(MEMORY)
            .map(|(text, (name, _))| {
                let value = text.strip_prefix(name).expect("the order of ss");
                (name, parsed(value))
            })
            .collect();
        let two = |name: &str| of_name(name).and_then(|value| value.split_once('/'));
        if word[0] != "LISTEN" {
            for (name, _) in INFO {
                let value = match name {
                    "rtt" => two("rtt").map(|(rtt, _)| rtt),
                    "rttvar" => two("rtt").map(|(_, variation)| variation),
                    "retrans" => two("retrans").map(|(now, _)| now),
                    "total_retrans" => two("retrans").map(|(_, ever)| ever),
                    other => of_name(other),
                };
                numbers.insert(name, value.map_or(0.0, parsed));
            }
        }
        let peer = if word[4].ends_with(":*") { "" } else { word[4] };
        (format!("{} {peer}", word[3]), numbers)
    };
    Some(rows.iter().map(row).collect())
}

fn as_json() -> Rows {
    let report = json(&["sockets", "tcp", "--no-owners", "--info", "--mem"]);
    let rows = report["sockets"].as_array().expect("sockets[]").iter();
    let end = |end: &Value| match end {
        Value::Null => String::new(),
        end => format!("{}:{}", end["address"].as_str().expect("IPv4"), end["port"]),
    };
    let row = |row: &Value| {
        let of = |within: &Value, names: &[(&'static str, &str)]| -> Numbers {
            let one = |(name, field): &(&'static str, &str)| (*name, number(&within[field]));
            names.iter().map(one).collect()
        };
        let mut numbers = of(&row["memory"], &MEMORY);
        if row["state"] != "listen" {
            numbers.extend(of(&row["tcp_info"], &INFO));
        }
        (
            format!("{} {}", end(&row["local"]), end(&row["peer"])),
            numbers,
        )
    };
    rows.map(row).collect()
}

fn as_csv() -> Rows {
    let names = COLUMNS.map(|(_, column)| column).join(",");
    let columns = format!("--columns=local,peer,{names}");
    let args = ["sockets", "tcp", "--no-owners", "-o", "csv", "--no-header"];
    let text = text(&[&args[..], &[&columns]].concat());
    let row = |line: &str| {
        // The time comes first.
        let word: Vec<&str> = line.split(',').skip(1).collect();
        let numbers = COLUMNS.iter().zip(&word[2..]);
        let known = numbers.filter(|(_, text)| !text.is_empty());
        let numbers = known.map(|((name, _), text)| (*name, text.parse().expect("a number")));
        (format!("{} {}", word[0], word[1]), numbers.collect())
    };
    text.lines().map(row).collect()
}

fn as_buffers() -> Rows {
    let report = json(&["buffers", "--no-owners", "--by", "socket"]);
    let groups = report["groups"].as_array().expect("groups[]").iter();
    let row = |group: &Value| {
        let one = |(name, field): (&'static str, &str)| (name, number(&group[field]));
        let key = group["key"].as_str().expect("both ends").to_owned();
        (key, BUFFERS.map(one).into_iter().collect())
    };
    groups.map(row).collect()
}

/// Every packet is let in.
fn let_all_in(socket: &Socket) {
    let all = SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, u32::MAX);
    socket.attach_filter(&[all]).expect("an option");
}

/// Sockets of which each number of ss but the backlog is not 0 for one.
fn scene() -> impl Sized {
    let link = Link::new();
    let full = listen("127.0.0.1:8080", 2);
    let queued = fill_accept_queue(&full, 3);
    let refused = begin("127.0.0.1:8080");
    wait_until("its SYN is dropped", || tcp_ext("ListenDrops") > 0);
    // Of a connection that is not made, ss leaves out what the kernel assumes.
    drop(refused);
    let server = listen("127.0.0.1:8081", 2);
    let (client, accepted) = connected_pair(&server, |_| Ok(()));
    let_all_in(&client);
    (&client).write_all(&[1; 700]).expect("there is room");
    wait_until("it has come", || unread_bytes(8081) == 700);
    (&accepted).write_all(&[1; 300]).expect("there is room");

    link.reveal_here();
    link.reveal_there();
    let [near, hidden] = [THERE, HIDDEN_THERE].map(|host| format!("{host}:8082"));
    let there = link.there.run(|| [&near, &hidden].map(|at| listen(at, 2)));
    // Lost data is retransmitted; data that waits for the link-layer address has not left yet.
    let lossy = connect(&near).expect("it listens");
    let waiting = connect(&hidden).expect("it listens");
    link.cut();
    link.hide();
    (&lossy).write_all(&[1; 90]).expect("there is room");
    (&waiting).write_all(&[1; 70]).expect("there is room");
    (
        link,
        (full, queued, server),
        (client, accepted),
        there,
        (lossy, waiting),
    )
}

/// The numbers of a row of which there is one of these names.
fn only(rows: &Rows, names: &[(&'static str, &str)], connections: bool) -> Rows {
    let rows = rows
        .iter()
        .filter(|(_, row)| !connections || row.contains_key("rtt"));
    let part = |row: &Numbers| {
        let names = names.iter().filter_map(|(name, _)| row.get_key_value(name));
        names.map(|(name, value)| (*name, *value)).collect()
    };
    rows.map(|(ends, row)| (ends.clone(), part(row))).collect()
}

#[test]
fn memory_and_info_are_those_of_ss() {
    in_netns(|| {
        let _scene = scene();
        if of_ss().is_none() {
            return;
        }
        let read = || of_ss().expect("ss is there");
        let ever = |rows: &Rows| -> BTreeSet<&str> {
            let numbers = rows.values().flatten();
            numbers
                .filter(|(_, value)| **value != 0.0)
                .map(|(name, _)| *name)
                .collect()
        };
        let names = MEMORY.iter().chain(&INFO).map(|(name, _)| *name);
        let all: BTreeSet<&str> = names.filter(|name| *name != "bl").collect();
        let (expected, found) = wait_for("nothing changed between two readings", || {
            let before = read();
            let found = (as_json(), as_csv(), as_buffers());
            (read() == before && ever(&before) == all).then_some((before, found))
        });
        let (as_json, as_csv, as_buffers) = found;
        assert_eq!(as_json, expected);
        assert_eq!(as_csv, only(&expected, &COLUMNS, false));
        let connections = expected.len() - 2;
        assert_eq!(as_buffers, only(&expected, &BUFFERS, true));
        assert_eq!(as_buffers.len(), connections);
    });
}
