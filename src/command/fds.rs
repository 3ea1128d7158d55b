//! `sockdiag fds`.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::fds::{FdsReport, Samples, Selection, nearest_limit, report},
    collect::{Closely, Collector, Needs},
    model::Snapshot,
    source::{FdQuestion, Kernel},
};

use super::{
    Described, Outcome, OwnedByArgs, Purpose, Reader, ReportArgs, RowArgs, Session, Subcommand,
    options::Timing,
};
use crate::render::View;

/// Reading a thousand processes takes some milliseconds.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag fds --top 10
  sockdiag fds -w --process api
  sockdiag fds --pid 4121 --types --why

STATE is full (open() fails with EMFILE), near (80 % of the limit or more) or ok. SOFT is the limit \
in force, HARD the value up to which the process may raise it; fs.nr_open bounds both. Growth \
(Δ/min) and the time until the limit is reached (FULL IN) need two readings: --watch. All visible \
processes are listed, in any network namespace unless --netns names one; kernel threads have no \
descriptors and are omitted.")]
pub struct FdsArgs {
    /// Show only these processes (comma-separated or repeated)
    #[arg(long, value_name = "PID", value_delimiter = ',', value_hint = ValueHint::Other)]
    pid: Vec<u32>,
    #[command(flatten)]
    owned_by: OwnedByArgs,
    /// Count descriptors by type: sockets by protocol, files, pipes, epoll, others
    #[arg(long)]
    types: bool,
    /// Show where each limit comes from, and which line of which file to change
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    report: ReportArgs,
}

impl Subcommand for FdsArgs {
    const NAME: &'static str = "fds";
    const ABOUT: &'static str =
        "Show how close each process and the host are to their limits of open file descriptors";
    const REPORT: Option<Described> = Described::of::<FdsReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let view = View {
            all: self.rows.all,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SAMPLE_EVERY, view)?;
        let kernel = self.report.place.kernel()?;
        self.check(&kernel)?;
        let needs = Needs {
            processes: Some(self.question(&kernel, session.timing())?),
            ..Needs::default()
        };
        let selection = Selection {
            process: self.owned_by.process.clone(),
            unit: self.owned_by.unit.clone(),
            uid: self.owned_by.uid()?,
        };
        // In the usual order, only the processes that are shown are examined.
        let output = self.report.output.settings()?;
        let top = output.top.filter(|_| output.sort.is_none());
        let most = top.unwrap_or(usize::MAX);
        let mut reader = Reader {
            collector: Collector::new(kernel, needs.clone()),
            report: needs.clone(),
            sample: needs,
            doing: "reading processes",
        };
        session.each_report(
            |purpose| {
                let mut snapshot = reader.read(purpose)?;
                if purpose == Purpose::Report {
                    self.examine(&reader.collector, &mut snapshot, &selection, most)?;
                }
                Ok(snapshot)
            },
            |now, before| report(now, before, &selection),
            Samples::default(),
        )
    }
}

impl FdsArgs {
    fn check(&self, kernel: &Kernel) -> anyhow::Result<()> {
        self.owned_by.check(kernel)?;
        let there = kernel.process_ids()?;
        for pid in &self.pid {
            anyhow::ensure!(there.contains(pid), "--pid {pid}: no such process");
        }
        Ok(())
    }

    fn question(&self, kernel: &Kernel, timing: Timing) -> anyhow::Result<FdQuestion> {
        let netns = match self.report.place.netns.as_deref() {
            None | Some("all") => None,
            Some(name) => {
                let inode = kernel.namespace(name)?.id.inode;
                let needs = || format!("network namespace {name}: needs CAP_SYS_PTRACE (sudo)");
                Some(inode.with_context(needs)?)
            }
        };
        Ok(FdQuestion {
            pids: (!self.pid.is_empty()).then(|| self.pid.clone()),
            netns,
            began: timing != Timing::Once,
        })
    }

    fn examine(
        &self,
        collector: &Collector,
        snapshot: &mut Snapshot,
        selection: &Selection,
        most: usize,
    ) -> anyhow::Result<()> {
        let closely = Closely {
            types: self.types,
            limits: self.why,
        };
        if !closely.types && !closely.limits {
            return Ok(());
        }
        let pids = nearest_limit(snapshot, selection, most);
        let examined = collector.examine(snapshot, &pids, closely);
        examined.context("reading processes")
    }
}
