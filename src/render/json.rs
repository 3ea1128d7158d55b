//! The published JSON: one compact object a line, the envelope first.

use std::io;

use serde::Serialize;
use sockdiag::{
    analysis::{Finding, Report},
    model::Incomplete,
};

use super::Moment;

/// What stands around every report.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Envelope<'a, R> {
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
    /// What could not be seen.
    incomplete: &'a [Incomplete],
    /// What the report concludes, the worst first.
    findings: &'a [Finding],
    #[serde(flatten)]
    report: &'a R,
}

/// Appends one line.
pub fn write<R: Report>(out: &mut Vec<u8>, report: &R, moment: &Moment) -> io::Result<()> {
    let envelope = Envelope {
        schema: format!("sockdiag/{}", R::SCHEMA),
        time: format!("{:.3}", moment.time),
        host: &moment.host,
        kernel: &moment.kernel,
        elapsed_ms: moment.elapsed.map(|elapsed| elapsed.as_millis() as u64),
        incomplete: report.incomplete(),
        findings: report.findings(),
        report,
    };
    serde_json::to_writer(&mut *out, &envelope).map_err(io::Error::from)?;
    out.push(b'\n');
    Ok(())
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
