//! An earlier report to compare with.

use serde::Deserialize;

use super::{Measured, Unit, metric::plain};

/// What is read of an earlier report of `check` in JSON.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Former {
    pub metrics: Vec<Measured>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    pub former: Former,
    /// How much worse a metric may be: of a rate a share of the earlier one, of a ratio percentage
    /// points. 0.1 is 10 %.
    pub tolerance: f64,
}

/// A metric beside its earlier value.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The highest value that is no worse; `None` where either value is unknown.
    pub limit: Option<f64>,
    pub text: String,
}

impl Baseline {
    /// `None` for a metric that the earlier report has not, and for all but ratios and rates: a number
    /// may depend on the time of watching, and one more than none is no large share.
    pub fn compare(&self, now: &Measured) -> Option<Compared> {
        let is_same = |then: &&Measured| then.name == now.name && then.scope == now.scope;
        let then = self.former.metrics.iter().find(is_same)?;
        let limit = match now.unit {
            Unit::Ratio => then.value.map(|then| then + self.tolerance),
            Unit::PerSecond => then.value.map(|then| then * (1.0 + self.tolerance)),
            Unit::Count | Unit::Ms => return None,
        };
        let is_exact = !then.partial;
        let tolerance = plain(self.tolerance * 100.0);
        Some(Compared {
            limit: limit.filter(|_| is_exact),
            text: format!("{} in the baseline, tolerance {tolerance}%", then.text()),
        })
    }
}
