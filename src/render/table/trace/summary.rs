//! The summary of a trace as lines of text; its findings stand above them.

use std::{iter, net::SocketAddr};

use sockdiag::analysis::handshake::{
    Bar, CapturedOn, Closes, Failure, ListenerSummary, PeerSummary, Percentiles, Summary,
};

use super::cells::filled;
use crate::render::{
    table::{Align, lay_out},
    text::{self, MISSING, grouped},
};

/// From few to many.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const SERVER: [&str; 9] = [
    "SERVER",
    "HANDSHAKES",
    "FAILED",
    "p50",
    "p90",
    "p99",
    "MAX",
    "SYN→SYN-ACK p50",
    "FULLEST QUEUE",
];
const CLIENT: [&str; 7] = ["CLIENT", "HANDSHAKES", "FAILED", "p50", "p90", "p99", "MAX"];

/// Columns dropped on a narrow terminal, first to last.
const DROPPED: [&str; 6] = [SERVER[7], "p90", "p99", SERVER[8], "MAX", "p50"];

pub fn lines(summary: &Summary, width: Option<usize>) -> Vec<String> {
    let failures = summary.failures.iter();
    let servers = summary.listeners.iter().map(server).collect();
    let clients = summary.peers.iter().map(client).collect();
    iter::once(counted(summary))
        .chain(failures.filter_map(|failure| elsewhere(summary, failure)))
        .chain(summary.closes.map(closed))
        .chain(latencies(summary))
        .chain(captured_on(summary))
        .chain(table(&SERVER, servers, width))
        .chain(more("servers", summary.listener_count, &summary.listeners))
        .chain(table(&CLIENT, clients, width))
        .chain(more("clients", summary.peer_count, &summary.peers))
        .chain(notes(summary))
        .collect()
}

fn counted(summary: &Summary) -> String {
    let packets = grouped(summary.packets);
    let lost = summary.lost_by_kernel.map(grouped);
    let lost = lost.map(|lost| format!(", {lost} dropped by the capture"));
    let outcomes = summary.outcomes.iter();
    let outcomes = some_of(outcomes.map(|(outcome, count)| (*count, outcome.word())));
    format!(
        "{packets} packets in {}{}. {}.",
        text::latency(summary.duration_ms),
        lost.unwrap_or_default(),
        outcomes.as_deref().unwrap_or("No handshakes")
    )
}

