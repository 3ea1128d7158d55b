//! A table that grows line by line and has no end: its columns are made wider as wider cells come,
//! and its head is written again once it has scrolled away.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use crossterm::style::Stylize;

use super::{
    Moment, Tone, View, csv, notes, size,
    table::{Align, Column, GAP, Narrower, Value, column, fit},
    text,
};

/// A last column of words is not shortened: what does not fit stands under the line.
const NARROWEST_LAST: usize = usize::MAX;
/// Before what stands under a line.
const INDENT: &str = "    ";
/// The head comes again after so many lines at the earliest.
const FEWEST_ROWS: usize = 12;

/// What such a table is made of.
pub struct Layout<R: 'static> {
    /// Every column there is.
    pub columns: &'static [Column<R>],
    /// The ones that are shown.
    pub shown: Vec<&'static str>,
    /// How wide some of them usually are, so that they need not grow.
    pub usual: &'static [(&'static str, usize)],
    /// What gives way on a narrow terminal, first to last.
    pub narrower: &'static [Narrower],
    /// A last column that stands under the line where it does not fit behind it.
    pub note: Option<&'static str>,
}

/// A table that is written line by line.
pub struct Stream<R: 'static> {
    layout: Layout<R>,
    header: bool,
    colour: bool,
    widths: HashMap<&'static str, usize>,
    /// The keys of what fits.
    fitting: Vec<&'static str>,
    terminal: Option<(usize, usize)>,
    lines_since_head: usize,
    has_head: bool,
}

impl<R> Stream<R> {
    /// One without lines yet.
    pub fn new(layout: Layout<R>, header: bool, colour: bool) -> Self {
        let title = |column: &Column<R>| (column.key, text::width(column.title));
        let mut widths: HashMap<_, _> = layout.columns.iter().map(title).collect();
        for (key, usual) in layout.usual {
            widths
                .entry(key)
                .and_modify(|width| *width = (*width).max(*usual));
        }
        Stream {
            fitting: layout.shown.clone(),
            layout,
            header,
            colour,
            widths,
            terminal: None,
            lines_since_head: 0,
            has_head: false,
        }
    }

    /// Writes one line, and the head where it is due; then what belongs under the line.
    pub fn write(
        &mut self,
        out: &mut dyn Write,
        row: &R,
        view: &View,
        under: Vec<String>,
    ) -> io::Result<()> {
        self.make_room(row, view);
        let note = self.note_below(row, view);
        self.head(out)?;
        let line = self.line(row, view, note.is_some());
        writeln!(out, "{line}")?;
        let room = self
            .terminal
            .map(|(width, _)| width.saturating_sub(INDENT.len()));
        let under = notes::fit(note.into_iter().chain(under).collect(), room);
        for line in &under {
            writeln!(out, "{INDENT}{line}")?;
        }
        self.lines_since_head += 1 + under.len();
        Ok(())
    }

    /// Writes the head before anything has happened, so that a person sees that it has begun.
    pub fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.fit();
        self.head(out)
    }

    /// Writes one line as comma-separated values.
    pub fn csv(
        &self,
        out: &mut dyn Write,
        row: &R,
        moment: &Moment,
        is_first: bool,
    ) -> io::Result<()> {
        let view = View::default();
        let columns: Vec<_> = self.columns(&self.layout.shown).collect();
        let cells = columns.iter().map(|column| (column.cell)(row, &view));
        let header = self.header && is_first;
        csv::write(out, &columns, &[cells.collect()], moment, header)
    }

    /// What does not fit behind the line.
    fn note_below(&self, row: &R, view: &View) -> Option<String> {
        let column = column(self.layout.columns, self.layout.note?)?;
        let shown = (column.cell)(row, view).value;
        let text = shown.shown();
        let before: usize = self
            .shown()
            .filter(|(shown, _)| shown.key != column.key)
            .map(|(_, width)| width + GAP)
            .sum();
        let (available, _) = self.terminal?;
        let fits = self.fitting.contains(&column.key) && before + text::width(&text) <= available;
        (!fits && shown != Value::Missing).then_some(text)
    }

    /// Makes columns as wide as a row's cells are, and leaves out what does not fit then.
    fn make_room(&mut self, row: &R, view: &View) {
        self.fit();
        let shown = self.columns(&self.fitting);
        let needed = shown.map(|column| {
            let cell = (column.cell)(row, view);
            (column.key, text::width(&cell.value.shown()))
        });
        let needed: Vec<_> = needed.collect();
        for (key, needed) in needed {
            let is_note = self.layout.note == Some(key);
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
        let shown = self.layout.shown.clone();
        let fitting = fit(
            shown,
            self.layout.narrower,
            available,
            NARROWEST_LAST,
            width_of,
        );
        self.has_head &= fitting == self.fitting;
        self.fitting = fitting;
    }

    fn columns(&self, keys: &[&'static str]) -> impl Iterator<Item = &'static Column<R>> {
        let columns = self.layout.columns;
        keys.iter().filter_map(|key| column(columns, key))
    }

    /// Each column that fits, and how wide it is.
    fn shown(&self) -> impl Iterator<Item = (&'static Column<R>, usize)> + '_ {
        let last = self.fitting.last().copied();
        let width = move |column: &'static Column<R>| match column.align {
            // Nothing stands behind it that would have to be aligned.
            Align::Left if last == Some(column.key) => (column, 0),
            _ => (column, self.widths[column.key]),
        };
        self.columns(&self.fitting).map(width)
    }

    fn head(&mut self, out: &mut dyn Write) -> io::Result<()> {
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
        let heads = self.shown().map(|(column, width)| {
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

    fn line(&self, row: &R, view: &View, has_note_below: bool) -> String {
        let mut left = self.terminal.map(|(width, _)| width);
        let parts = self.shown().map(|(column, width)| {
            let cell = (column.cell)(row, view);
            let mut text = match has_note_below && self.layout.note == Some(column.key) {
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
