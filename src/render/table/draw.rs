//! Draws a table for a terminal: chooses the columns that fit, and lays out their cells in lines,
//! with colors.

use comfy_table::{Attribute, CellAlignment, ContentArrangement, Table, presets};
use crossterm::style::{ContentStyle, Stylize};

use super::{
    Align, Cell, Column, Listed, Value, View, column, columns,
    fit::{self, Fitting, Widths, fit},
};
use crate::render::{Change, Tone, text};

pub struct Drawing<'a> {
    pub colour: bool,
    pub header: bool,
    /// The columns to show; `None` for the usual ones.
    pub columns: Option<&'a [&'static str]>,
    /// How a cell changed since the last frame, on a screen.
    pub changed: Option<Changed<'a>>,
}

/// Takes a row's identity, a column's key and the cell.
pub type Changed<'a> = &'a dyn Fn(&str, &str, &Cell) -> Option<Change>;

/// Draws some rows of a report.
pub fn draw<T: Listed>(
    report: &T,
    rows: &[&T::Row],
    view: &View,
    drawing: &Drawing<'_>,
) -> Vec<String> {
    let fitting = fitting(report, rows, view, drawing);
    let columns = columns(T::COLUMNS, &fitting.keys);
    let aligns: Vec<Align> = columns.iter().map(|column| column.align).collect();
    let heads = columns.iter().map(|column| Painted::head(column.title));
    let head: Option<Vec<Painted>> = drawing.header.then(|| heads.collect());
    let cells = |row: &&T::Row| paint::<T>(row, &columns, &fitting, view, drawing);
    let mut cells: Vec<Vec<Painted>> = head.into_iter().chain(rows.iter().map(cells)).collect();
    if let (Some(width), Some(last)) = (view.width, columns.last())
        && last.align == Align::Left
    {
        // Names give way; a number is never cut.
        let room = room_for_last(&cells, width);
        let title = drawing.header.then(|| text::shorten(last.title, room));
        let texts = rows
            .iter()
            .map(|row| (last.cell)(row, view).value.within(room));
        for (row, text) in cells.iter_mut().zip(title.into_iter().chain(texts)) {
            row.last_mut()
                .into_iter()
                .for_each(|cell| cell.text.clone_from(&text));
        }
    }
    lines(&cells, &aligns, drawing.colour)
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

fn fitting<T: Listed>(report: &T, rows: &[&T::Row], view: &View, drawing: &Drawing<'_>) -> Fitting {
    if let Some(chosen) = drawing.columns {
        return Fitting::all(chosen.to_vec());
    }
    let shown = report.shown(view);
    let Some(available) = view.width else {
        return Fitting::all(shown);
    };
    let values = |key: &str| {
        let column = column(T::COLUMNS, key);
        let cell = move |column: &Column<T::Row>| {
            let cells = rows.iter().map(|row| (column.cell)(row, view).value);
            cells.collect::<Vec<_>>()
        };
        column.map_or(Vec::new(), cell)
    };
    let title = |key: &str| column(T::COLUMNS, key).map_or(0, |column| text::width(column.title));
    let widest = |key: &str, of: fn(&Value) -> usize| values(key).iter().map(of).max();
    let whole = |value: &Value| text::width(&value.shown());
    // A number is never cut.
    let is_cut =
        |key: &str| column(T::COLUMNS, key).is_some_and(|column| column.align == Align::Left);
    let widths = Widths {
        of: &|key| widest(key, whole).unwrap_or(0).max(title(key)),
        is_empty: &|key| {
            let is_empty = |value: &Value| *value == Value::Missing || value.number() == Some(0.0);
            values(key).iter().all(is_empty)
        },
        last: &|key| match is_cut(key) {
            true => widest(key, |value| value.narrowest(8))
                .max(Some(T::NARROWEST_LAST))
                .unwrap_or(0),
            false => usize::MAX,
        },
        narrowest: &|key| match is_cut(key) {
            true => widest(key, |value| value.narrowest(4)).unwrap_or(0),
            false => usize::MAX,
        },
    };
    fit(shown, T::NARROWER, available, &widths)
}

fn paint<T: Listed>(
    row: &T::Row,
    columns: &[&Column<T::Row>],
    fitting: &Fitting,
    view: &View,
    drawing: &Drawing<'_>,
) -> Vec<Painted> {
    let identity = drawing.changed.map(|changed| (changed, T::identity(row)));
    let cells = columns.iter().map(|column| {
        let cell = (column.cell)(row, view);
        let asked = identity.as_ref();
        let change = asked.and_then(|(changed, row)| changed(row, column.key, &cell));
        let text = text::shorten_middle(&cell.value.shown(), fitting.limit(column.key));
        Painted {
            text,
            tone: cell.tone,
            bold: change.is_some(),
            mark: change.map(Change::mark),
        }
    });
    cells.collect()
}

/// What the other columns leave to the last one.
fn room_for_last(rows: &[Vec<Painted>], available: usize) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    let others = widths(rows, columns.saturating_sub(1));
    let taken: usize = others.iter().map(|width| width + fit::GAP).sum();
    available.saturating_sub(taken).max(1)
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
    let is_marked = rows.iter().flatten().any(|cell| cell.mark.is_some());
    for row in rows {
        let space = |index: usize| (is_marked && index + 1 < row.len()).then_some(' ');
        let cells = row.iter().zip(aligns).enumerate();
        let cell = |(index, (cell, align)): (usize, (&Painted, &Align))| {
            cell.in_table(*align, cell.mark.or(space(index)))
        };
        table.add_row(cells.map(cell));
    }
    // A mark takes the first column of the gap.
    let gap = fit::GAP - usize::from(is_marked);
    let last = aligns.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index < last { gap as u16 } else { 0 }));
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
    /// How the number changed since the previous frame.
    mark: Option<char>,
}

impl Painted {
    pub fn new(text: String, tone: Tone) -> Self {
        Painted {
            text,
            tone,
            bold: false,
            mark: None,
        }
    }

    pub fn head(title: &str) -> Self {
        Painted {
            bold: true,
            ..Painted::new(title.to_owned(), Tone::Plain)
        }
    }

    fn in_table(&self, align: Align, mark: Option<char>) -> comfy_table::Cell {
        let text = self.text.chars().chain(mark).collect::<String>();
        let mut cell = comfy_table::Cell::new(text).set_alignment(match align {
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
