//! Whether `sockdiag` and `tcpdump` see the same SYNs in the file: a fast answer that is wrong wins
//! nothing.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;

use anyhow::Context;
use serde_json::Value;

use crate::file::CaptureFile;
use crate::{cases, measure};

/// How many SYNs there are.
pub struct Syns {
    pub ours: u64,
    pub theirs: u64,
    pub written: u64,
}

pub fn of_syns(file: &CaptureFile) -> anyhow::Result<Syns> {
    let mut tcpdump = cases::command(cases::TCPDUMP_SYNS)?;
    let (_, theirs) = measure::run_into(&mut tcpdump, measure::count_lines)?;
    let (_, ours) = measure::run_into(&mut cases::command(cases::READ_JSON)?, count_syns)?;
    Ok(Syns {
        ours: ours?,
        theirs: theirs as u64,
        written: file.syns,
    })
}

/// Of every handshake the first, and those that were sent again.
fn count_syns(stdout: ChildStdout) -> anyhow::Result<u64> {
    let mut syns = 0;
    for line in BufReader::new(stdout).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        if let Some(handshake) = line.get("handshake") {
            let again = handshake["syn_retransmits"].as_u64();
            syns += 1 + again.context("a handshake without retransmissions")?;
        }
    }
    Ok(syns)
}
