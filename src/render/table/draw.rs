//! Draws a table for a terminal: chooses the columns that fit, and lays out their cells in lines,
//! with colors.

use comfy_table::{Attribute, CellAlignment, ContentArrangement, Table, presets};
use crossterm::style::{ContentStyle, Stylize};

use super::{Align, Cell, Column, Listed, View, column, columns, fit};
use crate::render::{Tone, text};

pub struct Drawing<'a> {
    pub colour: bool,
    pub header: bool,
    /// The columns to show; `None` for the usual ones.
    pub columns: Option<&'a [&'static str]>,
    /// How a cell changed since the last frame, on a screen.
    pub changed: Option<Changed<'a>>,
}

/// Takes a row's identity, a column's key and the cell.
pub type Changed<'a> = &'a dyn Fn(&str, &str, &Cell) -> Option<Tone>;

pub fn draw<T: Listed>(report: &T, view: &View, drawing: &Drawing<'_>) -> Vec<String> {
    let columns = columns(T::COLUMNS, &keys(report, view, drawing));
    let head = || columns.iter().map(|column| Painted::head(column.title));
    let head = drawing.header.then(|| head().collect());
    let rows = report.rows().iter();
    let rows = rows.map(|row| paint::<T>(row, &columns, view, drawing));
    let aligns: Vec<Align> = columns.iter().map(|column| column.align).collect();
    let mut rows: Vec<Vec<Painted>> = head.into_iter().chain(rows).collect();
    if let Some(width) = view.width {
        shorten_last(&mut rows, &aligns, width);
    }
    lines(&rows, &aligns, drawing.colour)
}

pub fn lay_out(heads: &[&str], aligns: &[Align], rows: Vec<Vec<String>>) -> Vec<String> {
    let plain = |text| Painted::new(text, Tone::Plain);
    let head = heads.iter().map(|head| (*head).to_owned()).collect();
    let rows = std::iter::once(head).chain(rows);
    let rows: Vec<Vec<Painted>> = rows
        .map(|row: Vec<String>| row.into_iter().map(plain).collect())
        .collect();
    lines(&rows, aligns, false)
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
        column(T::COLUMNS, key).map_or(0, |column| {
            let cell = |row| text::width(&(column.cell)(row, view).value.shown());
            let cells = report.rows().iter().map(cell);
            cells.max().unwrap_or(0).max(text::width(column.title))
        })
    };
    fit::fit(shown, T::NARROWER, available, T::NARROWEST_LAST, width_of)
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
        let tone = changed.filter(|tone| *tone != Tone::Plain);
        Painted {
            text,
            tone: tone.unwrap_or(cell.tone),
            bold: changed.is_some(),
        }
    });
    cells.collect()
}

/// The last column is shortened when the others leave it too little room, if it contains text. A
/// number is never cut.
fn shorten_last(rows: &mut [Vec<Painted>], aligns: &[Align], available: usize) {
    if aligns.last() == Some(&Align::Left) {
        let widths = widths(rows, aligns.len());
        let others = &widths[..widths.len() - 1];
        let taken: usize = others.iter().map(|width| width + fit::GAP).sum();
        let left = available.saturating_sub(taken).max(1);
        for cell in rows.iter_mut().filter_map(|row| row.last_mut()) {
            cell.text = text::shorten(&cell.text, left);
        }
    }
}

fn widths(rows: &[Vec<Painted>], columns: usize) -> Vec<usize> {
    let width = |index: usize| rows.iter().map(move |row| text::width(&row[index].text));
    (0..columns)
        .map(|index| width(index).max().unwrap_or(0))
        .collect()
}

fn lines(rows: &[Vec<Painted>], aligns: &[Align], colour: bool) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    match colour {
        true => table.enforce_styling(),
        false => table.force_no_tty(),
    };
    for row in rows {
        let cells = row.iter().zip(aligns);
        table.add_row(cells.map(|(cell, align)| cell.in_table(*align)));
    }
    let last = aligns.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index < last { fit::GAP as u16 } else { 0 }));
    }
    let lines = table.lines();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// One line of cells, each aligned in its width.
pub fn join<'a>(
    cells: impl Iterator<Item = (&'a Painted, (Align, usize))>,
    colour: bool,
) -> String {
    let mut line = String::new();
    for (cell, (align, width)) in cells {
        let room = " ".repeat(width.saturating_sub(text::width(&cell.text)));
        let (before, after) = match align {
            Align::Left => ("", &*room),
            Align::Right => (&*room, ""),
        };
        line.extend([before, &cell.styled(colour), after, "  "]);
    }
    line.truncate(line.trim_end().len());
    line
}

pub struct Painted {
    pub text: String,
    tone: Tone,
    bold: bool,
}

impl Painted {
    pub fn new(text: String, tone: Tone) -> Self {
        Painted {
            text,
            tone,
            bold: false,
        }
    }

    pub fn head(title: &str) -> Self {
        Painted {
            bold: true,
            ..Painted::new(title.to_owned(), Tone::Plain)
        }
    }

    fn in_table(&self, align: Align) -> comfy_table::Cell {
        let mut cell = comfy_table::Cell::new(&self.text).set_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
        if let Some((color, _)) = self.tone.color() {
            cell = cell.fg(color);
        }
        match self.bold {
            true => cell.add_attribute(Attribute::Bold),
            false => cell,
        }
    }

    fn styled(&self, colour: bool) -> String {
        let mut style = ContentStyle::new();
        style.foreground_color = self.tone.color().map(|(_, color)| color);
        if self.bold {
            style = style.bold();
        }
        match colour && style != ContentStyle::new() {
            true => style.apply(&self.text).to_string(),
            false => self.text.clone(),
        }
    }
}
