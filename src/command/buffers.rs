//! `sockdiag buffers`.

use anyhow::Context;
use clap::Args;
use sockdiag::{
    analysis::{
        buffers::{BuffersReport, Limits, SETTINGS, Samples},
        sockets::{By, Held, SocketReport},
    },
    collect::Place,
    model::{Incomplete, Owners, SocketRow, SocketState, State, StateSet},
    source::page_bytes,
};

use super::{
    Described, NameArgs, Outcome, Reading, ReportArgs, RowArgs, SCAN_EVERY, Session, Subcommand,
    connections::{
        ConnectionArgs, ConnectionSink, Connections, LISTENER, PEER, PROCESS, SOCKET, UNIT, Wanted,
    },
    options::{Choices, one_of},
};
use crate::render::View;

/// Connections that have buffers: neither request nor timewait sockets.
const STATES: StateSet = StateSet::HOLDERS
    .without(StateSet::SYN_RECV)
    .without(StateSet::of(&[
        SocketState::Connection(State::TimeWait),
        SocketState::Bound,
    ]));

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag buffers
  sockdiag buffers --by peer --for 1m
  sockdiag buffers --by listener sport = :443
  sockdiag buffers --by socket --sort send

RECEIVED is memory of data that the program has not read, UNSENT memory of data that is queued to \
send or not acknowledged, RESERVED what the kernel set aside for more. RCVBUF and SNDBUF are the \
buffers' sizes, as SO_RCVBUF and SO_SNDBUF read them: setsockopt() doubles what the program asked \
for, at most net.core.rmem_max and wmem_max, as half is counted for headers.

The kernel sizes the buffers of a connection by itself, from the second to the third value of \
net.ipv4.tcp_rmem and tcp_wmem, unless the program set SO_RCVBUF or SO_SNDBUF: that fixes the size. \
Whether it did cannot be seen.

BY PEER and BY SNDBUF are the shares of the time with data to send in which the window that the \
peer announced, or the send buffer, stopped it, since the connection was made. Only these say that \
a buffer limited a connection. A closed window is a peer that does not read, or one with a small \
buffer. BDP is the largest delivery rate × shortest round-trip time seen: where a buffer is the \
limit, the path may carry more.

Rows are in the order of received, unsent and reserved memory together (MEMORY). With --for, MIN, \
MEAN, P95 and MAX are of this sum.")]
pub struct BuffersArgs {
    #[command(flatten)]
    connections: ConnectionArgs,
    /// Show one row per WHAT
    #[arg(long, value_name = "WHAT", default_value = "process", value_parser = one_of(BY))]
    by: By,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    report: ReportArgs,
}

const BY: Choices<By> = &[PROCESS, UNIT, PEER, LISTENER, SOCKET];

impl Subcommand for BuffersArgs {
    const NAME: &'static str = "buffers";
    const ABOUT: &'static str =
        "Show the memory of TCP connections, and whether buffers limit them";
    const REPORT: Option<Described> = Described::of::<BuffersReport>();

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
            states: STATES,
            info: true,
            memory: true,
            sysctls: &SETTINGS,
        };
        let connections = Connections::new(self.connections, &self.report.place, &wanted)?;
        session.each_report(
            |_| {
                let host = connections.kernel().host_network();
                let host = host.context("reading the memory of TCP")?;
                let limits = Limits::new(&host.tcp_memory, page_bytes());
                let mut report = BuffersReport::new(self.by, limits);
                connections.read(&mut report)?;
                report.finish();
                Ok(report)
            },
            |now: &BuffersReport, _| now.clone(),
            Samples::default(),
        )
    }
}

impl Reading for BuffersReport {}

impl ConnectionSink for BuffersReport {
    fn enter(&mut self, place: Place) {
        let Place {
            netns,
            interfaces,
            listening,
            sysctls,
            ..
        } = place;
        BuffersReport::enter(self, netns, interfaces, listening, &sysctls);
    }

    fn add(&mut self, row: &SocketRow, held: &Held, _: &mut dyn FnMut() -> SocketReport) {
        BuffersReport::add(self, row, held);
    }

    fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        BuffersReport::note_owners(self, owners, searched, ownerless);
    }

    fn note(&mut self, missing: Vec<Incomplete>) {
        self.incomplete.extend(missing);
    }
}
