//! `sockdiag doctor`, and `sockdiag` alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{ArgAction, Args};
use sockdiag::{
    analysis::{
        doctor::{DoctorReport, Reports, SelfReport, Watched},
        finding::Area,
        tune,
    },
    collect::{Collector, Needs},
    model::{Owner, ProcessActivity, Snapshot},
    source::FdQuestion,
};

use super::{
    Described, Outcome, PlaceArgs, Subcommand, duration, no_such_column,
    options::{Choices, one_of},
    session::{sample, this_host},
    usage, with_way_in,
};
use crate::render::{
    Colour, DoctorFormat, Format, Host, PageSettings, Settings, Sink, View, doctor,
};

/// Bursts last milliseconds, and a sample of the listeners is cheap.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// How often descriptors are counted between the first and the last reading.
const COUNTS: u32 = 6;

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
        let (report, elapsed) = match self.quick {
            true => examination.single(&areas)?,
            false => examination.watched(self.watch_for, &areas)?,
        };
        let format = self.format();
        let settings = PageSettings {
            colour: self.color,
            verbose: self.verbose,
            quiet: self.quiet,
        };
        let written = doctor::write(&report, format, &settings, &host, elapsed);
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
        let report = SelfReport::of(self.place.kernel()?.abilities());
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

/// Reads the host, first and last in full, and samples in between.
pub struct Examination {
    collector: Collector,
    first: Needs,
    last: Needs,
}

/// With more TCP sockets than this on the host, a scan takes a tenth of a second or more, and only
/// the last reading has one.
const MANY_SOCKETS: i128 = 200_000;

impl Examination {
    pub fn new(place: &PlaceArgs) -> anyhow::Result<Self> {
        let kernel = place.kernel()?;
        let namespaces = place.namespaces_or_all(&kernel)?;
        let counts = kernel.socket_counts().context("counting sockets")?;
        let has_many = counts.value("sockstat.TCP", "alloc") > Some(MANY_SOCKETS);
        let last = Needs {
            processes: Some(FdQuestion {
                began: true,
                ..FdQuestion::default()
            }),
            elsewhere: false,
            bounded: true,
            sysctls: tune::keys(),
            boot_settings: true,
            ..Needs::everything()
        };
        let first = Needs {
            half_open: !has_many,
            port_holders: last.port_holders.filter(|_| !has_many),
            time_waits: !has_many,
            connections: !has_many,
            sysctls: Vec::new(),
            boot_settings: false,
            ..last.clone()
        };
        Ok(Examination {
            first,
            collector: Collector::new(kernel, last.clone()).within(namespaces),
            last,
        })
    }

    fn read(&mut self, needs: &Needs) -> anyhow::Result<Snapshot> {
        let snapshot = self.collector.collect_only(needs);
        snapshot
            .map_err(|error| with_way_in(anyhow::Error::from(error).context("reading the host")))
    }

    /// Adds what the owners of these listeners are doing.
    fn examine(
        &self,
        listeners: impl IntoIterator<Item = u32>,
        snapshot: &mut Snapshot,
    ) -> anyhow::Result<()> {
        let owners = snapshot.owners.as_ref();
        let owned = |inode| Some((inode, owners?.by_inode.get(&inode)?.clone()));
        let owned: BTreeMap<u32, Vec<Owner>> = listeners.into_iter().filter_map(owned).collect();
        if owned.is_empty() {
            return Ok(());
        }
        let known = std::mem::take(&mut snapshot.activity);
        let read = self.collector.activity(snapshot, &owned);
        read.context("reading what owners of listeners do")?;
        let is_new = |process: &ProcessActivity| known.iter().all(|other| other.pid != process.pid);
        snapshot.activity.retain(is_new);
        snapshot.activity.extend(known);
        Ok(())
    }

    pub fn single(
        &mut self,
        areas: &BTreeSet<Area>,
    ) -> anyhow::Result<(DoctorReport, Option<Duration>)> {
        let mut now = self.read(&self.last.clone())?;
        let mut watched = Watched::default();
        // Whatever waits in the one sample there is.
        watched.new_suspects(&now);
        let suspects = watched.new_suspects(&now);
        self.examine(suspects, &mut now)?;
        let reports = Reports::of(&now, None, &mut watched);
        Ok((DoctorReport::of(&now, None, &reports, areas), None))
    }

    pub fn watched(
        &mut self,
        total: Duration,
        areas: &BTreeSet<Area>,
    ) -> anyhow::Result<(DoctorReport, Option<Duration>)> {
        let begun = Instant::now();
        let mut first = self.read(&self.first.clone())?;
        let mut watched = Watched::default();
        watched.add(&first);
        let left = total.saturating_sub(begun.elapsed());
        let counting = (total, begun);
        self.sample(left, counting, &mut watched, &mut first)?;
        let elapsed = begun.elapsed();
        let mut now = self.read(&self.last.clone())?;
        watched.add(&now);
        self.examine(watched.suspects(), &mut now)?;
        let before = Some((&first, elapsed));
        let reports = Reports::of(&now, before, &mut watched);
        let report = DoctorReport::of(&now, before, &reports, areas);
        Ok((report, Some(elapsed)))
    }

    /// Samples the listeners, now and then the descriptors, and the owners of a listener when
    /// connections first wait there.
    fn sample(
        &mut self,
        left: Duration,
        (total, begun): (Duration, Instant),
        watched: &mut Watched,
        first: &mut Snapshot,
    ) -> anyhow::Result<()> {
        let listeners = Needs {
            listeners: self.last.listeners.clone(),
            ..Needs::default()
        };
        let with_processes = Needs {
            processes: self.last.processes.clone(),
            ..listeners.clone()
        };
        let mut next_count = total / COUNTS;
        sample(left, SAMPLE_EVERY.min(left / 4), |_| {
            let is_due = begun.elapsed() >= next_count;
            if is_due {
                next_count = begun.elapsed() + total / COUNTS;
            }
            let now = self.read(if is_due { &with_processes } else { &listeners })?;
            watched.add(&now);
            let suspects = watched.new_suspects(&now);
            self.examine(suspects, first)
        })
    }
}
