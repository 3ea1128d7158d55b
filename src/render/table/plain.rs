//! A table for a pipe, as wide as its cells. One pass measures them and a second writes them, so
//! that no text is kept, however many rows there are.

use std::io::{self, Write};

use super::{Align, Column, Listed, View, columns, fit::GAP};
use crate::render::text;

/// `chosen` are the columns asked for, if any.
pub fn write<T: Listed>(
    out: &mut dyn Write,
    report: &T,
    view: &View,
    chosen: Option<&[&'static str]>,
    header: bool,
) -> io::Result<()> {
    let keys = chosen.map_or_else(|| report.shown(view), <[_]>::to_vec);
    let columns = columns(T::COLUMNS, &keys);
    let mut buffer = String::new();
    let head = |column: &&Column<T::Row>| if header { text::width(column.title) } else { 0 };
    let mut widths: Vec<usize> = columns.iter().map(head).collect();
    // Nothing follows the last column, so that its texts need no padding.
    let measured = match columns.split_last() {
        Some((last, others)) if last.align == Align::Left => others,
        _ => &columns,
    };
    for row in report.rows() {
        for (width, column) in widths.iter_mut().zip(measured) {
            show(column, row, view, &mut buffer);
            *width = text::width(&buffer).max(*width);
        }
    }
    let spaces = " ".repeat(widths.iter().max().unwrap_or(&0) + GAP);
    let mut line = String::new();
    if header {
        for (column, width) in columns.iter().zip(&widths) {
            pad(&mut line, column.title, column.align, *width, &spaces);
        }
        end(&mut line, out)?;
    }
    for row in report.rows() {
        for (column, width) in columns.iter().zip(&widths) {
            show(column, row, view, &mut buffer);
            pad(&mut line, &buffer, column.align, *width, &spaces);
        }
        end(&mut line, out)?;
    }
    Ok(())
}

fn show<R>(column: &Column<R>, row: &R, view: &View, buffer: &mut String) {
    buffer.clear();
    (column.cell)(row, view).value.show(buffer);
}

fn pad(line: &mut String, cell: &str, align: Align, width: usize, spaces: &str) {
    let room = width.saturating_sub(text::width(cell));
    let (before, after) = match align {
        Align::Left => (0, room),
        Align::Right => (room, 0),
    };
    line.push_str(&spaces[..before]);
    line.push_str(cell);
    line.push_str(&spaces[..after + GAP]);
}

fn end(line: &mut String, out: &mut dyn Write) -> io::Result<()> {
    line.truncate(line.trim_end().len());
    line.push('\n');
    out.write_all(line.as_bytes())?;
    line.clear();
    Ok(())
}
