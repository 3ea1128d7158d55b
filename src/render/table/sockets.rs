//! The table of `sockets`.

use std::io;

use sockdiag::{
    analysis::sockets::{AcceptQueue, SocketReport, SocketsReport},
    model::{SocketState, SocketTimer, TcpInfo, TimerKind},
};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, ends, keys, owners::owners,
    several,
};
use crate::render::{
    prom::{self, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<SocketReport>; 47] = [
    Column::new("netns", "NETNS", Left, |s, _| Cell::text(s.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("protocol", "PROTO", Left, |s, _| Cell::word(s.protocol.name()), "tcp, mptcp, udp, raw, unix, packet, netlink or vsock; a connection of MPTCP is tcp without --info, and a bound socket of MPTCP is tcp"),
    Column::new("type", "TYPE", Left, |s, _| Cell::known(s.kind, |kind| Value::Word(kind.name())), "stream, dgram, seqpacket or raw, of unix, packet, netlink and vsock sockets"),
    Column::new("state", "STATE", Left, |s, _| Cell::word(s.state.name()), "state, as sockdiag explain STATE describes it"),
    Column::new("receive_queue", "RECV-Q", Right, |s, _| queue(s, s.receive_queue_bytes, |q| q.length), "bytes that wait to be read (unix: of a datagram socket the next message alone; packet and netlink: their memory); of a listener, connections that wait for accept()"),
    Column::new("send_queue", "SEND-Q", Right, |s, _| queue(s, s.send_queue_bytes, |q| q.limit), "bytes that are not acknowledged (unix and netlink: memory of what the peer has not read, overhead included); of a listener, the limit of its accept queue"),
    Column::new("local", "LOCAL", Left, |s, view| ends::end(Some(&s.local), view), "address it is bound to; path and inode of a unix socket, protocol and interface of a packet socket, family and port id of a netlink socket"),
    Column::new("peer", "PEER", Left, |s, view| ends::end(s.peer.as_ref(), view), "the peer's address; of a unix socket its path and inode"),
    Column::new("v6only", "V6ONLY", Left, |s, _| Cell::known(s.v6only, Value::truth), "true for an IPv6 socket that takes no IPv4 (IPV6_V6ONLY), false for a dual-stack one; missing for connections"),
    Column::new("timer", "TIMER", Left, |s, _| Cell::known(s.timer, |t| Value::Word(timer(t))), "the timer that runs: retransmit, keepalive, time_wait or persist (probes of a closed window)"),
    Column::new("expires", "EXPIRES", Right, |s, _| Cell::known(s.timer, |t| Value::Milliseconds(t.expires_ms.into())), "time until the timer fires"),
    Column::new("retransmits", "TRIES", Right, |s, _| Cell::count(s.timer.map(|t| t.retransmits)), "retransmissions or probes without an answer so far"),
    Column::new("backoff", "BACKOFF", Right, |s, _| Cell::count(s.timer.and_then(|t| t.backoff)), "how often the time of the timer was doubled; with --timers"),
    Column::new("rtt", "RTT", Right, |s, _| time(s, TcpInfo::rtt_us), "smoothed round-trip time; with --info"),
    Column::new("cwnd", "CWND", Right, |s, _| number(s, TcpInfo::congestion_window), "congestion window, segments; with --info"),
    Column::new("retrans", "RETRANS", Right, |s, _| number(s, TcpInfo::total_retransmits), "segments retransmitted since the connection was made; with --info"),
    Column::new("sent", "ACKED", Right, |s, _| bytes(s, TcpInfo::bytes_acked), "bytes that the peer acknowledged; with --info"),
    Column::new("received", "RECEIVED", Right, |s, _| bytes(s, TcpInfo::bytes_received), "bytes received in order; with --info"),
    Column::new("delivery_rate", "RATE", Right, |s, _| rate(s, TcpInfo::delivery_rate), "bytes per second at which data was acknowledged last; with --info"),
    Column::new("idle", "IDLE", Right, |s, _| Cell::known(s.idle_ms(), |ms| Value::Milliseconds(ms.into())), "time since data was last sent or received; with --info"),
    Column::new("receive_memory", "RMEM", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.receive_bytes.into())), "memory of received data; with --mem"),
    Column::new("receive_limit", "RCVBUF", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.receive_limit_bytes.into())), "receive buffer, SO_RCVBUF; with --mem"),
    Column::new("send_memory", "WMEM", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.send_bytes.into())), "memory of packets handed to the interface and not yet sent; with --mem"),
    Column::new("send_limit", "SNDBUF", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.send_limit_bytes.into())), "send buffer, SO_SNDBUF; with --mem"),
    Column::new("queued", "QUEUED", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.queued_bytes.into())), "memory of data in the send queue; with --mem"),
    Column::new("forward", "FORWARD", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.forward_bytes.into())), "memory reserved for more data; with --mem"),
    Column::new("backlog", "BACKLOG", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.backlog_bytes.into())), "memory of packets that came while a process held the lock of the socket; with --mem"),
    Column::new("options", "OPTMEM", Right, |s, _| Cell::known(s.memory, |m| Value::Bytes(m.option_bytes.into())), "memory of socket options; with --mem"),
    Column::new("drops", "DROPS", Right, |s, _| Cell::count(s.memory.and_then(|m| m.drops)), "packets that this socket dropped since it was created; with --mem"),
    Column::new("user", "USER", Left, |s, view| ends::user(s.uid, view), "user id of the creator; missing where the kernel keeps or sends none"),
    Column::new("inode", "INODE", Right, |s, _| Cell::id(s.inode), "socket inode; 0 when nobody holds it"),
    Column::new("cookie", "COOKIE", Right, |s, _| Cell::known(s.cookie, |cookie| Value::Text(cookie.0.to_string())), "socket cookie, unique until the next boot"),
    Column::new("mark", "MARK", Right, |s, _| Cell::known(s.mark, |mark| Value::Id(mark.into())), "SO_MARK; needs CAP_NET_ADMIN"),
    Column::new("cgroup", "CGROUP", Left, |s, _| Cell::known(s.cgroup.as_deref(), |path| Value::Text(path.to_owned())), "cgroup of the owner, else of the creator"),
    Column::new("unit", "UNIT", Left, |s, _| Cell::known(s.unit.as_deref(), |unit| Value::Text(unit.to_owned())), "systemd unit, container or pod"),
    Column::new("owner", "OWNER", Left, |s, _| owners(&s.owners), "processes that have it open"),
    Column::new("peer_netns", "P-NETNS", Left, |s, _| other(s, |o| Value::Text(o.netns.label())), "network namespace of the other end; with --pairs"),
    Column::new("peer_state", "P-STATE", Left, |s, _| peer_state(s), "state of the other end, or `itself` where the socket is connected to itself; with --pairs"),
    Column::new("peer_receive_queue", "P-RECV-Q", Right, |s, _| other(s, |o| queue(o, o.receive_queue_bytes, |q| q.length).value), "bytes that wait to be read at the other end, as RECV-Q; with --pairs"),
    Column::new("peer_send_queue", "P-SEND-Q", Right, |s, _| other(s, |o| queue(o, o.send_queue_bytes, |q| q.limit).value), "bytes that are not acknowledged at the other end, as SEND-Q; with --pairs"),
    Column::new("peer_inode", "P-INODE", Right, |s, _| other(s, |o| Value::Id(o.inode.into())), "inode of the socket at the other end; with --pairs"),
    Column::new("self_connected", "SELF", Left, |s, _| Cell::known(s.self_connected, Value::truth), "true for a socket that is connected to itself; with --pairs"),
    Column::new("peer_owner", "P-OWNER", Left, |s, _| other(s, |o| owners(&o.owners).value), "processes that have the other end open; with --pairs"),
    Column::new("states", "STATES", Left, |s, _| states(s), "states of both ends, on a narrow terminal"),
    Column::new("receive_queues", "RECV-QS", Right, |s, _| both(s, |s| queue(s, s.receive_queue_bytes, |q| q.length)), "bytes that wait to be read at this end / at the other, on a narrow terminal"),
    Column::new("send_queues", "SEND-QS", Right, |s, _| both(s, |s| queue(s, s.send_queue_bytes, |q| q.limit)), "bytes that are not acknowledged at this end / at the other, on a narrow terminal"),
    Column::new("command", "COMMAND", Left, |s, _| command(s), "command lines of these processes; read with --command, or where this column is named"),
];

