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
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    tail: Tail<'a, R>,
}

/// What is known before the first row.
#[derive(Serialize, schemars::JsonSchema)]
struct Head<'a> {
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
}

impl<'a> Head<'a> {
    fn of<T: Report>(host: &'a Host, moment: &Moment) -> Self {
        Head {
            schema: format!("sockdiag/{}", T::SCHEMA),
            time: format!("{:.3}", moment.time),
            host: &host.name,
            kernel: &host.kernel,
            elapsed_ms: moment.elapsed.map(|elapsed| elapsed.as_millis() as u64),
        }
    }
}

#[derive(Serialize, schemars::JsonSchema)]
struct Tail<'a, R> {
    /// What could not be read.
    incomplete: &'a [Incomplete],
    /// What the report concludes, the worst first.
    findings: &'a [Finding],
    #[serde(flatten)]
    report: &'a R,
}

/// Where the rows of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// In the report.
    Inside,
    /// Each is an object of its own, and the report a last one without rows.
    Lines,
    /// They are written as they come, as this member of the one object.
    Member(&'static str),
}

/// One object per report; of a stream, one per row and one for the summary.
pub struct Json {
    host: Host,
    rows: Rows,
    /// The object of rows that come is begun.
    is_begun: bool,
    /// Reused for each line: many small writes cost more than one large copy.
    line: Vec<u8>,
}

impl Json {
    pub fn new(host: Host, rows: Rows) -> Self {
        Json {
            host,
            rows,
            is_begun: false,
            line: Vec::new(),
        }
    }

    /// A row as the next element of the member.
    fn element<T: Report, R: Serialize>(
        &mut self,
        out: &mut Out,
        member: &str,
        row: &R,
        moment: &Moment,
    ) -> io::Result<()> {
        self.line.clear();
        self.open::<T>(member, moment)?;
        serde_json::to_writer(&mut self.line, row).map_err(io::Error::from)?;
        out.write_all(&self.line)
    }

    /// Everything before the next element: the envelope before the first, else a comma.
    fn open<T: Report>(&mut self, member: &str, moment: &Moment) -> io::Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            self.line.push(b',');
            return Ok(());
        }
        let head = Head::of::<T>(&self.host, moment);
        serde_json::to_writer(&mut self.line, &head).map_err(io::Error::from)?;
        // In place of the closing brace.
        self.line.pop();
        write!(self.line, ",\"{member}\":[")
    }

    /// The end of the member, and of the object.
    fn close<T: Report>(
        &mut self,
        out: &mut Out,
        member: &str,
        report: &T,
        moment: &Moment,
    ) -> io::Result<()> {
        self.line.clear();
        if !self.is_begun {
            self.open::<T>(member, moment)?;
        }
        self.is_begun = false;
        let tail = Tail {
            incomplete: report.incomplete(),
            findings: report.findings(),
            report,
        };
        // The member is written, and empty in the report.
        let mut tail = serde_json::to_value(&tail).map_err(io::Error::from)?;
        if let Some(members) = tail.as_object_mut() {
            members.remove(member);
        }
        self.line.extend(b"],");
        let begun = self.line.len();
        serde_json::to_writer(&mut self.line, &tail).map_err(io::Error::from)?;
        // Its opening brace.
        self.line.remove(begun);
        self.line.push(b'\n');
        out.write_all(&self.line)
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
        head: Head::of::<T>(host, moment),
        tail: Tail {
            incomplete,
            findings,
            report,
        },
    };
    serde_json::to_writer(&mut *line, &envelope).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(())
}

impl<T: Tabular> Writer<T> for Json {
    fn row(&mut self, out: &mut Out, row: &T::Row, moment: &Moment) -> io::Result<()> {
        match self.rows {
            Rows::Inside => Ok(()),
            Rows::Lines => self.write::<T, _>(out, row, (&[], &[]), moment),
            Rows::Member(member) => self.element::<T, _>(out, member, row, moment),
        }
    }

    fn end(&mut self, out: &mut Out, report: &T, moment: &Moment) -> io::Result<()> {
        if let Rows::Member(member) = self.rows {
            return self.close(out, member, report, moment);
        }
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
