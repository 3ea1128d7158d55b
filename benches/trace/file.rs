//! The capture file that is read: a pcap of a million packets in the order of their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;

use crate::flows::{self, Step};
use crate::format;

/// Magic number of microseconds, version 2.4, time zone and accuracy unused, longest packet,
/// Ethernet (man 5 pcap-savefile).
const HEADER: [u32; 6] = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 262_144, 1];
/// Two addresses that were made up, and IPv4.
const ETHERNET: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
/// When the first packet passed, in seconds since 1970.
const BEGIN: u64 = 1_700_000_000;
/// From one connection to the next.
const SPACING_MICROSECONDS: u64 = 60;

/// Removed when dropped.
pub struct CaptureFile {
    pub bytes: u64,
    /// How many SYNs without ACK are in it.
    pub syns: u64,
}

/// Where it is.
pub fn path() -> PathBuf {
    std::env::temp_dir().join(format!("sockdiag-bench-{}.pcap", std::process::id()))
}

impl CaptureFile {
    pub fn make(packets: u32) -> anyhow::Result<Self> {
        eprintln!("writing {} packets", format::count(packets.into()));
        let path = path();
        // Removed also when it could not be written to its end.
        let mut made = CaptureFile { bytes: 0, syns: 0 };
        made.syns = write(packets).with_context(|| format!("writing {}", path.display()))?;
        made.bytes = fs::metadata(&path)?.len();
        Ok(made)
    }
}

impl Drop for CaptureFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(path());
    }
}

/// Tells how many SYNs it has written.
fn write(packets: u32) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create(path())?);
    for word in HEADER {
        out.write_all(&word.to_le_bytes())?;
    }
    let mut syns = 0;
    for (microseconds, flow, step) in steps().take(packets as usize) {
        syns += u64::from(step.is_syn());
        out.write_all(&record(microseconds, flow, step))?;
    }
    out.flush()?;
    Ok(syns)
}

/// Steps of all connections in the order of their times.
fn steps() -> impl Iterator<Item = (u64, u32, &'static Step)> {
    let begin = |flow: u32| Reverse((u64::from(flow) * SPACING_MICROSECONDS, flow, 0));
    let mut next = BinaryHeap::from([begin(0)]);
    std::iter::from_fn(move || {
        let Reverse((time, flow, place)) = next.pop()?;
        let script = flows::script(flow);
        let step = &script[place];
        if place == 0 {
            next.push(begin(flow + 1));
        }
        if let Some(after) = script.get(place + 1) {
            let later = time + after.microseconds - step.microseconds;
            next.push(Reverse((later, flow, place + 1)));
        }
        Some((time, flow, step))
    })
}

fn record(microseconds: u64, flow: u32, step: &Step) -> Vec<u8> {
    let mut packet = ETHERNET.to_vec();
    step.segment(flow).write(&mut packet);
    let time = BEGIN * 1_000_000 + microseconds;
    let length = packet.len() as u32;
    let header = [
        (time / 1_000_000) as u32,
        (time % 1_000_000) as u32,
        length,
        length,
    ];
    let header = header.into_iter().flat_map(u32::to_le_bytes);
    header.chain(packet).collect()
}
