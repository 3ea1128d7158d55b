//! The two tables, in Markdown, so that they can be pasted into the README as they are.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use crate::cases::{Outcome, Row, Series, Watch};
use crate::format::{self, code};
use crate::limits::{self, Limit};
use crate::measure::TooSlow;

pub fn commands(rows: &[Row], watches: &[Watch]) -> Table {
    let mut table = markdown([
        "command",
        "wall median (min)",
        "CPU",
        "peak memory",
        "against",
    ]);
    for row in rows {
        table.add_row(match &row.outcome {
            Outcome::Measured(series) => measured(row, series, rows),
            Outcome::NotInstalled => unmeasured(row.name, "not installed"),
            Outcome::TooSlow => unmeasured(row.name, &TooSlow.to_string()),
            Outcome::Failed(why) => unmeasured(row.name, why),
        });
    }
    for watch in watches {
        table.add_row(watched(watch));
    }
    table
}

fn measured(row: &Row, series: &Series, rows: &[Row]) -> Vec<String> {
    let against = row.against.iter().filter_map(|other| {
        let ratio = limits::ratio(rows, row.name, other)?;
        Some(format!("{} {}", format::times(ratio), code(other)))
    });
    vec![
        code(row.name),
        format!(
            "{} ({})",
            format::duration(series.wall()),
            format::duration(series.fastest())
        ),
        format::duration(series.cpu()),
        format::bytes(series.peak_bytes()),
        against.collect::<Vec<_>>().join(", "),
    ]
}

fn watched(watch: &Watch) -> Vec<String> {
    match (&watch.outcome, watch.core_share()) {
        (Ok(cost), Some(share)) => vec![
            code(watch.name),
            format::duration(cost.wall),
            format::duration(cost.cpu),
            format::bytes(cost.peak_bytes),
            format!("{} of a core", format::percent(share)),
        ],
        (Err(why), _) => unmeasured(watch.name, why),
        (Ok(_), None) => unmeasured(watch.name, "took no time"),
    }
}

fn unmeasured(name: &str, why: &str) -> Vec<String> {
    vec![
        code(name),
        why.to_owned(),
        String::new(),
        String::new(),
        String::new(),
    ]
}

pub fn limits(limits: &[Limit]) -> Table {
    let mut table = markdown(["command", "limit", "measured", ""]);
    for Limit {
        command,
        limit,
        measured,
    } in limits
    {
        let (value, verdict) = match measured {
            Some((value, true)) => (value.as_str(), "holds"),
            Some((value, false)) => (value.as_str(), "does NOT hold"),
            None => ("", "not measured"),
        };
        table.add_row([
            code(command),
            limit.clone(),
            value.to_owned(),
            verdict.to_owned(),
        ]);
    }
    table
}

fn markdown<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}
