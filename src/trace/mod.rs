//! Traces TCP handshakes, live or in a capture file, and reports each when it ends.
//!
//! ```
//! use sockdiag::{analysis::handshake::Event, trace::{Options, Trace}};
//!
//! for report in Trace::file("tests/fixtures/captures/refused.pcap", Options::default())? {
//!     if let Event::Handshake(handshake) = report?.event {
//!         println!("{}: {}", handshake.server, handshake.outcome.word());
//!     }
//! }
//! # Ok::<(), sockdiag::Error>(())
//! ```

mod clocks;
mod file;
mod live;
mod options;
mod pipeline;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Read},
    path::Path,
};

pub use options::{LiveOptions, Options};

use crate::{
    Error, Result,
    analysis::handshake::{Summary, TraceReport, Waiting},
    source::{CaptureFile, return_to_real_user},
};
use file::File;
use live::Live;
use pipeline::Pipeline;

/// A trace: an iterator over handshakes and closed connections as they end, then the summary, then
/// the error that ended the trace, if there was one.
pub struct Trace {
    source: Source,
    pipeline: Pipeline,
    has_ended: bool,
}

enum Source {
    Live(Box<Live>),
    File(Box<File>),
}

impl Trace {
    /// Captures in the network namespace of the calling thread. Needs CAP_NET_RAW, until this
    /// returns. A setuid program returns to the real user before it creates [`Options::write`].
    ///
    /// # Errors
    ///
    /// [`Error::Capture`] where packets may not be captured, [`Error::Interface`] where an interface
    /// does not exist, [`Error::Netlink`], and [`Error::Write`] for [`Options::write`].
    pub fn live(live: LiveOptions, options: Options) -> Result<Self> {
        let mut live = Box::new(Live::open(live, &options)?);
        return_to_real_user()?;
        let mut pipeline = Pipeline::new(options)?;
        live.sample_listeners(&mut pipeline);
        Ok(Trace::new(Source::Live(live), pipeline))
    }

    /// Reads a capture file: pcap or pcapng, also compressed by gzip.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for the capture, [`Error::Write`] for [`Options::write`].
    pub fn file(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let file = CaptureFile::open(path.as_ref())?;
        Trace::of_file(file, options)
    }

    /// Reads a capture file from a stream; errors name it `name`. See [`Trace::file`].
    pub fn reader(
        name: impl AsRef<Path>,
        reader: impl Read + Send + 'static,
        options: Options,
    ) -> Result<Self> {
        match CaptureFile::from_reader(name.as_ref(), reader) {
            // Too little was read to tell what it is.
            Err(_) if options.is_stopped() => {
                let cause = io::Error::other("the trace was stopped before the first packet");
                Err(Error::file(name.as_ref())(cause))
            }
            file => Trace::of_file(file?, options),
        }
    }

    fn of_file(file: CaptureFile, options: Options) -> Result<Self> {
        let source = Source::File(Box::new(File::new(file)));
        Ok(Trace::new(source, Pipeline::new(options)?))
    }

    fn new(source: Source, pipeline: Pipeline) -> Self {
        Trace {
            source,
            pipeline,
            has_ended: false,
        }
    }

    /// Processes the next packet of a file, or the packets that are ready in a live capture, for
    /// which it waits at most 200 ms. [`Trace::reports`] returns the results. Returns `false` when
    /// the trace has ended.
    ///
    /// Live, this must be called at least once a second.
    ///
    /// An error ends the trace, too; the iterator returns it after the summary of what was seen until
    /// then.
    pub fn step(&mut self) -> bool {
        if self.has_ended {
            return false;
        }
        let goes_on = match &mut self.source {
            Source::Live(live) => live.step(&mut self.pipeline),
            Source::File(file) => file.step(&mut self.pipeline),
        };
        if !goes_on {
            self.has_ended = true;
            self.conclude();
        }
        goes_on
    }

    /// The reports that are ready.
    pub fn reports(&mut self) -> impl Iterator<Item = TraceReport> + '_ {
        self.pipeline.ready.drain(..)
    }

    /// Handshakes of a live trace whose answer is overdue. Counting them takes at most 5 % of the
    /// time: `None` when it would take more.
    pub fn waiting(&mut self) -> Option<Waiting> {
        match &mut self.source {
            Source::Live(live) => live.waiting(&self.pipeline),
            Source::File(_) => None,
        }
    }

    /// Packets that were captured or read so far.
    pub fn packets(&self) -> u64 {
        self.pipeline.counted.packets
    }

    /// Handshakes that ended so far.
    pub fn handshakes(&self) -> u64 {
        self.pipeline.handshakes
    }

    /// The summary so far, without what only the end of the trace shows.
    pub fn summary(&self) -> Summary {
        self.pipeline.summary()
    }

    fn conclude(&mut self) {
        let incomplete = match &mut self.source {
            Source::Live(live) => live.conclude(&mut self.pipeline),
            Source::File(file) => file.conclude(&mut self.pipeline),
        };
        self.pipeline.conclude(incomplete);
    }
}

impl Iterator for Trace {
    type Item = Result<TraceReport>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(report) = self.pipeline.ready.pop_front() {
                return Some(Ok(report));
            }
            if self.has_ended {
                return self.pipeline.failure.take().map(Err);
            }
            self.step();
        }
    }
}
