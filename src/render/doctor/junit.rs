//! JUnit XML: one test case for each area, with what is wrong there.

use std::time::Duration;

use sockdiag::analysis::{
    Finding, Severity,
    doctor::{DoctorReport, LookedAt},
};

use super::words::{area, place};
use crate::render::junit::{self, Case, Outcome};

pub fn document(report: &DoctorReport, elapsed: Duration) -> String {
    let areas = report.looked_at.iter();
    let cases: Vec<Case> = areas.map(|looked| case(looked, &report.findings)).collect();
    junit::document("sockdiag doctor", &cases, elapsed)
}

fn case(looked: &LookedAt, findings: &[Finding]) -> Case {
    let is_own = |one: &Finding| one.areas().any(|area| area == looked.area);
    let own = findings.iter();
    let own = own.filter(|one| is_own(one) && one.severity > Severity::Info);
    let said: Vec<String> = own
        .map(|one| format!("{} ({}): {}", place(one), one.id, one.message))
        .collect();
    let text = match said.is_empty() {
        true => "could not be read".to_owned(),
        false => said.join("; "),
    };
    Case {
        name: area(looked.area),
        outcome: Outcome::of(looked.verdict).map(|outcome| (outcome, text)),
    }
}
