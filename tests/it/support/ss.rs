//! Rows of `ss`, to compare the program's rows with.

use std::collections::BTreeSet;

use super::program::{stderr, text};
use super::tools::tool;

/// Protocol, state, both queues, local and peer.
pub type Row = [String; 6];

/// The lines of `ss FLAGS FILTER`; `None`, loudly, where it is not installed.
pub fn rows(flags: &str, filter: &str) -> Option<Vec<String>> {
    let words = flags.split_whitespace().chain(filter.split_whitespace());
    let output = tool("ss", &words.collect::<Vec<_>>())?;
    assert_eq!(stderr(&output), "", "ss {flags} {filter}");
    let text = String::from_utf8(output.stdout).expect("ASCII from a system tool");
    Some(text.lines().map(str::to_owned).collect())
}

/// What JSON calls a state of ss.
pub fn state_name(state: &str) -> String {
    match state {
        "ESTAB" => "established".to_owned(),
        "UNCONN" => "close".to_owned(),
        "FIN-WAIT-1" => "fin_wait1".to_owned(),
        "FIN-WAIT-2" => "fin_wait2".to_owned(),
        other => other.to_lowercase().replace('-', "_"),
    }
}

/// TCP, UDP or unix sockets as `ss` has them.
pub fn sockets(flags: &str, filter: &str) -> Option<BTreeSet<Row>> {
    let rows = rows(flags, filter)?;
    Some(distinct(rows.iter().map(|line| row(line))))
}

/// `tcp ESTAB 0 0 127.0.0.1:8080 127.0.0.1:40000`, `u_str ESTAB 0 0 /run/x 7 * 8`. The protocol is
/// left out where the flags name one, and TCP here; so is the state where the filter names one, and
/// empty here.
fn row(line: &str) -> Row {
    let mut word: Vec<&str> = line.split_whitespace().collect();
    if word[0].starts_with(char::is_uppercase) {
        word.insert(0, "tcp");
    }
    if word[1].parse::<u32>().is_ok() {
        word.insert(1, "");
    }
    let (protocol, local, peer) = match word[0].strip_prefix("u_") {
        Some(kind) => {
            let peer = if word[7] == "0" { "" } else { word[7] };
            (kind, format!("{} {}", word[4], word[5]), peer.to_owned())
        }
        None => (word[0], local(word[4]), peer(word[5])),
    };
    [
        protocol.to_owned(),
        state_name(word[1]),
        word[2].to_owned(),
        word[3].to_owned(),
        local,
        peer,
    ]
}

/// A dual-stack wildcard is `*:80` there.
fn local(address: &str) -> String {
    match address.strip_prefix('*') {
        Some(rest) => format!("[::]{rest}"),
        None => address.to_owned(),
    }
}

/// Nobody has port `*` there.
fn peer(address: &str) -> String {
    match address.ends_with(":*") {
        true => String::new(),
        false => address.to_owned(),
    }
}

/// The rows of `sockdiag sockets` in these columns, the first of which may be `protocol` or `type`.
/// Those of sockets that are only bound are left out, as ss 6.1 does.
pub fn of_sockdiag(flags: &[&str], words: &str, columns: &str) -> Vec<Row> {
    let columns = format!("--columns={columns},state,receive_queue,send_queue,local,peer");
    let csv = ["sockets", "--no-owners", "-o", "csv", "--no-header"];
    let words: Vec<&str> = words.split_whitespace().collect();
    let text = text(&[&csv[..], &[&columns], flags, &["--"], &words].concat());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|record| {
        let record = record.expect("CSV");
        // The time comes first.
        std::array::from_fn(|at| record[at + 1].to_owned())
    });
    rows.filter(|row: &Row| row[1] != "bound").collect()
}

/// The rows, no two of which are equal.
#[track_caller]
pub fn distinct(rows: impl IntoIterator<Item = Row>) -> BTreeSet<Row> {
    let mut set = BTreeSet::new();
    for row in rows {
        assert!(!set.contains(&row), "{row:?} is there twice");
        set.insert(row);
    }
    set
}

/// The program's rows without the state, where `ss` prints none: all rows have the same one then.
pub fn as_much_as(expected: &BTreeSet<Row>, rows: Vec<Row>) -> BTreeSet<Row> {
    if expected.iter().all(|row| !row[1].is_empty()) {
        return distinct(rows);
    }
    let states: BTreeSet<String> = rows.iter().map(|row| row[1].clone()).collect();
    assert!(states.len() <= 1, "{states:?}");
    let rows = rows.into_iter();
    distinct(rows.map(|[protocol, _, receive, send, local, peer]| {
        [protocol, String::new(), receive, send, local, peer]
    }))
}
