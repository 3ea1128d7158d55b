//! Verdicts of `who` on bind(2), and what bind(2) returns.

use std::io::ErrorKind;
use std::net::SocketAddr;

use serde_json::Value;
use sockdiag::analysis::who::Verdict;
use sockdiag::source::reports_bound;
use socket2::{Domain, Socket, Type};

use super::program::json;

/// SO_REUSEADDR and SO_REUSEPORT of the verdicts `plain`, `reuseaddr`, `reuseport` and `both`.
pub const OPTIONS: [[bool; 2]; 4] = [[false, false], [true, false], [false, true], [true, true]];

/// What bind() returns to a socket with these options, which is closed at once.
#[track_caller]
pub fn bind_returns(
    is_udp: bool,
    at: SocketAddr,
    v6only: bool,
    [reuseaddr, reuseport]: [bool; 2],
) -> Verdict {
    let kind = if is_udp { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(at), kind, None).expect("a socket");
    if at.is_ipv6() {
        socket.set_only_v6(v6only).expect("an option");
    }
    socket.set_reuse_address(reuseaddr).expect("an option");
    socket.set_reuse_port(reuseport).expect("an option");
    match socket.bind(&at.into()) {
        Ok(()) => Verdict::Ok,
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Verdict::InUse,
            ErrorKind::PermissionDenied => Verdict::Denied,
            ErrorKind::AddrNotAvailable => Verdict::NoAddress,
            _ => panic!("bind() to {at}: {error}"),
        },
    }
}

/// `[plain, reuseaddr, reuseport, both]`
#[track_caller]
pub fn verdicts<'a>(report: &'a Value, protocol: &str, address: &str) -> [&'a Value; 4] {
    let row = rows(report)
        .iter()
        .find(|row| row["protocol"] == protocol && row["address"] == address)
        .unwrap_or_else(|| panic!("no {protocol} {address} in {report:#}"));
    of(row)
}

/// The verdict on a TCP port that nobody holds: unknown where a socket that is only bound is not
/// reported.
pub fn free() -> Value {
    reports_bound().then_some("ok").into()
}

#[track_caller]
pub fn rows(report: &Value) -> &Vec<Value> {
    report["bind"].as_array().expect("bind[]")
}

pub fn of(row: &Value) -> [&Value; 4] {
    ["plain", "reuseaddr", "reuseport", "both"].map(|option| &row[option])
}

/// Each verdict of these arguments is what bind() returns with `--try`, where it is known. Returns
/// what is concluded.
#[track_caller]
pub fn tried(args: &[&str]) -> Value {
    tried_by(who(args))
}

/// The same for a program that is run otherwise: with the arguments that are added.
#[track_caller]
pub fn tried_by(run: impl Fn(&[&str]) -> Value) -> Value {
    tried_where(run, |_| true)
}

/// The same where no socket can be bound in some rows, for another reason than a verdict has.
#[track_caller]
pub fn tried_where(run: impl Fn(&[&str]) -> Value, can_be: impl Fn(&Value) -> bool) -> Value {
    let [concluded, tried] = both_ways(run);
    for (concluded, tried) in rows(&concluded).iter().zip(rows(&tried)) {
        for (verdict, returned) in of(concluded).into_iter().zip(of(tried)) {
            let is_same = verdict.is_null() || verdict == returned;
            assert!(is_same, "{concluded:#} but {tried:#}");
            assert_eq!(!returned.is_null(), can_be(tried), "{tried:#}");
        }
    }
    concluded
}

/// Runs `who` with these arguments, and those that are added.
pub fn who(args: &[&str]) -> impl Fn(&[&str]) -> Value {
    move |more| json(&[&["who"], args, more].concat())
}

/// The reports without and with `--try`, which have the same rows.
#[track_caller]
fn both_ways(run: impl Fn(&[&str]) -> Value) -> [Value; 2] {
    let reports = [run(&[]), run(&["--try"])];
    let [concluded, tried] = reports.each_ref().map(rows);
    let names = |rows: &[Value]| -> Vec<_> {
        let names = ["protocol", "address", "v6only"];
        let name = |row: &Value| names.map(|name| row[name].clone());
        rows.iter().map(name).collect()
    };
    assert!(!concluded.is_empty(), "{:#}", reports[0]);
    assert_eq!(names(concluded), names(tried));
    assert!(concluded.iter().all(|row| row["tried"] == false));
    assert!(tried.iter().all(|row| row["tried"] == true));
    reports
}
