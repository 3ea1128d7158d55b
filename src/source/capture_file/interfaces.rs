//! The interfaces of a capture file.

use std::{collections::HashMap, io};

use super::{clock::Clock, corrupt};
use crate::source::LinkType;

const MOST_INTERFACES: usize = 65_536;
const LONGEST_NAME_BYTES: usize = 256;

#[derive(Debug, Clone)]
pub(super) struct Interface {
    /// `LINKTYPE_`…
    pub link_number: u32,
    /// `None` when packets of that type cannot be decoded.
    pub link: Option<LinkType>,
    pub name: Option<String>,
    /// Index on the host, where packets contain it.
    pub index: Option<u32>,
    pub clock: Clock,
    /// Packets are truncated to this length; 0 for no limit.
    pub snap_bytes: u32,
}

impl Interface {
    pub fn new(link_number: u32, clock: Clock, snap_bytes: u32) -> Interface {
        Interface {
            link_number,
            link: LinkType::from_number(link_number),
            name: None,
            index: None,
            clock,
            snap_bytes,
        }
    }

    /// An empty name is ignored.
    pub fn named(self, name: &[u8]) -> Interface {
        let name = String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME_BYTES)]);
        let name = name.trim_end_matches('\0');
        Interface {
            name: (!name.is_empty()).then(|| name.to_owned()),
            ..self
        }
    }
}

/// Numbered from 0 in the order in which they appear in the file.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    list: Vec<Interface>,
    /// Numbers by that of an interface that stands for all of a host's, and by index on the host.
    by_index: HashMap<(u32, u32), u32>,
}

impl Interfaces {
    pub fn add(&mut self, interface: Interface) -> io::Result<u32> {
        if self.list.len() >= MOST_INTERFACES {
            return Err(corrupt("more than 65536 interfaces"));
        }
        self.list.push(interface);
        Ok(self.list.len() as u32 - 1)
    }

    pub fn find(&self, number: u32) -> Option<&Interface> {
        self.list.get(number as usize)
    }

    /// The link type of the first interface, when no interface can be decoded.
    pub fn foreign_link(&self) -> Option<u32> {
        let first = self.list.first()?;
        let all_foreign = self.list.iter().all(|interface| interface.link.is_none());
        all_foreign.then_some(first.link_number)
    }

    /// The number for one interface of an interface that stands for all. The first to appear has
    /// the number of the latter; so does each one beyond the limit.
    pub fn by_index(&mut self, number: u32, index: u32) -> u32 {
        let Some(any) = self.list.get_mut(number as usize) else {
            return number;
        };
        if *any.index.get_or_insert(index) == index {
            return number;
        }
        if let Some(known) = self.by_index.get(&(number, index)) {
            return *known;
        }
        let interface = Interface {
            index: Some(index),
            ..any.clone()
        };
        let Ok(added) = self.add(interface) else {
            return number;
        };
        self.by_index.insert((number, index), added);
        added
    }
}
