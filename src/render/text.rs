//! Text for people: units and durations, wrapped and shortened lines.

mod escape;

pub use escape::{escape, escape_into, escape_json, escape_lines};

pub const MISSING: &str = "–";

/// A duration in the unit that reads best: `3ms`, `0.2s`, `42s`, `7m`, `3h`, `2d`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    match milliseconds {
        0..100 => format!("{milliseconds}ms"),
        100..10_000 => format!("{seconds:.1}s"),
        10_000..120_000 => format!("{seconds:.0}s"),
        120_000..7_200_000 => format!("{:.0}m", seconds / 60.0),
        7_200_000..172_800_000 => format!("{:.0}h", seconds / 3600.0),
        _ => format!("{:.0}d", seconds / 86400.0),
    }
}

/// A latency in milliseconds: `34µs`, `1.25ms`, `21.4ms`, `214ms`, `1.04s`; from ten
/// seconds as [`duration`].
pub fn latency(milliseconds: f64) -> String {
    match milliseconds {
        ..0.0995 => format!("{:.0}µs", milliseconds * 1000.0),
        ..9.995 => format!("{milliseconds:.2}ms"),
        ..99.95 => format!("{milliseconds:.1}ms"),
        ..999.5 => format!("{milliseconds:.0}ms"),
        ..9995.0 => format!("{:.2}s", milliseconds / 1000.0),
        _ => duration(milliseconds as u64),
    }
}

/// Bytes: `512`, `4.0K`, `12M`.
pub fn bytes(bytes: u64) -> String {
    let power = bytes.checked_ilog2().map_or(0, |bits| (bits / 10).min(4));
    let unit = ["", "K", "M", "G", "T"][power as usize];
    let amount = bytes as f64 / 1024_f64.powi(power as i32);
    match power > 0 && amount < 10.0 {
        true => format!("{amount:.1}{unit}"),
        false => format!("{amount:.0}{unit}"),
    }
}

/// A share as percent. Only a ratio of at least 1 is shown as 100 %, and only 0 as 0 %.
pub fn percent(ratio: f64) -> String {
    let rounded = (ratio * 100.0).round();
    let shown = match ratio {
        _ if ratio > 0.0 && rounded < 1.0 => return "<1%".to_owned(),
        _ if ratio < 1.0 && rounded >= 100.0 => 99.0,
        _ => rounded,
    };
    format!("{shown:.0}%")
}

/// A rate or a mean, with one to three significant digits.
pub fn decimal(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.01 => format!("{number:.0e}"),
        size if size < 0.1 => format!("{number:.2}"),
        size if size < 100.0 => format!("{number:.1}"),
        _ => grouped(number.round() as i128),
    }
}

/// Digits in threes from four on: `2 466 177`. The spaces between them break no line, and do not
/// separate the columns of a table for `awk`.
pub fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

pub fn signed(change: i128) -> String {
    match change {
        1.. => format!("+{}", grouped(change)),
        _ => grouped(change),
    }
}

pub fn width(text: &str) -> usize {
    match text.is_ascii() {
        true => text.len(),
        false => unicode_width::UnicodeWidthStr::width(text),
    }
}

/// The width of a text with colors and bold, whose codes (`ESC [ … m`) take no column.
pub fn width_without_styles(text: &str) -> usize {
    let (plain, styled) = text.split_once('\x1b').unwrap_or((text, ""));
    let parts = styled.split('\x1b').filter_map(|part| part.split_once('m'));
    width(plain) + parts.map(|(_, rest)| width(rest)).sum::<usize>()
}

/// Breaks a text at spaces into lines of at most `columns`; all but the first are indented. A
/// longer word has a line of its own.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    wrap_indented(text, columns, "  ")
}

/// [`wrap`] with this before all lines but the first.
pub fn wrap_indented(text: &str, columns: usize, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if !line.trim().is_empty() && width(&line) + width(word.trim_end()) > columns {
            lines.push(line.trim_end().to_owned());
            line = indent.to_owned();
        }
        line.push_str(word);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Cuts the middle out of a text that is wider than `columns`.
pub fn shorten_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let half = columns.saturating_sub(1) / 2;
    let head = shorten(text, half + 1);
    let mut tail = String::new();
    for character in text.chars().rev() {
        tail.insert(0, character);
        if width(&tail) > half {
            tail.remove(0);
            break;
        }
    }
    format!("{head}{tail}")
}

