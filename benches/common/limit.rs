//! Promises and how they stand, as a table in Markdown.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use crate::format::{self, code};
use crate::row::{Row, series};

/// A promise and how it stands.
pub struct Limit {
    pub command: &'static str,
    pub limit: String,
    /// `None` when it, or what it is set against, could not be measured.
    pub measured: Option<(String, bool)>,
}

pub fn small(rows: &[Row], command: &'static str, most: u64) -> Limit {
    let peak = series(rows, command).map(|series| series.peak_bytes());
    Limit {
        command,
        limit: format::bytes(most),
        measured: peak.map(|peak| (format::bytes(peak), peak <= most)),
    }
}

pub fn faster(rows: &[Row], command: &'static str, most: f64, other: &str) -> Limit {
    let ratio = ratio(rows, command, other);
    Limit {
        command,
        limit: format!("{} {}", format::times(most), code(other)),
        measured: ratio.map(|ratio| (format::times(ratio), ratio <= most)),
    }
}

/// How many times the other's time on the wall.
pub fn ratio(rows: &[Row], command: &str, other: &str) -> Option<f64> {
    Some(series(rows, command)?.ratio_to(series(rows, other)?))
}

pub fn limits(limits: &[Limit]) -> Table {
    let mut table = markdown(["command", "limit", "measured", ""]);
    for Limit {
        command,
        limit,
        measured,
    } in limits
    {
        let (value, verdict) = match measured {
            Some((value, true)) => (value.as_str(), "holds"),
            Some((value, false)) => (value.as_str(), "does NOT hold"),
            None => ("", "not measured"),
        };
        table.add_row([
            code(command),
            limit.clone(),
            value.to_owned(),
            verdict.to_owned(),
        ]);
    }
    table
}

pub fn markdown<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}
