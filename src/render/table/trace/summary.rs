//! What a trace says at its end.

use std::net::SocketAddr;

use sockdiag::analysis::handshake::{
    Bar, CapturedOn, Closes, Failure, ListenerSummary, Outcome, PeerSummary, Percentiles, Summary,
};

use super::cells::filled;
use crate::render::{
    table::{Align, lay_out},
    text,
};

/// From few to many.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns that go where a terminal is narrow, first to last.
const GOING: [&str; 6] = [
    "SYN→SYN-ACK p50",
    "p90",
    "p99",
    "FULLEST QUEUE",
    "MAX",
    "p50",
];

/// Lines for people.
pub fn summary(summary: &Summary, width: Option<usize>) -> Vec<String> {
    let mut lines = vec![counted(summary)];
    lines.extend(summary.failures.iter().map(failure));
    lines.extend(summary.closes.map(closed));
    lines.extend(latencies(summary));
    lines.extend(halves(summary));
    lines.extend(table(
        &[
            "SERVER",
            "HANDSHAKES",
            "FAILED",
            "p50",
            "p90",
            "p99",
            "MAX",
            "SYN→SYN-ACK p50",
            "FULLEST QUEUE",
        ],
        summary.listeners.iter().map(listener).collect(),
        width,
    ));
    lines.extend(more(
        "servers",
        summary.listener_count,
        summary.listeners.len(),
    ));
    lines.extend(table(
        &["CLIENT", "HANDSHAKES", "FAILED", "p50", "p90", "p99", "MAX"],
        summary.peers.iter().map(peer).collect(),
        width,
    ));
    lines.extend(more("clients", summary.peer_count, summary.peers.len()));
    lines.extend(notes(summary));
    lines
}

fn counted(summary: &Summary) -> String {
    let packets = text::grouped(summary.packets);
    let lost = summary.lost_by_kernel.map(|lost| {
        let lost = text::grouped(lost);
        format!(", {lost} lost by the kernel")
    });
    let occurred = |(outcome, count): (&Outcome, &u64)| {
        let count = (*count > 0).then(|| text::grouped(*count))?;
        Some(format!("{count} {}", outcome.word()))
    };
    let mut outcomes: Vec<String> = summary.outcomes.iter().filter_map(occurred).collect();
    if outcomes.is_empty() {
        outcomes.push("No handshakes".to_owned());
    }
    let duration = text::latency(summary.duration_ms);
    format!(
        "{packets} packets in {duration}{}. {}.",
        lost.unwrap_or_default(),
        outcomes.join(", ")
    )
}

fn failure(failure: &Failure) -> String {
    let (count, outcome) = (text::grouped(failure.count), failure.outcome.word());
    format!("{count} × {outcome}: {}", failure.reason.text)
}

fn closed(closes: Closes) -> String {
    let all = [
        (closes.by_client, "by the client"),
        (closes.by_server, "by the server"),
        (closes.by_both, "by both at once"),
        (closes.reset, "by a reset"),
    ];
    let some = all.iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = some
        .map(|(count, by)| format!("{} {by}", text::grouped(*count)))
        .collect();
    match said.is_empty() {
        true => "closed: none".to_owned(),
        false => format!("closed: {}", said.join(", ")),
    }
}

/// Percentiles, and a picture with its scale below them.
fn latencies(summary: &Summary) -> Vec<String> {
    let told = said(&summary.latency_ms).zip(drawn(&summary.histogram));
    let Some(([p50, p90, p99, max], bars)) = told else {
        return Vec::new();
    };
    let percentiles = format!("latency  p50 {p50}  p90 {p90}  p99 {p99}  max {max}");
    vec![percentiles, format!("         {bars}")]
}

fn said(all: &Percentiles) -> Option<[String; 4]> {
    let [p50, p90, p99, max] = [all.p50?, all.p90?, all.p99?, all.max?];
    Some([p50, p90, p99, max].map(text::latency))
}

/// `0.25ms ▁▂▇▅▂▁▁▂ 2.05s`
fn drawn(bars: &[Bar]) -> Option<String> {
    let (first, last) = (bars.first()?, bars.last()?);
    let most = bars.iter().map(|bar| bar.count).max()?.max(1);
    let bar = |bar: &Bar| match bar.count {
        0 => ' ',
        count => BARS[((count * 7).div_ceil(most)).min(7) as usize],
    };
    let drawn: String = bars.iter().map(bar).collect();
    let [from, to] = [first.up_to_ms / 2.0, last.up_to_ms].map(text::latency);
    Some(format!("{from} {drawn} {to}"))
}

