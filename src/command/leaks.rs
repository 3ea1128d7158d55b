//! `sockdiag leaks`.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use sockdiag::{
    analysis::leaks::{LeakTally, LeaksReport, Orphans},
    collect::{Namespaces, OwnerNeeds, Place, SocketNeeds, SocketSink, read_sockets},
    model::{
        Filter, Incomplete, Owners, SocketProtocol, SocketRow, SocketState, State, StateSet,
        filter::Test,
    },
    source::{Kernel, OwnerSearch, Wanted, cpu_time},
};

use super::{
    Described, NameArgs, Outcome, OwnerArgs, PlaceArgs, RowArgs, Subcommand, duration,
    no_such_column,
    options::OutputArgs,
    session::{pause, this_host},
    with_way_in,
};
use crate::render::{Sink, View};

/// How long a connection may be idle without keepalive unless `--idle` says otherwise.
pub const IDLE: Duration = Duration::from_secs(600);
/// How long to search for owners, beyond the low descriptors of every process.
const BUDGET: Duration = Duration::from_millis(250);
/// The time is looked at once for so many sockets.
const CHECKED_EVERY: u64 = 256;
const MAX_ORPHANS: &str = "net.ipv4.tcp_max_orphans";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag leaks
  sockdiag leaks --for 30s
  sockdiag leaks --idle 1h -o json

Reads every TCP socket twice and compares the readings. One socket has one kind:

  unaccepted         waits for accept()
  close_wait         closed by the peer and not by the process; those with data that the process has \
not read have a row of their own
  dead_peer          retransmits with growing waits, and no answer comes
  stuck_write        the peer answers but takes no data
  stuck_read         data waits, and the process read none between the readings
  fin_wait           closed or shut down here and not by the peer
  orphan             closed here, the rest or the FIN not acknowledged
  idle_no_keepalive  no data for --idle, and no keepalive timer

OLDEST is how long the oldest socket has been so, at least. A retransmission or a probe of a closed \
window hides whether a socket has keepalive; such a socket is never idle_no_keepalive.")]
pub struct LeaksArgs {
    /// List connections without keepalive that carried no data for this long
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    idle: Duration,
    /// Time between the two readings
    #[arg(long = "for", value_name = "DURATION", default_value = "2s", value_parser = duration)]
    between: Duration,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Subcommand for LeaksArgs {
    const NAME: &'static str = "leaks";
    const ABOUT: &'static str =
        "Show connections that are left over: not closed, not read, without a peer, idle for ever";
    const REPORT: Option<Described> = Described::of::<LeaksReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let kernel = self.place.kernel()?;
        let namespaces = self.place.namespaces(&kernel)?;
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let settings = self.output.settings()?;
        let sink = Sink::of_reports(&settings, view, this_host()?);
        let mut sink = sink.map_err(no_such_column)?;
        let mut reading = Reading::new(self.idle);
        reading.read(&kernel, &namespaces)?;
        let between = Instant::now();
        pause(self.between)?;
        let elapsed = between.elapsed();
        let mut reading = reading.again(elapsed);
        reading.read(&kernel, &namespaces)?;
        let report = reading.report(&kernel, self.owners.needs())?;
        let written = sink.report(report, Some(elapsed), "");
        written.context("writing the report")?;
        Ok(Outcome::Answered)
    }
}

/// A reading of all TCP sockets that can be left over.
pub struct Reading {
    tally: LeakTally,
    missing: Vec<Incomplete>,
    /// The CPU time of this process at which the reading has to be over.
    limit: Option<Duration>,
    read: u64,
}

impl Reading {
    pub fn new(idle: Duration) -> Self {
        Reading {
            tally: LeakTally::new(idle),
            missing: Vec::new(),
            limit: None,
            read: 0,
        }
    }

    /// Ends the reading, without all sockets, when it takes more CPU time than this.
    pub fn within(self, budget: Duration) -> Self {
        Reading {
            limit: Some(cpu_time() + budget),
            ..self
        }
    }

    /// The reading to compare with this one, which begins so long after this one ended.
    pub fn again(self, elapsed: Duration) -> Self {
        Reading {
            tally: self.tally.again(elapsed),
            missing: Vec::new(),
            limit: None,
            read: 0,
        }
    }

    /// `false` where not all sockets were read.
    pub fn read(&mut self, kernel: &Kernel, namespaces: &Namespaces) -> anyhow::Result<bool> {
        let connections = [
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::CloseWait,
            State::LastAck,
            State::Closing,
        ];
        let connections = StateSet::of(&connections.map(SocketState::Connection));
        let needs = SocketNeeds {
            protocols: vec![SocketProtocol::Tcp],
            filter: Filter::Test(Test::State(StateSet::LISTEN.and(connections))),
            info: true,
            ..SocketNeeds::default()
        };
        let missing = read_sockets(kernel, namespaces, &needs, self);
        self.missing = missing.map_err(|error| with_way_in(anyhow::Error::from(error)))?;
        Ok(!self.is_over())
    }

    /// What this reading shows beside the one before.
    pub fn report(self, kernel: &Kernel, owners: OwnerNeeds) -> anyhow::Result<LeaksReport> {
        let inodes: HashSet<u32> = self.tally.inodes().collect();
        let search = search(owners).filter(|_| !inodes.is_empty());
        let owners = search.map(|search| find(kernel, inodes, search));
        let counts = kernel.socket_counts().context("counting sockets")?;
        let orphans = counts.value("sockstat.TCP", "orphan");
        let limit = kernel.sysctls([MAX_ORPHANS]);
        let limit = limit.get(MAX_ORPHANS).and_then(|limit| limit.value());
        let orphans = Orphans {
            count: orphans.and_then(|count| count.try_into().ok()),
            limit: limit.and_then(|limit| limit.parse().ok()),
        };
        let mut report = self.tally.report(owners.as_ref(), orphans);
        report.incomplete.extend(self.missing);
        Ok(report)
    }
}

impl SocketSink for Reading {
    fn enter(&mut self, place: Place) {
        let Place {
            netns,
            interfaces,
            ephemeral,
            ..
        } = place;
        self.tally.enter(netns, interfaces, ephemeral);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.read += 1;
        if self.read.is_multiple_of(CHECKED_EVERY) && self.is_over() {
            return ControlFlow::Break(());
        }
        self.tally.add(&socket);
        ControlFlow::Continue(())
    }

    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| cpu_time() > limit)
    }
}

fn search(needs: OwnerNeeds) -> Option<OwnerSearch> {
    match needs {
        OwnerNeeds::None => None,
        OwnerNeeds::Auto => Some(OwnerSearch::Within(BUDGET)),
        OwnerNeeds::All => Some(OwnerSearch::All),
    }
}

fn find(kernel: &Kernel, inodes: HashSet<u32>, search: OwnerSearch) -> Owners {
    let wanted = Wanted {
        inodes,
        cgroups: HashSet::new(),
    };
    kernel.owners(&wanted, search)
}
