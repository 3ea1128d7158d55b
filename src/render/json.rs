//! The published JSON: one compact object per line, the envelope first.

use std::io::{self, BufWriter, IsTerminal, Write, stdout};

use serde::Serialize;
use sockdiag::{
    analysis::{Finding, Report},
    model::Incomplete,
};

use super::{
    sink::{Host, Moment, Out, Writer},
    table::Tabular,
    text,
};

/// The members that every report has in common, and the report.
#[derive(Serialize, schemars::JsonSchema)]
struct Envelope<'a, R> {
    /// `sockdiag/NAME/vVERSION`
    schema: String,
    /// When it was read: RFC 3339, UTC.
    time: String,
    /// Host name.
    host: &'a str,
    /// Kernel release.
    kernel: &'a str,
    /// Milliseconds since the reading that changes and rates compare with; `null` on the first.
    elapsed_ms: Option<u64>,
    /// What could not be read.
    incomplete: &'a [Incomplete],
    /// What the report concludes, the worst first.
    findings: &'a [Finding],
    #[serde(flatten)]
    report: &'a R,
}

/// One object per report; of a stream, one per row and one for the summary.
pub struct Json {
    host: Host,
    /// Each row is an object of its own.
    rows_are_lines: bool,
    /// Reused for each line: many small writes cost more than one large copy.
    line: Vec<u8>,
}

impl Json {
    pub fn new(host: Host, rows_are_lines: bool) -> Self {
        Json {
            host,
            rows_are_lines,
            line: Vec::new(),
        }
    }

    fn write<T: Report, R: Serialize>(
        &mut self,
        out: &mut Out,
        report: &R,
        common: (&[Incomplete], &[Finding]),
        moment: &Moment,
    ) -> io::Result<()> {
        self.line.clear();
        write::<T, R>(&mut self.line, &self.host, report, common, moment)?;
        out.write_all(&self.line)
    }
}

/// Appends one object and the end of its line.
pub fn write<T: Report, R: Serialize>(
    line: &mut Vec<u8>,
    host: &Host,
    report: &R,
    (incomplete, findings): (&[Incomplete], &[Finding]),
    moment: &Moment,
) -> io::Result<()> {
    let envelope = Envelope {
        schema: format!("sockdiag/{}", T::SCHEMA),
        time: format!("{:.3}", moment.time),
        host: &host.name,
        kernel: &host.kernel,
        elapsed_ms: moment.elapsed.map(|elapsed| elapsed.as_millis() as u64),
        incomplete,
        findings,
        report,
    };
    serde_json::to_writer(&mut *line, &envelope).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(())
}

impl<T: Tabular> Writer<T> for Json {
    fn row(&mut self, out: &mut Out, row: &T::Row, moment: &Moment) -> io::Result<()> {
        match self.rows_are_lines {
            true => self.write::<T, _>(out, row, (&[], &[]), moment),
            false => Ok(()),
        }
    }

    fn end(&mut self, out: &mut Out, report: &T, moment: &Moment) -> io::Result<()> {
        let common = (report.incomplete(), report.findings());
        self.write::<T, _>(out, report, common, moment)
    }
}

/// Writes reports to stdout that have no other format for programs.
pub fn print_each<R: Report>(reports: impl Iterator<Item = R>, host: &Host) -> io::Result<()> {
    let is_shown = stdout().is_terminal();
    let mut out = BufWriter::new(stdout().lock());
    let mut line = Vec::new();
    for report in reports {
        let common = (report.incomplete(), report.findings());
        line.clear();
        write::<R, R>(&mut line, host, &report, common, &Moment::now(None))?;
        match is_shown {
            true => out.write_all(text::escape_json(&String::from_utf8_lossy(&line)).as_bytes())?,
            false => out.write_all(&line)?,
        }
    }
    out.flush()
}

/// The JSON Schema of a report in its envelope, from the types that are written.
pub fn schema<R: Report + 'static>() -> schemars::Schema {
    let mut schema = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Envelope<'static, R>>();
    schema.insert("title".to_owned(), format!("sockdiag/{}", R::SCHEMA).into());
    schema
}
