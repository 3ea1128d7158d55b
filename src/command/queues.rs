//! `sockdiag queues`.

use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::queues::{QueueReport, Samples, Selection, report},
    collect::{Closer, Collector, ListenerNeeds, Needs, OwnerNeeds},
    model::{Filter, Incomplete, Listener, NetnsSnapshot, Snapshot},
};

use super::{
    Described, FamilyArgs, NameArgs, Outcome, OutputArgs, OwnedByArgs, OwnerArgs, PlaceArgs,
    Session, Subcommand, TimeArgs, collect, collect_only, options::Timing, usage,
};
use crate::render::View;

/// What an error says that the program was doing.
const DOING: &str = "reading listeners";

/// A sample is cheap: bursts last milliseconds.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag queues :8080 -w
  sockdiag queues 'sport >= :1024 and not :8080' --sort drops --top 5
  sockdiag queues --unit api.service --json

FILTER applies to the local address: `:8080`, `10.0.0.1:443`, `10.0.0.0/8`, `[::1]:80`, `sport >= :1024`, \
`src ADDR`, a unix path (`/run/*.sock`), joined by `and`, `or`, `not` and parentheses.

LIMIT is the smaller of the backlog given to listen() and net.core.somaxconn at that time. A queue \
with limit B holds B + 1 connections: it is full when ACCEPT is greater than LIMIT. DROPS counts \
every packet that the socket dropped, not only overflows.")]
pub struct QueuesArgs {
    /// Show only listeners that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Include unix stream listeners
    #[arg(short = 'x', long)]
    unix: bool,
    /// Include UDP sockets and their receive queues
    #[arg(short, long)]
    udp: bool,
    #[command(flatten)]
    family: FamilyArgs,
    /// Show each SO_REUSEPORT group as one row, with its fullest socket
    #[arg(long, conflicts_with = "sample_for")]
    fold: bool,
    /// Do not count half-open connections (avoids a scan of all sockets of the host)
    #[arg(long)]
    no_syn: bool,
    #[command(flatten)]
    owned_by: OwnedByArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Subcommand for QueuesArgs {
    const NAME: &'static str = "queues";
    const ABOUT: &'static str =
        "Show which listener is filling or dropping: accept queue, SYN queue, drops, owner";
    const REPORT: Option<Described> = Described::of::<QueueReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let selection = self.selection()?;
        self.check(&selection)?;
        let view = View {
            folded: self.fold,
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.output, self.time.timing(SAMPLE_EVERY), view)?;
        let kernel = self.place.kernel();
        self.owned_by.check(&kernel)?;
        let namespaces = self.place.namespaces(&kernel)?;
        let needs = self.needs(&selection);
        let mut collector = Collector::new(kernel, needs.clone()).within(namespaces);
        let fold = |mut report: QueueReport| {
            if self.fold {
                report.fold();
            }
            report
        };
        match session.timing() {
            Timing::Sample { .. } => {
                let samples = Needs {
                    listeners: needs.listeners,
                    ..Needs::default()
                };
                sample(&mut session, &mut collector, &samples, &selection, fold)
            }
            _ => session.each_reading(
                || collect(&mut collector, DOING),
                |now, before| fold(report(now, before, &selection)),
            ),
        }?;
        Ok(Outcome::Answered)
    }
}

/// Looks at LISTEN alone many times, and once at everything in the end.
fn sample(
    session: &mut Session<QueueReport>,
    collector: &mut Collector,
    samples_need: &Needs,
    selection: &Selection,
    fold: impl Fn(QueueReport) -> QueueReport,
) -> anyhow::Result<()> {
    let Timing::Sample { total, every } = session.timing() else {
        return Ok(());
    };
    let begun = Instant::now();
    let first = collect_only(collector, samples_need, DOING)?;
    let mut samples = Samples::default();
    session.each_sample(total, every, |_| {
        let reading = collect_only(collector, samples_need, DOING)?;
        samples.add(shown(&reading, selection));
        Ok(())
    })?;
    let elapsed = begun.elapsed();
    let last = collect(collector, DOING)?;
    let mut report = report(&last, Some((&first, elapsed)), selection);
    samples.fill(&mut report);
    let there = |cookie| shown(&last, selection).any(|listener| listener.cookie == cookie);
    let closed = samples.missing(there);
    if closed > 0 {
        let why = "closed while the samples were taken";
        report
            .incomplete
            .push(Incomplete::counted("listeners", why, closed));
    }
    session.write(fold(report), Some(elapsed), "")
}

fn shown<'a>(
    snapshot: &'a Snapshot,
    selection: &'a Selection,
) -> impl Iterator<Item = &'a Listener> {
    let all = snapshot.namespaces.iter().flat_map(NetnsSnapshot::sockets);
    all.filter(|listener| selection.may_show(listener))
}

impl QueuesArgs {
    fn selection(&self) -> anyhow::Result<Selection> {
        let text = self.filter.join(" ");
        let filter = match text.trim() {
            "" => None,
            _ => Some(Filter::parse(&text).map_err(|error| usage(format!("filter: {error}")))?),
        };
        Ok(Selection {
            filter,
            family: self.family.only(),
            uid: self.owned_by.uid()?,
            process: self.owned_by.process.clone(),
            unit: self.owned_by.unit.clone(),
        })
    }

    fn check(&self, selection: &Selection) -> anyhow::Result<()> {
        if self.owners.needs() == OwnerNeeds::None && selection.process.is_some() {
            return Err(usage(
                "--process needs the owners, which --no-owners leaves out",
            ));
        }
        if self.fold && !self.output.settings()?.format.is_for_rows() {
            return Err(usage(
                "--fold applies to tables and CSV; JSON and Prometheus show each socket",
            ));
        }
        Ok(())
    }

    fn needs(&self, selection: &Selection) -> Needs {
        let closer = selection.clone();
        Needs {
            listeners: Some(ListenerNeeds {
                families: self.family.families(),
                unix: self.unix || selection.filter.as_ref().is_some_and(Filter::has_path),
                udp: self.udp,
                closer: Closer::only(move |listener| closer.may_show(listener)),
            }),
            half_open: !self.no_syn,
            waiting: true,
            owners: self.owners.needs(),
            ..Needs::default()
        }
    }
}
