//! The way of a packet: to the tracker and the file that is written; and of an event: to the
//! summary and the reports.

use std::{collections::VecDeque, sync::Arc};

use super::options::Options;
use crate::{
    Result,
    analysis::handshake::{Closes, Collector, Event, Handshake, Summary, TraceReport, Tracker},
    model::Incomplete,
    source::{CaptureWriter, Decoded, Packet},
};

pub struct Pipeline {
    pub options: Options,
    pub tracker: Tracker,
    /// What is counted beside handshakes.
    pub counted: Summary,
    pub ready: VecDeque<TraceReport>,
    collector: Collector,
    writer: Option<CaptureWriter>,
    /// The time of the first packet.
    first_ns: Option<u64>,
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
            first_ns: None,
            others: 0,
            options,
        })
    }

    pub fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        self.counted.packets += 1;
        let first = *self.first_ns.get_or_insert(packet.time_ns);
        let since = packet.time_ns.saturating_sub(first) as f64 / 1_000_000.0;
        self.counted.duration_ms = self.counted.duration_ms.max(since);
        // For handshakes, time passes with every packet, also with packets of other connections.
        self.tracker.pass(packet.time_ns);
        let mut may_decide = false;
        match packet.decode() {
            Decoded::Segment(segment) => {
                let (source, destination) = (&segment.source, &segment.destination);
                if !self.options.may_cover(source, destination) {
                    return Ok(());
                }
                may_decide = self.tracker.segment(&segment);
            }
            Decoded::Fragment => self.counted.fragments += 1,
            Decoded::Undecodable => self.counted.undecodable += 1,
            Decoded::Other => {}
        }
        match &mut self.writer {
            Some(writer) => writer.write(packet, may_decide),
            None => Ok(()),
        }
    }

    /// Moves what ended from the tracker to the reports; `name` finds the name of an interface by
    /// its index. Returns `false` when enough was reported.
    pub fn dispatch(&mut self, mut name: impl FnMut(u32) -> Option<Arc<str>>) -> Result<bool> {
        let events: Vec<Event> = self.tracker.events().collect();
        for event in events {
            if self.is_enough() {
                break;
            }
            match event {
                Event::Handshake(mut handshake) => {
                    handshake.interface = name(handshake.interface_index);
                    self.handshake(handshake)?;
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
        Ok(!self.is_enough())
    }

    /// Writes what is pending, should the trace be killed.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.as_mut().map_or(Ok(()), CaptureWriter::flush)
    }

    /// Adds the summary to the reports.
    pub fn conclude(&mut self, mut incomplete: Vec<Incomplete>) -> Result<()> {
        incomplete.extend(self.finish_file()?);
        incomplete.extend(self.shortcomings());
        self.counted.evicted = self.tracker.shortcomings().evicted;
        let summary = self.collector.summary(std::mem::take(&mut self.counted));
        incomplete.extend(self.unmatched(&summary));
        self.report(Event::Summary(Box::new(summary)), incomplete);
        Ok(())
    }

    fn handshake(&mut self, handshake: Box<Handshake>) -> Result<()> {
        if !self.options.covers(&handshake.client, &handshake.server) {
            self.others += 1;
            return Ok(());
        }
        if let Some(writer) = &mut self.writer {
            writer.comment(handshake.packet, &comment(&handshake))?;
        }
        self.collector.add(&handshake);
        if self.options.reports(&handshake) {
            self.counted.shown += 1;
            self.report(Event::Handshake(handshake), Vec::new());
        }
        Ok(())
    }

    fn report(&mut self, event: Event, incomplete: Vec<Incomplete>) {
        self.ready.push_back(TraceReport::new(event, incomplete));
    }

    fn is_enough(&self) -> bool {
        self.options
            .count
            .is_some_and(|count| self.counted.shown >= count)
    }

    fn finish_file(&mut self) -> Result<Option<Incomplete>> {
        let Some(writer) = self.writer.take() else {
            return Ok(None);
        };
        let uncommented = writer.uncommented();
        writer.finish()?;
        let why = "their packets were written long before, or into a pipe";
        Ok((uncommented > 0).then(|| Incomplete::counted("comments", why, uncommented)))
    }

    fn shortcomings(&self) -> impl Iterator<Item = Incomplete> + use<> {
        let missed = self.tracker.shortcomings();
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

    /// A filter that matches nothing may name the wrong end.
    fn unmatched(&self, summary: &Summary) -> Option<Incomplete> {
        let why = "did not match; src and sport are the server's end, dst and dport the client's";
        let is_unmatched = summary.handshakes == 0 && self.others > 0;
        is_unmatched.then(|| Incomplete::counted("handshakes", why, self.others))
    }
}

fn comment(handshake: &Handshake) -> String {
    let outcome = handshake.outcome.word();
    match handshake.reason {
        Some(reason) => format!("{outcome}: {}", reason.text),
        None => outcome.to_owned(),
    }
}
