//! The built program: run it, read its JSON, find one listener in it.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::wait::PATIENCE;

/// Path of the program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sockdiag");

/// The program with these arguments, not yet started, free of what the user's shell exports.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .stdin(Stdio::null());
    command
}

/// The program with no other capabilities than these (`,+sys_ptrace`), also when root of its namespace runs it.
pub fn with_capabilities(capabilities: &str, args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    let bounding = format!("--bounding-set=-all{capabilities}");
    command
        .args([&bounding, "--inh-caps=-all", "--"])
        .arg(PROGRAM)
        .args(args)
        .stdout(Stdio::piped());
    command
}

/// Runs the program to its end.
#[track_caller]
pub fn sockdiag(args: &[&str]) -> Output {
    finish(command(args).stdout(Stdio::piped()))
}

/// Waits for the end of `command`, whose stderr is caught; kills it when it does not end by itself.
#[track_caller]
pub fn finish(command: &mut Command) -> Output {
    let child = command
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let pid = Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("its pipes can be read"),
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL);
            panic!("{command:?} did not end");
        }
    }
}

/// stdout of a run that must succeed.
#[track_caller]
pub fn text(args: &[&str]) -> String {
    let output = sockdiag(args);
    assert!(
        output.status.success(),
        "sockdiag {}: {}: {}",
        args.join(" "),
        output.status,
        stderr(&output)
    );
    String::from_utf8(output.stdout).expect("UTF-8 on stdout")
}

/// What a run wrote on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr")
}

/// Asserts that a run failed with `code`, said nothing on stdout and one thing on stderr.
#[track_caller]
pub fn assert_failed(output: &Output, code: i32, reasons: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty(), "it wrote on stdout");
    assert!(said.starts_with("sockdiag: "), "{said}");
    for reason in reasons {
        assert!(said.contains(reason), "it does not say {reason}: {said}");
    }
}

/// Every reading of a run with `--json`.
#[track_caller]
pub fn reports(args: &[&str]) -> Vec<Value> {
    let args = [args, &["--json"]].concat();
    text(&args).lines().map(parse).collect()
}

/// The first reading of a run with `--json`.
#[track_caller]
pub fn json(args: &[&str]) -> Value {
    let mut readings = reports(args);
    assert!(!readings.is_empty(), "{args:?} printed no JSON");
    readings.swap_remove(0)
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// A run that goes on while the test changes something; ended when dropped.
pub struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    /// Starts `sockdiag ARGS --json`.
    pub fn new(args: &[&str]) -> Watch {
        let mut child = command(args)
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Watch { child, lines }
    }

    /// The next reading; what happened before the call may be in this one or in a later one.
    pub fn report(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        parse(&line.expect("another reading"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ids of what a report found, the worst first, without `other_namespace`: whether there are
/// other namespaces depends on the machine.
#[track_caller]
pub fn finding_ids(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings[]");
    let ids = findings.iter().map(|finding| finding["id"].as_str());
    let ids = ids.map(|id| id.expect("an id"));
    ids.filter(|id| *id != "other_namespace").collect()
}

/// Ids of the findings above `info`.
#[track_caller]
pub fn problems(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("an array").iter();
    let problems = findings.filter(|finding| finding["severity"] != "info");
    problems
        .filter_map(|finding| finding["id"].as_str())
        .collect()
}

/// The first finding of this id.
#[track_caller]
pub fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings[]");
    let found = findings.iter().find(|finding| finding["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {findings:#?}"))
}

/// What a report says it could not see of this.
#[track_caller]
pub fn missing<'a>(report: &'a Value, what: &str) -> &'a Value {
    let incomplete = report["incomplete"].as_array().expect("incomplete[]");
    let found = incomplete.iter().find(|missing| missing["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {incomplete:#?}"))
}

/// The one listener at `address`, written as for `SocketAddr`.
#[track_caller]
pub fn listener<'a>(report: &'a Value, address: &str) -> &'a Value {
    let found = members(report, address);
    assert_eq!(found.len(), 1, "listeners at {address} in {report:#}");
    found[0]
}

/// All listeners at `address`: more than one share it by SO_REUSEPORT.
#[track_caller]
pub fn members<'a>(report: &'a Value, address: &str) -> Vec<&'a Value> {
    let wanted: SocketAddr = address.parse().expect("ADDRESS:PORT");
    listeners(report)
        .iter()
        .filter(|listener| {
            let ip = listener["local"]["address"].as_str();
            ip.and_then(|ip| ip.parse::<IpAddr>().ok()) == Some(wanted.ip())
                && listener["local"]["port"] == wanted.port()
        })
        .collect()
}

/// All listeners of a report.
#[track_caller]
pub fn listeners(report: &Value) -> &Vec<Value> {
    report["listeners"]
        .as_array()
        .unwrap_or_else(|| panic!("no listeners[] in {report:#}"))
}

/// The ports of a report's listeners, in ascending order.
#[track_caller]
pub fn ports(report: &Value) -> Vec<u64> {
    let mut ports: Vec<u64> = listeners(report)
        .iter()
        .map(|listener| listener["local"]["port"].as_u64().expect("a port"))
        .collect();
    ports.sort_unstable();
    ports
}

/// A number that must be there.
#[track_caller]
pub fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("not a number: {value}"))
}

/// A count that must be there.
#[track_caller]
pub fn count(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("not a count: {value}"))
}
