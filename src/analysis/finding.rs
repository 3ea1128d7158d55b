//! Findings: what a report concludes, as data. The rules stand beside each analysis; a renderer only
//! lays the findings out.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Netns, Owner};

pub use super::rules::{Area, RULES};

/// What a message calls the time that it speaks of, unless the report says how long that was.
pub const SINCE: &str = "since the previous reading";

/// One conclusion. Its id is published: scripts match on it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What is wrong, or worth knowing: the name of a [`Rule`].
    pub id: &'static str,
    /// The id of the cause, where the cause has one of its own.
    pub cause_id: Option<&'static str>,
    /// The part of the host that it is about.
    pub area: Area,
    /// The network namespace; `null` for findings about the whole host.
    pub netns: Option<Netns>,
    /// How bad it is.
    pub severity: Severity,
    /// What the finding is about: `0.0.0.0:8080`, `10.0.0.5 → 10.0.0.9:5432`, `api (4121)`, `host`.
    pub subject: String,
    /// The processes that it concerns, as far as they are known: owners of the socket.
    pub pids: Vec<u32>,
    /// What was observed, in one sentence without its subject.
    pub message: String,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// The proven cause or, where `inferred`, the candidates, likeliest first; `null`: unknown.
    pub cause: Option<String>,
    /// The cause rests on inference, not on something the kernel reported.
    pub inferred: bool,
    /// What to change: each element is an instruction that stands alone.
    pub remedy: Vec<String>,
    /// Commands to run next, the most useful first.
    pub next: Vec<String>,
    /// What a finding of this id means in general.
    pub explain: &'static str,
    /// The socket that it is about, where that is one; else 0.
    #[serde(skip)]
    pub inode: u32,
    /// It rests on a counter of the namespace, which does not name the socket.
    #[serde(skip)]
    pub counted: bool,
    /// The areas of findings that were joined to it.
    #[serde(skip)]
    pub joined: Vec<Area>,
}

/// How bad a finding is, in rising order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing fails.
    Info,
    /// Fails now and then, or will fail if it continues.
    Warning,
    /// Connections or calls fail now.
    Critical,
}

impl Severity {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// A value that a finding rests on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Evidence {
    /// The name of the field in the report's JSON, where the value stands there.
    pub name: &'static str,
    /// Its value.
    pub value: EvidenceValue,
    /// `connections`, `ports`, `bytes`, `seconds`, `ratio`…; `null` for text.
    pub unit: Option<&'static str>,
}

/// A value of [`Evidence`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EvidenceValue {
    /// A whole number.
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
    pub area: Area,
    /// The severities that a finding of this rule can have.
    pub severities: &'static [Severity],
    /// When the rule fires, with its thresholds, and what that means.
    pub explain: &'static str,
}

impl Rule {
    /// Starts a finding, to which evidence, cause and remedies are added.
    pub fn finding(
        &self,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        debug_assert!(self.severities.contains(&severity), "{}", self.id);
        Finding {
            id: self.id,
            cause_id: None,
            area: self.area,
            netns: None,
            severity,
            subject: subject.into(),
            pids: Vec::new(),
            message: message.into(),
            evidence: Vec::new(),
            cause: None,
            inferred: false,
            remedy: Vec::new(),
            next: Vec::new(),
            explain: self.explain,
            inode: 0,
            counted: false,
            joined: Vec::new(),
        }
    }

    /// A finding about a whole network namespace.
    pub(super) fn of_netns(
        &self,
        severity: Severity,
        netns: &Netns,
        message: impl Into<String>,
    ) -> Finding {
        let subject = match netns.label() {
            label if label.is_empty() => "this namespace".to_owned(),
            label => format!("namespace {label}"),
        };
        Finding {
            counted: true,
            ..self.finding(severity, subject, message).in_netns(netns)
        }
    }
}

impl Finding {
    pub(super) fn in_netns(mut self, netns: &Netns) -> Self {
        self.netns = Some(netns.clone());
        self
    }

