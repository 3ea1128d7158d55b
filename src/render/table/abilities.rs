//! The table of `doctor --self`.

use std::io;

use sockdiag::analysis::doctor::{AbilityReport, SelfReport};
use sockdiag::model::OwnerSource;

use super::{Align::Left, Cell, Column, Listed, Narrower, Tabular, Value, View};
use crate::render::Tone;

#[rustfmt::skip]
static COLUMNS: [Column<AbilityReport>; 4] = [
    Column::new("what", "WHAT", Left, |row, _| Cell::text(row.what), "what reports rest on"),
    Column::new("here", "HERE", Left, here, "whether this host, kernel and user have it"),
    Column::new("cost", "WITHOUT IT, NOT SEEN", Left, |row, _| Cell::text(row.cost), "what reports lack without it"),
    Column::new("given_by", "GIVEN BY", Left, |row, _| Cell::text(row.given_by), "what gives it"),
];

fn here(row: &AbilityReport, _: &View) -> Cell {
    let cell = Cell::known(row.found.here, |here| {
        Value::Word(if here { "yes" } else { "no" })
    });
    cell.tone_if(row.found.here == Some(false), Tone::Warning)
}

impl Tabular for SelfReport {
    type Row = AbilityReport;

    const COLUMNS: &'static [Column<AbilityReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[];

    /// What gives each ability that is not here.
    fn notes(&self, _: &View) -> Vec<String> {
        let is_lacking = |one: &&AbilityReport| one.found.here == Some(false);
        let lacking = self.abilities.iter().filter(is_lacking);
        let note = |one: &AbilityReport| format!("{}: needs {}", one.what, one.given_by);
        lacking.map(note).collect()
    }

    fn write_metrics(&self, _: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}

impl Listed for SelfReport {
    fn rows(&self) -> &[AbilityReport] {
        &self.abilities
    }

    fn rows_mut(&mut self) -> &mut Vec<AbilityReport> {
        &mut self.abilities
    }

    fn shown(&self, _: &View) -> Vec<&'static str> {
        vec!["what", "here", "cost"]
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let found_by = self.owners_found_by.map(|source| match source {
            OwnerSource::Proc => "/proc",
            OwnerSource::Bpf => "a BPF iterator",
        });
        let line = found_by.map(|source| format!("owners of listeners were found by {source}"));
        line.into_iter().collect()
    }

    fn identity(row: &AbilityReport) -> String {
        row.what.to_owned()
    }

    fn is_quiet(row: &AbilityReport) -> bool {
        row.found.here == Some(true)
    }

    fn nothing(&self) -> String {
        String::new()
    }
}
