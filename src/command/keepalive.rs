//! `sockdiag keepalive`.

use std::{collections::BTreeMap, io};

use clap::Args;
use rustix::io::Errno;
use sockdiag::{
    analysis::{
        keepalive::{KeepaliveReport, SETTINGS, Samples},
        sockets::{By, Held, SocketReport},
    },
    collect::Place,
    model::{Incomplete, KeepaliveOptions, Owner, Owners, SocketRow, SocketState, State, StateSet},
    source::keepalive_options,
};

use super::{
    Described, NameArgs, Outcome, Reading, ReportArgs, RowArgs, SCAN_EVERY, Session, Subcommand,
    connections::{
        ConnectionArgs, ConnectionSink, Connections, PEER, PROCESS, SOCKET, UNIT, Wanted,
    },
    options::{Choices, Timing, one_of},
    usage,
};
use crate::render::View;

/// States in which a peer may vanish without a word.
const STATES: StateSet = StateSet::of(&[
    SocketState::Connection(State::Established),
    SocketState::Connection(State::CloseWait),
]);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag keepalive
  sockdiag keepalive --by peer dport = :5432
  sockdiag keepalive --by socket --where 'idle>10m'
  sudo sockdiag keepalive --by socket --options --unit api

Connections in ESTABLISHED and CLOSE_WAIT are counted.

Without keepalive, an idle connection whose peer lost power or whose path was cut is never noticed. \
With it, the connection is dropped after idle + interval × probes seconds. ON counts connections \
whose keepalive timer runs, OFF those without any timer, HIDDEN those where a retransmission or a \
probe of a closed window hides its timer: the kernel reports one timer per socket.

The times of a socket (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT) are in no netlink attribute. \
DETECTED IN is therefore inferred from net.ipv4.tcp_keepalive_*, marked with `~`, where the timer \
agrees with these settings, and missing elsewhere. --options reads them, and TCP_USER_TIMEOUT, from \
a duplicate of each descriptor (pidfd_getfd, Linux 5.6): the duplicate keeps the connection open for \
that moment if its owner closes it, and needs the right to trace the owner.

With --for, OFF MIN, MEAN, P95 and MAX are of connections without keepalive.

OFF says nothing of the peer's keepalive, nor of pings that the program sends. Firewalls and NATs \
forget idle connections: conntrack of this host after nf_conntrack_tcp_timeout_established, which \
the heading shows; other devices commonly after 5 minutes to an hour, which this host cannot see.")]
pub struct KeepaliveArgs {
    #[command(flatten)]
    connections: ConnectionArgs,
    /// Show one row per WHAT
    #[arg(long, value_name = "WHAT", default_value = "process", value_parser = one_of(BY))]
    by: By,
    /// Read the options of each socket from a duplicate of its descriptor
    #[arg(long)]
    options: bool,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    report: ReportArgs,
}

const BY: Choices<By> = &[PROCESS, UNIT, PEER, SOCKET];

impl Subcommand for KeepaliveArgs {
    const NAME: &'static str = "keepalive";
    const ABOUT: &'static str =
        "Show which connections have TCP keepalive, and how long a dead peer goes unnoticed";
    const REPORT: Option<Described> = Described::of::<KeepaliveReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SCAN_EVERY, view)?;
        if self.by == By::Socket && matches!(session.timing(), Timing::Sample { .. }) {
            return Err(usage(
                "--for samples groups of connections: use --by process, unit or peer",
            ));
        }
        let wanted = Wanted {
            by: self.by,
            shows_owners: self.options,
            states: STATES,
            info: true,
            memory: false,
            sysctls: &SETTINGS,
        };
        let connections = Connections::new(self.connections, &self.report.place, &wanted)?;
        session.each_report(
            |_| {
                let mut reading = Keepalive {
                    report: KeepaliveReport::new(self.by),
                    options: self.options,
                    unread: BTreeMap::new(),
                };
                connections.read(&mut reading)?;
                Ok(reading.finish())
            },
            |now: &KeepaliveReport, _| now.clone(),
            Samples::default(),
        )
    }
}

impl Reading for KeepaliveReport {}

struct Keepalive {
    report: KeepaliveReport,
    /// `--options`
    options: bool,
    /// Why options could not be read, and how often.
    unread: BTreeMap<String, u64>,
}

impl ConnectionSink for Keepalive {
    fn enter(&mut self, place: Place) {
        self.report
            .enter(place.netns, place.interfaces, &place.sysctls);
    }

    fn add(&mut self, row: &SocketRow, held: &Held, describe: &mut dyn FnMut() -> SocketReport) {
        let options = match self.options {
            true => self.options_of(held.owners, row),
            false => None,
        };
        self.report.add(row, held, options, describe);
    }

    fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        self.report.note_owners(owners, searched, ownerless);
    }

    fn note(&mut self, missing: Vec<Incomplete>) {
        self.report.incomplete.extend(missing);
    }
}

impl Keepalive {
    fn options_of(&mut self, owners: &[Owner], row: &SocketRow) -> Option<KeepaliveOptions> {
        let mut reason = "the process that has it open is not known".to_owned();
        for owner in owners {
            reason = match keepalive_options(owner, row) {
                Ok(Some(options)) => return Some(options),
                Ok(None) => "the descriptor was closed meanwhile".to_owned(),
                Err(error) => why(&error),
            };
        }
        *self.unread.entry(reason).or_default() += 1;
        None
    }

    fn finish(mut self) -> KeepaliveReport {
        let unread = self.unread.into_iter();
        let missing = unread.map(|(why, count)| Incomplete::counted("options", why, count));
        self.report.incomplete.extend(missing);
        self.report.finish();
        self.report
    }
}

fn why(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::PERM | Errno::ACCESS) => {
            "needs CAP_SYS_PTRACE (sudo) to duplicate descriptors of other processes".to_owned()
        }
        Some(Errno::NOSYS) => "this kernel has no pidfd_getfd (before 5.6)".to_owned(),
        Some(Errno::OPNOTSUPP) => {
            "this kernel does not report the keepalive times of MPTCP sockets".to_owned()
        }
        _ => format!("a descriptor could not be duplicated: {error}"),
    }
}
