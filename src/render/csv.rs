//! Comma-separated values (RFC 4180): every column that was read or named, unrounded, unknown as an
//! empty field. The time of the reading comes first.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use jiff::Timestamp;

use super::{
    sink::{Moment, Out, Writer},
    table::{Column, Tabular, View, columns},
};

/// One record per row. The header is written once, before the first report.
pub struct Csv<R: 'static> {
    columns: Vec<&'static Column<R>>,
    view: View,
    owes_header: bool,
    /// When the rows were read, as it is written: many rows have the same moment.
    time: Option<(Timestamp, String)>,
    /// Reused for each record.
    line: String,
}

impl<R> Csv<R> {
    /// `named` are the columns to write; by default all.
    pub fn new<T: Tabular<Row = R>>(
        header: bool,
        view: View,
        named: Option<Vec<&'static str>>,
    ) -> Self {
        let named = named.map(|keys| columns(T::COLUMNS, &keys));
        Csv {
            columns: named.unwrap_or_else(|| T::for_programs(&view)),
            view,
            owes_header: header,
            time: None,
            line: String::new(),
        }
    }

    fn header(&mut self, out: &mut Out) -> io::Result<()> {
        if std::mem::take(&mut self.owes_header) {
            write!(out, "time")?;
            for column in &self.columns {
                write!(out, ",{}", column.key)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl<T: Tabular> Writer<T> for Csv<T::Row> {
    fn begin(&mut self, out: &mut Out, _head: &str) -> io::Result<()> {
        self.header(out)
    }

    fn row(&mut self, out: &mut Out, row: &T::Row, moment: &Moment) -> io::Result<()> {
        self.header(out)?;
        if self
            .time
            .as_ref()
            .is_none_or(|(time, _)| *time != moment.time)
        {
            self.time = Some((moment.time, format!("{:.3}", moment.time)));
        }
        self.line.clear();
        self.line
            .extend(self.time.as_ref().map(|(_, text)| &**text));
        for column in &self.columns {
            let value = (column.cell)(row, &self.view).value;
            self.line.push(',');
            self.line.push_str(&quoted(&value.raw()));
        }
        self.line.push('\n');
        out.write_all(self.line.as_bytes())
    }

    fn end(&mut self, out: &mut Out, _: &T, _: &Moment) -> io::Result<()> {
        self.header(out)
    }
}

fn quoted(field: &str) -> Cow<'_, str> {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")).into(),
        false => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_what_would_be_misread_is_quoted() {
        assert_eq!(quoted("api worker"), "api worker");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\"\n"), "\"say \"\"hi\"\"\n\"");
    }
}
