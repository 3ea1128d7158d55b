//! The numbers that thresholds apply to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Reading, Scope, Unit};
use crate::{
    analysis::{
        counters::{self, CounterReport, Kind, Selection},
        per_second,
    },
    model::{NetnsSnapshot, Snapshot},
};

/// A metric of a check. More is worse, for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub what: &'static str,
}

const fn metric(name: &'static str, unit: Unit, what: &'static str) -> Metric {
    Metric { name, unit, what }
}

pub const QUEUES_FILL: Metric = metric(
    "queues_fill",
    Unit::Ratio,
    "fill of the fullest accept queue",
);
pub const QUEUES_LENGTH: Metric = metric("queues_length", Unit::Count, "longest accept queue");
pub const QUEUES_WAIT: Metric = metric("queues_wait", Unit::Ms, "longest wait for accept()");
pub const DROPS: Metric = metric(
    "drops",
    Unit::Count,
    "packets dropped at listeners and UDP sockets",
);
pub const DROPS_RATE: Metric = metric(
    "drops_rate",
    Unit::PerSecond,
    "packets dropped per second at listeners and UDP sockets",
);
pub const SYN_LENGTH: Metric = metric("syn_length", Unit::Count, "longest SYN queue");
pub const SYN_FILL: Metric = metric("syn_fill", Unit::Ratio, "fill of the fullest SYN queue");
pub const PORTS_USED: Metric = metric(
    "ports_used",
    Unit::Ratio,
    "ephemeral ports used towards one destination",
);
pub const PORTS_COUNT: Metric = metric(
    "ports_count",
    Unit::Count,
    "ephemeral ports used towards one destination",
);
pub const TIMEWAIT_FILL: Metric = metric("timewait_fill", Unit::Ratio, "TIME_WAIT buckets used");
pub const TIMEWAIT_COUNT: Metric = metric("timewait_count", Unit::Count, "TIME_WAIT sockets");
pub const FDS_USED: Metric = metric(
    "fds_used",
    Unit::Ratio,
    "descriptors of the process nearest to its limit",
);
pub const FDS_OPEN: Metric = metric(
    "fds_open",
    Unit::Count,
    "descriptors of the process that has most",
);
pub const HOST_FILES_USED: Metric =
    metric("host_files_used", Unit::Ratio, "open files of the host");

/// A metric as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// `queues_fill`, or the kernel's name of a counter, with `_rate` for its rate.
    pub name: String,
    /// What the check was restricted to; `null` for everything that was read.
    pub scope: Option<String>,
    /// The highest of all samples or, of drops and counters, the rise in the reading; `null` is
    /// unknown.
    pub value: Option<f64>,
    pub unit: Unit,
    /// Some of what was meant could not be read: the value may be higher.
    pub partial: bool,
    /// What the value was seen at: a listener, a destination, a process.
    pub subject: Option<String>,
    /// What is measured.
    pub what: String,
}

/// The highest of some values, and where it was.
#[derive(Debug, Clone, Default)]
pub struct Highest {
    value: Option<f64>,
    subject: Option<String>,
    is_partial: bool,
}

impl Highest {
    /// `None` is a value that could not be read.
    pub fn add(&mut self, value: Option<f64>, subject: impl FnOnce() -> String) {
        match value {
            None => self.is_partial = true,
            Some(value) if self.value.is_none_or(|highest| value > highest) => {
                self.value = Some(value);
                self.subject = Some(subject());
            }
            Some(_) => {}
        }
    }

    /// Where nothing is, the value is 0, unless it was looked for by name or could not be read.
    pub fn of(self, metric: &Metric, scope: &Scope, is_read: bool) -> Measured {
        let is_none = is_read && scope.is_all() && !self.is_partial;
        Measured {
            value: self.value.or(is_none.then_some(0.0)).filter(|_| is_read),
            partial: self.is_partial,
            subject: self.subject,
            ..Measured::new(metric, scope)
        }
    }
}

impl Measured {
    pub(super) fn new(metric: &Metric, scope: &Scope) -> Self {
        Measured {
            name: metric.name.to_owned(),
            scope: (!scope.is_all()).then(|| scope.to_string()),
            value: None,
            unit: metric.unit,
            partial: false,
            subject: None,
            what: metric.what.to_owned(),
        }
    }

