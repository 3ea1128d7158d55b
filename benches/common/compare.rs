//! Promises about measured commands.

use std::fmt;

use crate::format::{self, code};
use crate::limit::Limit;
use crate::measure::TooSlow;
use crate::row::{Outcome, Row, series};

pub fn small(rows: &[Row], command: &'static str, most: u64) -> Limit {
    let peak = series(rows, command).map(|series| series.peak_bytes());
    Limit {
        command,
        limit: format::bytes(most),
        measured: peak.map(|peak| (format::bytes(peak), peak <= most)),
    }
}

pub fn faster(rows: &[Row], command: &'static str, most: f64, other: &str) -> Limit {
    // A bound above the limit decides nothing.
    let ratio = ratio(rows, command, other).filter(|ratio| !ratio.is_bound || ratio.times <= most);
    Limit {
        command,
        limit: format!("{} {}", format::times(most), code(other)),
        measured: ratio.map(|ratio| (ratio.to_string(), ratio.times <= most)),
    }
}

/// A time on the wall beside another's.
pub struct Ratio {
    times: f64,
    /// The other was stopped before it was done: it is less than this.
    is_bound: bool,
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let less = if self.is_bound { "< " } else { "" };
        write!(formatter, "{less}{}", format::times(self.times))
    }
}

pub fn ratio(rows: &[Row], command: &str, other: &str) -> Option<Ratio> {
    let own = series(rows, command)?;
    let other = rows.iter().find(|row| row.name == other)?;
    match &other.outcome {
        Outcome::Measured(other) => Some(Ratio {
            times: own.ratio_to(other),
            is_bound: false,
        }),
        Outcome::TooSlow(TooSlow(limit)) => Some(Ratio {
            times: own.wall().as_secs_f64() / limit.as_secs_f64(),
            is_bound: true,
        }),
        Outcome::NotInstalled | Outcome::Failed(_) => None,
    }
}
