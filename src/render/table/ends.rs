//! Addresses and users in cells.

use sockdiag::{
    analysis::{LocalReport, sockets::EndReport},
    model::Address,
};

use super::{Cell, Value, View};
use crate::render::{names, text};

pub fn local(local: &LocalReport, view: &View) -> Cell {
    let raw = local.to_string();
    match (local, view.width) {
        (LocalReport::Unix { .. }, Some(width)) => {
            Cell::name(text::shorten_middle(&raw, (width / 3).max(16)), raw)
        }
        (LocalReport::Inet { .. }, _) if view.names => Cell::name(names::local(local), raw),
        _ => Cell::text(raw),
    }
}

/// An end of a socket of any family.
pub fn end(end: Option<&EndReport>, view: &View) -> Cell {
    match end {
        None => Value::Missing.into(),
        Some(EndReport::Inet(end)) => local(end, view),
        Some(EndReport::Peer(end)) => address(Some(*end), view),
        Some(end) => Cell::text(end.to_string()),
    }
}

pub fn address(end: Option<Address>, view: &View) -> Cell {
    Cell::known(end, |end| match view.names {
        true => Value::Both {
            shown: names::address(end),
            raw: end.to_string(),
            rank: None,
        },
        false => Value::Text(end.to_string()),
    })
}

pub fn user(uid: Option<u32>, view: &View) -> Cell {
    match uid {
        None => Value::Missing.into(),
        Some(uid) if view.names => Cell::name(names::user(uid), uid.to_string()),
        Some(uid) => Cell::text(uid.to_string()),
    }
}
