//! Says what the tracker found: chooses, writes, counts, and sums up.

use std::time::Duration;

use anyhow::Context;
use sockdiag::{
    analysis::trace::{
        Close, Collector, Event, Handshake, Line, Shortcomings, Summary, Tally, TraceReport,
        Waiting,
    },
    model::{Address, Families, Filter, Incomplete, filter::Ends},
    source::CaptureWriter,
};

use super::{TraceArgs, devices::Devices, intake::Intake};
use crate::{
    command::{no_such_column, this_host, usage},
    render::{Format, Settings, Sink, table::trace::shown, text},
};

/// Says what happens.
pub struct Teller {
    sink: Sink<TraceReport>,
    choice: Choice,
    collector: Collector,
    shown: u64,
    /// Handshakes that ended and were not asked for.
    others: u64,
    quiet: bool,
}

/// Which handshakes are shown.
struct Choice {
    condition: Filter,
    families: Families,
    failed: bool,
    slow: Option<Duration>,
    /// Nothing but the summary.
    summary: bool,
    most: Option<u64>,
}

impl Teller {
    /// Prepares it from the flags, and from what handshakes must meet.
    pub fn new(args: &TraceArgs, condition: &Filter) -> anyhow::Result<Self> {
        let settings = Settings {
            quiet: args.quiet.into(),
            verbose: args.verbose,
            ..args.format.settings()?
        };
        if settings.format == Format::Prom && !args.summary {
            return Err(usage("-o prom is for a summary: add --summary"));
        }
        if settings.format == Format::Csv && args.summary {
            return Err(usage(
                "-o csv has a line for each handshake, and no summary",
            ));
        }
        let sink = Sink::of_lines(&settings, this_host()?, shown(args.close));
        Ok(Teller {
            sink: sink.map_err(no_such_column)?,
            choice: Choice {
                condition: condition.clone(),
                families: args.family.families(),
                failed: args.failed,
                slow: args.slow,
                summary: args.summary,
                most: args.count,
            },
            collector: Collector::default(),
            shown: 0,
            others: 0,
            quiet: args.quiet,
        })
    }

    /// Shows that it has begun.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        if self.choice.summary {
            return Ok(());
        }
        self.sink.begin().context("writing the report")
    }

    /// Says what there is to say, and writes verdicts to the file. `false` when enough was said.
    pub fn tell(
        &mut self,
        intake: &mut Intake,
        mut writer: Option<&mut CaptureWriter>,
    ) -> anyhow::Result<bool> {
        let devices = &intake.devices;
        for event in intake.tracker.events() {
            if self.is_enough() {
                return Ok(false);
            }
            match event {
                Event::Handshake(told) if !self.choice.covers(&told.client, &told.server) => {
                    self.others += 1;
                }
                Event::Handshake(handshake) => {
                    if let Some(writer) = writer.as_deref_mut() {
                        writer.comment(handshake.packet, &verdict(&handshake))?;
                    }
                    self.handshake(handshake, devices)?;
                }
                Event::Close(told) if !self.choice.covers(&told.client, &told.server) => {}
                Event::Close(close) => self.close(close, devices)?,
            }
        }
        Ok(!self.is_enough())
    }

    fn handshake(
        &mut self,
        mut handshake: Box<Handshake>,
        devices: &Devices,
    ) -> anyhow::Result<()> {
        self.collector.add(&handshake);
        if !self.choice.shows(&handshake) {
            return Ok(());
        }
        self.shown += 1;
        handshake.interface = devices.name(handshake.interface_index);
        self.line(Line::Handshake(handshake))
    }

    fn close(&mut self, mut close: Box<Close>, devices: &Devices) -> anyhow::Result<()> {
        self.collector.add_close(&close);
        close.interface = devices.name(close.interface_index);
        self.line(Line::Close(close))
    }

    fn line(&mut self, line: Line) -> anyhow::Result<()> {
        if self.choice.summary {
            return Ok(());
        }
        self.sink.row(&line).context("writing the report")
    }

    /// Shows what is not decided yet, where somebody looks on.
    pub fn status(&mut self, waiting: &Waiting) -> anyhow::Result<()> {
        let line = pending(waiting).unwrap_or_default();
        self.sink.status(&line).context("writing the report")
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.sink.flush().context("writing the report")
    }

    /// A filter that nothing meets may mean the other end.
    fn unasked(&self, told: &Summary) -> Option<Incomplete> {
        let why = "did not match; src and sport are the server's end, dst and dport the client's";
        let missed = told.handshakes == 0 && self.others > 0;
        missed.then(|| Incomplete::counted("handshakes", why, self.others))
    }

    fn is_enough(&self) -> bool {
        self.choice.most.is_some_and(|most| self.shown >= most)
    }

    /// Sums up.
    pub fn conclude(
        mut self,
        intake: Intake,
        mut incomplete: Vec<Incomplete>,
    ) -> anyhow::Result<()> {
        let missed = intake.tracker.shortcomings();
        incomplete.extend(shortcomings(missed));
        let told = self.collector.summary(Tally {
            shown: self.shown,
            evicted: missed.evicted,
            ..intake.tally
        });
        let duration = Duration::from_secs_f64(told.duration_ms / 1000.0);
        incomplete.extend(self.unasked(&told));
        let report = TraceReport::new(Line::Summary(Box::new(told)), incomplete);
        if self.quiet {
            return self.flush();
        }
        let written = self.sink.end(&report, Some(duration));
        written.context("writing the report")
    }
}

impl Choice {
    /// It is about a connection that was asked for.
    fn covers(&self, client: &Address, server: &Address) -> bool {
        let of_family = match server.address.is_ipv4() {
            true => self.families.v4,
            false => self.families.v6,
        };
        let ends = Ends {
            local: *server,
            peer: *client,
        };
        of_family && self.condition.accepts(&ends)
    }

    fn shows(&self, handshake: &Handshake) -> bool {
        let slow = self.slow.map(|slow| slow.as_secs_f64() * 1000.0);
        let is_slow = slow.is_some_and(|slow| handshake.total_ms.is_some_and(|ms| ms >= slow));
        let is_failure = self.failed && handshake.has_failed();
        let all = !self.failed && self.slow.is_none();
        all || is_slow || is_failure
    }
}

/// `3 without an answer, the longest for 12s: 10.0.0.5:5432`
fn pending(waiting: &Waiting) -> Option<String> {
    let (server, longest) = waiting.longest?;
    let (count, longest) = (waiting.count, text::duration(longest / 1_000_000));
    Some(format!(
        "{count} without an answer, the longest for {longest}: {server}"
    ))
}

/// What a packet's comment says.
fn verdict(handshake: &Handshake) -> String {
    let outcome = handshake.outcome.word();
    match handshake.reason {
        Some(reason) => format!("{outcome}: {reason}"),
        None => outcome.to_owned(),
    }
}

fn shortcomings(missed: Shortcomings) -> impl Iterator<Item = Incomplete> {
    let all = [
        (
            "handshakes",
            "forgotten unfinished: too many at once",
            missed.evicted,
        ),
        (
            "close",
            "connections forgotten before they ended: too many at once",
            missed.forgotten,
        ),
        (
            "outcomes",
            "the SYN-ACK was repeated after its handshake had been called established",
            missed.contradicted,
        ),
    ];
    let some = all.into_iter().filter(|(_, _, count)| *count > 0);
    some.map(|(what, why, count)| Incomplete::counted(what, why, count))
}