/// The columns of `--info`, which are read where one of them is named.
pub const INFO: &str = "rtt cwnd retrans sent received delivery_rate idle";
/// The columns of `--mem`, likewise.
pub const MEMORY: &str =
    "receive_memory receive_limit send_memory send_limit queued forward backlog options drops";

/// Where the end of a connection may be that `--pairs` does not find.
const WHERE_ELSE: &str = "closed already, as that of a TIME_WAIT, on another host, in a namespace that \
                          was not read (--netns all reads every one), behind NAT, or not made yet";

fn other(socket: &SocketReport, value: fn(&SocketReport) -> Value) -> Cell {
    Cell::known(socket.other_end.as_deref(), value)
}

fn peer_state(socket: &SocketReport) -> Cell {
    match socket.self_connected {
        Some(true) => Cell::name("itself", ""),
        _ => other(socket, |other| Value::Word(other.state.name())),
    }
}

/// One word where both are in the same state.
fn states(socket: &SocketReport) -> Cell {
    let own = socket.state.name();
    let peer = peer_state(socket).value.shown();
    match socket.other_end.as_deref() {
        Some(other) if other.state == socket.state => Cell::word(own),
        _ => Cell::text(format!("{own}/{peer}")),
    }
}

/// `0/700`
fn both(socket: &SocketReport, of: fn(&SocketReport) -> Cell) -> Cell {
    let shown: Vec<String> = socket.each_end().map(|end| of(end).value.shown()).collect();
    Cell::text(shown.join("/"))
}

