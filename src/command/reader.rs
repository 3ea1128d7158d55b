//! Reading for one subcommand: what a report needs, and what a sample needs.

use sockdiag::{
    collect::{Collector, Needs},
    model::Snapshot,
};

use super::{PlaceArgs, Purpose, with_way_in};

/// Takes the snapshots of one subcommand.
pub struct Reader {
    pub collector: Collector,
    pub report: Needs,
    pub sample: Needs,
    /// Begins the text of an error.
    pub doing: &'static str,
}

impl Reader {
    /// In the network namespaces that were chosen.
    pub fn within(
        place: &PlaceArgs,
        report: Needs,
        sample: Needs,
        doing: &'static str,
    ) -> anyhow::Result<Self> {
        let kernel = place.kernel()?;
        let namespaces = place.namespaces(&kernel)?;
        let collector = Collector::new(kernel, report.clone()).within(namespaces);
        Ok(Reader {
            collector,
            report,
            sample,
            doing,
        })
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