/// Whose half of the times is whose, where all were captured alike.
fn halves(summary: &Summary) -> Option<String> {
    let mut places = summary
        .listeners
        .iter()
        .map(|listener| listener.captured_on);
    let place = places.next()??;
    if !places.all(|other| other == Some(place)) {
        return None;
    }
    let told = match place {
        CapturedOn::Server => {
            "on the server: SYN→SYN-ACK is this host, →ACK the network and the client"
        }
        CapturedOn::Client => {
            "on the client: SYN→SYN-ACK is the network and the server, →ACK this host"
        }
        CapturedOn::Both => "on both ends: there is no network between them",
        CapturedOn::Between => {
            "between them: SYN→SYN-ACK is the server's side, →ACK the client's, each with its network"
        }
    };
    Some(format!("captured {told}"))
}

fn listener(listener: &ListenerSummary) -> Vec<String> {
    let name = SocketAddr::new(listener.address, listener.port);
    let mut cells = vec![
        name.to_string(),
        text::grouped(listener.handshakes),
        text::grouped(listener.failed),
    ];
    cells.extend(percentile_cells(&listener.latency_ms));
    let answer = listener.syn_to_syn_ack_ms.p50.map(text::latency);
    cells.push(answer.unwrap_or_else(missing));
    let queue = listener.queue_max.map(|queue| filled(&queue).value.shown());
    cells.push(queue.unwrap_or_else(missing));
    cells
}

fn peer(peer: &PeerSummary) -> Vec<String> {
    let mut cells = vec![
        peer.address.to_string(),
        text::grouped(peer.handshakes),
        text::grouped(peer.failed),
    ];
    cells.extend(percentile_cells(&peer.latency_ms));
    cells
}

fn percentile_cells(all: &Percentiles) -> [String; 4] {
    said(all).unwrap_or_else(|| std::array::from_fn(|_| missing()))
}

fn missing() -> String {
    text::MISSING.to_owned()
}

/// A table without the columns that go before it would be wider than the terminal.
fn table(heads: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut kept: Vec<usize> = (0..heads.len()).collect();
    let mut going = GOING.iter();
    let lines = loop {
        let lines = lines(heads, &rows, &kept);
        let widest = lines.iter().map(|line| text::width(line)).max();
        if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
            break lines;
        }
        let Some(gone) = going.next() else {
            break lines;
        };
        kept.retain(|column| heads[*column] != *gone);
    };
    std::iter::once(String::new()).chain(lines).collect()
}

fn lines(heads: &[&str], rows: &[Vec<String>], kept: &[usize]) -> Vec<String> {
    let chosen: Vec<&str> = kept.iter().map(|column| heads[*column]).collect();
    let align = |column: &usize| match column {
        0 => Align::Left,
        1.. => Align::Right,
    };
    let aligns: Vec<Align> = kept.iter().map(align).collect();
    let row = |row: &Vec<String>| kept.iter().map(|column| row[*column].clone()).collect();
    lay_out(&chosen, &aligns, rows.iter().map(row).collect())
}

fn more(what: &str, count: Option<u64>, listed: usize) -> Option<String> {
    match count {
        Some(count) if count > listed as u64 => {
            Some(format!("{} more {what}", count - listed as u64))
        }
        Some(_) => None,
        None => Some(format!("more {what} than are told apart")),
    }
}

fn notes(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let rose = summary.counters.iter().flatten();
    let rose: Vec<String> = rose
        .filter(|(_, rise)| **rise > 0)
        .map(|(name, rise)| format!("{name} +{}", text::grouped(*rise)))
        .collect();
    if !rose.is_empty() {
        lines.push(format!("the kernel counted meanwhile: {}", rose.join(", ")));
    }
    if summary.fragments > 0 {
        lines.push(format!(
            "{} fragments were not put together",
            text::grouped(summary.fragments)
        ));
    }
    if summary.undecodable > 0 {
        lines.push(format!(
            "{} packets could not be read",
            text::grouped(summary.undecodable)
        ));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}
