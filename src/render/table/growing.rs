//! A table that grows line by line. Its columns become wider as wider cells occur; its header is
//! repeated once it has scrolled away.

use std::{
    collections::HashMap,
    io::{self, Write},
    marker::PhantomData,
};

use super::{
    Align, Column, Streamed, Value, View, column, columns,
    draw::{Painted, join},
    fit::{GAP, fit},
};
use crate::render::{
    Settings, notes,
    sink::{Moment, Out, Writer},
    size, text,
};

/// The last column is not shortened: what does not fit is written below the line.
const NARROWEST_LAST: usize = usize::MAX;
const INDENT: &str = "    ";
/// The header is repeated after this many lines at the earliest.
const FEWEST_ROWS: usize = 12;

pub struct Growing<T: Streamed> {
    shown: Vec<&'static str>,
    /// The user named the columns, so that none is dropped.
    are_named: bool,
    colour: bool,
    settings: Settings,
    view: View,
    widths: HashMap<&'static str, usize>,
    /// The keys of the columns that fit.
    fitting: Vec<&'static str>,
    /// Columns and rows.
    terminal: Option<(usize, usize)>,
    lines_since_head: usize,
    has_head: bool,
    is_empty: bool,
    report: PhantomData<T>,
}

impl<T: Streamed> Growing<T> {
    pub fn new(
        settings: &Settings,
        named: Option<Vec<&'static str>>,
        shown: Vec<&'static str>,
    ) -> Self {
        let title = |column: &Column<T::Row>| (column.key, text::width(column.title));
        let mut widths: HashMap<_, _> = T::COLUMNS.iter().map(title).collect();
        for (key, usual) in T::usual() {
            let width = widths.entry(key);
            width.and_modify(|width| *width = (*width).max(*usual));
        }
        let are_named = named.is_some();
        let shown = named.unwrap_or(shown);
        Growing {
            fitting: shown.clone(),
            shown,
            are_named,
            colour: settings.colours(),
            settings: settings.clone(),
            view: View::default(),
            widths,
            terminal: None,
            lines_since_head: 0,
            has_head: false,
            is_empty: true,
            report: PhantomData,
        }
    }

    /// The note, if it does not fit into the line.
    fn note_below(&self, row: &T::Row) -> Option<String> {
        let column = column(T::COLUMNS, T::note()?)?;
        let shown = (column.cell)(row, &self.view).value;
        let text = shown.shown();
        let others = self.columns().filter(|(shown, _)| shown.key != column.key);
        let before: usize = others.map(|(_, width)| width + GAP).sum();
        let (available, _) = self.terminal?;
        let fits = self.fitting.contains(&column.key) && before + text::width(&text) <= available;
        (!fits && shown != Value::Missing).then_some(text)
    }

    /// Widens columns to the row's cells, and drops columns that no longer fit.
    fn make_room(&mut self, row: &T::Row) {
        self.fit();
        for column in columns(T::COLUMNS, &self.fitting) {
            let needed = text::width(&(column.cell)(row, &self.view).value.shown());
            let width = self.widths.entry(column.key).or_default();
            if needed > *width && T::note() != Some(column.key) {
                *width = needed;
                self.has_head &= self.terminal.is_none();
            }
        }
        self.fit();
    }

    fn fit(&mut self) {
        self.terminal = size();
        let Some((available, _)) = self.terminal else {
            return;
        };
        let width_of = |key: &str| self.widths.get(key).copied().unwrap_or(0);
        let steps = if self.are_named { &[] } else { T::NARROWER };
        let shown = self.shown.clone();
        let fitting = fit(shown, steps, available, NARROWEST_LAST, width_of);
        self.has_head &= fitting == self.fitting;
        self.fitting = fitting;
    }

    fn columns(&self) -> impl Iterator<Item = (&'static Column<T::Row>, usize)> + '_ {
        let last = self.fitting.last().copied();
        let width = move |column: &'static Column<T::Row>| match column.align {
            // Nothing follows it that would have to be aligned.
            Align::Left if last == Some(column.key) => (column, 0),
            _ => (column, self.widths[column.key]),
        };
        let fitting = columns(T::COLUMNS, &self.fitting);
        fitting.into_iter().map(width)
    }

    fn head(&mut self, out: &mut Out) -> io::Result<()> {
        let is_gone = self.terminal.is_some_and(|(_, rows)| {
            self.lines_since_head + 1 >= rows.saturating_sub(1).max(FEWEST_ROWS)
        });
        if self.has_head && !is_gone {
            return Ok(());
        }
        (self.has_head, self.lines_since_head) = (true, 0);
        if !self.settings.header {
            return Ok(());
        }
        let heads = self.line(|column, left| {
            let title = left.map(|left| text::shorten(column.title, left));
            Painted::head(title.as_deref().unwrap_or(column.title))
        });
        writeln!(out, "{heads}")
    }

    /// One line of cells. `cell` gets the columns of the terminal that are left for it.
    fn line(&self, cell: impl Fn(&Column<T::Row>, Option<usize>) -> Painted) -> String {
        let mut left = self.terminal.map(|(width, _)| width);
        let cells = self.columns().map(|(column, width)| {
            let cell = cell(column, left.map(|left| left.max(1)));
            left = left.map(|left| left.saturating_sub(width + GAP));
            (cell, (column.align, width))
        });
        let cells: Vec<_> = cells.collect();
        join(
            cells.iter().map(|(cell, place)| (cell, *place)),
            self.colour,
        )
    }

    fn cells(&self, row: &T::Row, has_note_below: bool) -> String {
        self.line(|column, left| {
            let cell = (column.cell)(row, &self.view);
            let text = match has_note_below && T::note() == Some(column.key) {
                true => "↓".to_owned(),
                false => cell.value.shown(),
            };
            let text = match (left, column.align) {
                (Some(left), Align::Left) => text::shorten(&text, left),
                _ => text,
            };
            Painted::new(text, cell.tone)
        })
    }
}

impl<T: Streamed> Writer<T> for Growing<T> {
    fn begin(&mut self, out: &mut Out, _head: &str) -> io::Result<()> {
        self.is_empty = false;
        self.fit();
        self.head(out)
    }

    fn row(&mut self, out: &mut Out, row: &T::Row, _: &Moment) -> io::Result<()> {
        self.is_empty = false;
        self.make_room(row);
        let note = self.note_below(row);
        self.head(out)?;
        writeln!(out, "{}", self.cells(row, note.is_some()))?;
        let details = self.settings.verbose.then(|| T::details(row));
        let under = note.into_iter().chain(details.into_iter().flatten());
        let room = self.terminal;
        let room = room.map(|(width, _)| width.saturating_sub(INDENT.len()));
        let under = notes::fit(under.collect(), room);
        for line in &under {
            writeln!(out, "{INDENT}{line}")?;
        }
        self.lines_since_head += 1 + under.len();
        Ok(())
    }

    fn end(&mut self, out: &mut Out, report: &T, _: &Moment) -> io::Result<()> {
        if !self.is_empty {
            writeln!(out)?;
        }
        let width = size().map(|(columns, _)| columns);
        let view = View { width, ..self.view };
        out.lines(&notes::notes(report, &view, &self.settings, None).lines)
    }
}
