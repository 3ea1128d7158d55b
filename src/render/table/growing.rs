//! A table that grows line by line. Its columns become wider as wider cells occur; its header is
//! repeated once it has scrolled away.

use std::{
    collections::HashMap,
    io::{self, Write},
    marker::PhantomData,
};

use crossterm::style::Stylize;

use super::{
    Align, Column, Streamed, Value, View, column, columns,
    fit::{GAP, fit},
};
use crate::render::{
    Settings, Tone, notes,
    sink::{Moment, Out, Writer},
    size, text,
};

/// The last column is not shortened: what does not fit is written below the line.
const NARROWEST_LAST: usize = usize::MAX;
/// Precedes what is written below a line.
const INDENT: &str = "    ";
/// The header is repeated after this many lines at the earliest.
const FEWEST_ROWS: usize = 12;

pub struct Growing<T: Streamed> {
    shown: Vec<&'static str>,
    /// By the user, so that none is dropped.
    are_named: bool,
    header: bool,
    colour: bool,
    settings: Settings,
    view: View,
    widths: HashMap<&'static str, usize>,
    /// The keys of the columns that fit.
    fitting: Vec<&'static str>,
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
        let mut widths: HashMap<_, _> = T::columns().iter().map(title).collect();
        for (key, usual) in T::usual() {
            widths
                .entry(key)
                .and_modify(|width| *width = (*width).max(*usual));
        }
        let are_named = named.is_some();
        let shown = named.unwrap_or(shown);
        Growing {
            fitting: shown.clone(),
            shown,
            are_named,
            header: settings.header,
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
        let column = column(T::columns(), T::note()?)?;
        let shown = (column.cell)(row, &self.view).value;
        let text = shown.shown();
        let before: usize = self
            .columns()
            .filter(|(shown, _)| shown.key != column.key)
            .map(|(_, width)| width + GAP)
            .sum();
        let (available, _) = self.terminal?;
        let fits = self.fitting.contains(&column.key) && before + text::width(&text) <= available;
        (!fits && shown != Value::Missing).then_some(text)
    }

    /// Widens columns to the row's cells, and drops columns that no longer fit.
    fn make_room(&mut self, row: &T::Row) {
        self.fit();
        let shown = columns(T::columns(), &self.fitting);
        let needed = shown.iter().map(|column| {
            let cell = (column.cell)(row, &self.view);
            (column.key, text::width(&cell.value.shown()))
        });
        let needed: Vec<_> = needed.collect();
        for (key, needed) in needed {
            let is_note = T::note() == Some(key);
            let width = self.widths.entry(key).or_default();
            if needed > *width && !is_note {
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
        let steps = if self.are_named { &[] } else { T::narrower() };
        let shown = self.shown.clone();
        let fitting = fit(shown, steps, available, NARROWEST_LAST, width_of);
        self.has_head &= fitting == self.fitting;
        self.fitting = fitting;
    }

    /// The columns that fit, with their widths.
    fn columns(&self) -> impl Iterator<Item = (&'static Column<T::Row>, usize)> + '_ {
        let last = self.fitting.last().copied();
        let width = move |column: &'static Column<T::Row>| match column.align {
            // Nothing follows it that would have to be aligned.
            Align::Left if last == Some(column.key) => (column, 0),
            _ => (column, self.widths[column.key]),
        };
        let fitting = columns(T::columns(), &self.fitting);
        fitting.into_iter().map(width)
    }

    fn head(&mut self, out: &mut Out) -> io::Result<()> {
        let rows = self
            .terminal
            .map(|(_, rows)| rows.saturating_sub(1).max(FEWEST_ROWS));
        let is_gone = rows.is_some_and(|rows| self.lines_since_head + 1 >= rows);
        if self.has_head && !is_gone {
            return Ok(());
        }
        (self.has_head, self.lines_since_head) = (true, 0);
        if !self.header {
            return Ok(());
        }
        let mut left = self.terminal.map(|(width, _)| width);
        let heads = self.columns().map(|(column, width)| {
            let title = match left {
                Some(left) => text::shorten(column.title, left.max(1)),
                None => column.title.to_owned(),
            };
            left = left.map(|left| left.saturating_sub(width + GAP));
            let head = aligned(&title, column.align, width);
            match self.colour {
                true => head.bold().to_string(),
                false => head,
            }
        });
        let heads: Vec<String> = heads.collect();
        writeln!(out, "{}", heads.join(&" ".repeat(GAP)).trim_end())
    }

    fn line(&self, row: &T::Row, has_note_below: bool) -> String {
        let mut left = self.terminal.map(|(width, _)| width);
        let parts = self.columns().map(|(column, width)| {
            let cell = (column.cell)(row, &self.view);
            let mut text = match has_note_below && T::note() == Some(column.key) {
                true => "↓".to_owned(),
                false => cell.value.shown(),
            };
            if let (Some(left), Align::Left) = (left, column.align) {
                text = text::shorten(&text, left.max(1));
            }
            left = left.map(|left| left.saturating_sub(width + GAP));
            painted(&aligned(&text, column.align, width), cell.tone, self.colour)
        });
        let parts: Vec<String> = parts.collect();
        parts.join(&" ".repeat(GAP)).trim_end().to_owned()
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
        let line = self.line(row, note.is_some());
        writeln!(out, "{line}")?;
        let details = match self.settings.verbose {
            true => T::details(row),
            false => Vec::new(),
        };
        let room = self.terminal;
        let room = room.map(|(width, _)| width.saturating_sub(INDENT.len()));
        let under = notes::fit(note.into_iter().chain(details).collect(), room);
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

fn aligned(text: &str, align: Align, width: usize) -> String {
    let room = " ".repeat(width.saturating_sub(text::width(text)));
    match align {
        Align::Left => format!("{text}{room}"),
        Align::Right => format!("{room}{text}"),
    }
}

fn painted(text: &str, tone: Tone, colour: bool) -> String {
    match tone.terminal_color().filter(|_| colour) {
        Some(color) => text.with(color).to_string(),
        None => text.to_owned(),
    }
}
