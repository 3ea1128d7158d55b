//! Values of settings: numbers where they are one, otherwise the text without superfluous spaces.

use schemars::JsonSchema;
use serde::Serialize;

/// A number, or several and other text: `4096`, `32768 60999`, `8080,9000-9010`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum SettingValue {
    Number(i64),
    Text(String),
}

impl SettingValue {
    /// From what /proc/sys prints or a file sets. The kernel reads `0x1f` and `017` as C does.
    pub fn of(text: &str) -> Self {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            [word] => number(word).map_or_else(|| Self::Text(word.to_owned()), Self::Number),
            _ => Self::Text(words.join(" ")),
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            SettingValue::Number(number) => Some(*number),
            SettingValue::Text(_) => None,
        }
    }

    /// Each number of a list (`4096 131072 6291456`); `None` where a word is none.
    pub fn numbers(&self) -> Option<Vec<i64>> {
        match self {
            SettingValue::Number(number) => Some(vec![*number]),
            SettingValue::Text(text) => text.split(' ').map(number).collect(),
        }
    }

    /// The numbers before a word that is none.
    pub fn leading_numbers(&self) -> Vec<i64> {
        match self {
            SettingValue::Number(number) => vec![*number],
            SettingValue::Text(text) => text.split(' ').map_while(number).collect(),
        }
    }
}

impl std::fmt::Display for SettingValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SettingValue::Number(number) => write!(f, "{number}"),
            SettingValue::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for SettingValue {
    fn from(number: i64) -> Self {
        SettingValue::Number(number)
    }
}

/// `simple_strtoul` with base 0, as `proc_get_long` calls it (kernel/sysctl.c).
fn number(word: &str) -> Option<i64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let number = match lower.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => i64::from_str_radix(&lower, 8),
        None => lower.parse(),
    };
    let number = number.ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_a_number_and_spaces_do_not_matter() {
        let text = |text: &str| SettingValue::Text(text.to_owned());
        for (written, expected) in [
            ("4096", 4096.into()),
            ("0x1f", 31.into()),
            ("010", 8.into()),
            ("0", 0.into()),
            ("-1", (-1).into()),
            ("9223372036854775807", i64::MAX.into()),
            ("18446744073709551615", text("18446744073709551615")),
            ("32768\t60999", text("32768 60999")),
            (" 4096  131072\t6291456 ", text("4096 131072 6291456")),
            ("bbr", text("bbr")),
            ("8080,9000-9010", text("8080,9000-9010")),
            ("", text("")),
            ("09", text("09")),
            ("+4", text("+4")),
        ] {
            assert_eq!(SettingValue::of(written), expected, "{written}");
        }
        assert_eq!(
            SettingValue::of("4096\t131072\t6291456").numbers(),
            Some(vec![4096, 131_072, 6_291_456])
        );
        assert_eq!(SettingValue::of("a b").numbers(), None);
    }
}
