//! One setting in unit files and system.conf (man systemd.syntax, systemd.exec).
//!
//! ```text
//! [Service]
//! # both limits, or soft:hard
//! LimitNOFILE=65536:524288
//! ```

use crate::model::{FdLimits, Setting};
use crate::source::files::Files;

/// Characters shown of a line that systemd does not understand.
const LONGEST: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Assigned {
    /// `LimitNOFILE=` alone: clears earlier assignments.
    Nothing,
    Limits(FdLimits),
    /// Systemd does not understand the value and ignores the line.
    Ignored,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments {
    pub last: Option<(FdLimits, Setting)>,
    /// A later line, which systemd ignores.
    pub ignored: Option<Setting>,
}

/// Reads assignments of limits from files, each of which overrides the files before it.
pub fn limits(files: &Files, paths: &[String], section: &str, key: &str) -> Assignments {
    let mut found = Assignments::default();
    for file in paths {
        let text = files.text(file).unwrap_or_default();
        for (line, text, value) in values(&text, section, key) {
            let file = file.clone();
            found.add(assigned(&value), Setting { file, line, text });
        }
    }
    found
}

impl Assignments {
    fn add(&mut self, assigned: Assigned, setting: Setting) {
        let last = match assigned {
            Assigned::Nothing => None,
            Assigned::Limits(limits) => Some((limits, setting)),
            Assigned::Ignored => {
                let text = setting.text.chars().take(LONGEST).collect();
                self.ignored = Some(Setting { text, ..setting });
                return;
            }
        };
        let ignored = None;
        *self = Assignments { last, ignored };
    }
}

/// Whether the last file that assigns the key gives it a value.
pub fn is_set(files: &Files, paths: &[String], section: &str, key: &str) -> bool {
    let last_of = |path: &String| values(&files.text(path)?, section, key).pop();
    let last = paths.iter().rev().find_map(last_of);
    last.is_some_and(|(_, _, value)| !value.is_empty())
}

/// Lines that assign the key in the section: number, line, value.
fn values(text: &str, section: &str, key: &str) -> Vec<(u64, String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in logical_lines(text) {
        if let Some(head) = line.strip_prefix('[') {
            inside = head.strip_suffix(']') == Some(section);
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim_end() == key
        {
            let value = value.trim().to_owned();
            found.push((number, line, value));
        }
    }
    found
}

/// Lines without comments; a line that ends with a backslash is joined with the next.
fn logical_lines(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && !goes_on) {
            continue;
        }
        let (part, more) = match line.strip_suffix('\\') {
            // Of two backslashes the first escapes the second.
            Some(part) if !ends_with_escape(part) => (part, true),
            _ => (line, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, whole)) => *whole = format!("{} {part}", whole.trim_end()),
            None => lines.push((number, part.to_owned())),
        }
        goes_on = more;
    }
    lines
}

fn ends_with_escape(text: &str) -> bool {
    let before = text.trim_end_matches('\\');
    (text.len() - before.len()) % 2 == 1
}

fn assigned(value: &str) -> Assigned {
    if value.is_empty() {
        return Assigned::Nothing;
    }
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    match (number(soft), number(hard)) {
        (Some(soft), Some(hard)) if soft <= hard => Assigned::Limits(FdLimits { soft, hard }),
        _ => Assigned::Ignored,
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "infinity" {
        return Some(FdLimits::UNLIMITED);
    }
    // As strtoull(3) reads it: 0x40 and 0100 are 64.
    let (digits, radix) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> Vec<(u64, Option<(u64, u64)>)> {
        let found = values(text, "Service", "LimitNOFILE").into_iter();
        found
            .filter_map(|(line, _, value)| match assigned(&value) {
                Assigned::Nothing => Some((line, None)),
                Assigned::Limits(limits) => Some((line, Some((limits.soft, limits.hard)))),
                Assigned::Ignored => None,
            })
            .collect()
    }

    #[test]
    fn one_value_sets_both_and_two_set_each() {
        let text = "# x\n[Unit]\nLimitNOFILE=1\n\n[Service]\n LimitNOFILE = 1024\nLimitNOFILE=64:infinity\n;LimitNOFILE=5\nLimitNOFILESoft=7\nLimitNOFILE=\n[Install]\nLimitNOFILE=9\n";
        let infinity = u64::MAX;
        assert_eq!(
            limits(text),
            [
                (6, Some((1024, 1024))),
                (7, Some((64, infinity))),
                (10, None)
            ]
        );
    }

    #[test]
    fn a_line_may_go_on_on_the_next() {
        assert_eq!(
            limits("[Service]\nExecStart=x \\\nLimitNOFILE=5\nLimitNOFILE=\\\n 6\n"),
            [(4, Some((6, 6)))]
        );
        assert_eq!(
            limits("[Service]\nLimitNOFILE=\\\n# said between\n 0x40"),
            [(2, Some((64, 64)))]
        );
        assert_eq!(
            limits("[Service]\nExecStart=x \\\\\nLimitNOFILE=5\n"),
            [(3, Some((5, 5)))]
        );
        assert_eq!(
            limits("[Service]\nLimitNOFILE=0100:0X80"),
            [(2, Some((64, 128)))]
        );
    }

    #[test]
    fn what_systemd_does_not_understand_it_ignores() {
        for line in [
            "LimitNOFILE=many",
            "LimitNOFILE=9:3",
            "LimitNOFILE=08",
            "LimitNOFILE=64K",
            "LimitNOFILE=-1",
            "LimitNOFILE",
            "=",
            "limitnofile=4",
        ] {
            assert_eq!(limits(&format!("[Service]\n{line}\n")), [], "{line}");
        }
        assert_eq!(limits("LimitNOFILE=4\n[Service\nLimitNOFILE=4"), []);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\[Service\\]\n)?(LimitNOFILE ?= ?\\PC{0,12}[\\\\]{0,3}\n|\\PC{0,20}\n){0,5}") {
            limits(&text);
        }
    }
}
