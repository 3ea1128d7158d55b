//! Metric series of `timewait`: one group for each row of the table.

use std::io;

use sockdiag::analysis::timewait::{GroupReport, NamespaceReport, Side, TimewaitReport};

use crate::render::prom::{self, Labels, Series};

#[rustfmt::skip]
static NAMESPACES: [Series<NamespaceReport>; 3] = [
    Series::gauge("sockdiag_timewait_sockets", "Sockets in TIME_WAIT, or in FIN_WAIT2 without an owner.", netns, |namespace| Some(namespace.totals.count as f64)),
    Series::gauge("sockdiag_timewait_limit", "Limit of these sockets (tcp_max_tw_buckets).", netns, |namespace| namespace.totals.limit.map(f64::from)),
    Series::counter("sockdiag_timewait_overflows_total", "Connections closed without TIME_WAIT because buckets or memory ran out.", netns, |namespace| namespace.totals.overflows.map(|lost| lost as f64)),
];

#[rustfmt::skip]
static GROUPS: [Series<GroupReport>; 1] = [
    Series::gauge("sockdiag_timewait_group_sockets", "Timewait sockets by the key of --by.", labels, |group| Some(group.count as f64)),
];

pub fn write(report: &TimewaitReport, out: &mut dyn io::Write) -> io::Result<()> {
    prom::write(out, &NAMESPACES, &report.namespaces)?;
    prom::write(out, &GROUPS, &report.groups)
}

fn labels(group: &GroupReport) -> Labels {
    vec![
        ("netns", group.netns.label()),
        ("key", group.key.clone().unwrap_or_default()),
        ("side", group.side.map_or("", Side::word).to_owned()),
    ]
}

fn netns(namespace: &NamespaceReport) -> Labels {
    vec![("netns", namespace.netns.label())]
}
