//! The limits that are to be kept on a two-core machine.

use crate::agreement::Syns;
use crate::compare::{faster, small};
use crate::limit::Limit;
use crate::live::{Beside, Flooded};
use crate::row::Row;
use crate::{cases, format};

/// The machine may be late with the last of ten seconds.
const LEAST_SHARE: f64 = 0.98;
const READ_PEAK_BYTES: u64 = 64_000_000;
const FLOOD_PEAK_BYTES: u64 = 128_000_000;

/// What was promised at so many handshakes a second.
pub fn of_live(runs: &[Beside], per_second: u32) -> Vec<Limit> {
    runs.iter()
        .flat_map(|run| {
            let kept = [fast(run, per_second), lossless(run), complete(run)];
            kept.into_iter().chain(written(run))
        })
        .collect()
}

fn fast(run: &Beside, per_second: u32) -> Limit {
    let reached = run.made.per_second();
    Limit {
        command: run.name,
        limit: format!(
            "beside {} handshakes a second",
            format::count(per_second.into())
        ),
        measured: Some((
            format::count(reached.round() as u64),
            reached >= LEAST_SHARE * f64::from(per_second),
        )),
    }
}

fn lossless(run: &Beside) -> Limit {
    let (ours, theirs) = (run.ours.lost, run.theirs.lost);
    Limit {
        command: run.name,
        limit: "the kernel loses no packet where tcpdump loses none".to_owned(),
        measured: Some((
            format!("{} and {}", format::count(ours), format::count(theirs)),
            ours == 0 || theirs > 0,
        )),
    }
}

/// Where packets were lost, handshakes may be missing.
fn complete(run: &Beside) -> Limit {
    let made = run.made.handshakes;
    let seen = run.ours.handshakes.map(|seen| seen.established);
    Limit {
        command: run.name,
        limit: "sees every handshake established".to_owned(),
        measured: seen.map(|seen| {
            let shown = format!("{} of {}", format::count(seen), format::count(made));
            (shown, seen == made || run.ours.lost > 0)
        }),
    }
}

/// Each handshake has a line, where lines are written.
fn written(run: &Beside) -> Option<Limit> {
    let seen = run.ours.handshakes.filter(|_| run.name == cases::JSON)?;
    let shown = [seen.lines, seen.all].map(format::count).join(" of ");
    Some(Limit {
        command: run.name,
        limit: "writes a line for every handshake".to_owned(),
        measured: Some((shown, seen.lines == seen.all)),
    })
}

pub fn of_reading(rows: &[Row], syns: &Syns) -> Vec<Limit> {
    let each = |command| {
        [
            faster(rows, command, 1.0, cases::TCPDUMP_PRINT),
            faster(rows, command, 1.0, cases::TSHARK),
            small(rows, command, READ_PEAK_BYTES),
        ]
    };
    let all = [cases::READ_SUMMARY, cases::READ_JSON].map(each);
    let mut all: Vec<Limit> = all.into_iter().flatten().collect();
    all.push(same(syns));
    all
}

fn same(syns: &Syns) -> Limit {
    let counts = [syns.ours, syns.theirs, syns.written].map(format::count);
    Limit {
        command: cases::READ_JSON,
        limit: "counts the SYNs that tcpdump counts, and that were written".to_owned(),
        measured: Some((
            counts.join(", "),
            syns.ours == syns.theirs && syns.ours == syns.written,
        )),
    }
}

pub fn of_flood(flooded: &Flooded) -> Vec<Limit> {
    let peak = flooded.ours.cost.peak_bytes;
    let small = Limit {
        command: cases::SUMMARY,
        limit: format!("{} in a flood of SYNs", format::bytes(FLOOD_PEAK_BYTES)),
        measured: Some((format::bytes(peak), peak <= FLOOD_PEAK_BYTES)),
    };
    vec![small, accounted(flooded)]
}

fn accounted(flooded: &Flooded) -> Limit {
    let lost = flooded.ours.lost;
    Limit {
        command: cases::SUMMARY,
        limit: "accounts for every SYN of the flood: told, evicted, lost by the kernel".to_owned(),
        measured: flooded.ours.handshakes.map(|seen| {
            let shown = [seen.all, seen.evicted, lost]
                .map(format::count)
                .join(" + ");
            let sum = seen.all + seen.evicted + lost;
            (shown, sum == flooded.sent.handshakes)
        }),
    }
}
