//! The devices that the packets of a capture file passed.

use std::{collections::HashMap, io};

use super::{clock::Clock, corrupt};
use crate::source::LinkType;

/// How many devices one file may tell of.
const MOST_INTERFACES: usize = 65_536;
/// How much of a name is kept.
const LONGEST_NAME_BYTES: usize = 256;

/// A device as a file describes it.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    /// `LINKTYPE_`…
    pub link_number: u32,
    /// The same, unless it is none that can be decoded.
    pub link: Option<LinkType>,
    pub name: Option<String>,
    /// The index of the device, where its packets tell it.
    pub device: Option<u32>,
    pub clock: Clock,
    /// Longest packet that was captured whole; 0 for no limit.
    pub snap_bytes: u32,
}

impl Interface {
    pub fn new(link_number: u32, clock: Clock, snap_bytes: u32) -> Interface {
        Interface {
            link_number,
            link: LinkType::from_number(link_number),
            name: None,
            device: None,
            clock,
            snap_bytes,
        }
    }

    /// Names it; an empty name is none.
    pub fn named(self, name: &[u8]) -> Interface {
        let name = String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME_BYTES)]);
        let name = name.trim_end_matches('\0');
        Interface {
            name: (!name.is_empty()).then(|| name.to_owned()),
            ..self
        }
    }
}

/// All of a file's, numbered from 0 in the order in which they turn up.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    list: Vec<Interface>,
    /// Numbers of devices, by that of an interface that stands for all of a host's, and by index.
    devices: HashMap<(u32, u32), u32>,
}

impl Interfaces {
    /// Adds one and tells its number.
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

    /// The link type of one, when there are some and none of them can be decoded.
    pub fn foreign_link(&self) -> Option<u32> {
        let first = self.list.first()?;
        let all_foreign = self.list.iter().all(|interface| interface.link.is_none());
        all_foreign.then_some(first.link_number)
    }

    /// The number for one device of an interface that stands for all. The first to turn up has the
    /// interface's own; so has every one that there is no room for.
    pub fn device(&mut self, number: u32, index: u32) -> u32 {
        let Some(interface) = self.list.get_mut(number as usize) else {
            return number;
        };
        if *interface.device.get_or_insert(index) == index {
            return number;
        }
        if let Some(device) = self.devices.get(&(number, index)) {
            return *device;
        }
        let device = Interface {
            device: Some(index),
            ..interface.clone()
        };
        let Ok(added) = self.add(device) else {
            return number;
        };
        self.devices.insert((number, index), added);
        added
    }
}
