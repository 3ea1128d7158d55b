//! The table of `queues`.

mod columns;
mod metrics;

use std::collections::BTreeSet;

use sockdiag::analysis::queues::{LimitSetBy, ListenerReport, QueueReport, State};

use super::{Column, Narrower, Tabular, View};
use crate::render::{Metric, text};
use columns::{COLUMNS, protocol};

static NARROWER: [Narrower; 8] = [
    Narrower::Drop("per_second"),
    Narrower::Drop("wait"),
    Narrower::Drop("syn"),
    Narrower::Join(["accept", "limit"], "queue"),
    Narrower::Drop("unit"),
    Narrower::Drop("fill"),
    Narrower::Drop("delta"),
    Narrower::Drop("protocol"),
];

impl Tabular for QueueReport {
    type Row = ListenerReport;

    fn rows(&self) -> &[ListenerReport] {
        &self.listeners
    }

    fn rows_mut(&mut self) -> &mut Vec<ListenerReport> {
        &mut self.listeners
    }

    fn columns() -> &'static [Column<ListenerReport>] {
        &COLUMNS
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

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn identity(row: &ListenerReport) -> String {
        row.cookie.0.to_string()
    }

    fn notes(&self, view: &View) -> Vec<String> {
        let stuck = self
            .listeners
            .iter()
            .filter(|l| l.state >= State::Full && !view.folded);
        let mut notes: Vec<String> = stuck.filter_map(explain).collect();
        let syn_full = |l: &&ListenerReport| l.syn_queue.as_ref().is_some_and(|syn| syn.is_full());
        let full: BTreeSet<String> = self
            .listeners
            .iter()
            .filter(syn_full)
            .map(|l| l.local.to_string())
            .collect();
        notes.extend(full.iter().map(|local| {
            format!("{local}: SYN queue full: new SYNs are answered with cookies, or dropped where those are off")
        }));
        if let Some(age @ 1000..) = self.syn_age_ms {
            let age = text::duration(age);
            notes.push(format!(
                "SYN was counted {age} ago: on this host counting takes long"
            ));
        }
        notes
    }

    fn nothing(&self) -> String {
        "nothing is listening here (or nothing that was asked for)".to_owned()
    }

    fn metrics(&self) -> Vec<Metric> {
        metrics::metrics(self)
    }
}

/// A line on a queue that is full: who set the limit, and how many waiters have left.
fn explain(listener: &ListenerReport) -> Option<String> {
    let queue = listener.accept_queue.as_ref()?;
    let limit = match queue.limit_set_by {
        Some(LimitSetBy::Application) => "limit set by the application's listen()".to_owned(),
        Some(LimitSetBy::Somaxconn) => "limit set by net.core.somaxconn".to_owned(),
        Some(LimitSetBy::Stale) => {
            "limit set by an earlier net.core.somaxconn; listen() again raises it".to_owned()
        }
        None => "limit set by the application or an earlier net.core.somaxconn".to_owned(),
    };
    let gone = match queue.abandoned {
        Some(gone @ 1..) => format!("; {gone} of the {} waiting have hung up", queue.length),
        _ => String::new(),
    };
    Some(format!(
        "{}: {limit}{gone}",
        text::escape(&listener.local.to_string())
    ))
}