/// `3 refused, 1 no reply`; `None` when all are 0.
fn some_of<'a>(all: impl IntoIterator<Item = (u64, &'a str)>) -> Option<String> {
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = some
        .map(|(count, word)| format!("{} {word}", grouped(count)))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Failures at servers that are not listed, and so have no finding.
fn elsewhere(summary: &Summary, failure: &Failure) -> Option<String> {
    let Failure {
        outcome, reason, ..
    } = *failure;
    let listed = summary.listeners.iter().flat_map(|server| &server.reasons);
    let listed = listed.filter(|other| (other.outcome, other.reason) == (outcome, reason));
    let count = failure.count - listed.map(|other| other.count).sum::<u64>();
    let (outcome, reason) = (outcome.word(), reason.text);
    (count > 0).then(|| format!("{} × {outcome} at other servers: {reason}", grouped(count)))
}

fn closed(closes: Closes) -> String {
    let all = some_of([
        (closes.by_client, "by the client"),
        (closes.by_server, "by the server"),
        (closes.by_both, "by both at once"),
        (closes.reset, "by a reset"),
    ]);
    format!("closed: {}", all.as_deref().unwrap_or("none"))
}

/// Percentiles, and the histogram below them.
fn latencies(summary: &Summary) -> Vec<String> {
    let known = percentiles(&summary.latency_ms).zip(histogram(&summary.histogram));
    known.map_or(Vec::new(), |([p50, p90, p99, max], bars)| {
        let percentiles = format!("latency  p50 {p50}  p90 {p90}  p99 {p99}  max {max}");
        vec![percentiles, format!("         {bars}")]
    })
}

fn percentiles(all: &Percentiles) -> Option<[String; 4]> {
    let [p50, p90, p99, max] = [all.p50?, all.p90?, all.p99?, all.max?];
    Some([p50, p90, p99, max].map(text::latency))
}

/// `0.25ms ▁▂▇▅▂▁▁▂ 2.05s`
fn histogram(bars: &[Bar]) -> Option<String> {
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

/// Which host and network each latency covers, where all handshakes were captured on the same side.
fn captured_on(summary: &Summary) -> Option<String> {
    let mut sides = summary.listeners.iter().map(|server| server.captured_on);
    let side = sides.next()??;
    let covered = match side {
        CapturedOn::Server => "on the server: SYN→SYN-ACK is this host, →ACK network and client",
        CapturedOn::Client => "on the client: SYN→SYN-ACK is network and server, →ACK this host",
        CapturedOn::Both => "on both ends: there is no network between them",
        CapturedOn::Between => "between them: SYN→SYN-ACK is the server's side, →ACK the client's",
    };
    let is_same = sides.all(|other| other == Some(side));
    is_same.then(|| format!("captured {covered}"))
}

fn server(server: &ListenerSummary) -> Vec<String> {
    let address = SocketAddr::new(server.address, server.port).to_string();
    let mut cells = cells(
        address,
        server.handshakes,
        server.failed,
        &server.latency_ms,
    );
    let answer = server.syn_to_syn_ack_ms.p50.map(text::latency);
    let queue = server.queue_max.map(|queue| filled(queue).value.shown());
    cells.extend([answer, queue].map(|text| text.unwrap_or_else(|| MISSING.to_owned())));
    cells
}

fn client(client: &PeerSummary) -> Vec<String> {
    let address = client.address.to_string();
    cells(
        address,
        client.handshakes,
        client.failed,
        &client.latency_ms,
    )
}

fn cells(address: String, handshakes: u64, failed: u64, latency: &Percentiles) -> Vec<String> {
    let latency = percentiles(latency).unwrap_or_else(|| [MISSING; 4].map(str::to_owned));
    let first = [address, grouped(handshakes), grouped(failed)];
    first.into_iter().chain(latency).collect()
}

/// An empty line and a table, without the columns that would make it wider than the terminal.
fn table(heads: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let width = width.unwrap_or(usize::MAX);
    let mut kept: Vec<usize> = (0..heads.len()).collect();
    let mut lines = laid_out(heads, &rows, &kept);
    for dropped in DROPPED {
        if lines.iter().all(|line| text::width(line) <= width) {
            break;
        }
        kept.retain(|column| heads[*column] != dropped);
        lines = laid_out(heads, &rows, &kept);
    }
    lines.insert(0, String::new());
    lines
}

fn laid_out(heads: &[&str], rows: &[Vec<String>], kept: &[usize]) -> Vec<String> {
    let chosen: Vec<&str> = kept.iter().map(|column| heads[*column]).collect();
    let mut aligns = vec![Align::Right; kept.len()];
    aligns[0] = Align::Left;
    let row = |row: &Vec<String>| kept.iter().map(|column| row[*column].clone()).collect();
    lay_out(&chosen, &aligns, rows.iter().map(row).collect())
}

fn more<T>(what: &str, count: Option<u64>, listed: &[T]) -> Option<String> {
    let Some(count) = count else {
        return Some(format!("too many {what} to count all"));
    };
    let more = count - listed.len() as u64;
    (more > 0).then(|| format!("{more} more {what}"))
}

fn notes(summary: &Summary) -> Vec<String> {
    let rose = summary
        .counters
        .iter()
        .flatten()
        .filter(|(_, rise)| **rise > 0);
    let rose: Vec<String> = rose
        .map(|(name, rise)| format!("{name} +{}", grouped(*rise)))
        .collect();
    let rose =
        (!rose.is_empty()).then(|| format!("the whole network namespace: {}", rose.join(", ")));
    let fragments = some_of([(summary.fragments, "IP fragments were not reassembled")]);
    let undecodable = some_of([(summary.undecodable, "packets could not be decoded")]);
    let notes: Vec<String> = [rose, fragments, undecodable]
        .into_iter()
        .flatten()
        .collect();
    let gap = (!notes.is_empty()).then(String::new);
    gap.into_iter().chain(notes).collect()
}
