//! What `sockdiag doctor` says of the one thing that is wrong.

use serde_json::Value;

use super::listener_owners::{InheritedListener, wait_for_cause};
use super::meanwhile::while_repeating;
use super::program::{finding, json, problems};
use super::wait::wait_for;

/// `sockdiag doctor ARGS --json`
#[track_caller]
pub fn doctor(args: &[&str]) -> Value {
    json(&[&["doctor"], args].concat())
}

/// As [`doctor`], once it has read the connections that wait: on a busy machine it gives that up.
#[track_caller]
pub fn unhurried_doctor(args: &[&str]) -> Value {
    wait_for("accept queues were read in time", || {
        let report = doctor(args);
        let mut missing = report["incomplete"].as_array().expect("an array").iter();
        let is_read = !missing.any(|part| part["what"] == "waiting");
        is_read.then_some(report)
    })
}

/// What it says while something is done again and again, and has been done once.
#[track_caller]
pub fn doctor_while(mut act: impl FnMut() + Send, args: &[&str]) -> Value {
    act();
    while_repeating(act, || doctor(args))
}

/// The only finding above `info`.
#[track_caller]
pub fn only<'a>(report: &'a Value, id: &str) -> &'a Value {
    assert_eq!(problems(report), [id], "{report:#}");
    finding(report, id)
}

/// The only finding about a listener where two clients wait for accept(), and the owners do not
/// call it for this cause.
#[track_caller]
pub fn only_stall(listener: InheritedListener, cause: &str) -> Value {
    let _clients = listener.clients(2);
    drop(listener);
    wait_for_cause(cause, |_| true);
    let report = unhurried_doctor(&["--for=2s"]);
    let found = only(&report, "acceptor_stalled");
    assert_eq!(found["subject"], "127.0.0.1:8080");
    assert_eq!(found["cause_id"], cause, "{found:#}");
    found.clone()
}

/// The first instruction of a finding.
#[track_caller]
pub fn remedy(found: &Value) -> &str {
    found["remedy"][0].as_str().expect("text")
}
