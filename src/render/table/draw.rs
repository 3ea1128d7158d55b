//! Draws a table for a terminal: chooses the columns that fit, and lays out their cells in lines,
//! with colors.

use comfy_table::{Attribute, Cell as Drawn, CellAlignment, ContentArrangement, Table, presets};

use super::{Align, Cell, Column, Listed, View, column, fit};
use crate::render::{Tone, text};

pub struct Drawing<'a> {
    /// Use colors and bold.
    pub colour: bool,
    pub header: bool,
    /// The columns to show; `None` for the usual ones.
    pub columns: Option<&'a [&'static str]>,
    /// How a cell changed since the last frame, on a screen.
    pub changed: Option<Changed<'a>>,
}

/// Takes a row's identity, a column's key and the cell.
pub type Changed<'a> = &'a dyn Fn(&str, &str, &Cell) -> Option<Tone>;

/// The lines of a report's table.
pub fn draw<T: Listed>(report: &T, view: &View, drawing: &Drawing<'_>) -> Vec<String> {
    let keys = keys(report, view, drawing);
    let columns: Vec<&Column<T::Row>> = keys
        .iter()
        .filter_map(|key| column(T::columns(), key))
        .collect();
    let paint = |row| paint::<T>(row, &columns, view, drawing);
    let mut texts = Texts {
        aligns: columns.iter().map(|column| column.align).collect(),
        heads: columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect(),
        rows: report.rows().iter().map(paint).collect(),
        header: drawing.header,
    };
    if let Some(width) = view.width {
        texts.shorten_last(width);
    }
    texts.styled(drawing.colour)
}

/// The lines of a table of plain texts.
pub fn lay_out(heads: &[&str], aligns: &[Align], rows: Vec<Vec<String>>) -> Vec<String> {
    let plain = |text| Painted {
        text,
        tone: Tone::Plain,
        changed: false,
    };
    let row = |row: Vec<String>| row.into_iter().map(plain).collect();
    let texts = Texts {
        aligns: aligns.to_vec(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
        rows: rows.into_iter().map(row).collect(),
        header: true,
    };
    texts.styled(false)
}

fn keys<T: Listed>(report: &T, view: &View, drawing: &Drawing<'_>) -> Vec<&'static str> {
    if let Some(chosen) = drawing.columns {
        return chosen.to_vec();
    }
    let shown = report.shown(view);
    let Some(available) = view.width else {
        return shown;
    };
    let width_of = |key: &str| {
        let Some(column) = column(T::columns(), key) else {
            return 0;
        };
        let cell = |row| text::width(&(column.cell)(row, view).value.shown());
        let cells = report.rows().iter().map(cell);
        cells.max().unwrap_or(0).max(text::width(column.title))
    };
    fit::fit(
        shown,
        T::narrower(),
        available,
        T::narrowest_last(),
        width_of,
    )
}

struct Painted {
    text: String,
    tone: Tone,
    changed: bool,
}

fn paint<T: Listed>(
    row: &T::Row,
    columns: &[&Column<T::Row>],
    view: &View,
    drawing: &Drawing<'_>,
) -> Vec<Painted> {
    let identity = drawing.changed.map(|changed| (changed, T::identity(row)));
    let cells = columns.iter().map(|column| {
        let cell = (column.cell)(row, view);
        let asked = identity.as_ref();
        let changed = asked.and_then(|(changed, row)| changed(row, column.key, &cell));
        let mut text = cell.value.shown();
        // Without colors a mark shows what changed.
        if changed.is_some() && !drawing.colour {
            text.insert(0, '*');
        }
        let tone = changed
            .filter(|tone| *tone != Tone::Plain)
            .unwrap_or(cell.tone);
        Painted {
            text,
            tone,
            changed: changed.is_some(),
        }
    });
    cells.collect()
}

struct Texts {
    aligns: Vec<Align>,
    heads: Vec<String>,
    rows: Vec<Vec<Painted>>,
    header: bool,
}

impl Texts {
    fn widths(&self) -> Vec<usize> {
        let of = |(index, head): (usize, &String)| {
            let cells = self.rows.iter().map(|row| text::width(&row[index].text));
            cells
                .max()
                .unwrap_or(0)
                .max(if self.header { text::width(head) } else { 0 })
        };
        self.heads.iter().enumerate().map(of).collect()
    }

    /// The last column is shortened when the others leave it too little room, if it holds text. A
    /// number is never cut.
    fn shorten_last(&mut self, available: usize) {
        if self.aligns.last() != Some(&Align::Left) {
            return;
        }
        let widths = self.widths();
        let others = &widths[..widths.len() - 1];
        let taken: usize = others.iter().map(|width| width + fit::GAP).sum();
        let left = available.saturating_sub(taken).max(1);
        let cells = self.rows.iter_mut().filter_map(|row| row.last_mut());
        for text in cells
            .map(|cell| &mut cell.text)
            .chain(self.heads.last_mut())
        {
            *text = text::shorten(text, left);
        }
    }

    fn styled(self, colour: bool) -> Vec<String> {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        let aligns = || self.aligns.iter().map(|align| alignment(*align));
        if self.header {
            table.set_header(self.heads.iter().zip(aligns()).map(|(head, align)| {
                let head = Drawn::new(head).set_alignment(align);
                if colour {
                    head.add_attribute(Attribute::Bold)
                } else {
                    head
                }
            }));
        }
        for row in self.rows {
            table.add_row(
                row.into_iter()
                    .zip(aligns())
                    .map(|(cell, align)| cell.drawn(align)),
            );
        }
        let last = self.heads.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index < last { fit::GAP as u16 } else { 0 }));
        }
        table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

impl Painted {
    fn drawn(self, align: CellAlignment) -> Drawn {
        let mut cell = Drawn::new(self.text).set_alignment(align);
        if let Some(color) = self.tone.color() {
            cell = cell.fg(color);
        }
        if self.changed {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }
}

fn alignment(align: Align) -> CellAlignment {
    match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    }
}
