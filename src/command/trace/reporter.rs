//! Writes what a trace reports.

use std::time::Duration;

use anyhow::Context;
use sockdiag::{
    analysis::handshake::{Event, TraceReport, Waiting},
    trace::Trace,
};

use super::TraceArgs;
use crate::{
    command::{no_such_column, this_host, usage},
    render::{Format, Moment, Progress, Settings, Sink, elapsed_of, table::trace::shown, text},
};

pub struct Reporter {
    sink: Sink<TraceReport>,
    summary_only: bool,
    has_no_summary: bool,
    progress: Progress,
    /// What takes the time.
    doing: String,
    limit: Option<Duration>,
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
            progress: Progress::new(),
            doing: doing(args),
            limit: args.limit,
        })
    }

    /// Writes the header of a table that is not on a terminal.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        if self.summary_only {
            return Ok(());
        }
        self.sink.begin().context("writing the report")
    }

    pub fn report(&mut self, report: &TraceReport) -> anyhow::Result<()> {
        self.progress.clear();
        let written = match &report.event {
            Event::Summary(_) if self.has_no_summary => self.sink.flush(),
            Event::Summary(summary) => {
                let duration = Duration::from_secs_f64(summary.duration_ms / 1000.0);
                self.sink.end(report, &Moment::now(Some(duration)))
            }
            _ if self.summary_only => Ok(()),
            event => self.sink.row(event, &Moment::now(None)),
        };
        written.context("writing the report")
    }

    /// Shows on stderr, where that is a terminal: `capturing on all interfaces: 12s of 60s,
    /// handshakes: 4, 3 without an answer, the longest for 12s: 10.0.0.5:5432`.
    pub fn progress(&mut self, trace: &mut Trace) {
        let elapsed = self.progress.elapsed();
        self.progress.show(|| {
            let (doing, limit) = (&self.doing, self.limit);
            let handshakes = text::grouped(trace.handshakes());
            let waiting = trace.waiting().as_ref().and_then(overdue);
            let waiting = waiting.map_or(String::new(), |waiting| format!(", {waiting}"));
            let elapsed = elapsed_of(elapsed, limit);
            format!("{doing}: {elapsed}, handshakes: {handshakes}{waiting}")
        });
    }

    /// A file is mostly read at once.
    pub fn file_progress(&mut self, trace: &Trace) {
        let elapsed = self.progress.elapsed();
        if elapsed < Duration::from_secs(1) {
            return;
        }
        self.progress.show(|| {
            let packets = text::grouped(trace.packets());
            let elapsed = elapsed_of(elapsed, None);
            format!("{}: {elapsed}, {packets} packets", self.doing)
        });
    }

    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.sink.flush().context("writing the report")
    }
}

fn doing(args: &TraceArgs) -> String {
    match (&args.read, &args.interface[..]) {
        (Some(path), _) => format!("reading {}", path.display()),
        (None, []) => "capturing on all interfaces".to_owned(),
        (None, names) => format!("capturing on {}", names.join(", ")),
    }
}

/// `3 without an answer, the longest for 12s: 10.0.0.5:5432`
pub fn overdue(waiting: &Waiting) -> Option<String> {
    let (server, longest) = waiting.longest?;
    let count = text::grouped(waiting.count);
    let longest = text::duration(longest / 1_000_000);
    Some(format!(
        "{count} without an answer, the longest for {longest}: {server}"
    ))
}
