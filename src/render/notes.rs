//! What stands under a table: what the numbers alone do not tell, what could not be seen, and, on
//! request, what the columns mean.

use sockdiag::model::Incomplete;

use super::{Tabular, View, table::column, text};

/// The notes, broken at words where the terminal is narrower than they are.
pub fn notes<T: Tabular>(
    report: &T,
    view: &View,
    explained: Option<&[&'static str]>,
) -> Vec<String> {
    let mut notes = report.notes(view);
    notes.extend(report.incomplete().iter().map(not_seen));
    if let Some(keys) = explained {
        notes.extend(legend::<T>(keys));
    }
    fit(notes, view.width)
}

/// Breaks lines at words where the terminal is narrower than they are.
pub fn fit(lines: Vec<String>, width: Option<usize>) -> Vec<String> {
    match width {
        Some(columns) => lines
            .iter()
            .flat_map(|line| text::wrap(line, columns))
            .collect(),
        None => lines,
    }
}

/// Says what could not be seen.
pub fn not_seen(missing: &Incomplete) -> String {
    let count = missing
        .count
        .map(|count| format!(" ({count})"))
        .unwrap_or_default();
    format!("not seen: {}{count}: {}", missing.what, missing.why)
}

fn legend<T: Tabular>(keys: &[&'static str]) -> Vec<String> {
    let columns = keys.iter().filter_map(|key| column(T::columns(), key));
    columns
        .map(|column| format!("{:<12} {}", column.title, column.help))
        .collect()
}
