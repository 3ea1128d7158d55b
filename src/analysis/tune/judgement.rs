//! A judgement on one setting, and what it is made from.

use schemars::JsonSchema;
use serde::Serialize;

use super::{SettingValue, defaults::Host, load::Load};
use crate::analysis::Severity;

/// What to do about a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The observed load, or the value itself, shows harm: `suggested` is the value to set.
    Change,
    /// Worth knowing; nothing that was observed calls for another value.
    Note,
    Ok,
}

impl Verdict {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Change => "change",
            Verdict::Note => "note",
            Verdict::Ok => "ok",
        }
    }
}

/// A setting that is there, and everything that it is judged by.
pub struct Case<'a> {
    pub key: &'a str,
    pub value: &'a SettingValue,
    pub default: Option<&'a SettingValue>,
    pub is_default: Option<bool>,
    pub load: &'a Load<'a>,
    pub host: Host<'a>,
}

impl Case<'_> {
    /// The value, where it is one number.
    pub fn number(&self) -> Option<i64> {
        self.value.number()
    }

    pub fn default_number(&self) -> Option<i64> {
        self.default.and_then(SettingValue::number)
    }

    pub fn is_below_default(&self) -> bool {
        self.number()
            .zip(self.default_number())
            .is_some_and(|(value, default)| value < default)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub suggested: Option<SettingValue>,
    pub reason: String,
    /// Of the finding, where the setting does harm or is known to.
    pub severity: Option<Severity>,
    /// Units whose sockets keep the old value until they are restarted.
    pub restart: Vec<String>,
}

impl Judgement {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Judgement {
            verdict,
            suggested: None,
            reason: reason.into(),
            severity: None,
            restart: Vec::new(),
        }
    }

    pub fn ok(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, reason)
    }

    pub fn note(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Note, reason)
    }

    /// A warning where it happens now, otherwise an information: it may have been long ago.
    pub fn change(
        suggested: impl Into<SettingValue>,
        happens_now: bool,
        reason: impl Into<String>,
    ) -> Self {
        Judgement {
            suggested: Some(suggested.into()),
            severity: Some(match happens_now {
                true => Severity::Warning,
                false => Severity::Info,
            }),
            ..Self::new(Verdict::Change, reason)
        }
    }

    /// A value that does harm as soon as there is load.
    pub fn harmful(self) -> Self {
        Judgement {
            severity: self.severity.or(Some(Severity::Info)),
            ..self
        }
    }

    pub fn suggesting(self, value: impl Into<SettingValue>) -> Self {
        Judgement {
            suggested: Some(value.into()),
            ..self
        }
    }

    pub fn restarting(self, restart: Vec<String>) -> Self {
        Judgement { restart, ..self }
    }
}
