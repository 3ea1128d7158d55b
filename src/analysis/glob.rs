//! Patterns with `*`.

/// A pattern in which `*` stands for any bytes.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.iter().position(|byte| *byte == b'*') {
        None => pattern == name,
        Some(star) => {
            let (fixed, rest) = (&pattern[..star], &pattern[star + 1..]);
            name.strip_prefix(fixed)
                .is_some_and(|tail| (0..=tail.len()).any(|at| matches(rest, &tail[at..])))
        }
    }
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
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                fits,
                "{pattern} {name}"
            );
        }
    }
}
