//! The cause of a stall, and how the causes of several owners become one.

use crate::analysis::finding::{Evidence, EvidenceValue, Finding, Rule, list};

/// Why nobody accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    pub rule: &'static Rule,
    pub text: String,
    /// The evidence does not exclude other causes.
    pub inferred: bool,
    pub evidence: Vec<Evidence>,
    pub remedy: Vec<String>,
    pub next: Vec<String>,
}

impl Cause {
    /// Makes it the cause of a symptom. Its remedies and commands come first.
    pub fn onto(self, symptom: Finding) -> Finding {
        let mut finding = symptom.caused_by(self.rule);
        finding.cause = Some(self.text);
        finding.inferred = self.inferred;
        finding.evidence.extend(self.evidence);
        finding.remedy.splice(..0, self.remedy);
        finding.next.splice(..0, self.next);
        finding
    }
}

/// What keeps one owner from accepting.
#[derive(Debug, Clone, PartialEq)]
pub struct Plight {
    pub rule: &'static Rule,
    /// A clause whose subject is the owner: `is stopped by a signal`.
    pub text: String,
    pub certain: bool,
    evidence: Vec<Evidence>,
    remedy: Vec<String>,
    next: Vec<String>,
}

impl Plight {
    pub fn new(rule: &'static Rule, text: impl Into<String>) -> Self {
        Plight {
            rule,
            text: text.into(),
            certain: false,
            evidence: Vec::new(),
            remedy: Vec::new(),
            next: Vec::new(),
        }
    }

    pub fn certain_if(self, certain: bool) -> Self {
        Plight { certain, ..self }
    }

    pub fn count(self, name: &'static str, value: u64, unit: &'static str) -> Self {
        self.evidence(name, EvidenceValue::Count(value.into()), unit)
    }

    /// A share from 0 to 1.
    pub fn ratio(self, name: &'static str, value: f64) -> Self {
        self.evidence(name, EvidenceValue::Decimal(value), "ratio")
    }

    fn evidence(mut self, name: &'static str, value: EvidenceValue, unit: &'static str) -> Self {
        let unit = Some(unit);
        self.evidence.push(Evidence { name, value, unit });
        self
    }

    pub fn remedy(mut self, instruction: impl Into<String>) -> Self {
        self.remedy.push(instruction.into());
        self
    }

    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }
}

/// Owners that are described; the rest are counted.
const DESCRIBED: usize = 3;

/// The cause that holds for all owners. Those that only wait for something else may be bystanders,
/// as the parent of workers is, or the ones that should accept.
pub fn joined(
    hindered: Vec<(String, Plight)>,
    idle: Vec<(String, Plight)>,
    complete: bool,
) -> Option<Cause> {
    let (concerned, bystanders) = match hindered.is_empty() {
        true => (idle, Vec::new()),
        false => (hindered, idle),
    };
    let rule = concerned.first()?.1.rule;
    if concerned.iter().any(|(_, plight)| plight.rule != rule) {
        return None;
    }
    let certain = concerned.iter().all(|(_, plight)| plight.certain);
    let mut text = described(&concerned);
    if !bystanders.is_empty() {
        let others = list(bystanders.iter().map(|(name, _)| name.clone()));
        text += &format!("; {others} held the listener, too, and did not wait for connections");
    }
    let mut plights = concerned.into_iter().map(|(_, plight)| plight);
    let first = plights.next()?;
    let mut cause = Cause {
        rule,
        text,
        inferred: !certain || !complete || !bystanders.is_empty(),
        evidence: first.evidence,
        remedy: first.remedy,
        next: first.next,
    };
    for other in plights.take(DESCRIBED - 1) {
        extend(&mut cause.remedy, other.remedy);
        extend(&mut cause.next, other.next);
    }
    Some(cause)
}

fn described(concerned: &[(String, Plight)]) -> String {
    let clauses = concerned.iter().take(DESCRIBED);
    let clauses: Vec<String> = clauses
        .map(|(name, plight)| format!("{name} {}", plight.text))
        .collect();
    let more = match concerned.len().saturating_sub(DESCRIBED) {
        0 => String::new(),
        more => format!("; {more} more owners likewise"),
    };
    clauses.join("; ") + &more
}

fn extend(all: &mut Vec<String>, others: Vec<String>) {
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
}
