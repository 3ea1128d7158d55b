//! `sockdiag counters`.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use sockdiag::{
    analysis::counters::{
        CountersReport, NamespaceCounters, Reading, Samples, Selection, Unknown, groups, report,
    },
    model::CounterId,
    source::{Kernel, Namespace},
};

use super::{OutputArgs, PlaceArgs, Places, Session, TimeArgs, describe, options::Timing, usage};
use crate::render::View;

/// A sample is cheap: bursts last milliseconds.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag counters --why -w
  sockdiag counters ListenOverflows \"SYNs to LISTEN sockets dropped\"
  sockdiag counters syn_queue 'MPTcpExt*'

A counter is named as the kernel does (`ListenDrops`, `TcpExtListenDrops`), by the phrase that \
`netstat -s` prints (\"times the listen queue of a socket overflowed\"), by its group \
(`accept_queue`), or by any part of its name. Counters belong to the network namespace, unless \
their meaning says [whole host].")]
pub struct CountersArgs {
    /// Show these counters or groups (default: those that tell of trouble and are not 0)
    #[arg(value_name = "NAME|GROUP", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Other)]
    names: Vec<String>,
    /// Show every counter
    #[arg(short, long, conflicts_with = "names")]
    all: bool,
    /// Take the drops at listeners apart: accept queue full, SYN queue full, other
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
pub fn run(args: &CountersArgs) -> anyhow::Result<()> {
    if args.output.wants_columns() {
        return describe::columns::<CountersReport>();
    }
    let mut session = Session::new(
        &args.output,
        args.time.timing(SAMPLE_EVERY),
        View::default(),
    )?;
    let kernel = Kernel::with_proc_root(&args.place.proc_root);
    let places = Places::find(&args.place, &kernel)?;
    let selection = args.selection(&kernel, &places)?;
    let read = || read(&kernel, &places);
    match session.timing() {
        Timing::Sample { .. } => sample(&mut session, read, &selection, args.why),
        _ => session.each_reading(read, |now, before| {
            report(now, before, &selection, args.why)
        }),
    }
}

fn sample(
    session: &mut Session,
    read: impl Fn() -> anyhow::Result<Reading>,
    selection: &Selection,
    why: bool,
) -> anyhow::Result<()> {
    let Timing::Sample { total, every } = session.timing() else {
        return Ok(());
    };
    let look = session.look::<CountersReport>()?;
    let begun = Instant::now();
    let first = read()?;
    let mut samples = Samples::default();
    session.each_sample(total, every, |since| {
        samples.add(read()?, since);
        Ok(())
    })?;
    let elapsed = begun.elapsed();
    let last = read()?;
    let mut report = report(&last, Some((&first, elapsed)), selection, why);
    samples.fill(&mut report);
    session.write(report, Some(elapsed), &look, "")
}

fn read(kernel: &Kernel, places: &Places) -> anyhow::Result<Reading> {
    let mut incomplete = Vec::new();
    let ask = |namespace: &Namespace| of_namespace(kernel, namespace);
    let namespaces = places.ask(kernel, &mut incomplete, ask)?;
    Ok(Reading {
        namespaces,
        incomplete,
    })
}

/// Reads from inside the namespace or, where that is not allowed, through a process that is.
fn of_namespace(kernel: &Kernel, namespace: &Namespace) -> anyhow::Result<NamespaceCounters> {
    let inside = namespace
        .enter(|| Ok((kernel.counters()?, kernel.tcp_syncookies()?)))
        .and_then(|read| read);
    let (counters, tcp_syncookies) = match (inside, namespace.pid) {
        (Err(sockdiag::Error::Namespace { .. }), Some(pid)) => {
            let counters = kernel
                .through_process(pid)
                .counters()
                .context("reading counters")?;
            let still = kernel.is_still_in(pid, namespace);
            anyhow::ensure!(
                still,
                "process {pid} is no longer in the network namespace it was in"
            );
            (counters, None)
        }
        (read, _) => read.context("reading counters")?,
    };
    Ok(NamespaceCounters {
        netns: namespace.id.clone().into(),
        counters,
        tcp_syncookies,
    })
}

impl CountersArgs {
    fn selection(&self, kernel: &Kernel, places: &Places) -> anyhow::Result<Selection> {
        if self.all {
            return Ok(Selection::All);
        }
        if self.names.is_empty() {
            return Ok(Selection::Trouble);
        }
        let reading = read(kernel, places)?;
        let printed = reading.namespaces.iter().flat_map(|n| &n.counters.values);
        let printed: Vec<CounterId> = printed.map(|(id, _)| id.clone()).collect();
        Selection::named(&self.names, &printed).map_err(|unknown| no_such(&unknown, &printed))
    }
}

fn no_such(unknown: &Unknown, printed: &[CounterId]) -> anyhow::Error {
    let Unknown(word) = unknown;
    let near = |name: &String| strsim::jaro_winkler(&name.to_lowercase(), &word.to_lowercase());
    let candidates = unknown.candidates(printed);
    let nearest = candidates.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    let hint = match nearest {
        Some(name) if near(name) > 0.8 => format!("did you mean {name}?"),
        _ => format!(
            "--all shows every counter; groups are {}",
            groups().join(", ")
        ),
    };
    usage(format!("no counter or group {word:?}; {hint}"))
}
