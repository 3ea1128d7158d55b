//! How a report becomes a table: columns that know their cells, and what gives way when the
//! terminal is narrow. The same columns make the CSV and are what `--sort` and `--columns` name.

mod cell;
pub mod counters;
mod draw;
pub mod fds;
mod fit;
pub mod plain;
pub mod ports;
pub mod queues;
pub mod timewait;
pub mod trace;
mod who;

pub use cell::{Cell, Value};
pub use draw::{Drawing, draw, lay_out};
pub use fit::{GAP, fit};

use sockdiag::analysis::Report;

use super::{Metric, Tone};

/// What a table is drawn for.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// There is, or will be, a reading before to compare with.
    pub changes: bool,
    /// Many samples were taken.
    pub sampled: bool,
    /// Sockets that share an address are one row.
    pub folded: bool,
    /// Names are looked up: hosts, services, users.
    pub names: bool,
    /// Columns of the terminal, where there is one.
    pub width: Option<usize>,
}

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// What it means when a number rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rising {
    /// Trouble.
    Bad,
    /// It is itself a change or a rate of something bad: any but 0 is trouble.
    Flow,
    /// Neither.
    Neutral,
}

impl Rising {
    /// The tone of a number that changed.
    pub fn tone(self, before: f64, now: f64) -> Tone {
        match self {
            Rising::Neutral => Tone::Plain,
            Rising::Bad if now > before => Tone::Bad,
            Rising::Flow if now > 0.0 => Tone::Bad,
            Rising::Bad | Rising::Flow => Tone::Good,
        }
    }
}

/// A column of a report's table.
pub struct Column<R> {
    /// How `--columns`, `--sort` and the CSV call it.
    pub key: &'static str,
    /// Its head.
    pub title: &'static str,
    /// One line for `--columns help` and the legend of `-v`.
    pub help: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// What it means when its number rises.
    pub rising: Rising,
    /// Its cell in a row.
    pub cell: fn(&R, &View) -> Cell,
}

impl<R> Column<R> {
    /// All of it, in the order of a table's definition.
    pub const fn new(
        key: &'static str,
        title: &'static str,
        align: Align,
        rising: Rising,
        cell: fn(&R, &View) -> Cell,
        help: &'static str,
    ) -> Self {
        Column {
            key,
            title,
            help,
            align,
            rising,
            cell,
        }
    }
}

/// A step that makes a table narrower.
pub enum Narrower {
    /// A column goes.
    Drop(&'static str),
    /// A column goes, when the last one cannot be shortened any more.
    LastResort(&'static str),
    /// Two columns become one.
    Join([&'static str; 2], &'static str),
}

/// A report that can be shown as a table.
pub trait Tabular: Report + 'static {
    /// What a line stands for.
    type Row: 'static;

    /// Its lines.
    fn rows(&self) -> &[Self::Row];

    /// Its lines, to sort and cut.
    fn rows_mut(&mut self) -> &mut Vec<Self::Row>;

    /// Every column there is.
    fn columns() -> &'static [Column<Self::Row>];

    /// The columns shown unless others are asked for.
    fn shown(&self, view: &View) -> Vec<&'static str>;

    /// What gives way on a narrow terminal, first to last. Whatever is left then, the last column
    /// is shortened.
    fn narrower() -> &'static [Narrower];

    /// What a line is the same line by, in another reading.
    fn identity(row: &Self::Row) -> String;

    /// Lines above the table: what all of it is measured against.
    fn heading(&self, _: &View) -> Vec<String> {
        Vec::new()
    }

    /// Lines under the table: facts that no column shows.
    fn notes(&self, _: &View) -> Vec<String> {
        Vec::new()
    }

    /// Said instead of a table without lines.
    fn nothing(&self) -> String;

    /// The last column is not made narrower than this before others go.
    fn narrowest_last() -> usize {
        10
    }

    /// The same numbers for a scraper.
    fn metrics(&self) -> Vec<Metric>;
}

/// The column of that name; its head will do, too.
pub fn column<R>(columns: &'static [Column<R>], name: &str) -> Option<&'static Column<R>> {
    let by_key = columns
        .iter()
        .find(|column| column.key.eq_ignore_ascii_case(name));
    by_key.or_else(|| {
        columns
            .iter()
            .find(|column| column.title.eq_ignore_ascii_case(name))
    })
}

/// Each column of a row, as programs read it: `key=value`.
#[cfg(test)]
fn raw<R>(columns: &[Column<R>], row: &R) -> Vec<String> {
    let cell = |column: &Column<R>| (column.cell)(row, &View::default()).value.raw();
    let columns = columns.iter();
    columns
        .map(|column| format!("{}={}", column.key, cell(column)))
        .collect()
}
