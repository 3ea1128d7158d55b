//! Lines below a table: findings, facts that no column shows, what could not be read and, on
//! request, what the columns mean.

use sockdiag::model::Incomplete;

use super::{Settings, Tabular, View, findings, table::column, text};

/// Lines below a table, no wider than the terminal.
#[derive(Debug, Default)]
pub struct Notes {
    pub lines: Vec<String>,
    /// How many of the first lines are findings.
    pub findings: usize,
}

/// `explained` are the columns to explain.
pub fn notes<T: Tabular>(
    report: &T,
    view: &View,
    settings: &Settings,
    explained: Option<&[&'static str]>,
) -> Notes {
    if settings.quiet > 1 {
        return Notes::default();
    }
    let found = findings::lines(report.findings(), view.width, settings.verbose);
    let mut lines = fit(found, view.width);
    let findings = lines.len();
    let mut notes = report.notes(view);
    if settings.quiet == 0 {
        notes.extend(report.incomplete().iter().map(incomplete));
    }
    if let Some(keys) = explained {
        notes.extend(legend::<T>(keys));
    }
    lines.extend(fit(notes, view.width));
    Notes { lines, findings }
}

/// Escapes lines, and breaks those that are wider than the terminal.
pub fn fit(lines: Vec<String>, width: Option<usize>) -> Vec<String> {
    let lines = lines.iter().map(|line| text::escape(line));
    match width {
        Some(columns) => lines.flat_map(|line| text::wrap(&line, columns)).collect(),
        None => lines.collect(),
    }
}

fn incomplete(missing: &Incomplete) -> String {
    let count = missing.count;
    let count = count.map_or(String::new(), |count| format!(" ({count})"));
    format!("incomplete: {}{count}: {}", missing.what, missing.why)
}

fn legend<T: Tabular>(keys: &[&'static str]) -> Vec<String> {
    let columns = keys.iter().filter_map(|key| column(T::COLUMNS, key));
    columns
        .map(|column| format!("{:<12} {}", column.title, column.help))
        .collect()
}
