//! Columns: how a row becomes cells. Tables and CSV are made of them; `--columns` and `--sort` name
//! them.

use super::{Cell, View};
use crate::render::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

pub struct Column<R> {
    /// The name in `--columns`, `--sort` and CSV.
    pub key: &'static str,
    pub title: &'static str,
    /// One line for `--columns help` and the legend of `-v`.
    pub help: &'static str,
    pub align: Align,
    pub cell: fn(&R, &View) -> Cell,
    pub needs: Readings,
}

/// The readings without which a column is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readings {
    One,
    /// An earlier one to compare with: `--watch` or `--for`.
    Two,
    /// Samples: `--for`.
    Many,
}

impl Readings {
    fn are_given(self, view: &View) -> bool {
        match self {
            Readings::One => true,
            Readings::Two => view.changes,
            Readings::Many => view.sampled,
        }
    }
}

impl<R> Column<R> {
    pub const fn new(
        key: &'static str,
        title: &'static str,
        align: Align,
        cell: fn(&R, &View) -> Cell,
        help: &'static str,
    ) -> Self {
        Column {
            key,
            title,
            help,
            align,
            cell,
            needs: Readings::One,
        }
    }

    /// A change or a rate.
    pub const fn change(
        key: &'static str,
        title: &'static str,
        align: Align,
        cell: fn(&R, &View) -> Cell,
        help: &'static str,
    ) -> Self {
        Column {
            needs: Readings::Two,
            ..Column::new(key, title, align, cell, help)
        }
    }

    /// A statistic of samples.
    pub const fn sampled(
        key: &'static str,
        title: &'static str,
        align: Align,
        cell: fn(&R, &View) -> Cell,
        help: &'static str,
    ) -> Self {
        Column {
            needs: Readings::Many,
            ..Column::new(key, title, align, cell, help)
        }
    }
}

/// Why a key given to `--sort` or `--columns` is refused.
#[derive(Debug)]
pub enum ColumnError {
    Unknown(String),
    /// `--sort` by a column that has no value in this report.
    Empty(&'static str, Readings),
}

/// The column to sort by, and whether the order is reversed: `-KEY`.
pub fn order<R>(
    columns: &'static [Column<R>],
    key: &str,
    view: &View,
) -> Result<(&'static Column<R>, bool), ColumnError> {
    let (name, reverse) = match key.strip_prefix('-') {
        Some(name) => (name, true),
        None => (key, false),
    };
    let column = named(columns, name)?;
    match column.needs.are_given(view) {
        true => Ok((column, reverse)),
        false => Err(ColumnError::Empty(column.key, column.needs)),
    }
}

/// The column with this key, else with this header.
pub fn column<R>(columns: &'static [Column<R>], name: &str) -> Option<&'static Column<R>> {
    let by = |of: fn(&Column<R>) -> &'static str| {
        let mut columns = columns.iter();
        columns.find(|column| of(column).eq_ignore_ascii_case(name))
    };
    by(|column| column.key).or_else(|| by(|column| column.title))
}

pub fn columns<R>(all: &'static [Column<R>], keys: &[&str]) -> Vec<&'static Column<R>> {
    keys.iter().filter_map(|key| column(all, key)).collect()
}

pub fn named<R>(
    columns: &'static [Column<R>],
    name: &str,
) -> Result<&'static Column<R>, ColumnError> {
    column(columns, name.trim()).ok_or_else(|| ColumnError::Unknown(name.to_owned()))
}

/// The keys of the groups that are to be shown. Keys are separated by spaces.
pub fn keys(groups: &[(bool, &'static str)]) -> Vec<&'static str> {
    let shown = groups.iter().filter(|(is_shown, _)| *is_shown);
    shown.flat_map(|(_, keys)| keys.split(' ')).collect()
}

/// Whether rows differ in this, so that it needs a column.
pub fn several<R>(rows: &[R], differ: fn(&R, &R) -> bool) -> bool {
    rows.windows(2).any(|pair| differ(&pair[0], &pair[1]))
}

/// Says how old a part is that was not read again for this report, once that matters.
pub fn age_note(what: &str, age_ms: Option<u64>) -> Option<String> {
    let age = age_ms.filter(|age| *age >= 1000)?;
    Some(format!("{what} {} ago", text::duration(age)))
}

/// The text of `--columns help`: each key, its header and its meaning.
pub fn column_help<R>(columns: &[Column<R>]) -> String {
    let widest = |of: fn(&Column<R>) -> &str| columns.iter().map(of).map(text::width).max();
    let keys = widest(|column| column.key).unwrap_or(0);
    let heads = widest(|column| column.title).unwrap_or(0);
    let line = |column: &Column<R>| {
        let (key, head) = (column.key, column.title);
        format!("{key:<keys$}  {head:<heads$}  {}\n", column.help)
    };
    columns.iter().map(line).collect()
}
