//! Names on the command line or in a policy, to checks.

use sockdiag::{
    analysis::{
        check::{Check, Kind, Scope, Threshold},
        counters::Selection,
    },
    model::{CounterId, Snapshot},
};

use crate::command::{counters::no_such, usage};

/// A check that is asked for; its counters are not looked up yet.
pub struct Wanted {
    pub kind: Kind,
    pub counters: Vec<String>,
    pub scope: Scope,
    pub warning: Vec<Threshold>,
    pub critical: Vec<Threshold>,
}

/// `all` is every check that can be restricted so and needs no name; its thresholds go to those that
/// have a metric for them. Words behind `counters` name counters.
pub fn wanted(
    words: &[String],
    scope: &Scope,
    warning: &[Threshold],
    critical: &[Threshold],
) -> anyhow::Result<Vec<Wanted>> {
    let mut all: Vec<Wanted> = Vec::new();
    for word in words {
        let kinds = match (Kind::named(word), all.last_mut()) {
            (Some(kind), _) => vec![kind],
            (None, _) if word == "all" => every(scope),
            (None, Some(last)) if last.kind == Kind::Counters => {
                last.counters.push(word.clone());
                continue;
            }
            (None, _) => return Err(no_check(word)),
        };
        for kind in kinds {
            if !all.iter().any(|wanted| wanted.kind == kind) {
                all.push(Wanted::of(kind, scope));
            }
        }
    }
    for (is_critical, thresholds) in [(false, warning), (true, critical)] {
        for threshold in thresholds {
            share_out(&mut all, threshold, is_critical)?;
        }
    }
    Ok(all)
}

fn every(scope: &Scope) -> Vec<Kind> {
    let can_be = |kind: &Kind| *kind != Kind::Counters && kind.can_be(scope);
    Kind::ALL.into_iter().filter(can_be).collect()
}

/// A threshold goes to every check that has a metric for it.
fn share_out(all: &mut [Wanted], threshold: &Threshold, is_critical: bool) -> anyhow::Result<()> {
    let mut takers = 0;
    for wanted in all
        .iter_mut()
        .filter(|wanted| wanted.bare().takes(threshold))
    {
        takers += 1;
        let thresholds = match is_critical {
            true => &mut wanted.critical,
            false => &mut wanted.warning,
        };
        thresholds.push(threshold.clone());
    }
    match (takers, all) {
        (0, [only]) => Err(usage(only.bare().no_such(threshold).to_string())),
        (0, _) => Err(usage(format!(
            "{threshold} is for no metric of these checks"
        ))),
        _ => Ok(()),
    }
}

pub fn no_check(word: &str) -> anyhow::Error {
    let names: Vec<&str> = Kind::ALL
        .into_iter()
        .map(Kind::word)
        .chain(["all"])
        .collect();
    let nearest = names.iter().max_by(|one, other| {
        strsim::jaro_winkler(one, word).total_cmp(&strsim::jaro_winkler(other, word))
    });
    let hint = match nearest {
        Some(name) if strsim::jaro_winkler(name, word) > 0.8 => format!("did you mean {name}?"),
        _ => format!("the checks are {}", names.join(", ")),
    };
    usage(format!("no check {word:?}; {hint}"))
}

impl Wanted {
    pub fn of(kind: Kind, scope: &Scope) -> Self {
        Wanted {
            kind,
            counters: Vec::new(),
            scope: scope.clone(),
            warning: Vec::new(),
            critical: Vec::new(),
        }
    }

    fn bare(&self) -> Check {
        Check {
            kind: self.kind,
            counters: None,
            scope: self.scope.clone(),
            warning: Vec::new(),
            critical: Vec::new(),
        }
    }

    /// With its thresholds, and without its counters.
    fn unresolved(&self) -> Check {
        Check {
            warning: self.warning.clone(),
            critical: self.critical.clone(),
            ..self.bare()
        }
    }

    /// As far as that is known before counters are looked up.
    pub fn ensure_applies(&self) -> anyhow::Result<()> {
        let applies = match self.counters.is_empty() {
            true => self.unresolved().ensure_applies(),
            false => Ok(()),
        };
        applies.map_err(|error| usage(error.to_string()))
    }

    /// `printed` are the counters that this kernel has.
    pub fn check(self, printed: &[CounterId]) -> anyhow::Result<Check> {
        if self.counters.is_empty() {
            return Ok(self.unresolved());
        }
        let named = Selection::named(&self.counters, printed);
        let counters = named.map_err(|unknown| no_such(&unknown, printed))?;
        let in_full = |thresholds: &[Threshold]| {
            let thresholds = thresholds.iter();
            thresholds.map(|one| in_full(one, printed)).collect()
        };
        Ok(Check {
            counters: Some(counters),
            warning: in_full(&self.warning),
            critical: in_full(&self.critical),
            ..self.bare()
        })
    }
}

/// `ListenDrops=5` is for the metric `TcpExtListenDrops`.
fn in_full(threshold: &Threshold, printed: &[CounterId]) -> Threshold {
    let full = |metric: &String| {
        let (counter, suffix) = match metric.strip_suffix("_rate") {
            Some(counter) => (counter, "_rate"),
            None => (metric.as_str(), ""),
        };
        match Selection::named(&[counter.to_owned()], printed) {
            Ok(Selection::Named { all, .. }) if all.len() == 1 => {
                all.iter().next().map(|name| format!("{name}{suffix}"))
            }
            _ => None,
        }
    };
    let metric = threshold.metric.as_ref();
    Threshold {
        metric: metric.map(|metric| full(metric).unwrap_or_else(|| metric.clone())),
        range: threshold.range,
    }
}

pub fn printed(snapshot: &Snapshot) -> Vec<CounterId> {
    let counters = snapshot
        .namespaces
        .iter()
        .flat_map(|one| &one.counters.values);
    counters.map(|(id, _)| id.clone()).collect()
}
