//! The packets of a capture file.

use super::pipeline::Pipeline;
use crate::{model::Incomplete, source::CaptureFile};

/// The stop descriptor is polled once in this many packets.
const PACKETS: u64 = 4096;

pub struct File {
    file: CaptureFile,
}

impl File {
    pub fn new(file: CaptureFile) -> Self {
        File { file }
    }

    /// `false` at the end.
    pub fn step(&mut self, pipeline: &mut Pipeline) -> bool {
        match self.file.next_packet() {
            Ok(Some(packet)) => pipeline.packet(&packet),
            Ok(None) => return false,
            Err(error) => pipeline.fail(error),
        }
        let is_checked = self.file.packets().is_multiple_of(PACKETS);
        self.dispatch(pipeline) && !(is_checked && pipeline.options.is_stopped())
    }

    pub fn conclude(&mut self, pipeline: &mut Pipeline) -> Vec<Incomplete> {
        pipeline.tracker.finish();
        self.dispatch(pipeline);
        // A trace that is stopped may leave off anywhere.
        let is_cut = self.file.is_truncated() && !pipeline.options.is_stopped();
        let skipped = self.file.skipped();
        let cut = || Incomplete::new("packets", "the file ends in the middle of a packet");
        let unknown = || Incomplete::counted("packets", "of an unknown link type", skipped);
        let all = [is_cut.then(cut), (skipped > 0).then(unknown)];
        all.into_iter().flatten().collect()
    }

    fn dispatch(&self, pipeline: &mut Pipeline) -> bool {
        pipeline.dispatch(|index| self.file.interface_name(index).map(Into::into))
    }
}
