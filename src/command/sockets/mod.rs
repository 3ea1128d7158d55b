//! `sockdiag sockets`.

mod owners;
mod pairs;
mod protocols;
mod query;
mod row;
mod stream;

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{analysis::sockets::SocketsReport, model::Filter};

pub use owners::Inodes;
use protocols::ProtocolArgs;
use query::Query;
use stream::Output;

use super::{
    Described, FamilyArgs, Outcome, OwnerArgs, PlaceArgs, Reading, RowArgs, Session, Subcommand,
    no_such_column,
    options::{NameArgs, OutputArgs, OwnedByArgs, WatchArgs, measures},
    session::repeat,
    this_host,
};
use crate::render::{Moment, Sink, View};

/// Up to this many sockets are kept, to search for their owners or to make a table.
const KEPT: usize = 10_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag sockets state established and dport = :5432
  sockdiag sockets tcp --info --where 'rtt>50ms or retrans>0'
  sockdiag sockets --unit api -o csv
  sockdiag sockets udp --mem --where 'drops>0' -w
  sockdiag sockets --pairs :5432
  sockdiag sockets unix '/run/*' state connected

FILTER is the language of ss: `state`, `exclude`, `sport`, `dport`, `src`, `dst`, `dev`, `fwmark`, \
`cgroup`, `autobound`, `@FILE`, joined by `and`, `or`, `not` and parentheses; a bare `:8080` is the \
local port. `and` binds closer than `or`. The kernel evaluates it, so that only sockets that match are \
read. A path (`/run/*`, `src @name`) matches unix sockets.

Words before it choose protocols: `tcp`, `udp`, `raw`, `unix`, `packet`, `netlink`, `vsock`, or `all`. \
Without one, TCP and UDP sockets are shown; `ss -a` shows all protocols, as `sockdiag sockets all` does. \
Sockets in every state are shown, as by ss -a, and TCP sockets that are only bound, which ss leaves out. \
--user leaves out TIME_WAIT and SYN_RECV, of which the kernel keeps no user.

Flags are those of ss, except that -o is --output (--timers shows timers), -w is --watch (`raw` shows \
raw sockets), and words before FILTER replace -f and -A.

--where compares numbers: `fill` of an accept queue or receive buffer (80%), `drops`, `recvq` and \
`sendq` (bytes, 64K), `idle` since data was last sent or received (10m), `rtt` (50ms), `retrans`, and \
`age` of TIME_WAITs and of connections that wait for accept(). It does not hold where a number is \
unknown. Of a unix socket, `sendq` is memory, overhead included, and `recvq` of a datagram socket is \
the next message alone.

--pairs joins the sockets of a connection whose ends are both here: the same addresses and ports the \
other way round in one namespace or, with --netns all, in two, and unix sockets that are each other's \
peer. A pair is shown when one end matches. LOCAL is the end with the higher port, which is mostly the \
client's, or of a unix pair the end without a path. A socket that is connected to itself is marked. Columns of --info, --mem, \
--timers and --command are the first end's; JSON has both.

Not joined are connections whose addresses are translated (DNAT, REDIRECT), UDP sockets of which only one \
is connected, sockets to which several others fit, sockets of a transparent proxy (IP_TRANSPARENT), which \
have the addresses of other hosts, and those in two namespaces that counted different bytes: networks of \
namespaces may have the same addresses. Sockets are read two or three times, and those of local \
connections kept: some 1 KB for each, 8 bytes for any other.

Rows are written while they are read, and memory does not grow with their number, except for --sort, \
--pairs and the table, which has at most 10,000 rows. By default, owners are looked up where at most \
10,000 sockets match.")]
pub struct SocketsArgs {
    /// Show only sockets that match, and of these protocols
    #[arg(value_name = "[PROTOCOL] FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Show only sockets whose numbers match: `fill>80%`, `idle>10m`, `rtt>50ms and retrans>0`
    #[arg(long = "where", value_name = "CONDITION", value_parser = measures, value_hint = ValueHint::Other)]
    condition: Option<Filter>,
    /// Show what TCP knows of each connection: round-trip time, retransmissions, bytes
    #[arg(short, long)]
    info: bool,
    /// Show the memory of each socket, and what it dropped
    #[arg(short, long = "mem")]
    memory: bool,
    /// Show the timer of each socket: kind, time left, retransmissions or probes
    #[arg(long)]
    timers: bool,
    /// Show the command lines of owners
    #[arg(long, conflicts_with = "no_owners")]
    command: bool,
    /// Show only sockets that a read or accept() would not wait for: with unread data, a peer that
    /// has closed, or a connection that waits
    #[arg(long)]
    readable: bool,
    /// Show connections both of whose ends are here, one row each
    #[arg(long, conflicts_with = "listening")]
    pairs: bool,
    #[command(flatten)]
    protocols: ProtocolArgs,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owned_by: OwnedByArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Subcommand for SocketsArgs {
    const NAME: &'static str = "sockets";
    const ABOUT: &'static str = "Show sockets, as ss does, with their owners";
    const REPORT: Option<Described> = Described::of::<SocketsReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let query = Query::new(&self)?;
        let settings = self.output.settings()?;
        let timing = self.watch.timing();
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            timers: self.timers,
            pairs: self.pairs,
            ..query.view()
        };
        if self.output.is_table() || settings.sort.is_some() {
            let most = match settings.sort {
                None => KEPT,
                Some(_) => usize::MAX,
            };
            let mut session = Session::with(&self.output, timing, view)?;
            return session.each_reading(|| query.read(Output::Kept(most)));
        }
        timing.check(&settings)?;
        let sink = Sink::of_rows(&settings, view, this_host()?, "sockets");
        let mut sink = sink.map_err(no_such_column)?;
        repeat(timing, |elapsed| {
            let moment = Moment::now(elapsed);
            let report = query.read(Output::Written(&mut sink, moment))?;
            sink.end(&report, &moment).context("writing the report")
        })?;
        Ok(Outcome::Answered)
    }
}

impl Reading for SocketsReport {}
