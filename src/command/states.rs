//! `sockdiag states`.

use clap::Args;
use sockdiag::{
    analysis::{
        sockets::{By, Held, SocketReport},
        states::{Samples, StatesReport},
    },
    collect::Place,
    model::{Incomplete, Owners, SocketRow, StateSet},
};

use super::{
    Described, NameArgs, Outcome, Reading, ReportArgs, RowArgs, SCAN_EVERY, Session, Subcommand,
    connections::{
        ConnectionArgs, ConnectionSink, Connections, LISTENER, PEER, PROCESS, UNIT, Wanted,
    },
    options::{Choices, one_of},
};
use crate::render::View;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag states
  sockdiag states --by process --for 30s state close-wait
  sockdiag states --by peer state time-wait --top 10
  sockdiag states --by netns --netns all
  sockdiag states -o json | jq '.states.close_wait // 0'

Sockets are counted while they are read; memory does not grow with their number. Sockets in TIME_WAIT \
and SYN_RECV, connections that wait for accept() and connections that their process has closed have no \
process, unit or user: they are the group `(none known)`. With --by peer, listeners are `(no peer)`; \
with --by listener, outgoing connections are `(no listener)`.

Δ/MIN is the change of a group's size per minute: with --watch since the previous reading, with --for \
the slope of the line that fits all samples best. MIN and MAX tell a burst from steady growth. A FILTER \
chooses the state whose growth matters: `state close-wait` grows where a program forgets close(). \
--by process and --by unit search every descriptor.")]
pub struct StatesArgs {
    #[command(flatten)]
    connections: ConnectionArgs,
    /// Show one row per WHAT
    #[arg(long, value_name = "WHAT", default_value = "state", value_parser = one_of(BY))]
    by: By,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    report: ReportArgs,
}

const BY: Choices<By> = &[
    ("state", By::State, "State of the socket"),
    PROCESS,
    UNIT,
    LISTENER,
    PEER,
    ("user", By::User, "User who created the socket"),
    ("netns", By::Netns, "Network namespace"),
];

impl Subcommand for StatesArgs {
    const NAME: &'static str = "states";
    const ABOUT: &'static str =
        "Count TCP sockets by state, process, unit, listener, peer, user or network namespace";
    const REPORT: Option<Described> = Described::of::<StatesReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SCAN_EVERY, view)?;
        let wanted = Wanted {
            by: self.by,
            shows_owners: false,
            states: StateSet::ALL,
            info: false,
            memory: false,
            sysctls: &[],
        };
        let connections = Connections::new(self.connections, &self.report.place, &wanted)?;
        session.each_report_on(
            |_| {
                let mut report = StatesReport::new(self.by);
                connections.read(&mut report)?;
                report.finish();
                Ok(report)
            },
            |now: &StatesReport, earlier| match earlier {
                Some((before, elapsed)) => now.clone().since(before, elapsed),
                None => now.clone(),
            },
            Samples::default(),
            |samples, now, since| samples.add(&now, since),
            |samples, _, last| samples.fill(last),
        )
    }
}

impl Reading for StatesReport {}

impl ConnectionSink for StatesReport {
    fn enter(&mut self, place: Place) {
        StatesReport::enter(self, place.netns, place.listening);
    }

    fn add(&mut self, row: &SocketRow, held: &Held, _: &mut dyn FnMut() -> SocketReport) {
        StatesReport::add(self, row, held);
    }

    fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        StatesReport::note_owners(self, owners, searched, ownerless);
    }

    fn note(&mut self, missing: Vec<Incomplete>) {
        self.incomplete.extend(missing);
    }
}
