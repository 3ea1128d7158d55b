//! `sockdiag ports`.

mod reader;

use std::time::Duration;

use clap::{Args, ValueEnum};
use sockdiag::{
    analysis::ports::{By, PortsReport, Samples, report},
    source::Kernel,
};

use super::{
    FamilyArgs, OutputArgs, OwnerArgs, OwnersArg, PlaceArgs, Places, Session, TimeArgs, describe,
    usage,
};
use crate::render::View;
use reader::Reader;

/// A sample walks all sockets of the host.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag ports -w
  sockdiag ports --by process --top 5
  sockdiag ports --json | jq '.tuples[] | select(.used_ratio > 0.8)'

Counts TCP. Ephemeral ports run out for each source address, destination address and destination port, not for \
the host: one local port serves many destinations. USED counts the ports held towards a \
destination in any state, TIME_WAIT included; FREE is what connect() may still choose. A port that \
bind() gave to a socket is taken for every destination.")]
pub struct PortsArgs {
    /// Make one line for each
    #[arg(long, value_enum, value_name = "WHAT", default_value = "tuple")]
    by: ByArg,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    /// Show names of hosts and services for numbers
    #[arg(short, long)]
    resolve: bool,
    /// Show numbers (the default)
    #[arg(short, long, conflicts_with = "resolve")]
    numeric: bool,
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
    /// Source address, destination address and its port
    Tuple,
    /// Destination address and port
    Destination,
    /// Source address
    Source,
    /// The process that holds the sockets
    Process,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Tuple => By::Tuple,
            ByArg::Destination => By::Destination,
            ByArg::Source => By::Source,
            ByArg::Process => By::Process,
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &PortsArgs) -> anyhow::Result<()> {
    if args.output.wants_columns() {
        return describe::columns::<PortsReport>();
    }
    if args.by == ByArg::Process && args.owners.choice() == OwnersArg::None {
        return Err(usage(
            "--by process needs the owners, which --no-owners spares",
        ));
    }
    let view = View {
        names: args.resolve,
        ..View::default()
    };
    let mut session = Session::new(&args.output, args.time.timing(SAMPLE_EVERY), view)?;
    let kernel = Kernel::with_proc_root(&args.place.proc_root);
    let places = Places::find(&args.place, &kernel)?;
    let by = args.by.into();
    let mut reader = Reader::new(&kernel, &places, by, args.family.families(), &args.owners);
    session.each_report(
        |purpose| reader.read(purpose),
        |now, before| report(now, before, by),
        Samples::default(),
    )
}