/// Processes that run the same command have one.
fn command(socket: &SocketReport) -> Cell {
    let lines = socket.command_lines.iter().flatten();
    let mut lines: Vec<&str> = lines
        .filter_map(|line| line.command_line.as_deref())
        .collect();
    lines.dedup();
    Cell::known(
        (!lines.is_empty()).then(|| lines.join("; ")),
        Value::Command,
    )
}

fn timer(timer: SocketTimer) -> &'static str {
    match timer.kind {
        TimerKind::Retransmit => "retransmit",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "time_wait",
        TimerKind::Persist => "persist",
    }
}

fn queue(socket: &SocketReport, bytes: Option<u32>, of_listener: fn(&AcceptQueue) -> u32) -> Cell {
    Cell::count(bytes.or(socket.accept_queue.as_ref().map(of_listener)))
}

fn time(socket: &SocketReport, of: fn(&TcpInfo) -> Option<u32>) -> Cell {
    let microseconds = socket.tcp_info.as_ref().and_then(of);
    Cell::known(microseconds, |us| {
        let ms = f64::from(us) / 1000.0;
        Value::ranked(text::latency(ms), ms.to_string(), ms)
    })
}

fn number(socket: &SocketReport, of: fn(&TcpInfo) -> Option<u32>) -> Cell {
    Cell::count(socket.tcp_info.as_ref().and_then(of))
}

fn bytes(socket: &SocketReport, of: fn(&TcpInfo) -> Option<u64>) -> Cell {
    Cell::known(socket.tcp_info.as_ref().and_then(of), Value::Bytes)
}

fn rate(socket: &SocketReport, of: fn(&TcpInfo) -> Option<u64>) -> Cell {
    let rate = socket.tcp_info.as_ref().and_then(of);
    Cell::known(rate, |bytes| {
        let shown = format!("{}/s", text::bytes(bytes));
        Value::ranked(shown, bytes.to_string(), bytes as f64)
    })
}

#[rustfmt::skip]
static STATES: [Series<(SocketState, u64)>; 1] = [
    Series::gauge("sockdiag_sockets", "Sockets by state.", |(state, _)| vec![("state", state.name().to_owned())], |(_, count)| Some(*count as f64)),
];

impl Tabular for SocketsReport {
    type Row = SocketReport;

