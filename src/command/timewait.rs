//! `sockdiag timewait`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sockdiag::{
    analysis::timewait::{By, Samples, Selection, TimewaitReport, report},
    collect::{Collector, Needs, OwnerNeeds},
};

use super::{
    Described, FamilyArgs, Outcome, OutputArgs, OwnerArgs, PlaceArgs, Purpose, Session, Subcommand,
    TimeArgs, collect_only, ensure_read,
};
use crate::render::View;

/// A sample walks all sockets of the host.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag timewait -w
  sockdiag timewait --by source --top 10
  sockdiag timewait --by listener

The end that closes a connection first keeps it in TIME_WAIT for a minute. That is harmless unless \
the ports towards one destination run out (`sockdiag ports`) or there are more than \
net.ipv4.tcp_max_tw_buckets: then the kernel drops the TIME_WAIT state at once. `buckets` are what \
that limit counts, `lost` the connections for which there was none, `draining` how many expire per \
second over the next ten seconds. A TIME_WAIT socket has no owner: LIKELY OWNER is the owner of the \
listener, or of a live connection to the same destination.")]
pub struct TimewaitArgs {
    /// One row for each
    #[arg(long, value_enum, value_name = "WHAT", default_value = "service")]
    by: ByArg,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// `--by`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByArg {
    /// The service: the destination of a client, the listener of a server
    Service,
    /// The peer's address, and its port where that is a service's
    Destination,
    /// The peer's port, where it is a service's
    Dport,
    /// The local address
    Source,
    /// The local port, where it is a service's
    Sport,
    /// The listener that the connections came in at
    Listener,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Service => By::Service,
            ByArg::Destination => By::Destination,
            ByArg::Dport => By::Dport,
            ByArg::Source => By::Source,
            ByArg::Sport => By::Sport,
            ByArg::Listener => By::Listener,
        }
    }
}

impl Subcommand for TimewaitArgs {
    const NAME: &'static str = "timewait";
    const ABOUT: &'static str =
        "Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is";
    const REPORT: Option<Described> = Described::of::<TimewaitReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let timing = self.time.timing(SAMPLE_EVERY);
        let mut session = Session::new(&self.output, timing, View::default())?;
        let kernel = self.place.kernel();
        let namespaces = self.place.namespaces(&kernel)?;
        let selection = Selection {
            by: self.by.into(),
            families: self.family.families(),
        };
        let needs = Needs {
            owners: self.owners.needs(),
            ..Needs::timewait()
        };
        let samples = Needs {
            owners: OwnerNeeds::None,
            unthrottled: true,
            ..Needs::timewait()
        };
        let mut collector = Collector::new(kernel, needs.clone()).within(namespaces);
        let needs = |purpose| match purpose {
            Purpose::Report => &needs,
            Purpose::Sample => &samples,
        };
        session.each_report(
            |purpose| {
                let doing = "counting TIME_WAITs";
                let snapshot = collect_only(&mut collector, needs(purpose), doing)?;
                ensure_read(snapshot, |namespace| namespace.time_waits.is_some())
            },
            |now, before| report(now, before, selection),
            Samples::default(),
        )?;
        Ok(Outcome::Answered)
    }
}
