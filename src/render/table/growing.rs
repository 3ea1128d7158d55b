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
    fit::{Fitting, GAP, Widths, fit},
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
    fitting: Fitting,
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
            fitting: Fitting::all(shown.clone()),
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

    /// The note, and the number of columns before it. It takes the place of empty cells before its
    /// own column; where it does not fit, there is no place.
    fn note(&self, row: &T::Row) -> Option<(String, Option<usize>)> {
        let value = |column: &Column<T::Row>| (column.cell)(row, &self.view).value;
        let note = value(column(T::COLUMNS, T::note()?)?);
        let text = note.shown();
        let columns = self
            .columns()
            .filter(|(column, _)| Some(column.key) != T::note());
        let mut columns: Vec<_> = columns.collect();
        let fits = |columns: &[(_, usize)]| {
            let before: usize = columns.iter().map(|(_, width)| width + GAP).sum();
            self.terminal
                .is_none_or(|(available, _)| before + text::width(&text) <= available)
        };
        let is_asked = !self.are_named || self.fitting.keys.last().copied() == T::note();
        if note == Value::Missing || !is_asked {
            return None;
        }
        while !fits(&columns) {
            match columns.pop() {
                Some((column, _)) if value(column) == Value::Missing => {}
                _ => return Some((text, None)),
            }
        }
        Some((text, Some(columns.len())))
    }

    /// Widens columns to the row's cells, and drops columns that no longer fit. The header is not
    /// repeated for a column that only became wider.
    fn make_room(&mut self, row: &T::Row) {
        self.fit();
        for column in columns(T::COLUMNS, &self.fitting.keys) {
            let needed = text::width(&(column.cell)(row, &self.view).value.shown());
            let width = self.widths.entry(column.key).or_default();
            if T::note() != Some(column.key) {
                *width = needed.max(*width);
            }
        }
        self.fit();
    }

    fn fit(&mut self) {
        self.terminal = size();
        let Some((available, _)) = self.terminal else {
            return;
        };
        let steps = if self.are_named { &[] } else { T::NARROWER };
        let widths = Widths {
            of: &|key| self.widths.get(key).copied().unwrap_or(0),
            // Rows to come may fill it.
            is_empty: &|_| false,
            last: &|_| NARROWEST_LAST,
            narrowest: &|_| NARROWEST_LAST,
        };
        let fitting = fit(self.shown.clone(), steps, available, &widths);
        self.has_head &= fitting.keys == self.fitting.keys;
        self.fitting = fitting;
    }

    fn columns(&self) -> impl Iterator<Item = (&'static Column<T::Row>, usize)> + '_ {
        let last = self.fitting.keys.last().copied();
        let width = move |column: &'static Column<T::Row>| match column.align {
            // Nothing follows it that would have to be aligned.
            Align::Left if last == Some(column.key) => (column, 0),
            _ => (
                column,
                self.widths[column.key].min(self.fitting.limit(column.key)),
            ),
        };
        let fitting = columns(T::COLUMNS, &self.fitting.keys);
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
        self.is_empty = false;
        if !self.settings.header {
            return Ok(());
        }
        let heads = self.line(usize::MAX, |column, left| {
            let title = left.map(|left| text::shorten(column.title, left));
            Painted::head(title.as_deref().unwrap_or(column.title))
        });
        writeln!(out, "{heads}")
    }

    /// The first cells of a line. `cell` gets the columns of the terminal that are left for it.
    fn line(
        &self,
        count: usize,
        cell: impl Fn(&Column<T::Row>, Option<usize>) -> Painted,
    ) -> String {
        let mut left = self.terminal.map(|(width, _)| width);
        let cells = self.columns().take(count).map(|(column, width)| {
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

    /// A line of cells, with the note at its place.
    fn cells(&self, row: &T::Row, note: Option<&(String, Option<usize>)>) -> String {
        let (inside, is_below) = match note {
            Some((text, Some(place))) => (Some((text, *place)), false),
            Some((_, None)) => (None, true),
            None => (None, false),
        };
        let count = inside.map_or(usize::MAX, |(_, place)| place);
        let mut line = self.line(count, |column, left| {
            let cell = (column.cell)(row, &self.view);
            let text = match is_below && T::note() == Some(column.key) {
                true => "↓".to_owned(),
                false => cell.value.shown(),
            };
            let text = text::shorten_middle(&text, self.fitting.limit(column.key));
            let text = match (left, column.align) {
                (Some(left), Align::Left) => text::shorten(&text, left),
                _ => text,
            };
            Painted::new(text, cell.tone)
        });
        if let Some((text, place)) = inside {
            let widths = self.columns().take(place).map(|(_, width)| width + GAP);
            let gap = widths.sum::<usize>() - text::width_without_styles(&line);
            line.extend([" ".repeat(gap).as_str(), text]);
        }
        line
    }
}

impl<T: Streamed> Writer<T> for Growing<T> {
    /// On a terminal the header waits for the first row, to which its columns are fitted.
    fn begin(&mut self, out: &mut Out, _head: &str) -> io::Result<()> {
        self.fit();
        match self.terminal {
            Some(_) => Ok(()),
            None => self.head(out),
        }
    }

    fn row(&mut self, out: &mut Out, row: &T::Row, _: &Moment) -> io::Result<()> {
        self.is_empty = false;
        self.make_room(row);
        let note = self.note(row);
        self.head(out)?;
        writeln!(out, "{}", self.cells(row, note.as_ref()))?;
        let details = self.settings.verbose.then(|| T::details(row));
        let below = note.and_then(|(text, place)| place.is_none().then_some(text));
        let under = below.into_iter().chain(details.into_iter().flatten());
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
