//! Kinds of devices and queueing disciplines that not every kernel is built with.

use std::io::ErrorKind;
use std::process::Command;

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
