//! What the commands cost, in Markdown, so that it can be pasted into the README as it is.

use comfy_table::Table;

use crate::compare;
use crate::format::{self, code};
use crate::limit::markdown;
use crate::row::{Outcome, Row};
use crate::series::Series;

pub fn commands(rows: &[Row]) -> Table {
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
            Outcome::TooSlow(slow) => unmeasured(row.name, &slow.to_string()),
            Outcome::Failed(why) => unmeasured(row.name, why),
        });
    }
    table
}

fn measured(row: &Row, series: &Series, rows: &[Row]) -> Vec<String> {
    let against = row.against.iter().filter_map(|other| {
        let ratio = compare::ratio(rows, row.name, other)?;
        Some(format!("{ratio} {}", code(other)))
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

/// The reason stands where the time would.
pub fn unmeasured(name: &str, why: &str) -> Vec<String> {
    vec![
        code(name),
        why.to_owned(),
        String::new(),
        String::new(),
        String::new(),
    ]
}
