//! The names of groups of sockets.

use std::net::SocketAddr;

use sockdiag::{
    analysis::sockets::{By, GroupName},
    model::Address,
};

use super::{Cell, Value, View};
use crate::render::{names, prom::Labels};

/// `nginx (812)` of a process.
pub fn cell(group: &GroupName, view: &View) -> Cell {
    match (&group.key, group.pid) {
        (Some(name), Some(pid)) => Value::Processes {
            all: vec![(name.clone(), format!("({pid})"))],
            raw: format!("{name}:{pid}"),
        }
        .into(),
        (Some(key), None) => match resolved(group.by, key).filter(|_| view.names) {
            Some(name) => Cell::name(name, key.clone()),
            None => Cell::text(key),
        },
        (None, _) => Cell::name(
            match group.by {
                By::Peer => "(no peer)",
                By::Listener => "(no listener)",
                _ => "(none known)",
            },
            "",
        ),
    }
}

fn resolved(by: By, key: &str) -> Option<String> {
    match by {
        By::User => Some(names::user(key.parse().ok()?)),
        By::Peer => Some(names::host(key.parse().ok()?)),
        By::Listener => {
            let end: SocketAddr = key.parse().ok()?;
            let (address, port) = (end.ip(), end.port());
            Some(names::address(Address { address, port }))
        }
        _ => None,
    }
}

pub fn labels(group: &GroupName) -> Labels {
    let pid = group.pid.map(|pid| pid.to_string());
    vec![
        ("netns", group.netns.label()),
        ("key", group.key.clone().unwrap_or_default()),
        ("pid", pid.unwrap_or_default()),
    ]
}
