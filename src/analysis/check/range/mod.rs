//! Threshold ranges, as the guidelines for monitoring plugins define them: `[@][start:][end]`.
//!
//! ```text
//! 10       alert when below 0 or above 10      ~:10     alert when above 10
//! 10:      alert when below 10                 10:20    alert when below 10 or above 20
//! @10:20   alert when from 10 to 20            80%, 5/s, 500ms, 10min   with a unit
//! ```

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value of a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A share of a limit, from 0 to 1.
    Ratio,
    /// Events per second.
    PerSecond,
    /// Milliseconds.
    Ms,
}

/// The unit as it is written behind a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffix {
    None,
    Percent,
    PerSecond,
    Ms,
    Seconds,
    Minutes,
    Hours,
}

/// Longer ones before those they end in.
const SUFFIXES: [(&str, Suffix); 7] = [
    ("%", Suffix::Percent),
    ("/s", Suffix::PerSecond),
    ("min", Suffix::Minutes),
    ("ms", Suffix::Ms),
    ("s", Suffix::Seconds),
    ("h", Suffix::Hours),
    ("", Suffix::None),
];

/// The values that raise an alert: those outside of two bounds or, with `@`, those inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Negative infinity for `~`.
    start: f64,
    /// Infinity where it is left out.
    end: f64,
    alerts_inside: bool,
    suffix: Suffix,
}

/// What is wrong with a range, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeError(String);

impl Range {
    pub fn unit(&self) -> Unit {
        match self.suffix {
            Suffix::None => Unit::Count,
            Suffix::Percent => Unit::Ratio,
            Suffix::PerSecond => Unit::PerSecond,
            Suffix::Ms | Suffix::Seconds | Suffix::Minutes | Suffix::Hours => Unit::Ms,
        }
    }

    /// Whether this value, in the unit of the range, raises an alert.
    pub fn alerts(&self, value: f64) -> bool {
        let [start, end] = self.bounds();
        let is_inside = start <= value && value <= end;
        is_inside == self.alerts_inside
    }

    /// Whether every value from this one on raises an alert.
    pub fn alerts_from(&self, least: f64) -> bool {
        let [start, end] = self.bounds();
        match self.alerts_inside {
            true => start <= least && end == f64::INFINITY,
            false => least > end,
        }
    }

    /// Start and end in the unit of the metric. A bound of 7 % is the same number as 7 of 100.
    fn bounds(&self) -> [f64; 2] {
        [self.start, self.end].map(|bound| match self.suffix {
            Suffix::Percent => bound / 100.0,
            suffix => bound * suffix.ms(),
        })
    }

    /// The range for performance data: shares in percent, times in milliseconds, no units.
    pub fn plain(&self) -> String {
        let scale = self.suffix.ms();
        let (start, end) = (self.start * scale, self.end * scale);
        let suffix = Suffix::None;
        Range {
            start,
            end,
            suffix,
            ..*self
        }
        .to_string()
    }
}

impl Suffix {
    /// Milliseconds in a unit of time; 1 for all others.
    fn ms(self) -> f64 {
        match self {
            Suffix::None | Suffix::Percent | Suffix::PerSecond | Suffix::Ms => 1.0,
            Suffix::Seconds => 1e3,
            Suffix::Minutes => 60e3,
            Suffix::Hours => 3600e3,
        }
    }

    fn word(self) -> &'static str {
        let of = SUFFIXES.iter().find(|(_, suffix)| *suffix == self);
        of.expect("every suffix is listed").0
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (alerts_inside, bounds) = match text.strip_prefix('@') {
            Some(bounds) => (true, bounds),
            None => (false, text),
        };
        let wrong = |why: &str| RangeError(format!("{text:?}: {why}"));
        let shape = "expected [@][START:][END], such as 10, 10:, ~:10, 10:20, @10:20, 80% or 5/s";
        let none = (f64::INFINITY, Suffix::None);
        let bound = |text: &str| bound(text).ok_or_else(|| wrong(shape));
        let (start, end) = match bounds.split_once(':') {
            None => ((0.0, Suffix::None), bound(bounds)?),
            Some(("~", "")) => ((f64::NEG_INFINITY, Suffix::None), none),
            Some(("~", end)) => ((f64::NEG_INFINITY, Suffix::None), bound(end)?),
            Some((start, "")) => (bound(start)?, none),
            Some((start, end)) => (bound(start)?, bound(end)?),
        };
        let suffix = match (start.1, end.1) {
            (one, Suffix::None) | (Suffix::None, one) => one,
            (one, other) if one == other => one,
            _ => return Err(wrong("START and END must have the same unit")),
        };
        if start.0 > end.0 {
            return Err(wrong("START must not be greater than END"));
        }
        Ok(Range {
            start: start.0,
            end: end.0,
            alerts_inside,
            suffix,
        })
    }
}

/// A number and its unit.
fn bound(text: &str) -> Option<(f64, Suffix)> {
    let mut split = SUFFIXES.iter();
    let (number, suffix) =
        split.find_map(|(word, suffix)| Some((text.strip_suffix(word)?, *suffix)))?;
    // Not every text that Rust takes for a number is one here: 1e3, inf, nan.
    let is_decimal = number.bytes().all(|byte| b"+-.0123456789".contains(&byte));
    let number: f64 = number.parse().ok().filter(|_| is_decimal)?;
    number.is_finite().then_some((number, suffix))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.suffix.word();
        if self.alerts_inside {
            f.write_str("@")?;
        }
        match self.start {
            f64::NEG_INFINITY => f.write_str("~:")?,
            0.0 if self.end.is_finite() => {}
            start => write!(f, "{start}{unit}:")?,
        }
        match self.end.is_finite() {
            true => write!(f, "{}{unit}", self.end),
            false => Ok(()),
        }
    }
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RangeError {}
