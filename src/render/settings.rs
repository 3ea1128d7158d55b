//! Output settings from the flags.

use clap::ValueEnum;

use super::{
    Colour,
    table::{Column, ColumnError, named},
    terminal_can_move,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// One JSON object per line
    Json,
    /// Comma-separated values: every column, unrounded
    Csv,
    /// Prometheus text format
    Prom,
}

impl Format {
    /// Whether the format has rows and columns.
    pub fn is_for_rows(self) -> bool {
        matches!(self, Format::Table | Format::Csv)
    }
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub format: Format,
    pub colour: Colour,
    pub header: bool,
    /// 1 omits what could not be read, 2 everything but the table.
    pub quiet: u8,
    /// Explain findings and columns below a table, or show details below each line.
    pub verbose: bool,
    /// Key of the column to sort by; a leading `-` reverses.
    pub sort: Option<String>,
    pub top: Option<usize>,
    pub columns: Option<Vec<String>>,
}

impl Settings {
    /// Whether to use colors. Decides for crossterm too, which would read NO_COLOR by itself.
    pub fn colours(&self) -> bool {
        let colours = self.colour.is_on(terminal_can_move());
        crossterm::style::force_color_output(colours);
        colours
    }

    /// Whether this column is named in `--columns`, or its key in `--sort`.
    pub fn shows(&self, key: &str) -> bool {
        let sort = self.sort.as_deref().map(|key| key.trim_start_matches('-'));
        let columns = self.columns.iter().flatten().map(String::as_str);
        let mut named = columns.chain(sort);
        named.any(|named| named.trim().eq_ignore_ascii_case(key))
    }

    pub fn named<R>(
        &self,
        columns: &'static [Column<R>],
    ) -> Result<Option<Vec<&'static str>>, ColumnError> {
        let find = |key: &String| named(columns, key).map(|column| column.key);
        let keys = self.columns.as_ref();
        keys.map(|keys| keys.iter().map(find).collect()).transpose()
    }
}
