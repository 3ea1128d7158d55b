//! `sockdiag sockets`.

mod protocols;
mod stream;

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::sockets::{Describer, SocketsReport},
    collect::{OwnerNeeds, SocketNeeds, SocketSink, read_sockets},
    model::Filter,
    source::{CgroupNames, Kernel, OwnerSearch},
};

use protocols::{Named, ProtocolArgs};
pub use stream::{BUDGET, Inodes};
use stream::{Output, Stream, Tally};

use super::{
    Described, FamilyArgs, Outcome, OwnerArgs, PlaceArgs, RowArgs, Subcommand, no_such_column,
    options::{NameArgs, OutputArgs, OwnedByArgs, measures},
    this_host, with_way_in,
};
use crate::render::{Moment, Settings, Sink, View};

/// Up to this many sockets are kept, to search for their owners or to make a table.
const KEPT: usize = 10_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag sockets state established and dport = :5432
  sockdiag sockets tcp --info --where 'rtt>50ms or retrans>0'
  sockdiag sockets --unit api -o csv
  sockdiag sockets udp --mem --where 'drops>0'
  sockdiag sockets unix '/run/*' state connected

FILTER is the language of ss: `state`, `exclude`, `sport`, `dport`, `src`, `dst`, `dev`, `fwmark`, \
`cgroup`, `autobound`, `@FILE`, joined by `and`, `or`, `not` and parentheses; a bare `:8080` is the \
local port. `and` binds closer than `or`. The kernel evaluates it, so that only sockets that match are \
read. A path, as `/run/*` or `@name`, is of unix sockets.

Words before it choose protocols: `tcp`, `udp`, `raw`, `unix`, `packet`, `netlink`, `vsock`, or `all`. \
Without one, TCP and UDP sockets are shown; `ss -a` shows all protocols, as `sockdiag sockets all` does. \
Sockets in every state are shown, as by ss -a, and TCP sockets that are only bound, which ss leaves out.

--where compares numbers: `fill` of an accept queue or receive buffer (80%), `drops`, `recvq` and \
`sendq` (bytes, 64K), `idle` since data was last sent or received (10m), `rtt` (50ms), `retrans`, and \
`age` of TIME_WAITs and of connections that wait for accept(). It does not hold where a number is \
unknown.

Rows are written as the kernel tells them, in any number and without being kept, in every format but \
the table and without --sort. By default owners are searched for where up to 10,000 sockets match.")]
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
    /// Show only sockets that a read or accept() would not wait for: with unread data, a peer that
    /// has closed, or a connection that waits
    #[arg(long)]
    readable: bool,
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
    place: PlaceArgs,
}

impl Subcommand for SocketsArgs {
    const NAME: &'static str = "sockets";
    const ABOUT: &'static str = "Show sockets, as ss does, with their owners";
    const REPORT: Option<Described> = Described::of::<SocketsReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let kernel = self.place.kernel()?;
        self.owned_by.check(&kernel)?;
        let namespaces = self.place.namespaces(&kernel)?;
        let needs = self.needs()?;
        let settings = self.output.settings()?;
        let mut stream = self.stream(&kernel, &settings)?;
        let read = |sink: &mut dyn SocketSink| {
            let missing = read_sockets(&kernel, &namespaces, &needs, sink);
            missing.map_err(|error| with_way_in(anyhow::Error::from(error)))
        };
        if self.owner_needs() == OwnerNeeds::All {
            let mut inodes = Inodes::default();
            read(&mut inodes)?;
            stream.owners = Some(inodes.owners(&kernel, OwnerSearch::All));
        }
        let missing = read(&mut stream)?;
        stream.end(missing)?;
        Ok(Outcome::Answered)
    }
}

impl SocketsArgs {
    fn needs(&self) -> anyhow::Result<SocketNeeds> {
        let Named { protocols, filter } = self.protocols.named(&self.filter, &self.place)?;
        let condition = self.condition.as_ref();
        Ok(SocketNeeds {
            protocols,
            families: self.family.families(),
            filter,
            info: self.info || condition.is_some_and(Filter::needs_info),
            memory: self.memory || condition.is_some_and(Filter::needs_memory),
            ..SocketNeeds::default()
        })
    }

    /// A condition on the owner needs all of them.
    fn owner_needs(&self) -> OwnerNeeds {
        match self.owned_by.process.is_some() || self.owned_by.unit.is_some() {
            true => OwnerNeeds::All,
            false => self.owners.needs(),
        }
    }

    fn stream<'a>(&'a self, kernel: &'a Kernel, settings: &Settings) -> anyhow::Result<Stream<'a>> {
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let host = this_host()?;
        let is_kept = self.output.is_table() || settings.sort.is_some();
        let sink = match is_kept {
            true => Sink::of_reports(settings, view, host),
            false => Sink::of_rows(settings, view, host, "sockets"),
        };
        let most = settings.top.filter(|_| settings.sort.is_none());
        Ok(Stream {
            kernel,
            condition: self.condition.as_ref(),
            readable: self.readable,
            owned_by: &self.owned_by,
            uid: self.owned_by.uid()?,
            most: most.map_or(u64::MAX, |most| most as u64),
            pending: (self.owner_needs() == OwnerNeeds::Auto).then(Vec::new),
            output: Output {
                sink: sink.map_err(no_such_column)?,
                moment: Moment::now(None),
                kept: is_kept.then_some(match settings.sort {
                    None => KEPT,
                    Some(_) => usize::MAX,
                }),
            },
            places: Vec::new(),
            owners: None,
            tally: Tally::default(),
            cgroups: CgroupNames::default(),
            describer: Describer::default(),
            described: None,
            report: SocketsReport::default(),
            failed: None,
        })
    }
}
