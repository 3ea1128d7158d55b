//! Addresses and users in cells.

use sockdiag::{analysis::LocalReport, model::Address};

use super::{Cell, Value, View};
use crate::render::{names, text};

pub fn local(local: &LocalReport, view: &View) -> Cell {
    let raw = local.to_string();
    let shown = match (local, view.width) {
        (LocalReport::Unix { .. }, Some(width)) => text::shorten_middle(&raw, (width / 3).max(16)),
        (LocalReport::Inet { .. }, _) if view.names => names::local(local),
        _ => raw.clone(),
    };
    Cell::name(shown, raw)
}

pub fn address(end: Option<Address>, view: &View) -> Cell {
    Cell::known(end, |end| Value::Both {
        shown: match view.names {
            true => names::address(end),
            false => end.to_string(),
        },
        raw: end.to_string(),
        rank: None,
    })
}

pub fn user(uid: Option<u32>, view: &View) -> Cell {
    match uid {
        None => Value::Missing.into(),
        Some(uid) if view.names => Cell::name(names::user(uid), uid.to_string()),
        Some(uid) => Cell::name(uid.to_string(), uid.to_string()),
    }
}
