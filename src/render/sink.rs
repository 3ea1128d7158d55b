//! Standard output, and the one protocol by which every format is written: begin, rows, end.

use std::{
    io::{self, BufWriter, IsTerminal, StdoutLock, Write, stdout},
    time::Duration,
};

use super::{
    Format, Screen, Settings,
    csv::Csv,
    json::{Json, Rows},
    prom::Prom,
    table::{Column, ColumnError, Growing, Listed, Page, Streamed, Tabular, View, order},
    terminal_can_move, text,
};

/// One format. CSV and lines of a stream are written row by row; a format that needs all rows first
/// takes them from the report at the end.
pub trait Writer<T: Tabular> {
    /// Writes what precedes the rows. `head` is the line above each table of a watch.
    fn begin(&mut self, _: &mut Out, _head: &str) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &mut Out, _: &T::Row, _: &Moment) -> io::Result<()> {
        Ok(())
    }

    /// Writes what follows the rows, and everything that needs all of them.
    fn end(&mut self, out: &mut Out, report: &T, moment: &Moment) -> io::Result<()>;
}

/// Standard output; while a screen is open, tables are drawn there.
pub struct Out {
    stdout: BufWriter<StdoutLock<'static>>,
    /// Makes names harmless that others chose, where a terminal shows what is for programs. Tables
    /// escape their cells by themselves.
    escape: Option<fn(&str) -> String>,
    pub screen: Option<Screen>,
}

#[derive(Debug, Clone)]
pub struct Host {
    pub name: String,
    pub kernel: String,
}

#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub time: jiff::Timestamp,
    /// Time since the reading that changes and rates compare with.
    pub elapsed: Option<Duration>,
}

impl Moment {
    pub fn now(elapsed: Option<Duration>) -> Self {
        Moment {
            time: jiff::Timestamp::now(),
            elapsed,
        }
    }
}

/// The output of one type of report: a format, and standard output.
pub struct Sink<T: Tabular> {
    out: Out,
    writer: Box<dyn Writer<T>>,
    format: Format,
    view: View,
    order: Option<(&'static Column<T::Row>, bool)>,
    top: Option<usize>,
}

impl<T: Listed> Sink<T> {
    /// For reports that contain their rows.
    pub fn of_reports(settings: &Settings, view: View, host: Host) -> Result<Self, ColumnError> {
        let named = settings.named(T::COLUMNS)?;
        let sort = settings.sort.as_ref();
        let sort = sort.map(|key| order(T::COLUMNS, key, &view));
        let table = Box::new(Page::new(settings, view, named.clone()));
        Ok(Sink {
            order: sort.transpose()?,
            top: settings.top,
            ..Sink::new(settings, view, named, table, Json::new(host, Rows::Inside))
        })
    }

    pub fn write_as(&mut self, writer: impl Writer<T> + 'static) {
        self.writer = Box::new(writer);
        self.out.escape = stdout().is_terminal().then_some(text::escape_lines);
    }

    /// Writes a report with its rows in the order and number of `--sort` and `--top`.
    pub fn report(
        &mut self,
        mut report: T,
        elapsed: Option<Duration>,
        head: &str,
    ) -> io::Result<()> {
        if let Some((column, reverse)) = self.order {
            let value = |row: &T::Row| (column.cell)(row, &self.view).value;
            report.rows_mut().sort_by(|one, other| {
                let order = value(one).order(&value(other));
                if reverse { order.reverse() } else { order }
            });
        }
        report.rows_mut().truncate(self.top.unwrap_or(usize::MAX));
        let moment = Moment::now(elapsed);
        self.writer.begin(&mut self.out, head)?;
        for row in report.rows() {
            self.writer.row(&mut self.out, row, &moment)?;
        }
        self.writer.end(&mut self.out, &report, &moment)?;
        self.out.flush()
    }
}

impl<T: Listed> Sink<T> {
    /// For rows of a report that are written as they come, in every format but the table.
    pub fn of_rows(
        settings: &Settings,
        view: View,
        host: Host,
        member: &'static str,
    ) -> Result<Self, ColumnError> {
        let named = settings.named(T::COLUMNS)?;
        let table = Box::new(Page::new(settings, view, named.clone()));
        let json = Json::new(host, Rows::Member(member));
        Ok(Sink::new(settings, view, named, table, json))
    }
}

impl<T: Streamed> Sink<T> {
    /// For rows that are written as they occur. `shown` are the columns of the table, unless others
    /// are asked for.
    pub fn of_lines(
        settings: &Settings,
        host: Host,
        shown: Vec<&'static str>,
    ) -> Result<Self, ColumnError> {
        let named = settings.named(T::COLUMNS)?;
        let table = Box::new(Growing::new(settings, named.clone(), shown));
        let json = Json::new(host, Rows::Lines);
        Ok(Sink::new(settings, View::default(), named, table, json))
    }
}

impl<T: Tabular> Sink<T> {
    fn new(
        settings: &Settings,
        view: View,
        named: Option<Vec<&'static str>>,
        table: Box<dyn Writer<T>>,
        json: Json,
    ) -> Self {
        let escape: fn(&str) -> String = match settings.format {
            Format::Json => text::escape_json,
            _ => text::escape_lines,
        };
        let is_shown = settings.format != Format::Table && stdout().is_terminal();
        Sink {
            out: Out::new(is_shown.then_some(escape)),
            writer: match settings.format {
                Format::Table => table,
                Format::Json => Box::new(json),
                Format::Csv => Box::new(Csv::new::<T>(settings.header, view, named)),
                Format::Prom => Box::new(Prom),
            },
            format: settings.format,
            view,
            order: None,
            top: None,
        }
    }

    /// Writes and flushes what precedes the rows.
    pub fn begin(&mut self) -> io::Result<()> {
        self.writer.begin(&mut self.out, "")?;
        self.out.flush()
    }

    /// Writes one row without flushing it.
    pub fn row(&mut self, row: &T::Row, moment: &Moment) -> io::Result<()> {
        self.writer.row(&mut self.out, row, moment)
    }

    pub fn end(&mut self, report: &T, moment: &Moment) -> io::Result<()> {
        self.writer.end(&mut self.out, report, moment)?;
        self.out.flush()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub fn is_for_screen(&self) -> bool {
        self.format == Format::Table && terminal_can_move()
    }

    /// From now on, tables on a terminal are redrawn in place.
    pub fn open_screen(&mut self) -> io::Result<()> {
        if self.is_for_screen() {
            self.out.screen = Some(Screen::open()?);
        }
        Ok(())
    }

    /// Closes the screen and writes the last frame below the prompt.
    pub fn close_screen(&mut self) -> io::Result<()> {
        if let Some(screen) = self.out.screen.take() {
            self.out.lines(&screen.close())?;
        }
        self.out.flush()
    }

    pub fn screen(&self) -> Option<&Screen> {
        self.out.screen.as_ref()
    }
}

impl Out {
    pub fn new(escape: Option<fn(&str) -> String>) -> Self {
        Out {
            stdout: BufWriter::with_capacity(16 * 1024, stdout().lock()),
            escape,
            screen: None,
        }
    }

    pub fn lines(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| writeln!(self, "{line}"))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(escape) = self.escape else {
            return self.stdout.write(bytes);
        };
        let text = escape(&String::from_utf8_lossy(bytes));
        self.stdout.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}
