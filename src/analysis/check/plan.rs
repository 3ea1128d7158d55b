//! What is to be checked, and which values raise an alert.

use std::{collections::HashSet, fmt, str::FromStr};

use super::{Baseline, Kind, Measured, Range, Scope, Unit};
use crate::{
    analysis::{
        counters,
        finding::{Area, RULES, Rule},
    },
    model::glob::matches,
};

/// Checks, and conditions on findings.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub checks: Vec<Check>,
    /// Ids of findings and of causes, or patterns, of which none may be found.
    pub fail_on: Vec<String>,
    /// Restricts the findings of `fail_on`.
    pub scope: Scope,
    pub baseline: Option<Baseline>,
}

/// One check with its thresholds.
#[derive(Debug, Clone)]
pub struct Check {
    pub kind: Kind,
    /// Of [`Kind::Counters`].
    pub counters: Option<counters::Selection>,
    pub scope: Scope,
    pub warning: Vec<Threshold>,
    pub critical: Vec<Threshold>,
}

/// A range, and the metric that it is for: by name, or the first one of its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub metric: Option<String>,
    pub range: Range,
}

/// What cannot be checked so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError(pub String);

impl Check {
    /// Fails where a scope or a threshold does not apply to the check.
    pub fn ensure_applies(&self) -> Result<(), PlanError> {
        let name = self.kind.word();
        if !self.kind.can_be(&self.scope) {
            let scope = &self.scope;
            return Err(PlanError(format!("{name} cannot be restricted to {scope}")));
        }
        if self.kind == Kind::Counters && self.counters.is_none() {
            return Err(PlanError(
                "counters: name a counter, as in: counters ListenDrops".to_owned(),
            ));
        }
        for (level, thresholds) in [("warning", &self.warning), ("critical", &self.critical)] {
            let mut seen = HashSet::new();
            for threshold in thresholds {
                let metric = self
                    .metric(threshold)
                    .ok_or_else(|| self.no_such(threshold))?;
                if !seen.insert(metric.clone()) {
                    return Err(PlanError(format!("{metric} has two {level} ranges")));
                }
            }
        }
        Ok(())
    }

    pub(super) fn has_thresholds(&self) -> bool {
        !self.warning.is_empty() || !self.critical.is_empty()
    }

    /// Whether both judge the same metrics.
    fn repeats(&self, other: &Check) -> bool {
        let counters = match (&self.counters, &other.counters) {
            (
                Some(counters::Selection::Named { all: one, .. }),
                Some(counters::Selection::Named { all: other, .. }),
            ) => !one.is_disjoint(other),
            _ => true,
        };
        (self.kind, &self.scope) == (other.kind, &other.scope) && counters
    }

    /// Whether it has a metric that the threshold applies to.
    pub fn takes(&self, threshold: &Threshold) -> bool {
        self.metric(threshold).is_some()
    }

    /// The metric of a threshold; for counters that are not named, a word for all of them.
    fn metric(&self, threshold: &Threshold) -> Option<String> {
        let unit = threshold.range.unit();
        let name = threshold.metric.as_ref();
        if self.kind == Kind::Counters {
            let is_counted = matches!(unit, Unit::Count | Unit::PerSecond);
            let unnamed = || is_counted.then(|| format!("counters in {unit:?}"));
            return name.map_or_else(unnamed, |name| self.names(name).then(|| name.clone()));
        }
        let mut metrics = self.kind.metrics().iter();
        let metric = metrics
            .find(|metric| metric.unit == unit && name.is_none_or(|name| metric.name == name));
        metric.map(|metric| metric.name.to_owned())
    }

    /// Whether this is a metric of one of its counters, or may be while they are not looked up.
    fn names(&self, metric: &str) -> bool {
        let counter = metric.strip_suffix("_rate").unwrap_or(metric);
        match &self.counters {
            Some(counters::Selection::Named { all, .. }) => all.contains(counter),
            _ => {
                let mut metrics = Kind::ALL.into_iter().flat_map(Kind::metrics);
                !metrics.any(|other| other.name == metric)
            }
        }
    }

    /// Whether a threshold is for this metric.
    pub(super) fn applies(&self, threshold: &Threshold, metric: &Measured) -> bool {
        let is_of_unit = threshold.range.unit() == metric.unit;
        is_of_unit
            && match (&threshold.metric, self.kind) {
                (Some(name), _) => *name == metric.name,
                (None, Kind::Counters) => true,
                (None, _) => self.metric(threshold).as_ref() == Some(&metric.name),
            }
    }

    /// The range at which a metric raises an alert.
    pub(super) fn range(&self, thresholds: &[Threshold], metric: &Measured) -> Option<Range> {
        let mut thresholds = thresholds.iter();
        let threshold = thresholds.find(|threshold| self.applies(threshold, metric));
        threshold.map(|threshold| threshold.range)
    }

    /// What to say of a threshold that the check does not take.
    pub fn no_such(&self, threshold: &Threshold) -> PlanError {
        let name = self.kind.word();
        let metrics = self.kind.metrics().iter();
        let metrics: Vec<String> = metrics
            .map(|metric| format!("{} ({})", metric.name, example(metric.unit)))
            .collect();
        PlanError(match metrics.is_empty() {
            true => format!("{threshold} is for no metric of {name}"),
            false => format!(
                "{threshold} is for no metric of {name}: {}",
                metrics.join(", ")
            ),
        })
    }
}

fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "as in 10",
        Unit::Ratio => "as in 80%",
        Unit::PerSecond => "as in 5/s",
        Unit::Ms => "as in 500ms",
    }
}

impl FromStr for Threshold {
    type Err = PlanError;

    /// `80%`, `host_files_used=80%`
    fn from_str(text: &str) -> Result<Self, PlanError> {
        let (metric, range) = match text.split_once('=') {
            Some((metric, range)) => (Some(metric.to_owned()), range),
            None => (None, text),
        };
        let range = range
            .parse()
            .map_err(|error| PlanError(format!("{error}")))?;
        Ok(Threshold { metric, range })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.metric {
            Some(metric) => write!(f, "{metric}={}", self.range),
            None => write!(f, "{}", self.range),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlanError {}

/// The rules that an id or a pattern names, without handshake rules, which only `trace` applies.
pub fn rules_named(pattern: &str) -> impl Iterator<Item = &'static Rule> {
    let can_be_found = |rule: &&&Rule| !matches!(rule.area, Area::Handshakes | Area::Elsewhere);
    let rules = RULES.iter().filter(can_be_found).copied();
    rules.filter(move |rule| matches(pattern.as_bytes(), rule.id.as_bytes()))
}

impl Plan {
    /// Fails where a part of it does not apply.
    pub fn ensure_applies(&self) -> Result<(), PlanError> {
        self.checks.iter().try_for_each(Check::ensure_applies)?;
        let is_judged = |check: &Check| check.kind != Kind::Counters || check.has_thresholds();
        if self.baseline.is_none() && !self.checks.iter().all(is_judged) {
            let why = "counters: needs a threshold (-w, -c) or a baseline";
            return Err(PlanError(why.to_owned()));
        }
        for (at, check) in self.checks.iter().enumerate() {
            if self.checks[..at].iter().any(|other| check.repeats(other)) {
                let name = check.kind.word();
                return Err(PlanError(format!(
                    "{name} stands twice, with the same scope"
                )));
            }
        }
        match self
            .fail_on
            .iter()
            .find(|id| rules_named(id).next().is_none())
        {
            Some(id) => Err(PlanError(format!("check finds nothing of the id {id:?}"))),
            None => Ok(()),
        }
    }
}
