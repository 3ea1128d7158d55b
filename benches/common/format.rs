//! Numbers as people read them.

use std::time::Duration;

/// Three digits at most where the unit allows: `0.91 ms`, `95 ms`, `10.4 s`.
pub fn duration(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.2} ms"),
        ..100.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

/// Megabytes of a million bytes.
pub fn bytes(bytes: u64) -> String {
    let mb = bytes as f64 / 1e6;
    if mb < 100.0 {
        format!("{mb:.1} MB")
    } else {
        format!("{mb:.0} MB")
    }
}

/// `1,000,000`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(",")
}

/// How many times the other: `0.012 ×`, `1.3 ×`.
pub fn times(ratio: f64) -> String {
    if ratio < 0.1 {
        format!("{ratio:.4} ×")
    } else {
        format!("{ratio:.2} ×")
    }
}

/// `4.2 %`.
pub fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// A command line in a table, where a `|` would end the cell.
pub fn code(command: &str) -> String {
    format!("`{}`", command.replace('|', r"\|"))
}
