//! `sockdiag doctor`, and `sockdiag` alone.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use clap::{ArgAction, Args};
use sockdiag::analysis::{
    doctor::{DoctorReport, SelfReport},
    finding::Area,
};
use sockdiag::collect::{Collector, ListenerNeeds, Needs, OwnerNeeds};

use super::{
    Described, Outcome, PlaceArgs, Subcommand, duration,
    examination::Examination,
    no_such_column,
    options::{Choices, one_of},
    session::this_host,
    usage,
};
use crate::render::{
    Colour, DoctorFormat, Format, Host, PageSettings, Settings, Sink, View, doctor,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag
  sockdiag doctor --for 10s
  sockdiag doctor --quick --exit-code --only accept_queue,descriptors
  sockdiag doctor -o html > ticket.html

Reads listeners, ports, TIME_WAIT, descriptors and counters of every network namespace that it may \
enter, twice, and samples the queues between the two readings. Each problem is one block: what was \
seen, why, what to do, and the command to run next. `sockdiag` without a command does the same.")]
pub struct DoctorArgs {
    /// Watch for this long
    #[arg(long = "for", value_name = "DURATION", default_value = "2s", value_parser = duration)]
    watch_for: Duration,
    /// Take a single reading, without changes and rates
    #[arg(long, conflicts_with = "watch_for")]
    quick: bool,
    /// Look at these areas only (comma-separated)
    #[arg(long, value_name = "AREA", value_delimiter = ',', value_parser = one_of(AREAS))]
    only: Vec<Area>,
    /// Leave out these areas
    #[arg(long, value_name = "AREA", value_delimiter = ',', value_parser = one_of(AREAS))]
    skip: Vec<Area>,
    /// Show what can be seen on this host by this user, and what each lack costs
    #[arg(long = "self", conflicts_with_all = ["watch_for", "quick", "only", "skip", "exit_code"])]
    of_self: bool,
    /// Exit with 1 for warnings, 2 for critical findings, 3 if an area could not be read
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    output: DoctorFormat,
    /// Print JSON (= --output json)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// Show the evidence of each finding
    #[arg(short, long)]
    verbose: bool,
    /// Omit what could not be read; -qq omits everything but the problems
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
    #[command(flatten)]
    place: PlaceArgs,
}

const AREAS: Choices<Area> = &[
    (
        "accept_queue",
        Area::AcceptQueue,
        "Accept queues and their drops",
    ),
    (
        "syn_queue",
        Area::SynQueue,
        "SYN queues, cookies and floods",
    ),
    ("ports", Area::Ports, "Ephemeral ports"),
    ("timewait", Area::TimeWait, "TIME_WAIT buckets"),
    ("descriptors", Area::Descriptors, "Descriptor limits"),
    (
        "connections",
        Area::Connections,
        "Connections that a process does not close",
    ),
    (
        "memory",
        Area::Memory,
        "Socket memory and UDP receive buffers",
    ),
    (
        "network",
        Area::Network,
        "Connection tracking, interfaces, retransmissions, resets",
    ),
    (
        "settings",
        Area::Settings,
        "Sysctls that do harm, or differ from what files set at boot",
    ),
];

impl Subcommand for DoctorArgs {
    const NAME: &'static str = "doctor";
    const ABOUT: &'static str =
        "Show what is wrong on this host, why, and what to do (the default command)";
    const REPORT: Option<Described> = Described::without_rows::<DoctorReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let host = this_host()?;
        if self.of_self {
            return self.show_abilities(host);
        }
        let areas = self.areas();
        let mut examination = Examination::new(&self.place)?;
        let observed = match self.quick {
            true => examination.single()?,
            false => examination.watched(self.watch_for)?,
        };
        let report = observed.report(&observed.reports(), &areas);
        let format = self.format();
        let settings = PageSettings {
            colour: self.color,
            verbose: self.verbose,
            quiet: self.quiet,
        };
        let written = doctor::write(&report, format, &settings, &host, observed.elapsed());
        written.context("writing the report")?;
        Ok(match self.exit_code {
            true => Outcome::Judged(report.verdict()),
            false => Outcome::Answered,
        })
    }
}

impl DoctorArgs {
    fn format(&self) -> DoctorFormat {
        if self.json {
            DoctorFormat::Json
        } else {
            self.output
        }
    }

    fn show_abilities(&self, host: Host) -> anyhow::Result<Outcome> {
        let format = match self.format() {
            DoctorFormat::Table => Format::Table,
            DoctorFormat::Json => Format::Json,
            _ => return Err(usage("--self is written as a table or as JSON only")),
        };
        let settings = Settings {
            format,
            colour: self.color,
            header: true,
            quiet: self.quiet,
            verbose: self.verbose,
            sort: None,
            top: None,
            columns: None,
        };
        let kernel = self.place.kernel()?;
        let abilities = kernel.abilities();
        let needs = Needs {
            listeners: Some(ListenerNeeds::default()),
            owners: OwnerNeeds::All,
            ..Needs::default()
        };
        // What keeps listeners from being listed is one of the abilities.
        let read = Collector::new(kernel, needs).collect().ok();
        let owners = read.and_then(|snapshot| snapshot.owners);
        let report = SelfReport::of(abilities, owners.map(|owners| owners.found_by));
        let sink = Sink::of_reports(
            &settings,
            View {
                all: true,
                ..View::default()
            },
            host,
        );
        let written = sink.map_err(no_such_column)?.report(report, None, "");
        written.context("writing the report")?;
        Ok(Outcome::Answered)
    }

    fn areas(&self) -> BTreeSet<Area> {
        let all = AREAS.iter().map(|(_, area, _)| *area);
        let is_wanted = |area: &Area| self.only.is_empty() || self.only.contains(area);
        all.filter(|area| is_wanted(area) && !self.skip.contains(area))
            .collect()
    }
}
