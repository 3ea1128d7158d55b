//! Whether the owners that `queues` prints are the processes that hold the listeners: a fast answer
//! that is wrong wins nothing.

use std::net::SocketAddr;

use anyhow::bail;
use serde_json::Value;

use crate::cases;
use crate::load::Load;
use crate::measure;

/// How many listeners of the load were shown with the process that holds them.
pub struct Found {
    pub command: &'static str,
    /// `None` when the answer could not be read.
    pub right: Option<usize>,
    pub listeners: usize,
}

pub fn find(load: &Load) -> [Found; 2] {
    [cases::QUEUES, cases::QUEUES_ALL_OWNERS].map(|command| Found {
        command,
        right: shown_by(command)
            .ok()
            .map(|shown| count_right(&shown, load)),
        listeners: load.listeners().count(),
    })
}

/// The `listeners` of the command's JSON.
fn shown_by(command: &str) -> anyhow::Result<Vec<Value>> {
    let mut command = cases::command(command)?;
    let (_, answer) = measure::run_into(command.arg("--json"), serde_json::from_reader)?;
    let mut answer: Value = answer?;
    match answer["listeners"].take() {
        Value::Array(listeners) => Ok(listeners),
        other => bail!("`listeners` is {other}"),
    }
}

fn count_right(shown: &[Value], load: &Load) -> usize {
    let is_shown = |&(address, pid): &(SocketAddr, u32)| {
        shown.iter().any(|listener| {
            listener["local"]["address"] == address.ip().to_string()
                && listener["local"]["port"] == address.port()
                && is_owned_by(listener, pid)
        })
    };
    load.listeners().filter(is_shown).count()
}

fn is_owned_by(listener: &Value, pid: u32) -> bool {
    let owners = listener["owners"].as_array();
    owners.is_some_and(|owners| owners.iter().any(|owner| owner["pid"] == pid))
}
