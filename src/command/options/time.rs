//! Flags for the times of readings, and the format of durations.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use crate::{
    command::usage,
    render::{Format, Settings},
};

// When to read again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Repetition")]
pub struct WatchArgs {
    /// Refresh every SECONDS (default 2)
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = duration)]
    watch: Option<Duration>,
    /// Stop after N readings
    #[arg(short, long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

// When to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Repetition")]
pub struct TimeArgs {
    #[command(flatten)]
    watch: WatchArgs,
    /// Sample for this long, then report min/mean/p95/max
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "watch", value_parser = duration)]
    sample_for: Option<Duration>,
    /// Time between samples (default 20ms in queues and counters, otherwise 1s)
    #[arg(long, value_name = "DURATION", requires = "sample_for", value_parser = duration)]
    every: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    Once,
    /// `count` readings; `None`: until stopped.
    Watch {
        interval: Duration,
        count: Option<u64>,
    },
    /// Many quick samples, and one report on them.
    Sample {
        total: Duration,
        every: Duration,
    },
}

impl Timing {
    pub fn check(self, output: &Settings) -> anyhow::Result<()> {
        match self {
            Timing::Watch { .. } if output.format == Format::Prom => Err(usage(
                "-o prom is a single scrape; it does not work with --watch",
            )),
            Timing::Sample { total, every } if every >= total => Err(usage(format!(
                "--every {every:?} leaves no samples in --for {total:?}"
            ))),
            _ => Ok(()),
        }
    }
}

impl WatchArgs {
    pub fn timing(&self) -> Timing {
        self.watch.map_or(Timing::Once, |interval| Timing::Watch {
            interval,
            count: self.count,
        })
    }
}

impl TimeArgs {
    /// `every` is the default of `--every`.
    pub fn timing(&self, every: Duration) -> Timing {
        match self.sample_for {
            Some(total) => Timing::Sample {
                total,
                // Within a short time there are two samples at least.
                every: self.every.unwrap_or(every.min(total / 2)),
            },
            None => self.watch.timing(),
        }
    }
}

/// `250ms`, `10s`, `1h`; a bare number is seconds: `10`, `0.5`. From 0.1 ms to a year.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    let with_unit = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    let sensible = Duration::from_micros(100)..=Duration::from_secs(31_536_000);
    let duration = seconds.or_else(with_unit);
    let duration = duration.filter(|duration| sensible.contains(duration));
    duration.ok_or_else(|| {
        "expected a duration such as 250ms, 10s or 1h; a bare number is seconds".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn a_duration_of_zero_is_refused() {
        for wrong in [
            "",
            "0",
            "0s",
            "-1",
            "-5s",
            "nan",
            "inf",
            "1e300",
            "two",
            "1fortnight",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
