//! `sockdiag counters`.

use std::time::Duration;

use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use sockdiag::{
    analysis::counters::{CountersReport, Samples, Selection, Unknown, groups, report},
    collect::Needs,
    model::{CounterId, Snapshot},
};

use super::{Described, Outcome, Purpose, Reader, ReportArgs, Session, Subcommand, usage};
use crate::render::View;

/// Bursts last milliseconds, and a sample is cheap.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag counters --why -w
  sockdiag counters ListenOverflows \"SYNs to LISTEN sockets dropped\"
  sockdiag counters syn_queue 'MPTcpExt*'

Name a counter as the kernel does (`ListenDrops`, `TcpExtListenDrops`), by the phrase that \
`netstat -s` prints (\"times the listen queue of a socket overflowed\"), by its group \
(`accept_queue`), by a pattern (`MPTcpExt*`), or by any part of its name. Counters are per network \
namespace, unless MEANING starts with [whole host].")]
pub struct CountersArgs {
    /// Show these counters or groups (default: problem counters that are not zero)
    #[arg(value_name = "NAME|GROUP", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Other)]
    names: Vec<String>,
    /// Show every counter
    #[arg(short, long, conflicts_with = "names")]
    all: bool,
    /// Break listener drops down by cause: accept queue full, SYN queue full, other
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    report: ReportArgs,
}

impl Subcommand for CountersArgs {
    const NAME: &'static str = "counters";
    const ABOUT: &'static str =
        "Show kernel counters that indicate network problems, their rates, and what each one means";
    const REPORT: Option<Described> = Described::of::<CountersReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let mut session = Session::new(&self.report, SAMPLE_EVERY, View::default())?;
        let (needs, place) = (Needs::counters(), &self.report.place);
        let mut reader = Reader::within(place, needs.clone(), needs, "reading counters")?;
        let selection = self.selection(|| reader.read(Purpose::Report))?;
        session.each_report_on(
            |purpose| reader.read(purpose),
            |now, before| report(now, before, &selection, self.why),
            Samples::default(),
            Samples::add,
            |samples, _, report| samples.fill(report),
        )
    }
}

impl CountersArgs {
    fn selection(
        &self,
        read: impl FnOnce() -> anyhow::Result<Snapshot>,
    ) -> anyhow::Result<Selection> {
        if self.all {
            return Ok(Selection::All);
        }
        if self.names.is_empty() {
            return Ok(Selection::Trouble);
        }
        let snapshot = read()?;
        let printed = snapshot.namespaces.iter().flat_map(|n| &n.counters.values);
        let printed: Vec<CounterId> = printed.map(|(id, _)| id.clone()).collect();
        Selection::named(&self.names, &printed).map_err(|unknown| no_such(&unknown, &printed))
    }
}

/// Usage error for a word that names no counter, with the nearest that does.
pub fn no_such(unknown: &Unknown, printed: &[CounterId]) -> anyhow::Error {
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
