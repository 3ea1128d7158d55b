//! `/proc/PID/limits` (fs/proc/base.c, `proc_pid_limits`).
//!
//! ```text
//! Limit                     Soft Limit           Hard Limit           Units
//! Max open files            1024                 524288               files
//! ```

use crate::model::FdLimits;

/// `None` when the line is missing or malformed.
pub fn parse(text: &str) -> Option<FdLimits> {
    let (_, rest) = text.split_once("\nMax open files")?;
    let words: Vec<&str> = rest.lines().next()?.split_ascii_whitespace().collect();
    // Without the unit the line may be cut within a number.
    let [soft, hard, "files"] = words[..] else {
        return None;
    };
    let (soft, hard) = (number(soft)?, number(hard)?);
    Some(FdLimits { soft, hard })
}

fn number(word: &str) -> Option<u64> {
    match word {
        "unlimited" => Some(FdLimits::UNLIMITED),
        digits => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Limit                     Soft Limit           Hard Limit           Units     \n";

    fn line(soft: &str, hard: &str) -> String {
        format!(
            "{HEAD}Max open files            {soft:<20} {hard:<20} files     \nMax locked memory         8388608              8388608              bytes     \n"
        )
    }

    #[test]
    fn both_limits_are_read() {
        let limits = |soft, hard| Some(FdLimits { soft, hard });
        assert_eq!(parse(&line("1024", "524288")), limits(1024, 524_288));
        assert_eq!(
            parse(&line("64", "unlimited")),
            limits(64, FdLimits::UNLIMITED)
        );
    }

    #[test]
    fn a_truncated_file_has_no_limits() {
        for text in [
            HEAD.to_owned(),
            format!("{HEAD}Max open files            10"),
            format!("{HEAD}Max open files            1024                 5242"),
            line("many", "4096"),
            line("-1", "4096"),
            String::new(),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,20}\nMax open files[ 0-9]{0,50}\\PC{0,20}") {
            parse(&text);
        }
    }
}
