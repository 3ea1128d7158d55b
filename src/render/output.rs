//! Where reports go: one format, one stream, flushed once for each report.

use std::{
    cell::RefCell,
    io::{self, BufWriter, StdoutLock, Write, stdout},
    time::Duration,
};

use clap::ValueEnum;
use crossterm::terminal::{Clear, ClearType};

use sockdiag::analysis::Report;

use super::{
    Cell, Colour, Layout, Metric, Screen, Stream, Tabular, View, csv, json,
    notes::{self, Notes},
    prom, size,
    table::{self, Column, Drawing, column, draw},
    text,
};

/// How reports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// One JSON object a line
    Json,
    /// Comma-separated values, every column, unrounded
    Csv,
    /// Prometheus text format
    Prom,
}

impl Format {
    /// It has rows and columns, made for the eye, rather than one element for each thing.
    pub fn is_for_rows(self) -> bool {
        matches!(self, Format::Table | Format::Csv)
    }
}

/// What a user asked of the output.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Format.
    pub format: Format,
    /// When to colour.
    pub colour: Colour,
    /// Name the columns.
    pub header: bool,
    /// 1 leaves out what could not be seen, 2 everything but the table.
    pub quiet: u8,
    /// Explain findings and columns under the table.
    pub verbose: bool,
    /// Key of the column to sort by; a leading `-` reverses.
    pub sort: Option<String>,
    /// Show no more rows than this.
    pub top: Option<usize>,
    /// Keys of the columns to show.
    pub columns: Option<Vec<String>>,
}

/// When and where a reading was made.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Wall-clock time.
    pub time: jiff::Timestamp,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Time since the reading that changes compare with.
    pub elapsed: Option<Duration>,
}

/// A key given to `--sort` or `--columns` that no column has.
#[derive(Debug)]
pub struct NoSuchColumn(pub String);

/// The columns that a user chose.
#[derive(Debug, Clone, Default)]
pub struct Look {
    sort: Option<(&'static str, bool)>,
    columns: Option<Vec<&'static str>>,
}

/// Standard output.
pub struct Output {
    settings: Settings,
    out: BufWriter<StdoutLock<'static>>,
    /// Kept from one report to the next: many small writes are dearer than one large copy.
    line: Vec<u8>,
    screen: Option<Screen>,
    colour: bool,
    reports: u64,
}

impl Output {
    /// Takes stdout.
    pub fn new(settings: Settings) -> Self {
        let colour = settings.colour.is_on(super::terminal_can_move());
        // It was decided here; the library would ask NO_COLOR once more.
        crossterm::style::force_color_output(colour);
        let out = BufWriter::with_capacity(16 * 1024, stdout().lock());
        Output {
            settings,
            out,
            line: Vec::new(),
            screen: None,
            colour,
            reports: 0,
        }
    }

    /// Shows tables in place from now on, if they go to a terminal.
    pub fn open_screen(&mut self) -> io::Result<()> {
        if self.settings.format == Format::Table && super::terminal_can_move() {
            self.screen = Some(Screen::open()?);
        }
        Ok(())
    }

    /// Closes the screen and leaves what it showed last where it can be read on.
    pub fn close_screen(&mut self) -> io::Result<()> {
        let Some(screen) = self.screen.take() else {
            return Ok(());
        };
        let last = screen.close();
        last.iter()
            .try_for_each(|line| writeln!(self.out, "{line}"))?;
        self.out.flush()
    }

    /// The open screen.
    pub fn screen(&self) -> Option<&Screen> {
        self.screen.as_ref()
    }

    /// Finds the columns that were named, before anything is read.
    pub fn look<T: Tabular>(&self) -> Result<Look, NoSuchColumn> {
        let find = |name: &str| find(T::columns(), name);
        let sort = match &self.settings.sort {
            None => None,
            Some(key) => Some(match key.strip_prefix('-') {
                Some(key) => (find(key)?, true),
                None => (find(key)?, false),
            }),
        };
        let columns = chosen(&self.settings, T::columns())?;
        Ok(Look { sort, columns })
    }

