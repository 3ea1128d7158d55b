//! Writes what a trace reports.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use anyhow::Context;
use sockdiag::analysis::handshake::{Event, TraceReport, Waiting};

use super::TraceArgs;
use crate::{
    command::{announce, no_such_column, this_host, usage},
    render::{Format, Settings, Sink, table::trace::shown, text},
};

pub struct Reporter {
    sink: Sink<TraceReport>,
    summary_only: bool,
    has_no_summary: bool,
    /// Standard output is a terminal.
    pub is_watched: bool,
}

impl Reporter {
    pub fn new(args: &TraceArgs) -> anyhow::Result<Self> {
        let settings = Settings {
            quiet: args.quiet,
            verbose: args.verbose,
            ..args.format.settings()?
        };
        if settings.format == Format::Prom && !args.summary {
            return Err(usage("-o prom is for a summary: add --summary"));
        }
        if settings.format == Format::Csv && args.summary {
            return Err(usage("-o csv has no summary: omit --summary"));
        }
        let sink = Sink::of_lines(&settings, this_host()?, shown(args.close));
        Ok(Reporter {
            sink: sink.map_err(no_such_column)?,
            summary_only: args.summary,
            has_no_summary: args.quiet > 1,
            is_watched: stdout().is_terminal(),
        })
    }

    /// Writes the header of the table and, on a terminal, what is captured and for how long.
    pub fn begin(&mut self, args: &TraceArgs) -> anyhow::Result<()> {
        let place = match &args.interface[..] {
            [] => "all interfaces".to_owned(),
            names => names.join(", "),
        };
        let limit = args.limit.map(|limit| format!("for {limit:?}"));
        let limit = limit.as_deref().unwrap_or("until Ctrl-C");
        announce(&format!("capturing on {place} {limit}"));
        if self.summary_only {
            return Ok(());
        }
        self.sink.begin().context("writing the report")
    }

    pub fn report(&mut self, report: &TraceReport) -> anyhow::Result<()> {
        let written = match &report.event {
            Event::Summary(_) if self.has_no_summary => self.sink.flush(),
            Event::Summary(summary) => {
                let duration = Duration::from_secs_f64(summary.duration_ms / 1000.0);
                self.sink.end(report, Some(duration))
            }
            _ if self.summary_only => Ok(()),
            event => self.sink.row(event),
        };
        written.context("writing the report")
    }

    /// Shows on a terminal: `3 without an answer, the longest for 12s: 10.0.0.5:5432`.
    pub fn status(&mut self, waiting: &Waiting) -> anyhow::Result<()> {
        let count = waiting.count;
        let line = waiting.longest.map(|(server, longest)| {
            let longest = text::duration(longest / 1_000_000);
            format!("{count} without an answer, the longest for {longest}: {server}")
        });
        let written = self.sink.status(line.as_deref().unwrap_or_default());
        written.context("writing the report")
    }

    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.sink.flush().context("writing the report")
    }
}
