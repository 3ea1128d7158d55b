//! The table of `trace`: a line for each handshake that ended and each connection that closed.

mod cells;
mod columns;
mod detail;
mod live;
mod metrics;
mod summary;

use std::io;

use sockdiag::analysis::handshake::{Event, TraceReport};

use super::{Column, Narrower, Streamed, Tabular, View};
pub use cells::local_zone;
pub use columns::shown;
use columns::{COLUMNS, NARROWER, TWO_IN_ONE, USUAL};
pub use live::live_table;

impl Tabular for TraceReport {
    type Row = Event;

    const COLUMNS: &'static [Column<Event>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = NARROWER;

    fn for_programs(_: &View) -> Vec<&'static Column<Event>> {
        let is_single = |column: &&Column<Event>| !TWO_IN_ONE.contains(&column.key);
        COLUMNS.iter().filter(is_single).collect()
    }

    fn notes(&self, view: &View) -> Vec<String> {
        match &self.event {
            Event::Summary(summary) => summary::lines(summary, view.width),
            Event::Handshake(_) | Event::Close(_) => Vec::new(),
        }
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.event {
            Event::Summary(summary) => metrics::write(summary, out),
            Event::Handshake(_) | Event::Close(_) => Ok(()),
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

    fn details(row: &Event) -> Vec<String> {
        cells::handshake(row).map_or(Vec::new(), detail::detail)
    }
}
