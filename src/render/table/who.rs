//! The page of `who`: the answer, what bind() returns, and a table of the sockets.

use std::io;

use sockdiag::{
    analysis::who::{BindReport, HolderKind, HolderReport, Verdict, WhoReport},
    model::Address,
};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, ends, keys, owners::owners,
    several,
};
use crate::render::{
    prom::{self, Labels, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<HolderReport>; 15] = [
    Column::new("kind", "KIND", Left, |h, _| Cell::word(h.kind.word()), "listener, bound (neither listening nor connected), connection, time_wait, or orphan (closed by its process, data still to send)"),
    Column::new("netns", "NETNS", Left, |h, _| Cell::text(h.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("protocol", "PROTO", Left, |h, _| Cell::word(h.protocol.name()), "tcp, mptcp, udp, raw, unix, packet, netlink or vsock"),
    Column::new("state", "STATE", Left, |h, _| Cell::word(h.state.name()), "state, as sockdiag explain STATE describes it"),
    Column::new("local", "LOCAL", Left, |h, view| ends::end(Some(&h.local), view), "address it is bound to; path and inode of a unix socket, protocol and interface of a packet socket, family and port id of a netlink socket"),
    Column::new("peer", "PEER", Left, |h, view| ends::end(h.peer.as_ref(), view), "the peer's address; of a unix socket its path and inode"),
    Column::new("expires", "EXPIRES", Right, |h, _| Cell::known(h.expires_ms, |ms| Value::Milliseconds(ms.into())), "time until the kernel gives the port up by itself"),
    Column::new("reuseaddr", "REUSEADDR", Left, |h, _| switch(h.reuseaddr), "SO_REUSEADDR; unknown where its descriptor could not be read"),
    Column::new("reuseport", "REUSEPORT", Left, |h, _| switch(h.reuseport), "SO_REUSEPORT; unknown where its descriptor could not be read"),
    Column::new("v6only", "V6ONLY", Left, |h, _| switch(h.v6only), "IPV6_V6ONLY of an IPv6 socket"),
    Column::new("user", "USER", Left, |h, view| ends::user(h.uid, view), "user id of the creator"),
    Column::new("inode", "INODE", Right, |h, _| Cell::id(h.inode), "socket inode; 0 when nobody holds it"),
    Column::new("cookie", "COOKIE", Right, |h, _| Cell::known(h.cookie, |cookie| Value::Text(cookie.0.to_string())), "socket cookie, unique until the next boot"),
    Column::new("unit", "UNIT", Left, |h, _| Cell::known(h.unit.as_deref(), |unit| Value::Text(unit.to_owned())), "systemd unit, container or pod of the owner"),
    Column::new("owner", "OWNER", Left, |h, _| owners(&h.owners), "processes that have it open"),
];

fn switch(is_on: Option<bool>) -> Cell {
    Cell::known(is_on, |is_on| Value::Word(if is_on { "on" } else { "off" }))
}

#[rustfmt::skip]
static OMITTED: [Series<WhoReport>; 1] = [
    Series::gauge("sockdiag_port_holders_omitted", "Connections and TIME_WAITs beyond the 10,000 that are counted by kind.", |who| vec![("target", who.target.clone())], |who| Some(who.omitted as f64)),
];

#[rustfmt::skip]
static HOLDERS: [Series<(Labels, u64)>; 1] = [
    Series::gauge("sockdiag_port_holders", "Sockets that hold the port, or that the process or unit has, by kind.", |(labels, _)| labels.clone(), |(_, count)| Some(*count as f64)),
];

impl Tabular for WhoReport {
    type Row = HolderReport;

    const COLUMNS: &'static [Column<HolderReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("unit v6only netns reuseport reuseaddr"),
        Narrower::Shorten("local peer"),
        Narrower::LastResort("owner expires state"),
    ];

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        use HolderKind::{Bound, Connection, Listener, Orphan, TimeWait};
        let kinds = [Listener, Bound, Connection, TimeWait, Orphan];
        let counts = kinds.map(|kind| {
            let count = self.holders.iter().filter(|row| row.kind == kind).count();
            let labels = [("target", self.target.as_str()), ("kind", kind.word())];
            let labels = labels.map(|(name, value)| (name, value.to_owned()));
            (labels.to_vec(), count as u64)
        });
        prom::write(out, &HOLDERS, &counts)?;
        prom::write(out, &OMITTED, std::slice::from_ref(self))
    }
}

impl Listed for WhoReport {
    const QUIET: &'static str = "more";

    fn rows(&self) -> &[HolderReport] {
        &self.holders
    }

    fn rows_mut(&mut self) -> &mut Vec<HolderReport> {
        &mut self.holders
    }

    fn shown(&self, _: &View) -> Vec<&'static str> {
        let rows = &self.holders;
        let any = |has: fn(&HolderReport) -> bool| rows.iter().any(has);
        keys(&[
            (true, "kind"),
            (several(rows, |a, b| a.netns != b.netns), "netns"),
            (true, "protocol state local"),
            (any(|row| row.peer.is_some()), "peer"),
            (any(|row| row.expires_ms.is_some()), "expires"),
            (
                self.port.is_some() && any(|row| row.reuseaddr.is_some()),
                "reuseaddr reuseport",
            ),
            (
                self.port.is_some() && any(|row| row.v6only.is_some()),
                "v6only",
            ),
            (any(|row| row.uid.is_some()), "user"),
            (any(|row| row.unit.is_some()), "unit"),
            (any(|row| !row.owners.is_empty()), "owner"),
        ])
    }

    fn is_quiet(row: &HolderReport) -> bool {
        row.kind == HolderKind::Connection || row.kind == HolderKind::TimeWait
    }

    fn identity(row: &HolderReport) -> String {
        match row.cookie {
            Some(cookie) => cookie.0.to_string(),
            None => row.inode.to_string(),
        }
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let answer = text::escape(&self.answer);
        let advice = self
            .advice
            .iter()
            .map(|line| format!("  {}", text::escape(line)));
        let mut lines: Vec<String> = std::iter::once(answer).chain(advice).collect();
        if let Some(port) = self.port {
            lines.extend(binds(&self.bind, port, self.uid));
        }
        lines
    }

    fn nothing(&self) -> String {
        String::new()
    }
}

