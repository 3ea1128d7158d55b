//! Handshakes in a capture file.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Instant};

use anyhow::Context;
use sockdiag::{
    model::{Filter, Incomplete},
    source::{CaptureFile, CaptureWriter, drop_privileges},
};

use super::{TraceArgs, finish, input::Input, intake::Intake, teller::Teller};
use crate::command::{
    usage,
    wait::{Waiter, Woken},
};

/// After so many packets it is looked whether it is time to stop.
const PACKETS: u64 = 4096;

/// Reads all of it, or until it is told to stop.
pub fn run(
    args: &TraceArgs,
    path: &Path,
    condition: &Filter,
    mut teller: Teller,
) -> anyhow::Result<()> {
    let waiter = Waiter::new(false).context("watching for signals")?;
    let is_stream = path == Path::new("-");
    let mut reading = Reading {
        file: open(path, is_stream, &waiter)?,
        writer: writer(args, path)?,
        intake: Intake::new(args, condition),
        is_stream,
        waiter,
        is_stopped: false,
    };
    drop_privileges()?;
    let ended = reading.all(&mut teller)?;
    reading.conclude(teller)?;
    Ok(ended?)
}

struct Reading {
    file: CaptureFile,
    writer: Option<CaptureWriter>,
    intake: Intake,
    /// What is known is to be said at once, for the next packet may be long in coming.
    is_stream: bool,
    waiter: Waiter,
    is_stopped: bool,
}

impl Reading {
    /// Reads to the end; what is wrong with the file is an end, too.
    fn all(&mut self, teller: &mut Teller) -> anyhow::Result<sockdiag::Result<()>> {
        loop {
            match self.file.next_packet() {
                Ok(Some(packet)) => self.intake.take(&packet, self.writer.as_mut())?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            let goes_on = teller.tell(&mut self.intake, self.writer.as_mut())?;
            if self.is_stream {
                teller.flush()?;
            }
            if !goes_on || self.is_over()? {
                self.is_stopped = true;
                return Ok(Ok(()));
            }
        }
    }

    fn is_over(&mut self) -> anyhow::Result<bool> {
        if !self.file.packets().is_multiple_of(PACKETS) {
            return Ok(false);
        }
        let woken = self.waiter.until(Instant::now());
        Ok(woken.context("watching for signals")? == Woken::Stop)
    }

    fn conclude(mut self, mut teller: Teller) -> anyhow::Result<()> {
        self.intake.tracker.finish();
        teller.tell(&mut self.intake, self.writer.as_mut())?;
        let mut incomplete = self.unread();
        incomplete.extend(finish(self.writer)?);
        teller.conclude(self.intake, incomplete)
    }

    fn unread(&self) -> Vec<Incomplete> {
        let cut = (self.file.is_truncated() && !self.is_stopped)
            .then(|| Incomplete::new("packets", "the file ends in the middle of one"));
        let skipped = (self.file.skipped() > 0).then(|| {
            let why = "of a link type that is not known";
            Incomplete::counted("packets", why, self.file.skipped())
        });
        cut.into_iter().chain(skipped).collect()
    }
}

fn open(path: &Path, is_stream: bool, waiter: &Waiter) -> anyhow::Result<CaptureFile> {
    if !is_stream {
        return Ok(CaptureFile::open(path)?);
    }
    let stop = waiter.stop_signal().try_clone_to_owned();
    let stop = stop.context("watching for signals")?;
    Ok(CaptureFile::from_reader("standard input", Input { stop })?)
}

/// Writing to the file that is read would empty it first.
fn writer(args: &TraceArgs, read: &Path) -> anyhow::Result<Option<CaptureWriter>> {
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let write = args.write.as_deref();
    if write.is_some_and(|write| id(write).is_some() && id(write) == id(read)) {
        return Err(usage("--write names the file that --read reads"));
    }
    args.writer()
}
