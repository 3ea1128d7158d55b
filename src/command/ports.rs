//! `sockdiag ports`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sockdiag::{
    analysis::ports::{By, PortsReport, Samples, Selection, report},
    collect::{Collector, Needs, OwnerNeeds, PortDepth},
};

use super::{
    FamilyArgs, OutputArgs, OwnerArgs, PlaceArgs, Purpose, Session, TimeArgs, collect_only,
    describe, usage,
};
use crate::render::View;

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
    if args.by == ByArg::Process && args.owners.needs() == OwnerNeeds::None {
        return Err(usage(
            "--by process needs the owners, which --no-owners spares",
        ));
    }
    let view = View {
        names: args.resolve,
        ..View::default()
    };
    let mut session = Session::new(&args.output, args.time.timing(SAMPLE_EVERY), view)?;
    let kernel = args.place.kernel();
    let namespaces = args.place.namespaces(&kernel)?;
    let selection = Selection {
        by: args.by.into(),
        families: args.family.families(),
    };
    let (needs, samples) = args.needs();
    let mut collector = Collector::new(kernel, needs.clone()).within(namespaces);
    let needs = |purpose| match purpose {
        Purpose::Report => &needs,
        Purpose::Sample => &samples,
    };
    session.each_report(
        |purpose| collect_only(&mut collector, needs(purpose), "counting ports"),
        |now, before| report(now, before, selection),
        Samples::default(),
    )
}

impl PortsArgs {
    /// For a report, and for a sample: owners are looked up once, unless they make the lines.
    fn needs(&self) -> (Needs, Needs) {
        let by_process = self.by == ByArg::Process;
        let needs = Needs {
            port_holders: Some(match by_process {
                true => PortDepth::Sockets,
                false => PortDepth::Tuples,
            }),
            owners: self.owners.needs(),
            ..Needs::default()
        };
        let samples = Needs {
            owners: match by_process {
                true => needs.owners,
                false => OwnerNeeds::None,
            },
            unthrottled: true,
            ..needs.clone()
        };
        (needs, samples)
    }
}
