//! The tools whose answers the program's are compared with, and the kernel's counters themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::program::stderr;
use super::skipped::report_skipped;

/// What a tool prints, or `None`, loudly, where it is not installed.
pub fn tool_output(name: &str, args: &[&str]) -> Option<String> {
    let output = tool(name, args)?;
    Some(String::from_utf8(output.stdout).expect("ASCII from a system tool"))
}

/// As [`tool_output`], with what it says on stderr.
pub fn tool(name: &str, args: &[&str]) -> Option<Output> {
    let output = match Command::new(name).args(args).output() {
        Ok(output) => output,
        Err(error) => {
            report_skipped(&format!("comparison with {name}: {error}"));
            return None;
        }
    };
    assert!(
        output.status.success(),
        "{name} {args:?}: {}",
        output.status
    );
    Some(output)
}

/// (port, Recv-Q, Send-Q) of every TCP listener as `ss` sees it, in ascending order.
pub fn ss_listeners() -> Option<Vec<(u64, u64, u64)>> {
    let text = tool_output("ss", &["-H", "-l", "-t", "-n"])?;
    let mut listeners: Vec<_> = text.lines().map(ss_listener).collect();
    listeners.sort_unstable();
    Some(listeners)
}

/// `LISTEN 0 50 [::1]:9000 [::]:*`
fn ss_listener(line: &str) -> (u64, u64, u64) {
    let column: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = column[3].rsplit_once(':').expect("ADDRESS:PORT");
    let number = |text: &str| text.parse().expect("a number");
    (number(port), number(column[1]), number(column[2]))
}

/// Half-open connections of `port` as `ss` counts them.
pub fn ss_half_open(port: u16) -> Option<usize> {
    let of_port = format!("sport = :{port}");
    let text = tool_output("ss", &["-H", "-t", "-n", "state", "syn-recv", &of_port])?;
    Some(text.lines().count())
}

/// Every counter as `nstat` sees it, by its name with the table in front.
pub fn nstat() -> Option<BTreeMap<String, Value>> {
    let text = tool_output("nstat", &["-a", "-s", "-z", "-j"])?;
    let json: Value = serde_json::from_str(&text).expect("nstat prints JSON");
    let counters = json["kernel"].as_object().expect("one object of counters");
    Some(counters.clone().into_iter().collect())
}

/// One counter of the table TcpExt, straight from the kernel.
#[track_caller]
pub fn tcp_ext(name: &str) -> u64 {
    kernel_counter("netstat", "TcpExt", name)
}

/// TCP segments of both families that arrived in this namespace, whatever became of them.
#[track_caller]
pub fn segments_in() -> u64 {
    kernel_counter("snmp", "Tcp", "InSegs")
}

#[track_caller]
pub fn kernel_counter(file: &str, table: &str, name: &str) -> u64 {
    let text =
        fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("a file of /proc/net");
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(table)?.strip_prefix(':'));
    let names = lines.next().expect("a line of names");
    let values = lines.next().expect("a line of values");
    names
        .split_whitespace()
        .zip(values.split_whitespace())
        .find(|(found, _)| *found == name)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or_else(|| panic!("this kernel has no {table} {name}"))
}

/// Asserts that Prometheus would take these, where promtool is installed.
pub fn assert_promtool_accepts(metrics: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return report_skipped(&format!("promtool check metrics: {error}")),
    };
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(metrics.as_bytes())
        .expect("promtool reads all of it");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
    assert!(output.status.success(), "{said}\n{metrics}");
    assert_eq!(said.trim(), "", "promtool has remarks on\n{metrics}");
}
