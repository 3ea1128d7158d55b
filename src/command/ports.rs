//! `sockdiag ports`.

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::ports::{By, PortsReport, Samples, Selection, report},
    collect::{Needs, OwnerNeeds, PortDepth},
    model::filter::Subject,
};

use super::{
    Described, FamilyArgs, NameArgs, Outcome, OwnerArgs, Reader, ReportArgs, RowArgs, SCAN_EVERY,
    Session, SsArgs, Subcommand, ensure_read,
    options::{Choices, filter, one_of},
    usage,
};
use crate::render::View;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag ports :5432 -w
  sockdiag ports --by process --top 5
  sockdiag ports --json | jq '.tuples[] | select(.used_ratio > 0.8)'

FILTER: a bare `:5432` or `10.0.0.9:5432` refers to the destination, as do `dport` and `dst`; `src` \
is the local address; joined by `and`, `or`, `not` and parentheses.

Covers TCP. Ephemeral ports run out per source address, destination address and destination port, \
not per host: one local port serves many destinations. USED counts the ports in use towards a \
destination in any state, TIME_WAIT included; FREE counts the ports that connect() may still choose. A port that \
a socket was bound to with bind() is taken for every destination.")]
pub struct PortsArgs {
    /// Show only sources and destinations that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Show one row per WHAT
    #[arg(long, value_name = "WHAT", default_value = "tuple", value_parser = one_of(BY))]
    by: By,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    ss: SsArgs,
    #[command(flatten)]
    report: ReportArgs,
}

const BY: Choices<By> = &[
    (
        "tuple",
        By::Tuple,
        "Source address, destination address and destination port",
    ),
    (
        "destination",
        By::Destination,
        "Destination address and port",
    ),
    ("source", By::Source, "Source address"),
    ("process", By::Process, "Process that owns the sockets"),
];

impl Subcommand for PortsArgs {
    const NAME: &'static str = "ports";
    const ABOUT: &'static str =
        "Show how close each source and destination are to running out of ephemeral ports";
    const REPORT: Option<Described> = Described::of::<PortsReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        if self.by == By::Process && self.owners.needs() == OwnerNeeds::None {
            return Err(usage(
                "--by process needs the owners, which --no-owners does not search for",
            ));
        }
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SCAN_EVERY, view)?;
        let selection = Selection {
            by: self.by,
            families: self.family.families(),
            filter: filter(Subject::Destination, &self.filter, &self.report.place)?,
        };
        let (needs, samples) = self.needs();
        let mut reader = Reader::within(&self.report.place, needs, samples, "counting ports")?;
        session.each_report(
            |purpose| ensure_read(reader.read(purpose)?, |part| part.port_holders.is_some()),
            |now, before| report(now, before, selection.clone()),
            Samples::default(),
        )
    }
}

impl PortsArgs {
    /// For a report, and for a sample, which skips the owners unless there is a row for each.
    fn needs(&self) -> (Needs, Needs) {
        let by_process = self.by == By::Process;
        let needs = Needs {
            port_holders: Some(match by_process {
                true => PortDepth::Sockets,
                false => PortDepth::Tuples,
            }),
            owners: self.owners.needs(),
            elsewhere: true,
            ..Needs::default()
        };
        let samples = Needs {
            owners: match by_process {
                true => needs.owners,
                false => OwnerNeeds::None,
            },
            elsewhere: false,
            unthrottled: true,
            ..needs.clone()
        };
        (needs, samples)
    }
}
