//! What not every kernel has: kinds of devices and queueing disciplines, sockets that are only bound
//! in the tables, and options of sockets.

use std::io::ErrorKind;
use std::process::Command;

use rustix::io::Errno;
use serde_json::Value;
use sockdiag::source::reports_bound;
use socket2::{Domain, Socket, Type};

use super::clients::from_port_window;
use super::netns::{run, test_inside};
use super::skipped::report_skipped;

/// What ip and tc say where the kernel lacks the kind.
const LACKING: [&str; 3] = [
    "Unknown device type",
    "qdisc kind is unknown",
    "Operation not supported",
];

/// Creates a device of this kind and brings it up; `false`, loudly, where the kernel has none.
pub fn add_device(name: &str, kind: &[&str]) -> bool {
    let (before, after): (&[&str], &[&str]) = match kind {
        ["link", below, rest @ ..] => (&["link", below], rest),
        _ => (&[], kind),
    };
    let add = [&["link", "add"][..], before, &["name", name, "type"], after].concat();
    let added = run_where_supported("ip", &add);
    if added {
        run("ip", &["link", "set", name, "up"]);
    }
    added
}

/// Sets the queueing discipline of a device; `false`, loudly, where the kernel has none such.
pub fn set_qdisc(device: &str, qdisc: &[&str]) -> bool {
    let replace = ["qdisc", "replace", "dev", device, "root"];
    run_where_supported("tc", &[&replace[..], qdisc].concat())
}

fn run_where_supported(program: &str, args: &[&str]) -> bool {
    let command = format!("{program} {}", args.join(" "));
    let why = match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => "not installed".to_owned(),
        Err(error) => panic!("{command}: {error}"),
    };
    let is_lacking = why == "not installed" || LACKING.iter().any(|said| why.contains(said));
    assert!(is_lacking, "{command}: {why}");
    report_skipped(&format!("{}: {command}: {}", test_inside(), why.trim_end()));
    false
}

/// `bound_only` of a report where so many ports are only bound.
pub fn bound_only(ports: u64) -> Value {
    reports_bound().then_some(ports).into()
}

/// Whether the kernel reports sockets that are only bound (since Linux 6.8); `false`, loudly, where
/// it does not.
pub fn reports_bound_sockets() -> bool {
    if !reports_bound() {
        let why = "the kernel does not report sockets that are only bound";
        report_skipped(&format!("{}: {why}", test_inside()));
    }
    reports_bound()
}

/// What a table of TCP sockets ends with where those that are only bound are not reported.
pub fn note_of_bound() -> &'static str {
    match reports_bound() {
        true => "",
        false => {
            "\nincomplete: bound: TCP sockets that are only bound are reported from Linux 6.8 on\n"
        }
    }
}

/// What a report does not know although this kernel reports it.
pub fn unseen(report: &Value) -> Vec<&Value> {
    let incomplete = report["incomplete"].as_array().expect("incomplete[]");
    let is_bound = |what: &Value| what == "bound_only" || what == "bound";
    let is_reported = |missing: &&Value| reports_bound() || !is_bound(&missing["what"]);
    incomplete.iter().filter(is_reported).collect()
}

/// Whether a socket may have a port range of its own (since Linux 6.3); `false`, loudly, where it
/// may not.
pub fn has_port_windows() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a TCP socket");
    match from_port_window(40000, 40063)(&socket) {
        Ok(()) => true,
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOPROTOOPT) => {
            report_skipped(&format!("{}: IP_LOCAL_PORT_RANGE: {error}", test_inside()));
            false
        }
        Err(error) => panic!("IP_LOCAL_PORT_RANGE: {error}"),
    }
}
