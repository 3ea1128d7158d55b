//! The table of `trace`: a line for each handshake that ended and each connection that closed.

mod cells;
mod columns;
mod detail;
mod metrics;
mod summary;

use std::io;

use sockdiag::analysis::trace::{Line, TraceReport};

use super::{Column, Narrower, Streamed, Tabular, View};
pub use columns::shown;
use columns::{COLUMNS, NARROWER, TWO_IN_ONE, USUAL};

impl Tabular for TraceReport {
    type Row = Line;

    fn columns() -> &'static [Column<Line>] {
        COLUMNS
    }

    fn for_programs() -> Vec<&'static Column<Line>> {
        let is_single = |column: &&Column<Line>| !TWO_IN_ONE.contains(&column.key);
        COLUMNS.iter().filter(is_single).collect()
    }

    fn narrower() -> &'static [Narrower] {
        NARROWER
    }

    fn notes(&self, view: &View) -> Vec<String> {
        match &self.line {
            Line::Summary(told) => summary::summary(told, view.width),
            Line::Handshake(_) | Line::Close(_) => Vec::new(),
        }
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.line {
            Line::Summary(told) => metrics::write(told, out),
            Line::Handshake(_) | Line::Close(_) => Ok(()),
        }
    }
}

impl Streamed for TraceReport {
    fn usual() -> &'static [(&'static str, usize)] {
        USUAL
    }

    fn note() -> Option<&'static str> {
        Some("note")
    }

    fn details(line: &Line) -> Vec<String> {
        match line {
            Line::Handshake(handshake) => detail::detail(handshake),
            Line::Close(_) | Line::Summary(_) => Vec::new(),
        }
    }
}
