//! The flags of `ss` that fingers type: what to type instead.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::registry::REGISTRY;
use crate::command::usage;

/// Flags of `ss`, and the answer to them.
const FLAGS: [(&[&str], &str); 25] = [
    (
        &["-0", "--packet"],
        "`sockdiag sockets packet` shows packet sockets",
    ),
    (
        &["-A", "--query", "--socket", "-f", "--family"],
        "protocols precede the filter, as in `sockdiag sockets tcp udp`; -4 and -6 choose a family",
    ),
    (&["-a"], "all rows are shown"),
    (
        &["-e", "--extended"],
        "`sockdiag sockets --columns help` lists user, inode, cookie and cgroup",
    ),
    (
        &["-E", "--events"],
        "`sockdiag sockets --watch` refreshes, `sockdiag trace` shows connections as they are opened",
    ),
    (
        &["-F", "--filter"],
        "`@FILE` in a filter stands for what the file contains",
    ),
    (&["-H"], "--no-header omits the header"),
    (
        &["-i", "--info"],
        "`sockdiag sockets -i` shows what TCP knows about each connection",
    ),
    (&["-K", "--kill"], "no command closes sockets; ss -K does"),
    (
        &["-l", "--listening"],
        "`sockdiag queues` shows TCP listeners, `sockdiag sockets -l` UDP and unix sockets, too",
    ),
    (
        &["-m", "--memory"],
        "`sockdiag counters sockets` shows the memory of all sockets, `sockdiag sockets -m` that of each",
    ),
    (
        &["-M", "--mptcp"],
        "`sockdiag sockets tcp` includes MPTCP sockets",
    ),
    (
        &["-N", "--net"],
        "--netns NAME inspects another network namespace",
    ),
    (&["-O", "--oneline"], "each socket is one line"),
    (&["--options"], "`sockdiag sockets --timers` shows timers"),
    (
        &["-p", "--processes"],
        "`sockdiag sockets` shows owners, `sockdiag who 4121` the sockets of process 4121, `sockdiag fds --pid 4121` its descriptors",
    ),
    (&["--raw"], "`sockdiag sockets raw` shows raw sockets"),
    (
        &["-s", "--summary"],
        "`sockdiag states` counts TCP sockets by state, `sockdiag counters sockets` all sockets",
    ),
    (
        &["-S", "--sctp", "-d", "--dccp"],
        "SCTP and DCCP sockets are not shown; ss shows them",
    ),
    (
        &["-t"],
        "`sockdiag sockets -t` shows TCP sockets; most other reports show no other",
    ),
    (
        &["-u"],
        "`sockdiag sockets -u` shows UDP sockets, `sockdiag queues -u` their queues",
    ),
    (&["-V"], "--version without a command shows the version"),
    (&["--vsock"], "`sockdiag sockets vsock` shows vsock sockets"),
    (&["-x"], "`sockdiag sockets -x` shows unix sockets"),
    (
        &["-Z", "--context"],
        "security contexts of sockets are not shown; ss -Z shows them",
    ),
];

/// Answers flags of `ss`, and a report that was not named. Other errors lose only tips that mislead.
pub fn answer(mut error: clap::Error, arguments: &[OsString]) -> anyhow::Error {
    let command = arguments.get(1).and_then(|name| name.to_str());
    let is_report = |name: &str| REGISTRY.iter().any(|entry| entry.name == name);
    let unknown = match error.kind() {
        ErrorKind::UnknownArgument => context(&error, ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => context(&error, ContextKind::InvalidSubcommand),
        _ => None,
    };
    match (unknown, command) {
        (Some(flag), Some(command)) if is_report(command) => {
            let known = FLAGS.iter().find(|(names, _)| names.contains(&&*flag));
            if let Some((_, answer)) = known {
                return usage(format!("{command} has no {flag}: {answer}"));
            }
        }
        (Some(_), Some(first)) if first.starts_with(['-', ':']) => {
            let report = match first.starts_with('-') && !first.contains('l') {
                true => "sockets",
                false => "queues",
            };
            return usage(format!(
                "name a report first, as in: sockdiag {report} {first}"
            ));
        }
        _ => {}
    }
    if let Some(answer) = timers(&error, arguments) {
        return usage(answer);
    }
    // "to pass '-x' as a value, use '-- -x'"
    error.remove(ContextKind::Suggested);
    error.into()
}

/// `ss -o` shows timers; here it takes a format.
fn timers(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let is_typed = |argument: &OsString| {
        let flags = argument.to_str().and_then(|text| text.strip_prefix('-'));
        flags.is_some_and(|flags| !flags.starts_with('-') && flags.contains('o'))
    };
    let flag = context(error, ContextKind::InvalidArg)?;
    let value = context(error, ContextKind::InvalidValue)?;
    let Some(ContextValue::Strings(formats)) = error.get(ContextKind::ValidValue) else {
        return None;
    };
    let is_format = flag.starts_with("--output ") && arguments.iter().any(is_typed);
    is_format.then(|| {
        let formats = formats.join(", ");
        let wrong = match &value[..] {
            "" => format!("-o (--output) needs a format ({formats})"),
            other => format!("-o (--output) takes a format ({formats}), not {other}"),
        };
        format!("{wrong}; what ss -o shows is in `sockdiag sockets --timers`")
    })
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}
