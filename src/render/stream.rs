//! A table that grows line by line and has no end: its columns are made wider as wider cells come,
//! and its head is written again once it has scrolled away.

use std::io::{self, Write};

use crossterm::style::Stylize;

use super::{
    Cell, Moment, Tone, View, csv, size,
    table::{Align, Column, Narrower, column},
    text,
};

/// Two spaces between columns.
const GAP: usize = 2;
/// A last column of words is not shortened to less.
const NARROWEST_LAST: usize = 12;

/// What such a table is made of.
pub struct Layout<R: 'static> {
    /// Every column there is.
    pub columns: &'static [Column<R>],
    /// The ones that are shown, and how wide they usually are.
    pub shown: Vec<(&'static str, usize)>,
    /// What gives way on a narrow terminal, first to last.
    pub narrower: &'static [Narrower],
}

/// A table that is written line by line.
pub struct Stream<R: 'static> {
    layout: Layout<R>,
    header: bool,
    colour: bool,
    /// The keys of what fits.
    fitting: Vec<&'static str>,
    terminal: Option<(usize, usize)>,
    lines_since_head: usize,
    is_begun: bool,
}

impl<R> Stream<R> {
    /// One without lines yet.
    pub fn new(layout: Layout<R>, header: bool, colour: bool) -> Self {
        Stream {
            layout,
            header,
            colour,
            fitting: Vec::new(),
            terminal: None,
            lines_since_head: 0,
            is_begun: false,
        }
    }

    /// Writes one line, and the head where it is due; then what belongs under the line.
    pub fn write(
        &mut self,
        out: &mut dyn Write,
        row: &R,
        view: &View,
        under: &[String],
    ) -> io::Result<()> {
        let cells = self.cells(row, view);
        let has_grown = self.grow(&cells);
        let terminal = size();
        if !self.is_begun || has_grown || terminal != self.terminal {
            self.fit(terminal);
        }
        self.head(out)?;
        let line = self.line(&cells);
        writeln!(out, "{line}")?;
        for line in under {
            writeln!(out, "    {line}")?;
        }
        self.lines_since_head += 1 + under.len();
        Ok(())
    }

    /// Writes the head before anything has happened, so that a person sees that it has begun.
    pub fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.fit(size());
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
        let shown = self.layout.shown.iter();
        let columns = shown.filter_map(|(key, _)| column(self.layout.columns, key));
        let columns: Vec<_> = columns.collect();
        let header = self.header && is_first;
        csv::write(
            out,
            &columns,
            &[self.cells(row, &View::default())],
            moment,
            header,
        )
    }

    fn cells(&self, row: &R, view: &View) -> Vec<Cell> {
        let shown = self.layout.shown.iter();
        let columns = shown.filter_map(|(key, _)| column(self.layout.columns, key));
        columns.map(|column| (column.cell)(row, view)).collect()
    }

    fn grow(&mut self, cells: &[Cell]) -> bool {
        let mut has_grown = false;
        for ((_, width), cell) in self.layout.shown.iter_mut().zip(cells) {
            let needed = text::width(&cell.value.shown());
            has_grown |= needed > *width;
            *width = needed.max(*width);
        }
        has_grown
    }

    fn fit(&mut self, terminal: Option<(usize, usize)>) {
        self.terminal = terminal;
        self.fitting = self.layout.shown.iter().map(|(key, _)| *key).collect();
        for step in self.layout.narrower {
            let Some((width, _)) = terminal else { return };
            if self.narrowest() <= width {
                return;
            }
            match step {
                Narrower::Drop(key) | Narrower::LastResort(key) => {
                    self.fitting.retain(|shown| shown != key);
                }
                Narrower::Join([_, gone], _) => self.fitting.retain(|shown| shown != gone),
            }
        }
    }

    /// How wide it is with its last column cut as short as may be.
    fn narrowest(&self) -> usize {
        let widths: Vec<usize> = self.shown().map(|(_, _, width)| width).collect();
        let Some((last, others)) = widths.split_last() else {
            return 0;
        };
        let others: usize = others.iter().map(|width| width + GAP).sum();
        others + (*last).min(NARROWEST_LAST)
    }

    /// Each column that fits: where its cell is, itself, and how wide.
    fn shown(&self) -> impl Iterator<Item = (usize, &'static Column<R>, usize)> + '_ {
        let all = self.layout.shown.iter().enumerate();
        let fitting = all.filter(|(_, (key, _))| self.fitting.contains(key));
        fitting.filter_map(|(index, (key, width))| {
            let column = column(self.layout.columns, key)?;
            Some((index, column, (*width).max(text::width(column.title))))
        })
    }

    fn head(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.terminal.map(|(_, rows)| rows.saturating_sub(1).max(5));
        let is_gone = rows.is_some_and(|rows| self.lines_since_head + 1 >= rows);
        if self.is_begun && !is_gone {
            return Ok(());
        }
        (self.is_begun, self.lines_since_head) = (true, 0);
        if !self.header {
            return Ok(());
        }
        let heads = self.shown().map(|(_, column, width)| {
            let head = aligned(column.title, column.align, width);
            match self.colour {
                true => head.bold().to_string(),
                false => head,
            }
        });
        let heads: Vec<String> = heads.collect();
        writeln!(out, "{}", heads.join(&" ".repeat(GAP)).trim_end())
    }

    fn line(&self, cells: &[Cell]) -> String {
        let mut left = self.terminal.map(|(width, _)| width);
        let parts = self.shown().map(|(index, column, width)| {
            let cell = &cells[index];
            let mut text = cell.value.shown();
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
