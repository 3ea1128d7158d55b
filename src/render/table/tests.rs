//! What the tests of several tables share.

use super::{Column, View};

/// Each column of a row, as programs read it: `key=value`.
pub fn raw<R>(columns: &[Column<R>], row: &R) -> Vec<String> {
    let cell = |column: &Column<R>| {
        (column.cell)(row, &View::default())
            .value
            .raw()
            .into_owned()
    };
    let columns = columns.iter();
    columns
        .map(|column| format!("{}={}", column.key, cell(column)))
        .collect()
}
