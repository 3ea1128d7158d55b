//! The flags of `ss` that fingers type: what to type instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::registry::REGISTRY;
use crate::command::usage;

/// A flag of `ss` and its answer.
const FLAGS: [(&str, &str); 12] = [
    ("-a", "all rows are shown"),
    (
        "-e",
        "sockdiag queues --columns help lists user, inode, cookie and cgroup",
    ),
    ("-H", "--no-header omits the header"),
    (
        "-i",
        "`sockdiag sockets -i` shows what TCP knows about each connection",
    ),
    (
        "-l",
        "`sockdiag queues` shows listeners, `sockdiag sockets -l` those of UDP, too",
    ),
    (
        "-m",
        "`sockdiag counters sockets` shows the memory of all sockets, `sockdiag sockets -m` that of each",
    ),
    ("-N", "--netns NAME inspects another network namespace"),
    (
        "-p",
        "queues, ports and sockets show owners, sockdiag fds --pid PID a process",
    ),
    ("-s", "sockdiag counters sockets counts all sockets"),
    ("-t", "queues, ports and timewait show TCP sockets"),
    ("-u", "sockdiag queues -u shows UDP sockets"),
    ("-x", "sockdiag sockets -x shows unix sockets"),
];

/// Answers flags of `ss`, and a report that was not named. Other errors lose only tips that mislead.
pub fn answer(mut error: clap::Error, command: Option<&str>) -> anyhow::Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let unknown = match error.kind() {
        ErrorKind::UnknownArgument => context(ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => context(ContextKind::InvalidSubcommand),
        _ => None,
    };
    let is_report = |name: &str| REGISTRY.iter().any(|entry| entry.name == name);
    match (unknown, command) {
        (Some(flag), Some(command)) if is_report(command) => {
            let known = FLAGS.iter().find(|(name, _)| *name == flag);
            if let Some((_, answer)) = known {
                return usage(format!("{command} has no {flag}: {answer}"));
            }
        }
        (Some(_), Some(first)) if first.starts_with(['-', ':']) => {
            return usage(format!(
                "name a report first, as in: sockdiag queues {first}"
            ));
        }
        _ => {}
    }
    // "to pass '-x' as a value, use '-- -x'"
    error.remove(ContextKind::Suggested);
    error.into()
}
