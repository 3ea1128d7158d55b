//! Names that others chose, made harmless for whoever sees them on a terminal.

use unicode_width::UnicodeWidthChar;

/// Makes a name harmless on a terminal: control characters, and those that reorder or hide text,
/// are written as `\x1b` or `\u{202e}`.
pub fn escape(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    escape_into(name, &mut shown);
    shown
}

pub fn escape_into(name: &str, shown: &mut String) {
    // Without an early exit, many bytes are compared at a time.
    let is_plain = |plain, byte| plain & (b' '..=b'~').contains(&byte);
    if name.bytes().fold(true, is_plain) {
        return shown.push_str(name);
    }
    for character in name.chars() {
        match character {
            '\0'..='\x1f' | '\x7f' => shown.push_str(&format!("\\x{:02x}", character as u32)),
            _ if is_harmless(character) => shown.push(character),
            _ => shown.extend(character.escape_unicode()),
        }
    }
}

/// [`escape`] for a text of several lines.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    lines.join("\n")
}

/// [`escape`] for JSON, which says the same afterwards (RFC 8259, section 7).
pub fn escape_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push(character),
            _ if is_harmless(character) => shown.push(character),
            _ => {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                shown.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    shown
}

fn is_harmless(character: char) -> bool {
    let reorders = matches!(character,
        '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !reorders && character.width().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hostile_name_is_shown_and_does_nothing() {
        assert_eq!(
            escape("a\x1b[31m\nb\u{202e}c"),
            "a\\x1b[31m\\x0ab\\u{202e}c"
        );
        assert_eq!(escape("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn json_says_the_same_when_it_is_escaped() {
        let json = serde_json::json!({"name": "a\u{9b}b\u{202e}\u{e0001}\u{7f}\n日\"\\"});
        let escaped = escape_json(&format!("{json}\n"));
        assert!(escaped.is_ascii() || escaped.replace('日', "").is_ascii());
        assert!(escaped.ends_with('\n'));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            json
        );
    }

    proptest! {
        #[test]
        fn no_escaped_name_holds_a_control_character(name in "\\PC*|.*|[\\x00-\\x1f\\x7f-\\x9f]*") {
            let escaped = escape(&name);
            prop_assert!(!escaped.chars().any(char::is_control), "{:?}", escaped);
        }
    }
}
