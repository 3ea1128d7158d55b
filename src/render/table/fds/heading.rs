//! The line above the table of `fds`.

use sockdiag::analysis::fds::SystemReport;

use crate::render::text::{self, MISSING};

/// Nobody sets a limit this high to limit anything; systemd raises fs.file-max to 2⁶³ − 1.
const NO_LIMIT: u64 = 1 << 53;
/// `host: 41 312 of 2 466 177 open, nr_open 1 048 576`
pub fn host(system: &SystemReport) -> String {
    let number = |number: Option<u64>| number.map_or(MISSING.to_owned(), text::grouped);
    let open = number(system.open);
    let limit = match system.limit {
        Some(NO_LIMIT..) => format!("{open} open, no limit (file-max)"),
        limit => format!("{open} of {} open", number(limit)),
    };
    format!("host: {limit}, nr_open {}", number(system.nr_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        let system = |limit| SystemReport {
            open: Some(41_312),
            limit,
            used_ratio: None,
            nr_open: Some(1 << 20),
        };
        assert_eq!(
            host(&system(Some(2_466_177))),
            "host: 41 312 of 2 466 177 open, nr_open 1 048 576"
        );
        assert_eq!(
            host(&system(Some(i64::MAX as u64))),
            "host: 41 312 open, no limit (file-max), nr_open 1 048 576"
        );
        assert_eq!(
            host(&SystemReport::default()),
            "host: – of – open, nr_open –"
        );
    }
}
