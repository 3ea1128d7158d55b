//! Kernel releases, as uname(2) writes them.

/// Whether a kernel release (`6.18.44-arch1`) is this version or later; `None` when it does not
/// begin with two numbers.
pub fn is_at_least(release: &str, version: (u32, u32)) -> Option<bool> {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next()?) >= version)
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
}
