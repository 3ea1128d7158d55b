//! Patterns with `*`.

/// Whether a pattern in which `*` stands for any bytes matches a name.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    matches_as(pattern, name, |byte| byte)
}

/// [`matches`], with each byte of the name replaced by the one it is shown as. Takes no longer than
/// the product of the two lengths: only the last star seen is ever retried.
pub fn matches_as(pattern: &[u8], name: &[u8], shown: impl Fn(u8) -> u8) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, read));
                at += 1;
            }
            (Some(byte), _) if *byte == shown(name[read]) => (at, read) = (at + 1, read + 1),
            (_, Some((after, from))) => {
                star = Some((after, from + 1));
                (at, read) = (after + 1, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_bytes() {
        for (pattern, name, fits) in [
            ("Tcp*", "TcpExt", true),
            ("*Drops", "ListenDrops", true),
            ("a*b*c", "a1b2c", true),
            ("a*b", "abc", false),
            ("abc", "abcd", false),
            ("*", "", true),
            ("", "", true),
            ("a*", "", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                fits,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_few() {
        let pattern = [b"*a".repeat(50), b"*b".to_vec()].concat();
        assert!(!matches(&pattern, &b"a".repeat(10_000)));
    }
}
