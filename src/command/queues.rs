//! `sockdiag queues`.

use std::time::Duration;

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::queues::{QueueReport, Samples, Selection, report},
    collect::{Closer, ListenerNeeds, Needs, OwnerNeeds},
    model::{Filter, Incomplete, Listener, NetnsSnapshot, Snapshot, filter::Subject, unit_of},
    source::Kernel,
};

use super::{
    Described, FamilyArgs, NameArgs, Outcome, OwnedByArgs, OwnerArgs, Purpose, Reader, ReportArgs,
    RowArgs, Session, SsArgs, Subcommand, has_unit,
    options::{Timing, filter, measures},
    usage,
};
use crate::render::View;

/// Bursts last milliseconds, and a sample is cheap.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag queues :8080 -w
  sockdiag queues 'sport >= :1024 and not :8080' --sort drops --top 5
  sockdiag queues --where 'fill>80% or drops>0'
  sockdiag queues --unit api.service --json

FILTER applies to the local address: `:8080`, `10.0.0.1:443`, `10.0.0.0/8`, `[::1]:80`, `sport >= :1024`, \
`src ADDR`, a Unix socket path (`/run/*.sock`), joined by `and`, `or`, `not` and parentheses.

--where compares `fill` (80%), `drops`, `recvq` (connections that wait, or bytes of a UDP socket), \
`sendq` (the limit) and `age` (the oldest wait for accept()), as last read. It does not hold where a \
number is unknown.

LIMIT is the smaller of the backlog given to listen() and net.core.somaxconn at that time. A queue \
with limit B takes B + 1 connections: it is full when ACCEPT is greater than LIMIT. DROPS counts \
every packet that the socket dropped, not only overflows.

As in ss, -l, -n, -p and -t are accepted: they are the default.")]
pub struct QueuesArgs {
    /// Show only listeners that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Show only listeners whose numbers match: `fill>80%`, `drops>0`, `age>5s`
    #[arg(long = "where", value_name = "CONDITION", value_parser = measures, value_hint = ValueHint::Other)]
    condition: Option<Filter>,
    /// Include Unix stream listeners
    #[arg(short = 'x', long)]
    unix: bool,
    /// Include UDP sockets and their receive queues
    #[arg(short, long)]
    udp: bool,
    #[command(flatten)]
    family: FamilyArgs,
    /// Show each SO_REUSEPORT group as one row, with its fullest socket
    #[arg(long)]
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
    rows: RowArgs,
    #[command(flatten)]
    ss: SsArgs,
    /// Show listeners (the default)
    #[arg(short = 'l', hide = true)]
    listening: bool,
    #[command(flatten)]
    report: ReportArgs,
}

impl Subcommand for QueuesArgs {
    const NAME: &'static str = "queues";
    const ABOUT: &'static str =
        "Show the accept queue, SYN queue, drops and owner of each listener, worst first";
    const REPORT: Option<Described> = Described::of::<QueueReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let selection = self.selection()?;
        self.check(&selection)?;
        let view = View {
            all: self.rows.all,
            folded: self.fold,
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SAMPLE_EVERY, view)?;
        let kernel = self.report.place.kernel()?;
        self.owned_by.check_process(&kernel)?;
        let needs = self.needs(&selection);
        let samples = Needs {
            listeners: needs.listeners.clone(),
            ..Needs::default()
        };
        let mut reader = Reader::within(&self.report.place, needs, samples, "reading listeners")?;
        self.check_unit(&kernel, || reader.read(Purpose::Report))?;
        let is_sampled = matches!(session.timing(), Timing::Sample { .. });
        session.each_report_on(
            |purpose| reader.read(purpose),
            |now, before| {
                let mut report = report(now, before, &selection);
                // Samples are of sockets, and are folded at the end.
                if self.fold && !is_sampled {
                    report.fold();
                }
                report
            },
            match self.fold {
                true => Samples::of_groups(),
                false => Samples::default(),
            },
            |samples, now, _| {
                for namespace in &now.namespaces {
                    samples.add(&namespace.netns, namespace.at, shown(namespace, &selection));
                }
            },
            |samples, last, report| {
                samples.fill(report);
                count_closed(samples, last, &selection, report);
                if self.fold {
                    report.fold();
                    samples.fill_groups(report);
                }
            },
        )
    }
}

fn count_closed(
    samples: &Samples,
    last: &Snapshot,
    selection: &Selection,
    report: &mut QueueReport,
) {
    let there = |inode, cookie| {
        let namespaces = last.namespaces.iter();
        let mut namespaces = namespaces.filter(|part| part.netns.inode == inode);
        namespaces.any(|part| shown(part, selection).any(|listener| listener.cookie == cookie))
    };
    let closed = samples.missing(there);
    if closed > 0 {
        let why = "closed while the samples were taken";
        let closed = Incomplete::counted("listeners", why, closed);
        report.incomplete.push(closed);
    }
}

fn shown<'a>(
    namespace: &'a NetnsSnapshot,
    selection: &'a Selection,
) -> impl Iterator<Item = &'a Listener> {
    let all = namespace.sockets().iter();
    all.filter(|listener| selection.may_show(listener))
}

impl QueuesArgs {
    fn selection(&self) -> anyhow::Result<Selection> {
        Ok(Selection {
            filter: filter(Subject::Listener, &self.filter, &self.report.place)?,
            family: self.family.only(),
            uid: self.owned_by.uid()?,
            process: self.owned_by.process.clone(),
            unit: self.owned_by.unit.clone(),
            condition: self.condition.clone().unwrap_or_default(),
        })
    }

    fn check(&self, selection: &Selection) -> anyhow::Result<()> {
        if self.owners.needs() == OwnerNeeds::None && selection.process.is_some() {
            return Err(usage(
                "--process needs the owners, which --no-owners does not search for",
            ));
        }
        Ok(())
    }

    /// A listener may belong to a unit of which no process is visible, as in a container.
    fn check_unit(
        &self,
        kernel: &Kernel,
        read: impl FnOnce() -> anyhow::Result<Snapshot>,
    ) -> anyhow::Result<()> {
        let Some(wanted) = &self.owned_by.unit else {
            return Ok(());
        };
        let mut units = kernel.units()?;
        if has_unit(wanted, &units).is_err() {
            let cgroups = read()?.cgroups;
            units.extend(cgroups.values().filter_map(|cgroup| unit_of(cgroup)));
        }
        has_unit(wanted, &units)
    }

    fn needs(&self, selection: &Selection) -> Needs {
        let closer = selection.clone();
        Needs {
            listeners: Some(ListenerNeeds {
                families: self.family.families(),
                unix: self.unix || selection.filter.has_path(),
                udp: self.udp,
                closer: Closer::only(move |listener| closer.may_show(listener)),
            }),
            half_open: !self.no_syn,
            waiting: true,
            owners: self.owners.needs(),
            elsewhere: true,
            ..Needs::default()
        }
    }
}
