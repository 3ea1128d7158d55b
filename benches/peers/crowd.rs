//! Processes that do nothing but wait, as most of a server's do.

use std::io::{self, PipeWriter};
use std::process::{Child, Command};

use anyhow::Context;

use crate::{format, idle};

/// Ends them when dropped. They end with their standard input, which is one pipe for all, however
/// the bench ends.
pub struct Crowd {
    keeps_alive: Option<PipeWriter>,
    processes: Vec<Child>,
}

impl Crowd {
    pub fn gather(count: u32) -> anyhow::Result<Self> {
        eprintln!("starting {} processes", format::count(count.into()));
        let (input, keeps_alive) = io::pipe().context("making a pipe")?;
        let program = std::env::current_exe()?;
        let mut crowd = Self {
            keeps_alive: Some(keeps_alive),
            processes: Vec::new(),
        };
        for _ in 0..count {
            let process = Command::new(&program)
                .arg(idle::WAIT)
                .stdin(input.try_clone()?)
                .spawn()
                .context("starting a process (a limit on processes?)")?;
            crowd.processes.push(process);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.keeps_alive.take());
        for process in &mut self.processes {
            let _ = process.wait();
        }
    }
}
