//! Pressure stall information (Documentation/accounting/psi.rst):
//!
//! ```text
//! some avg10=0.00 avg60=0.00 avg300=0.00 total=1429870709
//! full avg10=0.00 avg60=0.00 avg300=0.00 total=788062798
//! ```

use std::{io, time::Duration};

use rustix::io::Errno;

use crate::model::Stalled;

/// The totals, in microseconds there.
pub fn parse(text: &str) -> Option<Stalled> {
    let total = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        let (_, total) = rest.split_once(" total=")?;
        total.trim_end().parse().ok().map(Duration::from_micros)
    };
    Some(Stalled {
        some: total("some")?,
        full: total("full"),
    })
}

/// The files are there but cannot be opened.
pub fn is_off(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_and_older_kernels_have_no_full_for_the_cpu() {
        let some = "some avg10=98.63 avg60=94.39 avg300=82.32 total=9023525044\n";
        let full = "full avg10=0.00 avg60=0.00 avg300=1.26 total=788062798\n";
        let stalled = parse(&format!("{some}{full}")).unwrap();
        assert_eq!(stalled.some, Duration::from_micros(9_023_525_044));
        assert_eq!(stalled.full, Some(Duration::from_micros(788_062_798)));
        assert_eq!(parse(some).unwrap().full, None);
        assert_eq!(parse(full), None);
        assert_eq!(parse("some avg10=0.00 tot"), None);
    }
}
