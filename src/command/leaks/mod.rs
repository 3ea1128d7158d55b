//! `sockdiag leaks`.

mod chosen;
mod reading;

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::leaks::LeaksReport,
    collect::Namespaces,
    model::{Incomplete, filter::Subject},
    source::Kernel,
};

use super::{
    Described, FamilyArgs, NameArgs, Outcome, OwnedByArgs, OwnerArgs, PlaceArgs, RowArgs, SsArgs,
    Subcommand, duration, no_such_column,
    options::{OutputArgs, filter},
    session::{pause, this_host},
    usage,
};
use crate::render::{Sink, View};
use chosen::Chosen;
pub use reading::{LeakReading, Question};

/// How long a connection may be idle without keepalive unless `--idle` says otherwise.
pub const IDLE: Duration = Duration::from_secs(600);
/// In less time even a process at work may read nothing.
const LEAST_BETWEEN: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag leaks
  sockdiag leaks --process api --for 30s
  sockdiag leaks dport = :5432
  sockdiag leaks --idle 1h -o json

Reads TCP sockets twice and compares the readings. One socket has one kind:

  unaccepted         waits for accept()
  close_wait         closed by the peer and not by the process; those with data that the process has \
not read have a row of their own
  dead_peer          retransmits or sends keepalive probes, and no answer comes
  stuck_write        the peer answers but takes no data
  stuck_read         data waits, and the process read none between the readings
  fin_wait           closed or shut down here; the peer has not closed, or has not acknowledged
  orphan             closed here, the rest or the FIN not acknowledged
  idle_no_keepalive  no data for --idle, and no keepalive timer

OLDEST is how long the oldest socket has been in this condition, at least. Δ/MIN is the change \
between the two readings, per minute: one more socket within 2 s makes 30, so a longer --for tells \
more. It is unknown for stuck_write and stuck_read, which only the comparison shows. A retransmission or a probe of a closed \
window hides whether a socket has keepalive; such a socket is never idle_no_keepalive. A process that \
reads or takes data less often than the time between the readings is not told from one that is stuck: \
a longer --for does.

FILTER is that of `sockdiag sockets`; a bare `:8080` is the local port. With --process and --unit, \
sockets that no process holds are left out: every orphan, and fin_wait after close().")]
pub struct LeaksArgs {
    /// Show only sockets that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// List connections without keepalive that carried no data for this long
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    idle: Duration,
    /// Time between the two readings
    #[arg(long = "for", value_name = "DURATION", default_value = "2s", value_parser = between)]
    between: Duration,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owned_by: OwnedByArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    ss: SsArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

fn between(text: &str) -> Result<Duration, String> {
    let between = duration(text)?;
    match between >= LEAST_BETWEEN {
        true => Ok(between),
        false => Err("must be 100ms or more, so that processes have time to read".to_owned()),
    }
}

impl Subcommand for LeaksArgs {
    const NAME: &'static str = "leaks";
    const ABOUT: &'static str =
        "Show connections that are left over: not closed, not read, without a peer, idle for ever";
    const REPORT: Option<Described> = Described::of::<LeaksReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let kernel = self.place.kernel()?;
        self.owned_by.check(&kernel)?;
        let namespaces = self.place.namespaces(&kernel)?;
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let settings = self.output.settings()?;
        let sink = Sink::of_reports(&settings, view, this_host()?);
        let mut sink = sink.map_err(no_such_column)?;
        let mut reading = LeakReading::new(self.question()?, self.idle);
        self.read(&mut reading, &kernel, &namespaces)?;
        pause(self.between)?;
        let (mut reading, elapsed) = reading.again();
        self.read(&mut reading, &kernel, &namespaces)?;
        let mut report = reading.report(&kernel, self.owners.needs())?;
        report.incomplete.extend(without_limit(&report));
        let written = sink.report(report, Some(elapsed), "");
        written.context("writing the report")?;
        Ok(Outcome::Answered)
    }
}

fn without_limit(report: &LeaksReport) -> Option<Incomplete> {
    let has_orphans = report.orphans.is_some_and(|orphans| orphans > 0);
    let why = "net.ipv4.tcp_max_orphans, their limit, is not visible in this network namespace";
    (has_orphans && report.max_orphans.is_none()).then(|| Incomplete::new("orphans", why))
}

impl LeaksArgs {
    fn question(&self) -> anyhow::Result<Question> {
        let filter = filter(Subject::Socket, &self.filter, &self.place)?;
        if filter.has_path() {
            return Err(usage(
                "a path is of unix sockets, and leaks shows TCP sockets",
            ));
        }
        Ok(Question {
            families: self.family.families(),
            filter,
            uid: self.owned_by.uid()?,
            ..Question::all()
        })
    }

    /// A socket that is opened after the descriptors were read is too young to be left over.
    fn read(
        &self,
        reading: &mut LeakReading,
        kernel: &Kernel,
        namespaces: &Namespaces,
    ) -> anyhow::Result<()> {
        reading.only(Chosen::read(&self.owned_by, kernel)?);
        reading.read(kernel, namespaces)
    }
}
