//! Flags that mean the same on every report.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint, builder::NonEmptyStringValueParser};
use jiff::SignedDuration;
use sockdiag::{
    collect::{Namespaces, OwnerNeeds},
    model::{Families, Family},
    source::Kernel,
};

use super::usage;
use crate::render::{Colour, Format, Settings};

// How the answer is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// Write the report as this
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    output: Format,
    /// Write JSON, one object a line (= --output json)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Show these columns, separated by commas; `help` lists them
    #[arg(long, value_name = "LIST", value_hint = ValueHint::Other, value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    columns: Option<Vec<String>>,
    /// Leave out the line that names the columns
    #[arg(long)]
    no_header: bool,
    /// Colour the table
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Colour,
}

impl FormatArgs {
    /// What the output needs to know.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let format = if self.json { Format::Json } else { self.output };
        if !format.is_for_rows() && (self.columns.is_some() || self.no_header) {
            return Err(usage(
                "--columns and --no-header are for tables and CSV; this format has neither",
            ));
        }
        Ok(Settings {
            format,
            colour: self.color,
            header: !self.no_header,
            quiet: 0,
            verbose: false,
            sort: None,
            top: None,
            columns: self.columns.clone(),
        })
    }

    /// The list of columns is asked for, not a report.
    pub fn wants_columns(&self) -> bool {
        let mut columns = self.columns.iter().flatten();
        columns.any(|column| column == "help")
    }
}

// The same of a report that has an end, and so an order.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    #[command(flatten)]
    format: FormatArgs,
    /// Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, value_hint = ValueHint::Other, value_parser = NonEmptyStringValueParser::new())]
    sort: Option<String>,
    /// Show no more than the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,
    /// Show cause, remedy and evidence of each finding, and explain the columns
    #[arg(short, long)]
    verbose: bool,
    /// Leave out what could not be seen; -qq leaves out everything but the table
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

impl OutputArgs {
    /// What the output needs to know.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let settings = self.format.settings()?;
        if settings.format == Format::Prom && (self.sort.is_some() || self.top.is_some()) {
            return Err(usage(
                "--sort and --top are not for Prometheus, which wants all series",
            ));
        }
        Ok(Settings {
            quiet: self.quiet,
            verbose: self.verbose,
            sort: self.sort.clone(),
            top: self
                .top
                .map(|top| usize::try_from(top).unwrap_or(usize::MAX)),
            ..settings
        })
    }

    /// The list of columns is asked for, not a report.
    pub fn wants_columns(&self) -> bool {
        self.format.wants_columns() || self.sort.as_deref() == Some("help")
    }
}

// When readings are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Repetition")]
pub struct TimeArgs {
    /// Read again and again, every so many seconds (fractions allowed, default 2)
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = seconds)]
    watch: Option<Duration>,
    /// Stop after N readings
    #[arg(short, long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Sample for this long, then report minimum, mean, 95th percentile and maximum
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "watch", value_parser = duration)]
    sample_for: Option<Duration>,
    /// Sample this often (default 20ms; 1s where each sample takes longer)
    #[arg(long, value_name = "DURATION", requires = "sample_for", value_parser = duration)]
    every: Option<Duration>,
}

/// The same as a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// One reading.
    Once,
    /// One after the other.
    Watch {
        /// From one to the next.
        interval: Duration,
        /// How many; `None` until stopped.
        count: Option<u64>,
    },
    /// Many quick looks, and one report on them.
    Sample {
        /// How long.
        total: Duration,
        /// From one look to the next.
        every: Duration,
    },
}

impl Timing {
    /// What makes no sense together.
    pub fn check(self, output: &Settings) -> anyhow::Result<()> {
        match self {
            Timing::Watch { .. } if output.format == Format::Prom => Err(usage(
                "-o prom is one scrape and cannot be repeated by --watch",
            )),
            Timing::Sample { total, every } if every >= total => Err(usage(format!(
                "--every {every:?} leaves no samples in --for {total:?}"
            ))),
            _ => Ok(()),
        }
    }
}

impl TimeArgs {
    /// What was chosen; samples are `every` so long apart unless it was said.
    pub fn timing(&self, every: Duration) -> Timing {
        match (self.watch, self.sample_for) {
            (Some(interval), _) => Timing::Watch {
                interval,
                count: self.count,
            },
            (None, Some(total)) => Timing::Sample {
                total,
                every: self.every.unwrap_or(every),
            },
            (None, None) => Timing::Once,
        }
    }
}

// Which sockets.
#[derive(Debug, Args)]
pub struct FamilyArgs {
    /// Show IPv4 sockets only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl FamilyArgs {
    /// The one that was chosen.
    pub fn only(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }

    /// Both unless one was chosen.
    pub fn families(&self) -> Families {
        Families {
            v4: !self.ipv6,
            v6: !self.ipv4,
        }
    }
}

// Where to look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub struct PlaceArgs {
    /// Look into another network namespace: a name of `ip netns`, a path, a process id, the number
    /// of the namespace, or `all`
    #[arg(long, value_name = "NAME|PATH|PID|all")]
    pub netns: Option<String>,
    /// Read this instead of /proc
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/proc",
        hide_default_value = true
    )]
    pub proc_root: PathBuf,
}

impl PlaceArgs {
    /// Where /proc is.
    pub fn kernel(&self) -> Kernel {
        Kernel::with_proc_root(&self.proc_root)
    }

    /// The namespaces that were named; the program's own unless one was.
    pub fn namespaces(&self, kernel: &Kernel) -> anyhow::Result<Namespaces> {
        Ok(match self.netns.as_deref() {
            None => Namespaces::own(kernel),
            Some(name) => Namespaces::named(name, kernel)?,
        })
    }
}

// Whether and how far to search for owners.
#[derive(Debug, Args)]
pub struct OwnerArgs {
    /// How far to look for the processes that hold a socket
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    owners: OwnersArg,
    /// Do not look for processes (= --owners none)
    #[arg(long, conflicts_with = "owners")]
    no_owners: bool,
}

/// `--owners`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OwnersArg {
    /// Low descriptors of every process, and of the rest what 250 ms allow
    Auto,
    /// Every descriptor of every process
    All,
    /// Not at all
    None,
}

impl OwnerArgs {
    /// What was chosen.
    pub fn needs(&self) -> OwnerNeeds {
        match self.owners {
            _ if self.no_owners => OwnerNeeds::None,
            OwnersArg::None => OwnerNeeds::None,
            OwnersArg::Auto => OwnerNeeds::Auto,
            OwnersArg::All => OwnerNeeds::All,
        }
    }
}

/// `2`, `0.5`, also `500ms`: more than nothing, less than a year.
pub fn seconds(text: &str) -> Result<Duration, String> {
    if text.ends_with(|last: char| last.is_ascii_alphabetic())
        && text.starts_with(|c: char| c.is_ascii_digit())
    {
        return duration(text);
    }
    let wrong = || "a number of seconds, 0.001 or more, as 2 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    let sensible = (0.001..=31_536_000.0).contains(&seconds);
    sensible
        .then(|| Duration::from_secs_f64(seconds))
        .ok_or_else(wrong)
}

/// `250ms`, `10s`, `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration greater than 0 with its unit, as 250ms, 10s or 1h".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let sensible = Duration::from_micros(100)..=Duration::from_secs(31_536_000);
    sensible
        .contains(&duration)
        .then_some(duration)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "10", "-5s", "0s", "1fortnight"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_interval_of_zero_is_refused() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["0", "-1", "nan", "inf", "two", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
