//! Comma-separated values (RFC 4180): every column, unrounded, unknown as an empty field.

use std::io::{self, Write};

use super::{Cell, Moment, table::Column};

/// Writes the head line, if wanted, and a record for each row; the time of the reading comes first.
pub fn write<R>(
    out: &mut dyn Write,
    columns: &[&Column<R>],
    rows: &[Vec<Cell>],
    moment: &Moment,
    header: bool,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    if header {
        let keys = columns.iter().map(|column| column.key);
        writer
            .write_record(std::iter::once("time").chain(keys))
            .map_err(io_error)?;
    }
    let time = format!("{:.3}", moment.time);
    for row in rows {
        let fields = row.iter().map(|cell| cell.value.raw());
        writer
            .write_record(std::iter::once(time.clone()).chain(fields))
            .map_err(io_error)?;
    }
    writer.flush()
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