    /// Writes one report. `head` is the line above a table that is one of many.
    pub fn report<T: Tabular>(
        &mut self,
        mut report: T,
        moment: &Moment,
        view: &View,
        look: &Look,
        head: &str,
    ) -> io::Result<()> {
        self.arrange(&mut report, view, look);
        match self.settings.format {
            Format::Json => self.json(&report, moment)?,
            Format::Prom => prom::write(&mut self.out, &report.metrics())?,
            Format::Csv => self.csv(&report, moment, view, look)?,
            Format::Table => self.table(&report, view, look, head)?,
        }
        self.reports += 1;
        self.out.flush()
    }

    /// Writes what happened, as a line of a stream, and `under` it in a table. Nothing is flushed.
    pub fn event<T: Report, R>(
        &mut self,
        report: &T,
        row: &R,
        stream: &mut Stream<R>,
        moment: &Moment,
        under: Vec<String>,
    ) -> io::Result<()> {
        match self.settings.format {
            Format::Json => self.json(report, moment)?,
            Format::Csv => stream.csv(&mut self.out, row, moment, self.reports == 0)?,
            Format::Table => stream.write(&mut self.out, row, &View::default(), under)?,
            Format::Prom => {}
        }
        self.reports += 1;
        Ok(())
    }

    /// Writes what a stream comes to, as lines in a table.
    pub fn conclusion<T: Report>(
        &mut self,
        report: &T,
        moment: &Moment,
        lines: Vec<String>,
        metrics: &[Metric],
    ) -> io::Result<()> {
        match self.settings.format {
            Format::Json => self.json(report, moment)?,
            Format::Prom => prom::write(&mut self.out, metrics)?,
            Format::Csv => {}
            Format::Table => {
                let missing = report.incomplete().iter().map(notes::not_seen);
                let lines = lines.into_iter().chain(missing);
                let width = size().map(|(columns, _)| columns);
                self.begin(&notes::fit(lines.collect(), width))?;
            }
        }
        self.flush()
    }

    /// Writes the head of a stream of lines, if it is a table.
    pub fn begin_stream<R>(&mut self, stream: &mut Stream<R>) -> io::Result<()> {
        if self.settings.format == Format::Table {
            stream.begin(&mut self.out)?;
            self.reports += 1;
        }
        self.flush()
    }

    /// Shows a line that the next one, or an empty one, takes the place of; on a terminal only.
    pub fn status(&mut self, line: &str) -> io::Result<()> {
        let Some((width, _)) = size().filter(|_| self.settings.format == Format::Table) else {
            return Ok(());
        };
        let line = text::shorten(line, width.saturating_sub(1));
        match super::terminal_can_move() {
            true => write!(self.out, "\r{}{line}", Clear(ClearType::UntilNewLine)),
            false => Ok(()),
        }
    }

