//! The table of `buffers`.

use std::io;

use sockdiag::{
    analysis::buffers::{BufferSizes, BuffersReport, GroupReport},
    analysis::sockets::By,
};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, groups, keys, owners::owners,
    several,
};
use crate::render::{
    prom::{self, Labels, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<GroupReport>; 19] = [
    Column::new("netns", "NETNS", Left, |g, _| Cell::text(g.name.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("group", "GROUP", Left, |g, view| groups::cell(&g.name, view), "what the connections have in common, by --by"),
    Column::new("sockets", "SOCKETS", Right, |g, _| Cell::count(Some(g.sockets)), "connections"),
    Column::sampled("minimum", "MIN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Bytes(s.minimum)), "least memory of all samples"),
    Column::sampled("mean", "MEAN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Bytes(s.mean as u64)), "mean memory"),
    Column::sampled("p95", "P95", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Bytes(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Bytes(s.maximum)), "most memory of all samples"),
    Column::new("receive", "RECEIVED", Right, |g, _| bytes(g.receive_bytes), "memory of received data that was not read"),
    Column::new("receive_limit", "RCVBUF", Right, |g, _| bytes(g.receive_limit_bytes), "receive buffers together, as SO_RCVBUF reads them"),
    Column::new("send", "UNSENT", Right, |g, _| bytes(g.send_bytes), "memory of data that is queued to send or not acknowledged"),
    Column::new("send_limit", "SNDBUF", Right, |g, _| bytes(g.send_limit_bytes), "send buffers together, as SO_SNDBUF reads them"),
    Column::new("forward", "RESERVED", Right, |g, _| bytes(g.forward_bytes), "memory reserved for more data"),
    Column::new("tcp_mem", "TCP_MEM", Right, |g, _| Cell::known(g.tcp_mem_ratio, Value::Ratio), "memory ÷ the highest value of net.ipv4.tcp_mem"),
    Column::new("limited_by_receive_window", "BY PEER", Right, |g, _| Cell::known(g.limited_by_receive_window_ratio, Value::Ratio), "share of the time with data to send in which the peer's receive window stopped it, since the connections were made"),
    Column::new("limited_by_send_buffer", "BY SNDBUF", Right, |g, _| Cell::known(g.limited_by_send_buffer_ratio, Value::Ratio), "share of the time with data to send in which the send buffer stopped it, since the connections were made"),
    Column::new("busy", "BUSY", Right, |g, _| Cell::known(g.busy_ms, |ms| Value::Milliseconds(ms as u64)), "time with data to send since the connections were made, of all together"),
    Column::new("bandwidth_delay", "BDP", Right, |g, _| Cell::known(g.bandwidth_delay_bytes, Value::Bytes), "largest delivery rate × shortest round-trip time of a connection"),
    Column::new("total", "MEMORY", Right, |g, _| bytes(g.total_bytes()), "received, unsent and reserved memory together"),
    Column::new("owner", "OWNER", Left, |g, _| owners(&g.owners), "processes that have it open"),
];

fn bytes(bytes: u64) -> Cell {
    Value::Bytes(bytes).into()
}

#[rustfmt::skip]
static GROUPS: [Series<GroupReport>; 6] = [
    Series::gauge("sockdiag_buffers_sockets", "TCP connections.", labels, |g| Some(g.sockets as f64)),
    Series::gauge("sockdiag_buffers_receive_bytes", "Memory of received data that was not read.", labels, |g| Some(g.receive_bytes as f64)),
    Series::gauge("sockdiag_buffers_send_bytes", "Memory of data that is queued to send or not acknowledged.", labels, |g| Some(g.send_bytes as f64)),
    Series::gauge("sockdiag_buffers_forward_bytes", "Memory reserved for more data.", labels, |g| Some(g.forward_bytes as f64)),
    Series::gauge("sockdiag_buffers_limited_by_receive_window_ratio", "Share of the time with data to send in which the peer's receive window stopped it, since the connections were made.", labels, |g| g.limited_by_receive_window_ratio).largest(),
    Series::gauge("sockdiag_buffers_limited_by_send_buffer_ratio", "Share of the time with data to send in which the send buffer stopped it, since the connections were made.", labels, |g| g.limited_by_send_buffer_ratio).largest(),
];

fn labels(group: &GroupReport) -> Labels {
    groups::labels(&group.name)
}

impl Tabular for BuffersReport {
    type Row = GroupReport;

    const COLUMNS: &'static [Column<GroupReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("netns mean p95 tcp_mem busy forward"),
        Narrower::Shorten("group"),
        Narrower::LastResort("owner bandwidth_delay receive_limit send_limit"),
    ];

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &GROUPS, &self.groups)
    }
}

impl Listed for BuffersReport {
    const QUIET: &'static str = "smaller";

    fn rows(&self) -> &[GroupReport] {
        &self.groups
    }

    fn rows_mut(&mut self) -> &mut Vec<GroupReport> {
        &mut self.groups
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        keys(&[
            (
                several(&self.groups, |a, b| a.name.netns != b.name.netns),
                "netns",
            ),
            (true, "group"),
            (self.by != By::Socket, "sockets"),
            (view.sampled, "minimum mean p95 maximum"),
            (
                !view.sampled,
                "receive receive_limit send send_limit forward",
            ),
            (
                true,
                "limited_by_receive_window limited_by_send_buffer bandwidth_delay",
            ),
            (self.by == By::Socket, "owner"),
        ])
    }

    /// Memory alone is no problem.
    fn is_quiet(_: &GroupReport) -> bool {
        true
    }

    fn identity(row: &GroupReport) -> String {
        format!("{:?}", row.name)
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let limits = &self.limits;
        let size = |pages: u64| text::bytes(pages.saturating_mul(limits.page_bytes));
        let used = limits.tcp_mem_used_pages.map(size);
        let used = used.unwrap_or_else(|| "?".to_owned());
        let high = limits.tcp_mem_pages.map(|pages| {
            let (pressure, high) = (size(pages.pressure), size(pages.high));
            format!(" of {high} (pressure from {pressure})")
        });
        let range = |name, sizes: Option<BufferSizes>| {
            let sizes = sizes?;
            let (default, maximum) = (text::bytes(sizes.default), text::bytes(sizes.maximum));
            Some(format!("{name} {default} to {maximum}"))
        };
        let ranges = [range("rmem", limits.rmem), range("wmem", limits.wmem)];
        let ranges: Vec<String> = ranges.into_iter().flatten().collect();
        let memory = format!("TCP memory of the host: {used}{}", high.unwrap_or_default());
        let sized = format!("sized by the kernel: {}", ranges.join(", "));
        let is_known = !ranges.is_empty();
        [Some(memory), is_known.then_some(sized)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn nothing(&self) -> String {
        "no connection matches".to_owned()
    }
}
