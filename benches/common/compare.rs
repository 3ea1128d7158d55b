//! Promises about measured commands.

use crate::format::{self, code};
use crate::limit::Limit;
use crate::row::{Row, series};

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
