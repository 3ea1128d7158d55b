//! Handshakes in a capture file.

use std::path::Path;

use anyhow::Context;
use sockdiag::{
    model::{Condition, Incomplete},
    source::CaptureFile,
};

use super::{TraceArgs, intake::Intake, teller::Teller};

/// Reads all of it.
pub fn run(
    args: &TraceArgs,
    path: &Path,
    condition: &Condition,
    mut teller: Teller,
) -> anyhow::Result<()> {
    let mut file = CaptureFile::open(path)?;
    let mut writer = args.writer()?;
    let mut intake = Intake::new(args, condition);
    let ended = loop {
        match file.next_packet() {
            Ok(Some(packet)) => intake.take(&packet, writer.as_mut())?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        if !teller.tell(&mut intake, writer.as_mut())? {
            break Ok(());
        }
    };
    intake.tracker.finish();
    teller.tell(&mut intake, writer.as_mut())?;
    let mut incomplete = Vec::new();
    if file.is_truncated() {
        let why = "the file ends in the middle of a packet";
        incomplete.push(Incomplete::new("packets", why));
    }
    if file.skipped() > 0 {
        let why = "of a link type that is not known";
        incomplete.push(Incomplete::counted("packets", why, file.skipped()));
    }
    if let Some(writer) = writer {
        writer.finish()?;
    }
    teller.conclude(intake, incomplete)?;
    ended.context("reading the capture")
}
