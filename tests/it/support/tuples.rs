//! Tuples of source and destination in a report of `ports`, and as `ss` sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::sockets::socket_address;
use super::tools::tool_output;

/// All tuples of a report.
#[track_caller]
pub fn tuples(report: &Value) -> &Vec<Value> {
    report["tuples"]
        .as_array()
        .unwrap_or_else(|| panic!("no tuples[] in {report:#}"))
}

/// The one tuple to this destination.
#[track_caller]
pub fn tuple<'a>(report: &'a Value, destination: &str) -> &'a Value {
    let found = tuples_to(report, destination);
    assert_eq!(found.len(), 1, "tuples to {destination} in {report:#}");
    found[0]
}

/// The one from this source to this destination.
#[track_caller]
pub fn tuple_from<'a>(report: &'a Value, source: &str, destination: &str) -> &'a Value {
    let mut found = tuples_to(report, destination);
    found.retain(|tuple| tuple["source"] == source);
    assert_eq!(
        found.len(),
        1,
        "tuples from {source} to {destination} in {report:#}"
    );
    found[0]
}

/// From whatever source.
#[track_caller]
pub fn tuples_to<'a>(report: &'a Value, destination: &str) -> Vec<&'a Value> {
    let wanted = socket_address(destination);
    tuples(report)
        .iter()
        .filter(|tuple| {
            let destination = &tuple["destination"];
            let address = destination["address"].as_str();
            address.and_then(|text| text.parse().ok()) == Some(wanted.ip())
                && destination["port"] == wanted.port()
        })
        .collect()
}

/// Source and destination.
pub type Ends = (IpAddr, SocketAddr);

/// Local ports by source and destination as `ss` sees them, those of listeners left out: the port
/// of a server is not one that connect() chose.
pub fn ss_tuples() -> Option<BTreeMap<Ends, BTreeSet<u16>>> {
    let text = tool_output("ss", &["-H", "-t", "-a", "-n"])?;
    let rows: Vec<[&str; 3]> = text.lines().map(ss_row).collect();
    let listen: BTreeSet<u16> = rows
        .iter()
        .filter(|[state, ..]| *state == "LISTEN")
        .map(|[_, local, _]| ss_end(local).port())
        .collect();
    let mut tuples = BTreeMap::new();
    for [state, local, peer] in rows {
        if state != "LISTEN" && !listen.contains(&ss_end(local).port()) {
            let (local, peer) = (ss_end(local), ss_end(peer));
            let ports: &mut BTreeSet<u16> = tuples.entry((local.ip(), peer)).or_default();
            ports.insert(local.port());
        }
    }
    Some(tuples)
}

/// Connections towards `destination` in this state, as `ss` counts them.
pub fn ss_count(state: &str, destination: &str) -> Option<usize> {
    let to = socket_address(destination);
    let address = format!("{}", to.ip());
    let port = format!(":{}", to.port());
    let text = tool_output(
        "ss",
        &[
            "-H", "-t", "-n", "state", state, "dst", &address, "dport", "=", &port,
        ],
    )?;
    Some(text.lines().count())
}

/// `ESTAB 0 0 10.9.0.1%lo:40001 [::ffff:10.9.0.1]:8080`
fn ss_row(line: &str) -> [&str; 3] {
    let column: Vec<&str> = line.split_whitespace().collect();
    [column[0], column[3], column[4]]
}

/// An IPv4 address that an IPv6 socket uses is an IPv4 address. `*` is every address.
fn ss_end(text: &str) -> SocketAddr {
    let (address, port) = text.rsplit_once(':').expect("ADDRESS:PORT");
    let address = address.trim_matches(['[', ']']);
    let (address, _device) = address.split_once('%').unwrap_or((address, ""));
    let address: IpAddr = match address {
        "*" => "::".parse().expect("an address"),
        other => other.parse().expect("an address"),
    };
    SocketAddr::new(address.to_canonical(), port.parse().unwrap_or(0))
}
