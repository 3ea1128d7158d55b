//! What captures cost beside the load, in Markdown.

use comfy_table::Table;

use crate::capture::Observed;
use crate::format::{self, code};
use crate::limit::markdown;
use crate::live::{Beside, Flooded};
use crate::{cases, handshakes::Made};

pub fn table(runs: &[Beside], flooded: &Flooded) -> Table {
    let mut table = markdown([
        "capture",
        "made",
        "handshakes seen",
        "evicted",
        "packets",
        "lost by kernel",
        "CPU",
        "of a core",
        "peak memory",
    ]);
    for run in runs {
        table.add_row(row(run.name, &run.made, &run.ours));
        table.add_row(row(cases::TCPDUMP, &run.made, &run.theirs));
    }
    table.add_row(row(cases::SUMMARY, &flooded.sent, &flooded.ours));
    table
}

fn row(name: &str, made: &Made, seen: &Observed) -> Vec<String> {
    let share = seen.cost.cpu.as_secs_f64() / made.time.as_secs_f64();
    let handshakes = seen.handshakes;
    let counted = |count: Option<u64>| count.map(format::count).unwrap_or_default();
    let rate = format::count(made.per_second().round() as u64);
    vec![
        code(name),
        format!("{} ({rate} a second)", format::count(made.handshakes)),
        counted(handshakes.map(|seen| seen.all)),
        counted(handshakes.map(|seen| seen.evicted)),
        format::count(seen.packets),
        format::count(seen.lost),
        format::duration(seen.cost.cpu),
        format::percent(share),
        format::bytes(seen.cost.peak_bytes),
    ]
}
