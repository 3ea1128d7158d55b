//! The lines of a file of sysctl.d(5), as systemd-sysctl reads them (src/sysctl/sysctl.c,
//! `parse_file`).

use crate::model::{BootLine, Place, canonical_key};

/// Assignments (`key = value`, `-key = value` where a failure does not matter) and keys that
/// patterns are not to set (`-key`). Any other line is ignored, as systemd does.
pub fn parse(file: &str, text: &str) -> Vec<BootLine> {
    let lines = text.lines().zip(1..);
    let line = |(text, line): (&str, u64)| {
        let (key, value) = assignment(text.trim_matches(is_blank))?;
        Some(BootLine {
            key,
            value,
            place: Place {
                file: file.to_owned(),
                line,
            },
        })
    };
    lines.filter_map(line).collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn assignment(text: &str) -> Option<(String, Option<String>)> {
    if text.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key.strip_prefix('-').unwrap_or(key), Some(value)),
        None => (text.strip_prefix('-')?, None),
    };
    let key = key.trim_matches(is_blank);
    let value = value.map(|value| value.trim_matches(is_blank).to_owned());
    (!key.is_empty()).then(|| (canonical_key(key), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, Option<String>, u64)> {
        let lines = parse("f", text).into_iter();
        lines
            .map(|line| (line.key, line.value, line.place.line))
            .collect()
    }

    #[test]
    fn assignments_exclusions_and_comments() {
        let text = "\
# comment
; comment
  net.core.somaxconn = 4096\t
-net/ipv4/tcp_tw_recycle=0
-net.ipv4.conf.eth0.rp_filter
no assignment
= nothing
kernel.core_pattern=|/usr/bin/x %P = y

net.ipv4.tcp_rmem=4096 131072\t6291456
";
        let expected = [
            ("net.core.somaxconn", Some("4096"), 3),
            ("net.ipv4.tcp_tw_recycle", Some("0"), 4),
            ("net.ipv4.conf.eth0.rp_filter", None, 5),
            ("kernel.core_pattern", Some("|/usr/bin/x %P = y"), 8),
            ("net.ipv4.tcp_rmem", Some("4096 131072\t6291456"), 10),
        ];
        let expected =
            expected.map(|(key, value, line)| (key.to_owned(), value.map(str::to_owned), line));
        assert_eq!(parsed(text), expected);
        assert_eq!(
            parsed("a.b ="),
            [("a.b".to_owned(), Some(String::new()), 1)]
        );
    }

    proptest::proptest! {
        #[test]
        fn a_written_setting_is_read_back(
            key in "[a-z]{1,8}(\\.[a-z_0-9]{1,8}){1,4}",
            value in "[a-z0-9]([ -~]{0,20}[a-z0-9])?",
            before in "[ \t]{0,3}",
            dash in "-?",
        ) {
            let text = format!("{before}{dash}{key}{before}={before}{value}{before}\n");
            proptest::prop_assert_eq!(parsed(&text), [(key, Some(value), 1)]);
        }

        #[test]
        fn no_text_makes_it_panic(text in "([-#;=a-z./ \t]{0,6}\n?|\\PC{0,3}){0,12}") {
            parsed(&text);
        }
    }
}
