//! `sockdiag fds`.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::{
        fds::{FdsReport, Reading, Samples, Selection, report, worst_first},
        unit_of,
    },
    model::Incomplete,
    source::{FdQuestion, Found, Kernel, LimitFiles, may_read_all},
};

use super::{
    OutputArgs, PlaceArgs, Purpose, Session, TimeArgs, describe, options::Timing, queues::user_id,
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
    let kernel = Kernel::with_proc_root(&args.place.proc_root);
    args.check(&kernel)?;
    let reader = Reader {
        kernel: &kernel,
        question: args.question(&kernel, session.timing())?,
        selection: args.selection()?,
        types: args.types,
        why: args.why,
        closer: args.closer()?,
    };
    session.each_report(
        |purpose| match purpose {
            Purpose::Report => reader.read(),
            Purpose::Sample => reader.count(),
        },
        report,
        Samples::default(),
    )
}

/// Makes readings.
struct Reader<'a> {
    kernel: &'a Kernel,
    question: FdQuestion,
    selection: Selection,
    types: bool,
    why: bool,
    /// Only so many of the worst are looked at closer, as no others are shown.
    closer: usize,
}

impl Reader<'_> {
    /// Counts, and looks closer where that was asked for.
    fn read(&self) -> anyhow::Result<Reading> {
        let mut reading = self.count()?;
        worst_first(&mut reading.processes, reading.system.nr_open);
        if self.types {
            self.look_at_types(&mut reading)?;
        }
        if self.why {
            self.look_for_limits(&mut reading)?;
        }
        Ok(reading)
    }

    fn look_at_types(&self, reading: &mut Reading) -> anyhow::Result<()> {
        let closer = reading.processes.len().min(self.closer);
        let refused = self.kernel.look_at_types(&mut reading.processes[..closer]);
        let refused = refused.context("looking at descriptors")?;
        if refused > 0 {
            let why = match may_read_all() {
                true => "a security policy or another user namespace forbids looking at these",
                false => "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (sudo)",
            };
            let missing = Incomplete::counted("types", why, refused);
            reading.incomplete.push(missing);
        }
        Ok(())
    }

    fn look_for_limits(&self, reading: &mut Reading) -> anyhow::Result<()> {
        let mut relatives = self.kernel.relatives().context("reading processes")?;
        let mut files = LimitFiles::of(self.kernel);
        let mut unreadable = 0;
        for process in reading.processes.iter().take(self.closer) {
            let mut chain = relatives.of(process.pid);
            for relative in &mut chain {
                let cgroup = relative.cgroup.as_deref();
                let unit = cgroup.and_then(unit_of);
                relative.configured = files.configured(unit.as_deref(), cgroup, relative.uid);
            }
            unreadable += u64::from(chain.iter().any(|relative| relative.configured.unreadable));
            reading.ancestors.insert(process.pid, chain);
        }
        if unreadable > 0 {
            let why = "files that may set the limits of these processes could not be read (sudo)";
            let missing = Incomplete::counted("why", why, unreadable);
            reading.incomplete.push(missing);
        }
        Ok(())
    }

    /// Counts.
    fn count(&self) -> anyhow::Result<Reading> {
        let system = self.kernel.system_descriptors();
        let mut incomplete = Vec::new();
        let system = system.unwrap_or_else(|error| {
            incomplete.push(Incomplete::new("system", error.to_string()));
            Default::default()
        });
        let found = self.kernel.descriptors(&self.question);
        let found = found.context("reading processes")?;
        incomplete.extend(unseen(&found));
        let mut processes = found.processes;
        let there = processes.len();
        processes.retain(|process| self.selection.shows(process));
        Ok(Reading {
            system,
            processes,
            there,
            incomplete,
            ..Reading::default()
        })
    }
}

fn unseen(found: &Found) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    if found.hidden {
        let why = "/proc is mounted with hidepid, which hides other users' processes (sudo)";
        missing.push(Incomplete::new("processes", why));
    }
    if found.refused > 0 {
        let why = "/proc does not let this user read them (sudo)";
        missing.push(Incomplete::counted("processes", why, found.refused));
    }
    if found.unseen > 0 {
        let why = "the namespaces of these processes may not be seen (needs CAP_SYS_PTRACE, sudo)";
        missing.push(Incomplete::counted("netns", why, found.unseen));
    }
    missing
}

impl FdsArgs {
    /// What was named must be there when the program starts.
    fn check(&self, kernel: &Kernel) -> anyhow::Result<()> {
        if let Some(process) = &self.process {
            let there = kernel.has_process(process);
            anyhow::ensure!(there, "--process {process}: no such process");
        }
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

    /// How many of the worst are shown, where it is they that are.
    fn closer(&self) -> anyhow::Result<usize> {
        let settings = self.output.settings()?;
        let all = settings.sort.is_some();
        Ok(settings.top.filter(|_| !all).unwrap_or(usize::MAX))
    }
}