    /// The processes that it concerns, with their names as evidence.
    pub(super) fn owned_by<'a>(
        mut self,
        owners: impl IntoIterator<Item = &'a Owner> + Clone,
    ) -> Self {
        for owner in owners.clone() {
            if !self.pids.contains(&owner.pid) {
                self.pids.push(owner.pid);
            }
        }
        self.text("owners", self::owners(owners))
    }

    fn evidence(mut self, name: &'static str, value: EvidenceValue, unit: &'static str) -> Self {
        let unit = Some(unit).filter(|unit| !unit.is_empty());
        self.evidence.push(Evidence { name, value, unit });
        self
    }

    /// The parts of the host that it and what was joined to it are about.
    pub fn areas(&self) -> impl Iterator<Item = Area> {
        std::iter::once(self.area).chain(self.joined.iter().copied())
    }

    /// A whole number among the evidence.
    pub(super) fn number(&self, name: &str) -> Option<i128> {
        let evidence = self.evidence.iter().find(|one| one.name == name)?;
        match evidence.value {
            EvidenceValue::Count(count) => Some(count),
            _ => None,
        }
    }

    /// Adds a whole number as evidence.
    pub fn count(self, name: &'static str, value: impl Into<i128>, unit: &'static str) -> Self {
        self.evidence(name, EvidenceValue::Count(value.into()), unit)
    }

    pub(super) fn count_known(
        self,
        name: &'static str,
        value: Option<impl Into<i128>>,
        unit: &'static str,
    ) -> Self {
        self.with(value, |finding, value| finding.count(name, value, unit))
    }

    pub(super) fn decimal(
        self,
        name: &'static str,
        value: impl Into<Option<f64>>,
        unit: &'static str,
    ) -> Self {
        self.with(value.into(), |finding, value| {
            finding.evidence(name, EvidenceValue::Decimal(value), unit)
        })
    }

    pub(super) fn text(self, name: &'static str, value: impl Into<Option<String>>) -> Self {
        self.with(value.into(), |finding, text| {
            finding.evidence(name, EvidenceValue::Text(text), "")
        })
    }

    /// States the cause, where the evidence excludes any other.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Names the likeliest causes, which the evidence does not prove.
    pub fn likely(mut self, cause: impl Into<String>) -> Self {
        self.inferred = true;
        self.because(cause)
    }

    pub(super) fn caused_by(mut self, rule: &Rule) -> Self {
        self.cause_id = Some(rule.id);
        self
    }

    pub(super) fn with<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => add(self, value),
            None => self,
        }
    }

    pub fn remedy(mut self, instruction: impl Into<String>) -> Self {
        self.remedy.push(instruction.into());
        self
    }

    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }

    /// Adds a command of this program to run next, for the namespace of the finding.
    pub(super) fn next_in_netns(self, command: impl Into<String>) -> Self {
        let name = self.netns.as_ref().and_then(Netns::elsewhere);
        let option = name.map(|name| format!(" --netns {}", in_shell(&name)));
        let command = command.into() + &option.unwrap_or_default();
        self.next(command)
    }

    /// Adds a command of another program that changes the namespace of the finding.
    pub(super) fn remedy_in_netns(self, command: impl Into<String>) -> Self {
        let command = match &self.netns {
            Some(netns) => inside(netns, command),
            None => command.into(),
        };
        self.remedy(command)
    }
}

/// A command of another program, as it is typed for this namespace.
pub(super) fn inside(netns: &Netns, command: impl Into<String>) -> String {
    let command = command.into();
    match (&netns.file, &netns.name) {
        (Some(file), _) => {
            let file = in_shell(&file.to_string_lossy());
            format!("nsenter --net={file} {command}")
        }
        (None, Some(name)) => format!("ip netns exec {} {command}", in_shell(name)),
        (None, None) => command,
    }
}

/// How many processes are listed by name; the rest are counted.
const NAMED: usize = 3;

/// `api (4121), web (811) and 4 more`
pub fn names<'a>(processes: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    let processes = processes.into_iter();
    list(processes.map(|(name, pid)| format!("{name} ({pid})")))
}

/// The same of names that are written out.
pub(super) fn list(names: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for name in names {
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

/// A word of a command line, quoted where a shell would otherwise change it.
pub fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Sorts by severity, the worst first; findings of one severity keep their order.
pub fn worst_first(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| Reverse(finding.severity));
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::analysis::rules::SYN_QUEUE_FULL;

    fn netns(name: Option<&str>, file: Option<&str>) -> Netns {
        Netns {
            inode: Some(4_026_532_391),
            name: name.map(str::to_owned),
            file: file.map(PathBuf::from),
        }
    }

    /// A listener in a container may have the same port as one of the host.
    #[test]
    fn commands_are_typed_for_the_namespace_of_the_finding() {
        let typed = |netns: Netns| {
            let finding = SYN_QUEUE_FULL.finding(Severity::Critical, ":80", "full");
            let finding = finding.in_netns(&netns);
            let finding = finding.remedy_in_netns("sysctl -w net.core.somaxconn=9");
            let finding = finding.next_in_netns("sockdiag queues :80");
            [finding.remedy, finding.next].concat()
        };
        let own = netns(None, None);
        assert_eq!(
            typed(own),
            ["sysctl -w net.core.somaxconn=9", "sockdiag queues :80"]
        );
        let named = netns(Some("web"), None);
        assert_eq!(
            typed(named),
            [
                "ip netns exec web sysctl -w net.core.somaxconn=9",
                "sockdiag queues :80 --netns web"
            ]
        );
        let of_docker = netns(Some("5f3a"), Some("/run/docker/netns/5f3a"));
        assert_eq!(
            typed(of_docker),
            [
                "nsenter --net=/run/docker/netns/5f3a sysctl -w net.core.somaxconn=9",
                "sockdiag queues :80 --netns 5f3a"
            ]
        );
        let nameless = netns(None, Some("/proc/7/ns/net"));
        assert_eq!(
            typed(nameless),
            [
                "nsenter --net=/proc/7/ns/net sysctl -w net.core.somaxconn=9",
                "sockdiag queues :80 --netns 4026532391"
            ]
        );
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        for (word, expected) in [
            (":8080", ":8080"),
            ("", "''"),
            ("work*", "'work*'"),
            ("$(id)", "'$(id)'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(in_shell(word), expected);
        }
    }
}
