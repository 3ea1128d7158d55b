//! Runs of `sockdiag check` and their reports.

use serde_json::Value;

use super::program::{sockdiag, stderr};

/// Exit code and report of a run with `--json`.
#[track_caller]
pub fn check(args: &[&str]) -> (i32, Value) {
    let output = sockdiag(&[&["check", "--json"], args].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&text);
    let report = report.unwrap_or_else(|error| panic!("{args:?}: {error}: {}", stderr(&output)));
    (output.status.code().expect("it exits"), report)
}

/// The judgement of this name.
#[track_caller]
pub fn judged<'a>(report: &'a Value, name: &str) -> &'a Value {
    named(report, "checks", name)
}

/// The metric of this name.
#[track_caller]
pub fn metric<'a>(report: &'a Value, name: &str) -> &'a Value {
    named(report, "metrics", name)
}

#[track_caller]
fn named<'a>(report: &'a Value, list: &str, name: &str) -> &'a Value {
    let all = report[list].as_array().expect("a list");
    let found = all.iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}
