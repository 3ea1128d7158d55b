//! Reading for one subcommand: what a report needs, and what a sample needs.

use sockdiag::{
    collect::{Collector, Needs},
    model::Snapshot,
};

use super::{PlaceArgs, Purpose, with_way_in};

/// Takes the snapshots of one subcommand.
pub struct Reader {
    collector: Collector,
    report: Needs,
    sample: Needs,
    doing: &'static str,
}

impl Reader {
    /// With the needs of a report and of a sample; `doing` begins the text of an error.
    pub fn new(collector: Collector, report: Needs, sample: Needs, doing: &'static str) -> Self {
        Reader {
            collector,
            report,
            sample,
            doing,
        }
    }

    /// In the network namespaces that were chosen.
    pub fn within(
        place: &PlaceArgs,
        report: Needs,
        sample: Needs,
        doing: &'static str,
    ) -> anyhow::Result<Self> {
        let kernel = place.kernel();
        let namespaces = place.namespaces(&kernel)?;
        let collector = Collector::new(kernel, report.clone()).within(namespaces);
        Ok(Reader::new(collector, report, sample, doing))
    }

    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    pub fn read(&mut self, purpose: Purpose) -> anyhow::Result<Snapshot> {
        let needs = match purpose {
            Purpose::Report => &self.report,
            Purpose::Sample => &self.sample,
        };
        let snapshot = self.collector.collect_only(needs);
        snapshot.map_err(|error| with_way_in(anyhow::Error::from(error).context(self.doing)))
    }
}
