//! Promises and how they stand, as a table in Markdown.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use crate::format::code;

/// A promise and how it stands.
pub struct Limit {
    pub command: &'static str,
    pub limit: String,
    /// `None` when it, or what it is set against, could not be measured.
    pub measured: Option<(String, bool)>,
}

pub fn limits(limits: &[Limit]) -> Table {
    let mut table = markdown(["command", "limit", "measured", ""]);
    for Limit {
        command,
        limit,
        measured,
    } in limits
    {
        let (value, verdict) = match measured {
            Some((value, true)) => (value.as_str(), "holds"),
            Some((value, false)) => (value.as_str(), "does NOT hold"),
            None => ("", "not measured"),
        };
        table.add_row([
            code(command),
            limit.clone(),
            value.to_owned(),
            verdict.to_owned(),
        ]);
    }
    table
}

pub fn markdown<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}
