//! Passes packets to the tracker and to the file that is written, and its events to the summary and
//! the reports.

use std::{collections::VecDeque, sync::Arc};

use super::options::Options;
use crate::{
    Error, Result,
    analysis::handshake::{Closes, Collector, Event, Handshake, Summary, TraceReport, Tracker},
    model::Incomplete,
    source::{CaptureWriter, Decoded, Packet},
};

pub struct Pipeline {
    pub options: Options,
    pub tracker: Tracker,
    /// The summary without handshakes.
    pub counted: Summary,
    pub ready: VecDeque<TraceReport>,
    collector: Collector,
    writer: Option<CaptureWriter>,
    /// The first error; it ends the trace, and is reported after the summary.
    pub failure: Option<Error>,
    first_ns: Option<u64>,
    /// Handshakes that ended and match the filter.
    pub handshakes: u64,
    /// Handshakes that ended and do not match the filter.
    others: u64,
}

impl Pipeline {
    pub fn new(options: Options) -> Result<Self> {
        let writer = options.write.as_ref().map(CaptureWriter::create);
        Ok(Pipeline {
            tracker: Tracker::new(options.closes),
            counted: Summary {
                closes: options.closes.then(Closes::default),
                ..Summary::default()
            },
            ready: VecDeque::new(),
            collector: Collector::default(),
            writer: writer.transpose()?,
            failure: None,
            first_ns: None,
            handshakes: 0,
            others: 0,
            options,
        })
    }

    /// Keeps the first error. What was captured until then is saved all the same.
    pub fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    pub fn packet(&mut self, packet: &Packet<'_>) {
        self.counted.packets += 1;
        let first = *self.first_ns.get_or_insert(packet.time_ns);
        let since = packet.time_ns.saturating_sub(first) as f64 / 1_000_000.0;
        self.counted.duration_ms = self.counted.duration_ms.max(since);
        // Packets of other connections advance the clock, too.
        self.tracker.pass(packet.time_ns);
        let mut may_decide = false;
        match packet.decode() {
            Decoded::Segment(segment) => {
                if !self
                    .options
                    .may_cover(&segment.source, &segment.destination)
                {
                    return;
                }
                may_decide = self.tracker.segment(&segment);
            }
            Decoded::IcmpError(error) => may_decide = self.tracker.icmp_error(&error),
            Decoded::Fragment => self.counted.fragments += 1,
            Decoded::Undecodable => self.counted.undecodable += 1,
            Decoded::Other => {}
        }
        self.save(|writer| writer.write(packet, may_decide));
    }

    fn save(&mut self, save: impl FnOnce(&mut CaptureWriter) -> Result<()>) {
        if let Some(Err(error)) = self.writer.as_mut().map(save) {
            self.writer = None;
            self.fail(error);
        }
    }

    /// Moves events from the tracker to the reports; `name` finds an interface's name by its index.
    /// Returns `false` when enough was reported, or something failed.
    pub fn dispatch(&mut self, mut name: impl FnMut(u32) -> Option<Arc<str>>) -> bool {
        let events: Vec<Event> = self.tracker.events().collect();
        for event in events {
            if self.is_enough() {
                break;
            }
            match event {
                Event::Handshake(mut handshake) => {
                    handshake.interface = name(handshake.interface_index);
                    self.handshake(handshake);
                }
                Event::Close(mut close) if self.options.covers(&close.client, &close.server) => {
                    close.interface = name(close.interface_index);
                    let closes = &mut self.counted.closes;
                    closes.iter_mut().for_each(|closes| closes.add(&close));
                    self.report(Event::Close(close), Vec::new());
                }
                Event::Close(_) | Event::Summary(_) => {}
            }
        }
        !self.is_enough() && self.failure.is_none()
    }

    /// Writes pending packets, in case the trace is killed.
    pub fn flush(&mut self) {
        self.save(CaptureWriter::flush);
    }

    pub fn summary(&self) -> Summary {
        self.collector.summary(self.counted.clone())
    }

    pub fn conclude(&mut self, mut incomplete: Vec<Incomplete>) {
        let missed = self.tracker.shortcomings();
        let uncommented = self.finish_file();
        let mut add = |what, why, count| {
            incomplete.extend((count > 0).then(|| Incomplete::counted(what, why, count)));
        };
        let why = "their packets were written long before, or into a pipe";
        add("comments", why, uncommented);
        let why = "forgotten unfinished: too many at once";
        add("handshakes", why, missed.evicted);
        let why = "connections forgotten before they ended: too many at once";
        add("close", why, missed.forgotten);
        let why = "the SYN-ACK was retransmitted after the handshake was reported as established";
        add("outcomes", why, missed.contradicted);
        self.counted.evicted = missed.evicted;
        let summary = self.summary();
        if summary.handshakes == 0 {
            // The filter may name the wrong end.
            let why =
                "did not match; src and sport are the server's end, dst and dport the client's";
            add("handshakes", why, self.others);
        }
        self.report(Event::Summary(Box::new(summary)), incomplete);
    }

    fn handshake(&mut self, handshake: Box<Handshake>) {
        let translated = handshake.translated.as_ref();
        let is_covered = self.options.covers(&handshake.client, &handshake.server)
            || translated.is_some_and(|ends| self.options.covers(&ends.client, &ends.server));
        if !is_covered {
            self.others += 1;
            return;
        }
        self.save(|writer| writer.comment(handshake.packet, &comment(&handshake)));
        self.collector.add(&handshake);
        self.handshakes += 1;
        if self.options.reports(&handshake) {
            self.counted.shown += 1;
            self.report(Event::Handshake(handshake), Vec::new());
        }
    }

    fn report(&mut self, event: Event, incomplete: Vec<Incomplete>) {
        self.ready.push_back(TraceReport::new(event, incomplete));
    }

    fn is_enough(&self) -> bool {
        let count = self.options.count;
        count.is_some_and(|count| self.counted.shown >= count)
    }

    /// Returns the number of verdicts that are not in the file.
    fn finish_file(&mut self) -> u64 {
        let Some(writer) = self.writer.take() else {
            return 0;
        };
        let uncommented = writer.uncommented();
        if let Err(error) = writer.finish() {
            self.fail(error);
        }
        uncommented
    }
}

fn comment(handshake: &Handshake) -> String {
    let outcome = handshake.outcome.word();
    match handshake.reason {
        Some(reason) => format!("{outcome}: {}", reason.text),
        None => outcome.to_owned(),
    }
}
