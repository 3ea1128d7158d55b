//! Which commands are measured, against which.

use std::process::Command;

use crate::file;
use crate::row::Case;

pub const SUMMARY: &str = "sockdiag trace --summary --json";
/// Into a file.
pub const JSON: &str = "sockdiag trace --json";
/// As much of a packet as `sockdiag` wants, and the same packets: `FILTER`. The capture stays root
/// of its namespace, which has no other user.
pub const TCPDUMP: &str = "tcpdump -i lo -Z root -s 256 -w /dev/null FILTER";
/// SYN, FIN, RST and what carries nothing.
const FILTER: &str = "tcp and (tcp[13] & 7 != 0 or \
    ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) = 0)";

pub const READ_SUMMARY: &str = "sockdiag trace --read FILE --summary --json";
pub const READ_JSON: &str = "sockdiag trace --read FILE --json";
pub const TCPDUMP_PRINT: &str = "tcpdump -nr FILE";
/// Into standard output.
pub const TCPDUMP_COPY: &str = "tcpdump -r FILE -w -";
pub const TSHARK: &str = "tshark -r FILE -q -z conv,tcp";
pub const TCPDUMP_SYNS: &str = "tcpdump -nr FILE SYNS";
const SYNS: &str = "tcp[13] & 0x12 = 2";

/// tshark is measured once, as it needs long.
pub const READERS: [Case; 4] = [
    (READ_SUMMARY, &[TCPDUMP_PRINT, TCPDUMP_COPY, TSHARK]),
    (READ_JSON, &[TCPDUMP_PRINT, TCPDUMP_COPY, TSHARK]),
    (TCPDUMP_PRINT, &[]),
    (TCPDUMP_COPY, &[]),
];

/// A command line as it stands in the table, made runnable.
pub fn command(name: &str) -> anyhow::Result<Command> {
    let mut words = name.split(' ');
    let mut command = Command::new(match words.next() {
        Some("sockdiag") | None => env!("CARGO_BIN_EXE_sockdiag"),
        Some(other) => other,
    });
    for word in words {
        match word {
            "FILE" => command.arg(file::path()),
            "FILTER" => command.arg(FILTER),
            "SYNS" => command.arg(SYNS),
            other => command.arg(other),
        };
    }
    Ok(command)
}

/// What the names of commands leave out.
pub fn describe() -> String {
    format!("`FILTER` is `{FILTER}`")
}
