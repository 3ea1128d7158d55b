//! Findings: what a report concludes, as data. A rule beside each analysis makes them; a renderer
//! only lays them out.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Netns, Owner};

pub use super::rules::RULES;

/// One conclusion. Its id is published: scripts match on it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What is wrong, or worth knowing: the name of a [`Rule`].
    pub id: &'static str,
    /// The rule that names the cause, where the cause has an id of its own.
    pub cause_id: Option<&'static str>,
    /// The network namespace; `null` for what concerns the whole host.
    pub netns: Option<Netns>,
    /// How bad it is.
    pub severity: Severity,
    /// What it concerns: `0.0.0.0:8080`, `10.0.0.5 → 10.0.0.9:5432`, `api (4121)`, `host`.
    pub subject: String,
    /// What was observed, in one sentence without its subject.
    pub message: String,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// Why it is so. Stated only where the evidence excludes other causes, else the candidates,
    /// likeliest first; `null` where nothing is known of it.
    pub cause: Option<String>,
    /// The cause rests on inference, not on something the kernel reported.
    pub inferred: bool,
    /// What to change, each an instruction that stands alone.
    pub remedy: Vec<String>,
    /// Commands to type next, the most useful first.
    pub next: Vec<String>,
    /// What a finding of this id means in general.
    pub explain: &'static str,
}

/// How bad a finding is, the worst last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing fails.
    Info,
    /// Will fail if it goes on, or fails now and then.
    Warning,
    /// Connections or calls fail now.
    Critical,
}

/// A number that a finding rests on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Evidence {
    /// As the report's JSON calls it, where it stands there.
    pub name: &'static str,
    /// Its value.
    pub value: EvidenceValue,
    /// `connections`, `ports`, `bytes`, `seconds`, `ratio`…; `null` for a text.
    pub unit: Option<&'static str>,
}

/// A value of [`Evidence`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EvidenceValue {
    /// A number of things.
    Count(i128),
    /// A share, a rate or a duration.
    Decimal(f64),
    /// A name or a setting.
    Text(String),
}

/// What all findings of one id have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The published id: `accept_queue_overflow`.
    pub id: &'static str,
    /// When it is found, with its thresholds, and what it means.
    pub explain: &'static str,
}

impl Rule {
    /// A finding of this rule. What is not known of it is added afterwards.
    pub fn finding(
        &self,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id,
            cause_id: None,
            netns: None,
            severity,
            subject: subject.into(),
            message: message.into(),
            evidence: Vec::new(),
            cause: None,
            inferred: false,
            remedy: Vec::new(),
            next: Vec::new(),
            explain: self.explain,
        }
    }
}

impl Finding {
    /// Names the namespace it was made in.
    pub fn in_netns(mut self, netns: &Netns) -> Self {
        self.netns = Some(netns.clone());
        self
    }

    /// Adds a number of things it rests on.
    pub fn count(mut self, name: &'static str, value: impl Into<i128>, unit: &'static str) -> Self {
        self.evidence.push(Evidence {
            name,
            value: EvidenceValue::Count(value.into()),
            unit: Some(unit),
        });
        self
    }

    /// Adds a number of things it rests on, where that is known.
    pub fn count_known(
        self,
        name: &'static str,
        value: Option<impl Into<i128>>,
        unit: &'static str,
    ) -> Self {
        self.with(value, |finding, value| finding.count(name, value, unit))
    }

    /// Adds a share, a rate or a duration it rests on.
    pub fn decimal(mut self, name: &'static str, value: f64, unit: &'static str) -> Self {
        self.evidence.push(Evidence {
            name,
            value: EvidenceValue::Decimal(value),
            unit: Some(unit),
        });
        self
    }

    /// Adds a name or a setting it rests on.
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence {
            name,
            value: EvidenceValue::Text(value.into()),
            unit: None,
        });
        self
    }

    /// States the cause: the evidence excludes any other.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Names the likeliest causes, which the evidence does not prove.
    pub fn likely(mut self, cause: impl Into<String>) -> Self {
        self.inferred = true;
        self.because(cause)
    }

    /// Names the rule of the cause, where it has one.
    pub fn caused_by(mut self, rule: &Rule) -> Self {
        self.cause_id = Some(rule.id);
        self
    }

    /// Adds what is only there where a value is known.
    pub fn with<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => add(self, value),
            None => self,
        }
    }

    /// Adds an instruction.
    pub fn remedy(mut self, instruction: impl Into<String>) -> Self {
        self.remedy.push(instruction.into());
        self
    }

    /// Adds a command to type next.
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }
}

/// How many processes are named, the rest being counted.
const NAMED: usize = 3;

/// `api (4121), web (811) and 4 more`
pub fn names<'a>(processes: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    let mut all: Vec<String> = Vec::new();
    for (name, pid) in processes {
        let name = format!("{name} ({pid})");
        if !all.contains(&name) {
            all.push(name);
        }
    }
    match all.len() {
        ..=NAMED => all.join(", "),
        many => format!("{} and {} more", all[..NAMED].join(", "), many - NAMED),
    }
}

/// The owners by name; `None` where none is known.
pub(super) fn owners<'a>(owners: impl IntoIterator<Item = &'a Owner>) -> Option<String> {
    let owners = owners.into_iter();
    let names = names(owners.map(|owner| (owner.name.as_str(), owner.pid)));
    (!names.is_empty()).then_some(names)
}

/// A word of a command line, in quotes where a shell would not take it as it is.
pub(super) fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The command for the namespace that was read, where it has a name.
pub(super) fn on_netns(command: String, netns: &Netns) -> String {
    match &netns.name {
        Some(name) => format!("{command} --netns {}", in_shell(name)),
        None => command,
    }
}

/// What a finding about a whole namespace is about.
pub(super) fn namespace(netns: &Netns) -> String {
    match netns.label() {
        label if label.is_empty() => "this namespace".to_owned(),
        label => format!("namespace {label}"),
    }
}

/// Sorts the worst first; what is equally bad keeps its order, which is that of the report.
pub fn worst_first(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| Reverse(finding.severity));
}
