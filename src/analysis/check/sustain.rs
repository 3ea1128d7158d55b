//! Several readings to one report: what counts must hold in some readings in a row.

use super::{CheckReport, CommandEnd, Judged, judge::Verdicts};
use crate::{
    analysis::{Finding, doctor::Verdict, finding::worst_first},
    model::Incomplete,
};

/// The report on readings in the order in which they were taken.
pub fn conclude(
    readings: &[Verdicts],
    sustain: usize,
    incomplete: Vec<Incomplete>,
    command: Option<CommandEnd>,
) -> CheckReport {
    let last = readings.last().cloned().unwrap_or_default();
    // A counter that appears only later, or a metric without a baseline, has fewer judgements.
    let checks: Vec<Judged> = last
        .judged
        .iter()
        .map(|judged| {
            let same = readings.iter().filter_map(|reading| {
                let mut others = reading.judged.iter();
                others.find(|other| (&other.name, &other.scope) == (&judged.name, &judged.scope))
            });
            decide(&same.collect::<Vec<_>>(), sustain)
        })
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for finding in checks.iter().flat_map(|judged| &judged.findings) {
        let is_listed = |listed: &Finding| {
            (listed.id, &listed.subject, &listed.netns)
                == (finding.id, &finding.subject, &finding.netns)
        };
        if !findings.iter().any(is_listed) {
            findings.push(finding.clone());
        }
    }
    worst_first(&mut findings);
    CheckReport {
        incomplete,
        findings,
        status: worst(checks.iter().map(|judged| judged.status)),
        readings: readings.len() as u64,
        sustain: sustain as u64,
        checks,
        metrics: last.metrics,
        command,
    }
}

/// Critical before warning before unknown.
pub fn worst(statuses: impl Iterator<Item = Verdict>) -> Verdict {
    statuses
        .max_by_key(|status| rank(*status))
        .unwrap_or(Verdict::Unknown)
}

fn rank(status: Verdict) -> u8 {
    match status {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Warning => 2,
        Verdict::Critical => 3,
    }
}

/// The judgement of the readings that decide; of the last one where none does.
fn decide(readings: &[&Judged], sustain: usize) -> Judged {
    let statuses: Vec<Verdict> = readings.iter().map(|judged| judged.status).collect();
    let (status, at) = sustained(&statuses, sustain);
    let decisive = readings[at];
    let is_same = decisive.status == status;
    let spared = || format!("{}; not in {sustain} readings in a row", decisive.message);
    Judged {
        status,
        message: if is_same {
            decisive.message.clone()
        } else {
            spared()
        },
        findings: if is_same {
            decisive.findings.clone()
        } else {
            Vec::new()
        },
        ..(*decisive).clone()
    }
}

/// The status that holds in this many readings in a row, and the last of the readings that show it.
/// An unknown reading may be one in which a threshold is exceeded; so may those be that the readings
/// are too few for.
fn sustained(statuses: &[Verdict], sustain: usize) -> (Verdict, usize) {
    let last = statuses.len() - 1;
    let all = |holds: &dyn Fn(Verdict) -> bool| {
        let mut runs = statuses.windows(sustain);
        let first = runs.position(|run| run.iter().all(|status| holds(*status)));
        first.map(|first| first + sustain - 1)
    };
    let at_least = |level| move |status| rank(status) >= rank(level);
    let is_clear = statuses.iter().all(|status| *status == Verdict::Ok);
    if let Some(at) = all(&at_least(Verdict::Critical)) {
        (Verdict::Critical, at)
    } else if let Some(at) = all(&at_least(Verdict::Warning)) {
        (Verdict::Warning, at)
    } else if let Some(at) = all(&at_least(Verdict::Unknown)) {
        (Verdict::Unknown, at)
    } else if statuses.len() < sustain && !is_clear {
        (Verdict::Unknown, last)
    } else {
        (Verdict::Ok, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Critical, Ok, Unknown, Warning};

    #[test]
    fn what_counts_holds_in_readings_in_a_row() {
        for (statuses, sustain, expected) in [
            (&[Critical][..], 1, (Critical, 0)),
            (&[Ok, Critical, Ok], 1, (Critical, 1)),
            (&[Critical, Ok, Critical], 2, (Ok, 2)),
            (&[Ok, Critical, Critical, Ok], 2, (Critical, 2)),
            (&[Warning, Critical, Warning], 2, (Warning, 1)),
            (&[Warning, Critical, Warning], 3, (Warning, 2)),
            (&[Warning, Warning, Critical, Critical], 2, (Critical, 3)),
            // The unknown one may have been critical, or not.
            (&[Critical, Unknown, Critical], 3, (Unknown, 2)),
            (&[Critical, Unknown, Ok], 3, (Ok, 2)),
            (&[Unknown], 1, (Unknown, 0)),
            // Too few readings prove only that all was well.
            (&[Critical], 2, (Unknown, 0)),
            (&[Ok], 2, (Ok, 0)),
        ] {
            assert_eq!(
                sustained(statuses, sustain),
                expected,
                "{statuses:?} of {sustain}"
            );
        }
    }

    #[test]
    fn what_is_wrong_comes_before_what_is_unknown() {
        assert_eq!(worst([Ok, Unknown, Warning].into_iter()), Warning);
        assert_eq!(worst([Ok, Unknown].into_iter()), Unknown);
        assert_eq!(worst([Warning, Critical].into_iter()), Critical);
        assert_eq!(worst([Ok].into_iter()), Ok);
    }
}
