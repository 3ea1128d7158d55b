//! `sockdiag queues`.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::queues::{QueueReport, Samples, Selection, report},
    collect::{Closer, Collector, ListenerNeeds, Needs, OwnerNeeds},
    model::{Filter, Incomplete, Listener, NetnsSnapshot, Snapshot},
};

use super::{
    FamilyArgs, OutputArgs, OwnerArgs, PlaceArgs, Session, TimeArgs, collect, collect_only,
    describe, ensure_process, options::Timing, usage,
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

Filter, on the local end: `:8080`, `10.0.0.1:443`, `10.0.0.0/8`, `[::1]:80`, `sport >= :1024`, \
`src ADDR`, a unix path (`/run/*.sock`), joined by `and`, `or`, `not` and parentheses.

LIMIT is the smaller of the backlog given to listen() and net.core.somaxconn at that time. A queue \
of limit B holds B + 1: it is full when ACCEPT is greater than LIMIT. DROPS counts every packet \
that the socket dropped, not overflows alone.")]
pub struct QueuesArgs {
    /// Show only listeners that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Show unix stream listeners too
    #[arg(short = 'x', long)]
    unix: bool,
    /// Show the receive queues of UDP sockets too
    #[arg(short, long)]
    udp: bool,
    #[command(flatten)]
    family: FamilyArgs,
    /// Show the sockets of a SO_REUSEPORT group as one row, and the fullest of them
    #[arg(long, conflicts_with = "sample_for")]
    fold: bool,
    /// Do not count half-open connections (spares a walk over all sockets of the host)
    #[arg(long)]
    no_syn: bool,
    /// Show only listeners that a process of this name or id holds
    #[arg(long, value_name = "NAME|PID", value_hint = ValueHint::Other)]
    process: Option<String>,
    /// Show only listeners of this systemd unit, container or pod
    #[arg(long, value_name = "UNIT", value_hint = ValueHint::Other)]
    unit: Option<String>,
    /// Show only listeners that this user made
    #[arg(long, value_name = "NAME|UID", value_hint = ValueHint::Username)]
    user: Option<String>,
    #[command(flatten)]
    owners: OwnerArgs,
    /// Show names of hosts, services and users for numbers
    #[arg(short, long)]
    resolve: bool,
    /// Show numbers (the default)
    #[arg(short, long, conflicts_with = "resolve")]
    numeric: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the subcommand.
pub fn run(args: &QueuesArgs) -> anyhow::Result<()> {
    if args.output.wants_columns() {
        return describe::columns::<QueueReport>();
    }
    let selection = args.selection()?;
    args.check(&selection)?;
    let view = View {
        folded: args.fold,
        names: args.resolve,
        ..View::default()
    };
    let mut session = Session::new(&args.output, args.time.timing(SAMPLE_EVERY), view)?;
    let kernel = args.place.kernel();
    ensure_process(&kernel, args.process.as_ref())?;
    let namespaces = args.place.namespaces(&kernel)?;
    let needs = args.needs(&selection);
    let mut collector = Collector::new(kernel, needs.clone()).within(namespaces);
    let fold = |mut report: QueueReport| {
        if args.fold {
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
    }
}

/// Looks at LISTEN alone many times, and once at everything in the end.
fn sample(
    session: &mut Session,
    collector: &mut Collector,
    samples_need: &Needs,
    selection: &Selection,
    fold: impl Fn(QueueReport) -> QueueReport,
) -> anyhow::Result<()> {
    let Timing::Sample { total, every } = session.timing() else {
        return Ok(());
    };
    let look = session.look::<QueueReport>()?;
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
    session.write(fold(report), Some(elapsed), &look, "")
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
        let uid = self.user.as_deref().map(user_id).transpose()?;
        Ok(Selection {
            filter,
            family: self.family.only(),
            uid,
            process: self.process.clone(),
            unit: self.unit.clone(),
        })
    }

    fn check(&self, selection: &Selection) -> anyhow::Result<()> {
        if self.owners.needs() == OwnerNeeds::None && selection.process.is_some() {
            return Err(usage(
                "--process needs the owners, which --no-owners spares",
            ));
        }
        if self.fold && !self.output.settings()?.format.is_for_rows() {
            return Err(usage(
                "--fold is for tables and CSV; JSON and Prometheus keep each socket",
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

/// The user that a person names.
pub fn user_id(name: &str) -> anyhow::Result<u32> {
    let by_name = || uzers::get_user_by_name(name).map(|user| user.uid());
    let by_number = name.parse().ok();
    by_number
        .or_else(by_name)
        .with_context(|| format!("--user {name}: no such user"))
}
