//! Checks in a file, which can be committed beside the program that they are for.
//!
//! ```toml
//! for = "10s"
//! sustain = 2
//! fail-on = ["accept_queue_overflow", "ports_*"]
//!
//! [[check]]
//! name = "queues"
//! port = 8080
//! warning = "80%"
//! critical = ["99%", "2s"]
//!
//! [[check]]
//! name = "counters"
//! counters = ["TcpExtListenDrops"]
//! critical = "5/s"
//! ```

use std::{
    fmt, num::NonZeroU16, ops::Range, path::Path, slice::from_ref, str::FromStr, time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use sockdiag::{
    analysis::check::{Kind, Scope, Threshold},
    source::read_named_file,
};
use toml::Spanned;

use super::wanted::{Wanted, no_check, wanted};
use crate::command::{duration, usage};

/// An unknown key is an error: a threshold that is misspelt would never alert.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    #[serde(rename = "for", deserialize_with = "time")]
    pub watch_for: Option<Duration>,
    #[serde(deserialize_with = "at_least_one")]
    pub sustain: Option<u16>,
    pub fail_on: Vec<String>,
    check: Vec<Spanned<Entry>>,
    #[serde(skip)]
    source: Source,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    counters: Vec<String>,
    #[serde(default, deserialize_with = "thresholds")]
    warning: Vec<Threshold>,
    #[serde(default, deserialize_with = "thresholds")]
    critical: Vec<Threshold>,
    port: Option<NonZeroU16>,
    process: Option<String>,
    unit: Option<String>,
}

/// The file, for the lines of errors.
#[derive(Debug, Default)]
struct Source {
    name: String,
    text: String,
}

/// A share of a hundred: `10%`.
#[derive(Debug, Clone, Copy)]
pub struct Share(pub f64);

impl Policy {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let text = read_named_file(path)?;
        Policy::parse(Source { name, text })
    }

    fn parse(source: Source) -> anyhow::Result<Self> {
        match toml::from_str::<Policy>(&source.text) {
            Ok(policy) => Ok(Policy { source, ..policy }),
            Err(error) => Err(source.error(error.span(), error.message())),
        }
    }

    /// The checks of all entries.
    pub fn wanted(&self) -> anyhow::Result<Vec<Wanted>> {
        let mut all = Vec::new();
        for entry in &self.check {
            let here =
                |error: anyhow::Error| self.source.error(Some(entry.span()), &error.to_string());
            all.extend(entry.get_ref().wanted().map_err(here)?);
        }
        match all.is_empty() && self.fail_on.is_empty() {
            true => Err(self.source.error(None, "has no [[check]] and no fail-on")),
            false => Ok(all),
        }
    }
}

impl Entry {
    fn wanted(&self) -> anyhow::Result<Vec<Wanted>> {
        let is_known = self.name == "all" || Kind::named(&self.name).is_some();
        if !is_known {
            return Err(no_check(&self.name));
        }
        let is_of_counters = self.name == Kind::Counters.word();
        if !is_of_counters && !self.counters.is_empty() {
            return Err(usage(format!("{} has no counters", self.name)));
        }
        let scope = Scope {
            port: self.port.map(NonZeroU16::get),
            process: self.process.clone(),
            unit: self.unit.clone(),
        };
        let mut all = wanted(from_ref(&self.name), &scope, &self.warning, &self.critical)?;
        for one in &mut all {
            one.counters.clone_from(&self.counters);
            one.ensure_applies()?;
        }
        Ok(all)
    }
}

impl Source {
    /// `checks.toml:7: unknown field …`
    fn error(&self, at: Option<Range<usize>>, why: &str) -> anyhow::Error {
        let line = at.and_then(|at| self.text.get(..at.start));
        let line = line.map(|before| before.matches('\n').count() + 1);
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        usage(format!("{}{line}: {why}", self.name))
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    duration(&text).map(Some).map_err(D::Error::custom)
}

fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(from)? {
        0 => Err(D::Error::custom("sustain must be at least 1")),
        readings => Ok(Some(readings)),
    }
}

