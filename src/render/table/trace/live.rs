//! The summary of a trace that goes on: a line for each server, outcome and reason.

use std::net::SocketAddr;

use sockdiag::analysis::handshake::{ListenerSummary, Summary};

use crate::render::{
    table::{Align, lay_out},
    text::{self, MISSING},
};

/// Servers with most failures first, and of each the failures before the rest.
pub fn live_table(summary: &Summary, width: Option<usize>) -> Vec<String> {
    let heads = ["SERVER", "OUTCOME", "COUNT", "REASON"];
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Left];
    let rows: Vec<Vec<String>> = summary.listeners.iter().flat_map(rows).collect();
    let handshakes = text::grouped(summary.handshakes);
    let lost = summary
        .lost_by_kernel
        .map_or(MISSING.to_owned(), text::grouped);
    let packets = text::grouped(summary.packets);
    let mut lines = match rows.is_empty() {
        true => vec!["no handshake has ended yet".to_owned()],
        false => lay_out(&heads, &aligns, rows),
    };
    let listed = summary.listeners.len() as u64;
    let more = summary.listener_count.map(|count| count - listed);
    lines.extend(
        more.filter(|more| *more > 0)
            .map(|more| format!("{more} more servers")),
    );
    lines.push(String::new());
    lines.push(format!(
        "{handshakes} handshakes; {packets} packets, {lost} dropped by the capture"
    ));
    let fit = |line: String| width.map_or(line.clone(), |width| text::shorten(&line, width));
    lines.into_iter().map(fit).collect()
}

fn rows(server: &ListenerSummary) -> Vec<Vec<String>> {
    let address = SocketAddr::new(server.address, server.port).to_string();
    let row = |outcome: &str, count: u64, reason: &str| {
        let texts = [&address, outcome, &text::grouped(count), reason];
        texts.map(str::to_owned).to_vec()
    };
    let reasons = server.reasons.iter();
    let reasons = reasons.map(|one| row(one.outcome.word(), one.count, one.reason.text));
    let mut outcomes: Vec<_> = server.outcomes.iter().collect();
    outcomes.sort_by_key(|(outcome, _)| !outcome.is_failure());
    let rest = outcomes.into_iter().filter_map(|(outcome, count)| {
        let named = server.reasons.iter().filter(|one| one.outcome == *outcome);
        let rest = count - named.map(|one| one.count).sum::<u64>().min(*count);
        (rest > 0).then(|| row(outcome.word(), rest, MISSING))
    });
    reasons.chain(rest).collect()
}
