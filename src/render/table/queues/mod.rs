//! The table of `queues`.

mod columns;
mod metrics;

use std::{collections::BTreeSet, io};

use sockdiag::analysis::queues::{ListenerReport, QueueReport};

use super::{Column, Listed, Narrower, Tabular, View};
use crate::render::{prom, text};
use columns::{COLUMNS, protocol};

static NARROWER: [Narrower; 15] = [
    Narrower::Drop("per_second"),
    Narrower::Drop("wait"),
    Narrower::Drop("syn"),
    Narrower::Join(["accept", "limit"], "queue"),
    Narrower::Drop("unit"),
    Narrower::Drop("fill"),
    Narrower::Drop("delta"),
    Narrower::Drop("protocol"),
    Narrower::Drop("mean"),
    Narrower::Drop("p95"),
    Narrower::Drop("minimum"),
    Narrower::Drop("netns"),
    Narrower::Drop("members"),
    Narrower::LastResort("owner"),
    Narrower::LastResort("state"),
];

impl Tabular for QueueReport {
    type Row = ListenerReport;

    fn columns() -> &'static [Column<ListenerReport>] {
        &COLUMNS
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn notes(&self, _: &View) -> Vec<String> {
        let age = self.syn_age_ms.filter(|age| *age >= 1000);
        let counted = |age| format!("SYN was counted {} ago", text::duration(age));
        age.map(counted).into_iter().collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &metrics::SERIES, &self.listeners)
    }
}

impl Listed for QueueReport {
    fn rows(&self) -> &[ListenerReport] {
        &self.listeners
    }

    fn rows_mut(&mut self) -> &mut Vec<ListenerReport> {
        &mut self.listeners
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let several = |of: fn(&ListenerReport) -> String| {
            self.listeners.iter().map(of).collect::<BTreeSet<_>>().len() > 1
        };
        let mut keys = Vec::new();
        keys.extend(several(|l| format!("{:?}", l.netns)).then_some("netns"));
        keys.extend(several(|l| protocol(l.protocol).to_owned()).then_some("protocol"));
        let unit = self
            .listeners
            .iter()
            .any(|listener| listener.unit.is_some());
        let who = if unit {
            &["unit", "owner"][..]
        } else {
            &["owner"]
        };
        if view.sampled {
            keys.extend([
                "state",
                "local",
                "minimum",
                "mean",
                "p95",
                "maximum",
                "limit",
                "time_full",
            ]);
            keys.extend(["drops", "delta"]);
            keys.extend(who);
            return keys;
        }
        keys.extend(["state", "local", "accept", "limit", "fill"]);
        keys.extend(if view.folded {
            &["members", "fullest"][..]
        } else {
            &["wait"][..]
        });
        keys.extend(["syn", "drops"]);
        keys.extend(if view.changes {
            &["delta", "per_second"][..]
        } else {
            &[]
        });
        keys.extend(who);
        keys
    }

    fn identity(row: &ListenerReport) -> String {
        row.cookie.0.to_string()
    }

    fn nothing(&self) -> String {
        match self.there {
            0 => "no listeners here".to_owned(),
            there => format!(
                "none of {there} listeners matches; one that is bound to all addresses is found by \
                 its port (:8080)"
            ),
        }
    }
}