    const COLUMNS: &'static [Column<SocketReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop(
            "netns forward backlog options queued delivery_rate sent received backoff unit",
        ),
        Narrower::Join(["state", "peer_state"], "states"),
        Narrower::Join(["receive_queue", "peer_receive_queue"], "receive_queues"),
        Narrower::Join(["send_queue", "peer_send_queue"], "send_queues"),
        Narrower::Shorten("local peer"),
        Narrower::Drop("peer_netns cwnd send_memory receive_memory protocol idle send_limit"),
        Narrower::LastResort(
            "retransmits send_queue send_queues expires receive_queue command owner peer_owner receive_limit retrans timer",
        ),
    ];

    /// Without the columns that join others on a narrow terminal, and those that were not read.
    fn for_programs(view: &View) -> Vec<&'static Column<SocketReport>> {
        let is_read = |key: &str| match key {
            "states" | "receive_queues" | "send_queues" => false,
            "command" => view.commands,
            "backoff" => view.timers || view.info,
            "self_connected" => view.pairs,
            key if key.starts_with("peer_") => view.pairs,
            key if INFO.split(' ').any(|of_info| of_info == key) => view.info,
            key if MEMORY.split(' ').any(|of_memory| of_memory == key) => view.memory,
            _ => true,
        };
        let columns = COLUMNS.iter();
        columns.filter(|column| is_read(column.key)).collect()
    }

    fn notes(&self, _: &View) -> Vec<String> {
        let unpaired = self.unpaired.filter(|unpaired| *unpaired > 0);
        let unpaired = unpaired.map(|unpaired| match unpaired {
            1 => {
                format!("1 more connection matches whose other end was not found: {WHERE_ELSE}")
            }
            more => format!(
                "{} more connections match whose other ends were not found: {WHERE_ELSE}",
                text::grouped(more)
            ),
        });
        let cut = self.count.saturating_sub(self.sockets.len() as u64);
        let noun = if self.unpaired.is_some() {
            "pairs"
        } else {
            "sockets"
        };
        let told = format!(
            "{} more {noun} match; -o csv and -o json write all, a FILTER fewer",
            text::grouped(cut)
        );
        let told = (cut > 0).then_some(told);
        told.into_iter().chain(unpaired).collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let states: Vec<_> = self
            .states
            .iter()
            .map(|(state, count)| (*state, *count))
            .collect();
        prom::write(out, &STATES, &states)
    }
}

impl Listed for SocketsReport {
    const QUIET: &'static str = "more";

    fn rows(&self) -> &[SocketReport] {
        &self.sockets
    }

    fn rows_mut(&mut self) -> &mut Vec<SocketReport> {
        &mut self.sockets
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let any = |has: fn(&SocketReport) -> bool| self.sockets.iter().any(has);
        let is_single = !view.pairs;
        let netns = several(&self.sockets, |a, b| a.netns != b.netns)
            || any(|s| {
                s.other_end
                    .as_ref()
                    .is_some_and(|other| other.netns != s.netns)
            });
        keys(&[
            (netns, "netns"),
            (true, "protocol"),
            (any(|s| s.kind.is_some()), "type"),
            (view.pairs, "local"),
            (true, "state receive_queue send_queue"),
            (is_single, "local peer"),
            (view.timers, "timer expires retransmits backoff"),
            (any(|s| s.tcp_info.is_some()), INFO),
            (any(|s| s.memory.is_some()), MEMORY),
            (any(|s| s.unit.is_some()), "unit"),
            (any(|s| !s.owners.is_empty()), "owner"),
            (view.pairs && netns, "peer_netns"),
            (
                view.pairs,
                "peer peer_state peer_receive_queue peer_send_queue",
            ),
            (
                any(|s| s.each_end().skip(1).any(|o| !o.owners.is_empty())),
                "peer_owner",
            ),
            (any(|s| s.command_lines.is_some()), "command"),
        ])
    }

    fn is_quiet(_: &SocketReport) -> bool {
        true
    }

    fn identity(row: &SocketReport) -> String {
        row.identity()
    }

    fn nothing(&self) -> String {
        let nothing = match self.unpaired {
            Some(_) => "no connection that matches has both ends here",
            None => "no socket matches",
        };
        nothing.to_owned()
    }
}
