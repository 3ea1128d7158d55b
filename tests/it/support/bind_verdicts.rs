//! Verdicts of `who` on bind(2).

use serde_json::Value;
use sockdiag::source::reports_bound;

use super::program::json;

/// `[plain, reuseaddr, reuseport, both]`
#[track_caller]
pub fn verdicts<'a>(report: &'a Value, protocol: &str, address: &str) -> [&'a Value; 4] {
    let rows = report["bind"].as_array().expect("bind[]");
    let row = rows
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

fn of(row: &Value) -> [&Value; 4] {
    ["plain", "reuseaddr", "reuseport", "both"].map(|option| &row[option])
}

/// Each verdict of these arguments is what bind() returns with `--try`, where it is known. Returns
/// what is concluded.
#[track_caller]
pub fn tried(args: &[&str]) -> Value {
    tried_by(|more| json(&[&["who"], args, more].concat()))
}

/// The same for a program that is run otherwise: with the arguments that are added.
#[track_caller]
pub fn tried_by(run: impl Fn(&[&str]) -> Value) -> Value {
    let (concluded, tried) = (run(&[]), run(&["--try"]));
    let rows = |report: &Value| report["bind"].as_array().expect("bind[]").clone();
    for (concluded, tried) in rows(&concluded).iter().zip(&rows(&tried)) {
        assert_eq!([&concluded["tried"], &tried["tried"]], [false, true]);
        for (verdict, returned) in of(concluded).into_iter().zip(of(tried)) {
            let is_same = verdict.is_null() || verdict == returned;
            assert!(is_same, "{concluded:#} but {tried:#}");
        }
    }
    concluded
}
