//! `sockdiag ports`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sockdiag::{
    analysis::ports::{By, PortsReport, Samples, Selection, report},
    collect::{Collector, Needs, OwnerNeeds, PortDepth},
};

use super::{
    Described, FamilyArgs, NameArgs, Outcome, OutputArgs, OwnerArgs, PlaceArgs, Purpose, Session,
    Subcommand, TimeArgs, collect_only, ensure_read, usage,
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

Covers TCP. Ephemeral ports run out per source address, destination address and destination port, \
not per host: one local port serves many destinations. USED counts the ports in use towards a \
destination in any state, TIME_WAIT included; FREE is what connect() may still choose. A port that \
a socket was bound to with bind() is taken for every destination.")]
pub struct PortsArgs {
    /// One row for each
    #[arg(long, value_enum, value_name = "WHAT", default_value = "tuple")]
    by: ByArg,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    names: NameArgs,
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
    /// The process that owns the sockets
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

impl Subcommand for PortsArgs {
    const NAME: &'static str = "ports";
    const ABOUT: &'static str =
        "Show how close each source and destination are to running out of ephemeral ports";
    const REPORT: Option<Described> = Described::of::<PortsReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        if self.by == ByArg::Process && self.owners.needs() == OwnerNeeds::None {
            return Err(usage(
                "--by process needs the owners, which --no-owners leaves out",
            ));
        }
        let view = View {
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.output, self.time.timing(SAMPLE_EVERY), view)?;
        let kernel = self.place.kernel();
        let namespaces = self.place.namespaces(&kernel)?;
        let selection = Selection {
            by: self.by.into(),
            families: self.family.families(),
        };
        let (needs, samples) = self.needs();
        let mut collector = Collector::new(kernel, needs.clone()).within(namespaces);
        let needs = |purpose| match purpose {
            Purpose::Report => &needs,
            Purpose::Sample => &samples,
        };
        session.each_report(
            |purpose| {
                let snapshot = collect_only(&mut collector, needs(purpose), "counting ports")?;
                ensure_read(snapshot, |namespace| namespace.port_holders.is_some())
            },
            |now, before| report(now, before, selection),
            Samples::default(),
        )?;
        Ok(Outcome::Answered)
    }
}

impl PortsArgs {
    /// For a report, and for a sample: samples skip the owners, unless rows are made of them.
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