/// One, or a list.
fn thresholds<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Threshold>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Threshold>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a range as text, or a list of ranges")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.parse().map_err(E::custom)?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                all.push(text.parse().map_err(A::Error::custom)?);
            }
            Ok(all)
        }
    }

    from.deserialize_any(OneOrMany)
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        let expected = "expected a percentage such as 5%";
        number
            .map(|number| Share(number / 100.0))
            .ok_or_else(|| expected.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> anyhow::Result<Policy> {
        let name = "checks.toml".to_owned();
        Policy::parse(Source {
            name,
            text: text.to_owned(),
        })
    }

    fn error(text: &str) -> String {
        let wanted = policy(text).and_then(|policy| policy.wanted());
        wanted
            .err()
            .unwrap_or_else(|| panic!("accepted: {text}"))
            .to_string()
    }

    #[test]
    fn a_policy_is_what_flags_would_say() {
        let text = "for = \"500ms\"\nsustain = 3\nfail-on = [\"ports_*\"]\n\n[[check]]\n\
            name = \"queues\"\nport = 8080\nwarning = \"80%\"\ncritical = [\"99%\", \"2s\"]\n\n\
            [[check]]\nname = \"counters\"\ncounters = [\"ListenDrops\"]\ncritical = \"0\"\n";
        let policy = policy(text).unwrap();
        assert_eq!(policy.watch_for, Some(Duration::from_millis(500)));
        assert_eq!(
            (policy.sustain, &policy.fail_on[..]),
            (Some(3), &["ports_*".to_owned()][..])
        );
        let wanted = policy.wanted().unwrap();
        assert_eq!(
            (wanted[0].kind, wanted[0].scope.port),
            (Kind::Queues, Some(8080))
        );
        assert_eq!((wanted[0].warning.len(), wanted[0].critical.len()), (1, 2));
        assert_eq!(
            (wanted[1].kind, &wanted[1].counters[0][..]),
            (Kind::Counters, "ListenDrops")
        );
    }

    #[test]
    fn an_error_names_the_line() {
        for (text, line, why) in [
            ("for = \"1s\"\nsustian = 2\n", 2, "unknown field `sustian`"),
            (
                "[[check]]\nname = \"queues\"\ncritcal = \"1\"\n",
                3,
                "unknown field `critcal`",
            ),
            (
                "[[check]]\nname = \"queues\"\n\nwarning = \"20:10\"\n",
                4,
                "START must not be greater",
            ),
            (
                "[[check]]\nname = \"queues\"\nwarning = [\"80%\", \"x\"]\n",
                3,
                "expected [@]",
            ),
            (
                "[[check]]\nname = \"queues\"\nwarning = 80\n",
                3,
                "a range as text",
            ),
            ("for = \"soon\"\n", 1, "expected a duration"),
            ("sustain = 0\n", 1, "at least 1"),
            ("[[check]]\nname = \"queues\"\nport = 0\n", 3, "nonzero"),
            ("\n[[check]]\nname = \"quues\"\n", 2, "did you mean queues?"),
            (
                "\n[[check]]\nname = \"queues\"\ncounters = [\"a\"]\n",
                2,
                "has no counters",
            ),
            (
                "\n\n[[check]]\nname = \"timewait\"\ncritical = \"5/s\"\n",
                3,
                "for no metric of timewait",
            ),
            (
                "\n[[check]]\nname = \"timewait\"\nport = 80\n",
                2,
                "cannot be restricted to port 80",
            ),
            (
                "\n[[check]]\nname = \"queues\"\nwarning = [\"80%\", \"90%\"]\n",
                2,
                "two warning ranges",
            ),
            (
                "[[check]]\nname = \"counters\"\ncritical = \"0\"\n",
                1,
                "name a counter",
            ),
            ("[[check]\n", 1, ""),
        ] {
            let error = error(text);
            assert!(
                error.starts_with(&format!("checks.toml:{line}: ")),
                "{text}: {error}"
            );
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(error("for = \"1s\"\n").contains("no [[check]]"));
    }
}
