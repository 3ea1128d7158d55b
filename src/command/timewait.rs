//! `sockdiag timewait`.

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::timewait::{By, Samples, Selection, TimewaitReport, report},
    collect::{Needs, OwnerNeeds},
    model::filter::Subject,
};

use super::{
    Described, FamilyArgs, Outcome, OwnerArgs, Reader, ReportArgs, RowArgs, SCAN_EVERY, Session,
    SsArgs, Subcommand, ensure_read,
    options::{Choices, filter, one_of},
};
use crate::render::View;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag timewait :443 -w
  sockdiag timewait --by source --top 10
  sockdiag timewait --by listener

FILTER: a bare `:443` refers to the service, at either end; `sport` and `src` to this host, `dport` \
and `dst` to the peer; joined by `and`, `or`, `not` and parentheses. The ports of clients are not \
kept, so no condition on them holds. The heading counts all sockets.

The end that closes a connection first keeps it in TIME_WAIT for a minute. That is harmless unless \
the ports towards one destination run out (`sockdiag ports`) or there are more than \
net.ipv4.tcp_max_tw_buckets: then the kernel closes further connections without TIME_WAIT. In the \
heading, `buckets` are the sockets that this limit counts, `lost` the connections closed without \
one, and `draining` the sockets that expire per second over the next ten seconds. A TIME_WAIT \
socket has no owner: LIKELY OWNER is the owner of the listener, or of a live connection to the same \
destination.")]
pub struct TimewaitArgs {
    /// Show only groups of connections that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Show one row per WHAT
    #[arg(long, value_name = "WHAT", default_value = "service", value_parser = one_of(BY))]
    by: By,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    ss: SsArgs,
    #[command(flatten)]
    report: ReportArgs,
}

const BY: Choices<By> = &[
    (
        "service",
        By::Service,
        "Destination of outgoing connections, listener of incoming ones",
    ),
    (
        "destination",
        By::Destination,
        "Address of the peer, and its port if that is a service's",
    ),
    ("dport", By::Dport, "Port of the peer, if it is a service's"),
    ("source", By::Source, "Local address"),
    ("sport", By::Sport, "Local port, if it is a service's"),
    (
        "listener",
        By::Listener,
        "Listener that accepted the connections",
    ),
];

impl Subcommand for TimewaitArgs {
    const NAME: &'static str = "timewait";
    const ABOUT: &'static str =
        "Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is";
    const REPORT: Option<Described> = Described::of::<TimewaitReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let view = View {
            all: self.rows.all,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SCAN_EVERY, view)?;
        let selection = Selection {
            by: self.by,
            families: self.family.families(),
            filter: filter(Subject::Closed, &self.filter, &self.report.place)?,
        };
        let needs = Needs {
            owners: self.owners.needs(),
            ..Needs::timewait()
        };
        let samples = Needs {
            owners: OwnerNeeds::None,
            elsewhere: false,
            unthrottled: true,
            ..Needs::timewait()
        };
        let place = &self.report.place;
        let mut reader = Reader::within(place, needs, samples, "counting TIME_WAITs")?;
        session.each_report(
            |purpose| ensure_read(reader.read(purpose)?, |part| part.time_waits.is_some()),
            |now, before| report(now, before, selection.clone()),
            Samples::default(),
        )
    }
}