    /// Keeps the higher of two samples.
    pub(super) fn raise(&mut self, earlier: &Measured) {
        let is_higher = earlier
            .value
            .is_some_and(|then| self.value.is_none_or(|now| then > now));
        if is_higher {
            self.value = earlier.value;
            self.subject.clone_from(&earlier.subject);
        }
    }

    /// The value with its unit, as ranges are written.
    pub fn text(&self) -> String {
        let Some(value) = self.value else {
            return "unknown".to_owned();
        };
        let (value, unit) = match self.unit {
            Unit::Count => (value, ""),
            Unit::Ratio => (value * 100.0, "%"),
            Unit::PerSecond => (value, "/s"),
            Unit::Ms => (value, "ms"),
        };
        format!("{}{unit}", plain(value))
    }
}

/// At most two decimals.
pub fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The change and the rate of each selected counter or, of a gauge, its level, summed over the
/// namespaces that were read. What is counted in `closed` ones after they were last read is unknown.
pub fn of_counters(
    selection: &Selection,
    reading: &Reading,
    closed: Vec<NetnsSnapshot>,
) -> Vec<Measured> {
    let is_partial = !closed.is_empty();
    let closed = Snapshot {
        namespaces: closed,
        ..Snapshot::default()
    };
    let of = |snapshot| counters::report(snapshot, reading.before, selection, false).counters;
    let (now, closed) = (of(reading.now), of(&closed));
    let counts_there = |counter: &&CounterReport| {
        let is_of_netns = counter.scope == counters::Scope::Netns && counter.kind != Kind::Gauge;
        is_of_netns && counter.value.is_some()
    };
    let mut by_name: BTreeMap<String, Vec<&CounterReport>> = BTreeMap::new();
    for counter in now.iter().chain(closed.iter().filter(counts_there)) {
        by_name
            .entry(counter.kernel_name())
            .or_default()
            .push(counter);
    }
    let each = by_name.into_iter();
    each.flat_map(|(name, counters)| of_counter(&name, &counters, reading, is_partial))
        .collect()
}

fn of_counter(
    name: &str,
    counters: &[&CounterReport],
    reading: &Reading,
    is_partial: bool,
) -> Vec<Measured> {
    let first = counters[0];
    let measured = |name: String, value, unit, what: &str| Measured {
        name,
        value,
        what: what.to_owned(),
        ..Measured::new(&metric("", unit, ""), &Scope::default())
    };
    // What is counted for the whole host reads the same everywhere.
    let (counted, is_partial) = match first.scope {
        counters::Scope::Host => (&counters[..1], false),
        counters::Scope::Netns => (counters, is_partial),
    };
    if first.kind == Kind::Gauge {
        let levels: Option<i128> = counted.iter().map(|counter| counter.value).sum();
        let level = levels.map(|level| level as f64);
        return vec![measured(name.to_owned(), level, Unit::Count, "level")];
    }
    let rises: Option<i128> = counted.iter().map(|counter| rise(counter, reading)).sum();
    let rise = rises.map(|rise| rise as f64);
    let rise_of = |name, value, unit, what| Measured {
        partial: is_partial,
        ..measured(name, value, unit, what)
    };
    let (rate, rate_name) = (reading.rate(rise), format!("{name}_rate"));
    vec![
        rise_of(name.to_owned(), rise, Unit::Count, "rise"),
        rise_of(rate_name, rate, Unit::PerSecond, "rise per second"),
    ]
}

/// In a namespace that was created meanwhile, all that a counter shows was counted meanwhile.
fn rise(counter: &CounterReport, reading: &Reading) -> Option<i128> {
    let (before, _) = reading.before?;
    match before.namespace(&counter.netns) {
        None => counter.value,
        Some(_) => counter.delta,
    }
}

impl Reading<'_> {
    pub(super) fn rate(&self, change: Option<f64>) -> Option<f64> {
        let (_, elapsed) = self.before?;
        per_second(change?, elapsed)
    }
}