/// Cuts a text to `columns`, the last of them `…`.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    // Some characters change the width of the one before.
    let mut taken = String::new();
    for character in text.chars() {
        taken.push(character);
        if width(&taken) + 1 > columns {
            taken.pop();
            break;
        }
    }
    taken.truncate(taken.trim_end().len());
    taken.push('…');
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_latency_has_three_digits() {
        let all = [
            0.0, 0.0344, 0.2, 1.254, 21.44, 214.4, 999.6, 1042.0, 63_000.0,
        ];
        let said = [
            "0µs", "34µs", "0.20ms", "1.25ms", "21.4ms", "214ms", "1.00s", "1.04s", "63s",
        ];
        assert_eq!(all.map(latency), said);
    }

    #[test]
    fn durations() {
        let cases = [
            (0, "0ms"),
            (99, "99ms"),
            (3200, "3.2s"),
            (42_400, "42s"),
            (600_000, "10m"),
            (7_200_000, "2h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn a_queue_that_is_not_full_is_never_a_hundred_percent() {
        assert_eq!(percent(128.0 / 129.0), "99%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(0.0001), "<1%");
        assert_eq!(percent(0.9999), "99%");
        assert_eq!(percent(1.5), "150%");
    }

    #[test]
    fn sizes_and_rates() {
        assert_eq!(bytes(512), "512");
        assert_eq!(bytes(4096), "4.0K");
        assert_eq!(bytes(12 << 20), "12M");
        assert_eq!(decimal(42.04), "42.0");
        assert_eq!(decimal(0.0), "0");
        assert_eq!(signed(4), "+4");
        assert_eq!(grouped(100), "100");
        assert_eq!(grouped(2_466_177), "2\u{a0}466\u{a0}177");
        assert_eq!(signed(-1000), "-1\u{a0}000");
        assert_eq!(decimal(1234.5), "1\u{a0}235");
    }

    #[test]
    fn styles_take_no_column() {
        assert_eq!(width_without_styles("\x1b[38;5;1mfull\x1b[0m 日"), 7);
        assert_eq!(width_without_styles("plain"), 5);
    }

    #[test]
    fn shortening_counts_columns() {
        assert_eq!(shorten("redis-server", 12), "redis-server");
        assert_eq!(shorten("redis-server", 6), "redis…");
        assert_eq!(shorten("日本語", 4), "日…");
    }

    #[test]
    fn long_texts_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "  three"]);
        assert_eq!(wrap("STATE        idle, ok", 12), ["STATE", "  idle, ok"]);
        assert_eq!(
            wrap("extraordinarily long", 5),
            ["extraordinarily", "  long"]
        );
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_character_may_widen_the_one_before() {
        let shortened = shorten("0\u{fe0f}0 A", 2);
        assert!(width(&shortened) <= 2, "{shortened:?}");
    }

    #[test]
    fn a_path_keeps_both_ends() {
        assert_eq!(
            shorten_middle("/run/some/where/api.sock", 13),
            "/run/s…i.sock"
        );
        assert_eq!(shorten_middle("/run/x", 13), "/run/x");
    }

    proptest! {
        #[test]
        fn a_wrapped_text_loses_no_word(text in "[a-z]{1,9}( [a-z]{1,9}){0,20}", columns in 1usize..40) {
            let words: Vec<String> = wrap(&text, columns).iter().flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
            prop_assert_eq!(words.join(" "), text);
        }

        #[test]
        fn a_text_without_its_middle_fits(text in "\\PC{0,60}", columns in 3usize..30) {
            prop_assert!(width(&shorten_middle(&text, columns)) <= columns);
        }

        #[test]
        fn a_shortened_text_fits(text in "\\PC{0,40}", columns in 1usize..30) {
            prop_assert!(width(&shorten(&text, columns)) <= columns);
        }
    }
}
