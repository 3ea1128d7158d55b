//! Kernel releases, as uname(2) writes them.

/// Whether a kernel release (`6.18.44-arch1`) is this version or later; `None` when it does not
/// begin with two numbers.
pub fn is_at_least(release: &str, version: (u32, u32)) -> Option<bool> {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next()?) >= version)
}

/// Whether a kernel of this release has a fix of the versions after `fixed`'s last, which was ported
/// back to these. A port under a distribution's own numbers is not recognised.
pub fn has_fix(release: &str, fixed: &[(u32, u32, u32)]) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    let patch = numbers.next().unwrap_or_default();
    let is_later = fixed.iter().all(|(a, b, _)| (major, minor) > (*a, *b));
    let mut ports = fixed.iter();
    is_later || ports.any(|(a, b, since)| (major, minor) == (*a, *b) && patch >= *since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_first_two_numbers() {
        for (release, expected) in [
            ("4.18.0-553.el8", Some(true)),
            ("3.10.0", Some(false)),
            ("4.9.337", Some(false)),
            ("6.18.44-fc", Some(true)),
            ("10.0", Some(true)),
            ("unknown", None),
            ("6", None),
        ] {
            assert_eq!(is_at_least(release, (4, 18)), expected, "{release}");
        }
    }

    #[test]
    fn a_fix_is_in_later_versions_and_where_it_was_ported_back() {
        for (release, expected) in [
            ("6.18.44-fc", true),
            ("6.18.21", true),
            ("6.18.20", false),
            ("6.18.0-25-generic", false),
            ("6.17.99", false),
            ("6.19.11", true),
            ("6.19.10", false),
            ("6.20.0", true),
            ("7.0.0", true),
            ("5.15.200", false),
            ("unknown", false),
        ] {
            let fixed = [(6, 18, 21), (6, 19, 11)];
            assert_eq!(has_fix(release, &fixed), expected, "{release}");
        }
    }
}