    /// A stream of lines with these columns.
    pub fn stream<R>(&self, layout: Layout<R>) -> Stream<R> {
        Stream::new(layout, self.settings.header, self.colour)
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn json<T: Report>(&mut self, report: &T, moment: &Moment) -> io::Result<()> {
        self.line.clear();
        json::write(&mut self.line, report, moment)?;
        self.out.write_all(&self.line)
    }

    fn arrange<T: Tabular>(&self, report: &mut T, view: &View, look: &Look) {
        if let Some((key, reverse)) = look.sort
            && let Some(column) = column(T::columns(), key)
        {
            report.rows_mut().sort_by(|one, other| {
                let order = (column.cell)(one, view)
                    .value
                    .order(&(column.cell)(other, view).value);
                if reverse { order.reverse() } else { order }
            });
        }
        if let Some(top) = self.settings.top {
            report.rows_mut().truncate(top);
        }
    }

    fn csv<T: Tabular>(
        &mut self,
        report: &T,
        moment: &Moment,
        view: &View,
        look: &Look,
    ) -> io::Result<()> {
        let columns: Vec<_> = match &look.columns {
            Some(keys) => keys
                .iter()
                .filter_map(|key| column(T::columns(), key))
                .collect(),
            None => T::columns().iter().collect(),
        };
        let row = |row| {
            columns
                .iter()
                .map(|column| (column.cell)(row, view))
                .collect()
        };
        let rows: Vec<Vec<Cell>> = report.rows().iter().map(row).collect();
        let header = self.settings.header && self.reports == 0;
        csv::write(&mut self.out, &columns, &rows, moment, header)
    }

    fn table<T: Tabular>(
        &mut self,
        report: &T,
        view: &View,
        look: &Look,
        head: &str,
    ) -> io::Result<()> {
        let width = size().map(|(columns, _)| columns);
        let sized = View { width, ..*view };
        let notes = self.notes(report, &sized, look);
        let head = self.head(report, head, &sized);
        if width.is_none() && !self.colour && !report.rows().is_empty() {
            self.begin(&head)?;
            let columns = look.columns.as_deref();
            table::plain::write(&mut self.out, report, view, columns, self.settings.header)?;
            return self.end(&notes.lines);
        }
        let mut screen = self.screen.take().map(RefCell::new);
        let changed = |row: &str, key: &str, cell: &Cell| {
            let column = column(T::columns(), key)?;
            screen
                .as_ref()?
                .borrow_mut()
                .change(row, column.key, cell, column.rising)
        };
        let view = &sized;
        let drawing = Drawing {
            colour: self.colour,
            header: self.settings.header,
            columns: look.columns.as_deref(),
            changed: screen.is_some().then_some(&changed),
        };
        let lines = match report.rows().is_empty() {
            true => vec![report.nothing()],
            false => draw(report, view, &drawing),
        };
        if let Some(screen) = &mut screen {
            screen.get_mut().draw(&head, &lines, &notes)?;
        } else {
            self.begin(&head)?;
            lines
                .iter()
                .try_for_each(|line| writeln!(self.out, "{line}"))?;
            self.end(&notes.lines)?;
        }
        self.screen = screen.map(RefCell::into_inner);
        Ok(())
    }

    /// Tables that follow each other are told apart by an empty line and a head.
    fn begin(&mut self, head: &[String]) -> io::Result<()> {
        if self.reports > 0 {
            writeln!(self.out)?;
        }
        head.iter()
            .try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// The line of a watch, and what stands above every table of this kind.
    fn head<T: Tabular>(&self, report: &T, head: &str, view: &View) -> Vec<String> {
        let mut lines = Vec::new();
        if !head.is_empty() && (self.settings.header || self.screen.is_some()) {
            lines.push(head.to_owned());
        }
        if self.settings.quiet < 2 {
            lines.extend(notes::fit(report.heading(view), view.width));
        }
        lines
    }

    fn end(&mut self, notes: &[String]) -> io::Result<()> {
        if !notes.is_empty() {
            writeln!(self.out)?;
        }
        notes
            .iter()
            .try_for_each(|note| writeln!(self.out, "{note}"))
    }

    fn notes<T: Tabular>(&self, report: &T, view: &View, look: &Look) -> Notes {
        let keys = || look.columns.clone().unwrap_or_else(|| report.shown(view));
        let explain = self.settings.verbose && !report.rows().is_empty();
        notes::notes(report, view, &self.settings, explain.then(keys).as_deref())
    }
}

/// The columns that were named, if any were.
pub fn chosen<R>(
    settings: &Settings,
    columns: &'static [Column<R>],
) -> Result<Option<Vec<&'static str>>, NoSuchColumn> {
    let named = settings.columns.as_ref();
    let find = |keys: &Vec<String>| keys.iter().map(|key| find(columns, key)).collect();
    named.map(find).transpose()
}

fn find<R>(columns: &'static [Column<R>], name: &str) -> Result<&'static str, NoSuchColumn> {
    let found = column(columns, name.trim());
    found
        .map(|column| column.key)
        .ok_or_else(|| NoSuchColumn(name.to_owned()))
}

/// What `--columns help` prints: each key, its head and what it holds.
pub fn help<R>(columns: &[Column<R>]) -> String {
    let widest = |of: fn(&Column<R>) -> &str| columns.iter().map(of).map(text::width).max();
    let keys = widest(|column| column.key).unwrap_or(0);
    let heads = widest(|column| column.title).unwrap_or(0);
    let line = |column: &Column<R>| {
        let (key, head) = (column.key, column.title);
        format!("{key:<keys$}  {head:<heads$}  {}\n", column.help)
    };
    columns.iter().map(line).collect()
}