/// One line for each address, under a line of titles; then why it is refused, each reason once.
fn binds(rows: &[BindReport], port: u16, uid: u32) -> Vec<String> {
    let title = match rows.iter().any(|row| row.tried) {
        true => "bind() tried".to_owned(),
        false => format!("bind() by uid {uid}"),
    };
    let heads: Vec<String> = rows.iter().map(|row| head(row, port)).collect();
    let widest = heads.iter().chain([&title]).map(String::len).max();
    let width = widest.unwrap_or_default();
    let words = rows.iter().map(|row| verdict(row.plain).len());
    let short = words.chain(["plain".len()]).max().unwrap_or_default();
    let plain = "plain";
    let titles = format!("{title:width$}  {plain:short$}  SO_REUSEADDR  SO_REUSEPORT  both");
    let line = |(row, head): (&BindReport, &String)| {
        let [plain, reuseaddr, reuseport, both] =
            [row.plain, row.reuseaddr, row.reuseport, row.both].map(verdict);
        format!("{head:width$}  {plain:short$}  {reuseaddr:12}  {reuseport:12}  {both}")
    };
    let lines = rows.iter().zip(&heads).map(line);
    std::iter::once(titles)
        .chain(lines)
        .chain(reasons(rows, &heads))
        .collect()
}

/// `tcp [::]:8080 v6only`
fn head(row: &BindReport, port: u16) -> String {
    let address = Address {
        address: row.address,
        port,
    };
    let only = match row.v6only {
        Some(true) => " v6only",
        _ => "",
    };
    format!("{} {address}{only}", row.protocol.name())
}

fn reasons(rows: &[BindReport], heads: &[String]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (row, head) in rows.iter().zip(heads) {
        let Some(because) = row.because.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(reason, _)| *reason == because) {
            Some((_, of)) => of.push(head),
            None => reasons.push((because, vec![head])),
        }
    }
    let line = |(reason, of): &(&str, Vec<&str>)| match of.len() == heads.len() {
        true => format!("  {}", text::escape(reason)),
        false => format!("  {}: {}", of.join(", "), text::escape(reason)),
    };
    reasons.iter().map(line).collect()
}

fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Ok) => "ok",
        Some(Verdict::InUse) => "in use",
        Some(Verdict::Denied) => "denied",
        Some(Verdict::NoAddress) => "no address",
        None => text::MISSING,
    }
}
