//! Patterns as glob(7) has them, for keys of settings: `*`, `?` and `[a-z]`, each within one part.

/// Whether the text contains what makes it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a pattern matches a key, part by part; both are written with dots.
pub fn fits_key(pattern: &str, key: &str) -> bool {
    let mut parts = pattern.split('.').zip(key.split('.'));
    pattern.split('.').count() == key.split('.').count()
        && parts.all(|(pattern, part)| fits(pattern, part))
}

/// Whether a pattern matches a name; a dot at the beginning is matched by a dot alone. Only the last
/// star seen is ever retried, so that this takes no longer than the product of the two lengths.
pub fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, read));
            at += 1;
        } else if let Some(after) = one(&pattern[at..], name[read]) {
            (at, read) = (at + after, read + 1);
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (at, read) = (after + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// How long the beginning of the pattern is that matches this character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == c).then_some(2),
        ['[', rest @ ..] => match set(rest) {
            Some((set, length)) => is_in(set, c).then_some(length + 1),
            None => (c == '[').then_some(1),
        },
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

/// What stands between brackets, and how long it is with the closing one; `]` may be the first.
fn set(rest: &[char]) -> Option<(&[char], usize)> {
    let negated = usize::from(matches!(rest.first(), Some('!' | '^')));
    let closing = rest.iter().skip(negated + 1).position(|c| *c == ']')?;
    let end = closing + negated + 1;
    Some((&rest[..end], end + 1))
}

fn is_in(set: &[char], c: char) -> bool {
    let (negated, mut set) = match set {
        ['!' | '^', rest @ ..] => (true, rest),
        set => (false, set),
    };
    let mut found = false;
    loop {
        set = match set {
            [low, '-', high, rest @ ..] => {
                found |= (*low..=*high).contains(&c);
                rest
            }
            [one, rest @ ..] => {
                found |= *one == c;
                rest
            }
            [] => return found != negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("*", "eth0", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("eth?", "eth0", true),
            ("eth?", "eth10", false),
            ("eth[0-3]", "eth2", true),
            ("eth[0-3]", "eth4", false),
            ("eth[!0-3]", "eth4", true),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("[a", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b", "xxaxxb", true),
            ("*a*b", "xxbxxa", false),
            ("", "", true),
            ("[a-]", "-", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_star_stands_for_no_dot() {
        let pattern = "net.ipv4.conf.*.rp_filter";
        assert!(fits_key(pattern, "net.ipv4.conf.eth0.rp_filter"));
        assert!(fits_key(pattern, "net.ipv4.conf.eth0/100.rp_filter"));
        assert!(!fits_key(pattern, "net.ipv4.conf.rp_filter"));
        assert!(!fits_key("net.*", "net.core.somaxconn"));
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics_and_a_name_without_signs_matches_itself(
            pattern in "[a-c*?\\[\\]!\\\\-]{0,12}",
            name in "[a-c-]{0,12}",
        ) {
            fits(&pattern, &name);
            proptest::prop_assert!(fits(&name, &name));
        }
    }
}
