//! Lays a table out and colours it.

use comfy_table::{Attribute, Cell as Drawn, CellAlignment, ContentArrangement, Table, presets};

use super::{Align, Cell, Column, Tabular, View, column, fit};
use crate::render::{Tone, text};

/// How a table is drawn.
pub struct Drawing<'a> {
    /// Columns of the terminal; `None` draws as wide as it comes.
    pub width: Option<usize>,
    /// Whether to use colours and bold.
    pub colour: bool,
    /// Whether the first line names the columns.
    pub header: bool,
    /// The columns to show; `None` for the usual ones.
    pub columns: Option<&'a [&'static str]>,
    /// How a cell changed since it was last drawn, where that is to be seen.
    pub changed: Option<Changed<'a>>,
}

/// Asked with a row's identity, a column's key and the cell.
pub type Changed<'a> = &'a dyn Fn(&str, &str, &Cell) -> Option<Tone>;

/// The lines of a report's table.
pub fn draw<T: Tabular>(report: &T, view: &View, drawing: &Drawing<'_>) -> Vec<String> {
    let keys = keys(report, view, drawing);
    let columns: Vec<&Column<T::Row>> = keys
        .iter()
        .filter_map(|key| column(T::columns(), key))
        .collect();
    let mut texts: Vec<Vec<Painted>> = report
        .rows()
        .iter()
        .map(|row| paint::<T>(row, &columns, view, drawing))
        .collect();
    if let Some(width) = drawing.width {
        shorten_last(&columns, &mut texts, width);
    }
    match drawing.width.is_some() || drawing.colour {
        true => styled(&columns, texts, drawing),
        false => plain(&columns, &texts, drawing.header),
    }
}

/// For a pipe: the same look, without the cost of cells that could have a style.
fn plain<R>(columns: &[&Column<R>], rows: &[Vec<Painted>], header: bool) -> Vec<String> {
    let width_of = |index: usize, column: &Column<R>| {
        let cells = rows.iter().map(|row| text::width(&row[index].text));
        cells
            .max()
            .unwrap_or(0)
            .max(if header { text::width(column.title) } else { 0 })
    };
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| width_of(index, column))
        .collect();
    let heads = columns.iter().map(|column| column.title).collect();
    let rows = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.text.as_str()).collect());
    let lines = header.then_some(heads).into_iter().chain(rows);
    lines
        .map(|cells: Vec<&str>| line(columns, &widths, &cells))
        .collect()
}

fn line<R>(columns: &[&Column<R>], widths: &[usize], cells: &[&str]) -> String {
    let mut line = String::with_capacity(widths.iter().sum::<usize>() + fit::GAP * widths.len());
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        let room = width.saturating_sub(text::width(cell));
        let (before, after) = match column.align {
            Align::Left => (0, room),
            Align::Right => (room, 0),
        };
        line.extend(std::iter::repeat_n(' ', before));
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', after + fit::GAP));
    }
    line.truncate(line.trim_end().len());
    line
}

/// For a terminal.
fn styled<R>(
    columns: &[&Column<R>],
    rows: Vec<Vec<Painted>>,
    drawing: &Drawing<'_>,
) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if drawing.colour {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    if drawing.header {
        table.set_header(columns.iter().map(|column| {
            let head = Drawn::new(column.title).set_alignment(alignment(column.align));
            if drawing.colour {
                head.add_attribute(Attribute::Bold)
            } else {
                head
            }
        }));
    }
    for row in rows {
        let cells = row.into_iter().zip(columns);
        table.add_row(cells.map(|(painted, column)| painted.drawn(column.align)));
    }
    let last = columns.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index < last { fit::GAP as u16 } else { 0 }));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn keys<T: Tabular>(report: &T, view: &View, drawing: &Drawing<'_>) -> Vec<&'static str> {
    if let Some(chosen) = drawing.columns {
        return chosen.to_vec();
    }
    let shown = report.shown(view);
    let Some(available) = drawing.width else {
        return shown;
    };
    let width_of = |key: &str| {
        let Some(column) = column(T::columns(), key) else {
            return 0;
        };
        let cells = report
            .rows()
            .iter()
            .map(|row| text::width(&(column.cell)(row, view).value.shown()));
        cells.max().unwrap_or(0).max(text::width(column.title))
    };
    fit::fit(shown, T::narrower(), available, width_of)
}

struct Painted {
    text: String,
    tone: Tone,
    changed: bool,
}

impl Painted {
    fn drawn(self, align: Align) -> Drawn {
        let mut cell = Drawn::new(self.text).set_alignment(alignment(align));
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

fn paint<T: Tabular>(
    row: &T::Row,
    columns: &[&Column<T::Row>],
    view: &View,
    drawing: &Drawing<'_>,
) -> Vec<Painted> {
    let identity = drawing.changed.map(|changed| (changed, T::identity(row)));
    let cells = columns.iter().map(|column| {
        let cell = (column.cell)(row, view);
        let changed = identity
            .as_ref()
            .and_then(|(changed, row)| changed(row, column.key, &cell));
        let mut text = cell.value.shown();
        // Without colours a mark tells what changed.
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

/// The last column gives way when the others leave it too little room.
fn shorten_last<R>(columns: &[&Column<R>], rows: &mut [Vec<Painted>], available: usize) {
    let Some((_, others)) = columns.split_last() else {
        return;
    };
    let taken: usize = others
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().map(|row| text::width(&row[index].text));
            cells.max().unwrap_or(0).max(text::width(column.title)) + fit::GAP
        })
        .sum();
    let left = available.saturating_sub(taken).max(1);
    for row in rows {
        if let Some(last) = row.last_mut() {
            last.text = text::shorten(&last.text, left);
        }
    }
}

fn alignment(align: Align) -> CellAlignment {
    match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    }
}
