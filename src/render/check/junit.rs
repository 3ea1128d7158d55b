//! JUnit XML: one test case for each judgement.

use std::time::Duration;

use sockdiag::analysis::check::CheckReport;

use super::{
    failure,
    line::{sentence, title},
};
use crate::render::junit::{self, Case, Outcome};

pub fn document(report: &CheckReport, elapsed: Duration) -> String {
    let checks = report.checks.iter().map(|judged| Case {
        name: title(judged),
        outcome: Outcome::of(judged.status).map(|outcome| (outcome, sentence(judged))),
    });
    let command = report.command.map(|command| {
        let failure = failure(Some(command));
        Case {
            name: "command".to_owned(),
            outcome: failure.map(|text| (Outcome::Failure("command"), text)),
        }
    });
    let cases: Vec<Case> = checks.chain(command).collect();
    junit::document("sockdiag check", &cases, elapsed)
}
