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
    OutputArgs, PlaceArgs, Purpose, Session, TimeArgs, collect, describe, ensure_process,
    options::Timing, queues::user_id,
};
use crate::render::View;

/// A thousand processes take some milliseconds.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag fds --top 10
  sockdiag fds -w --process api
  sockdiag fds --pid 4121 --types --why

STATE is full (open() fails with EMFILE), near (80 % of the limit or more) or ok. SOFT is the limit \
in force, HARD how far the process may raise it by itself; fs.nr_open bounds both. Growth (Δ/min) \
and the time until the limit is reached (FULL IN) need two readings: --watch. Every process that \
/proc shows is listed, whatever network namespace it is in, unless --netns names one; kernel \
threads have no descriptors and are left out.")]
pub struct FdsArgs {
    /// Show only processes of this name or id
    #[arg(long, value_name = "NAME|PID", value_hint = ValueHint::Other)]
    process: Option<String>,
    /// Show only this process (may be repeated)
    #[arg(long, value_name = "PID", value_delimiter = ',', value_hint = ValueHint::Other)]
    pid: Vec<u32>,
    /// Show only processes of this systemd unit, container or pod
    #[arg(long, value_name = "UNIT", value_hint = ValueHint::Other)]
    unit: Option<String>,
    /// Show only processes that run as this user
    #[arg(long, value_name = "NAME|UID", value_hint = ValueHint::Username)]
    user: Option<String>,
    /// Tell what the descriptors are: sockets by protocol, files, pipes, epoll, others
    #[arg(long)]
    types: bool,
    /// Tell where the limits come from, and which line to change
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the subcommand.
pub fn run(args: &FdsArgs) -> anyhow::Result<()> {
    if args.output.wants_columns() {
        return describe::columns::<FdsReport>();
    }
    let mut session = Session::new(
        &args.output,
        args.time.timing(SAMPLE_EVERY),
        View::default(),
    )?;
    let kernel = args.place.kernel();
    args.check(&kernel)?;
    let needs = Needs {
        processes: Some(args.question(&kernel, session.timing())?),
        ..Needs::default()
    };
    let selection = args.selection()?;
    let most = args.most_examined()?;
    let mut collector = Collector::new(kernel, needs);
    session.each_report(
        |purpose| {
            let mut snapshot = collect(&mut collector, "reading processes")?;
            if purpose == Purpose::Report {
                args.examine(&collector, &mut snapshot, &selection, most)?;
            }
            Ok(snapshot)
        },
        |now, before| report(now, before, &selection),
        Samples::default(),
    )
}

impl FdsArgs {
    /// What was named must be there when the program starts.
    fn check(&self, kernel: &Kernel) -> anyhow::Result<()> {
        ensure_process(kernel, self.process.as_ref())?;
        let there = kernel.process_ids();
        for pid in &self.pid {
            anyhow::ensure!(there.contains(pid), "--pid {pid}: no such process");
        }
        Ok(())
    }

    fn question(&self, kernel: &Kernel, timing: Timing) -> anyhow::Result<FdQuestion> {
        let netns = match self.place.netns.as_deref() {
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

    fn selection(&self) -> anyhow::Result<Selection> {
        Ok(Selection {
            process: self.process.clone(),
            unit: self.unit.clone(),
            uid: self.user.as_deref().map(user_id).transpose()?,
        })
    }

    /// Reads more of the processes that are shown.
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

    /// How many of the worst are examined: as many as are shown, where the worst are shown.
    fn most_examined(&self) -> anyhow::Result<usize> {
        let settings = self.output.settings()?;
        let sorted = settings.sort.is_some();
        Ok(settings.top.filter(|_| !sorted).unwrap_or(usize::MAX))
    }
}
