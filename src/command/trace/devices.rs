//! What the devices are called that packets were seen on.

use std::{collections::BTreeMap, sync::Arc};

use sockdiag::source::Packet;

/// Names by the index that a capture has for each.
#[derive(Debug, Default)]
pub struct Devices(BTreeMap<u32, Arc<str>>);

impl Devices {
    /// Keeps the name of a packet's device.
    pub fn see(&mut self, packet: &Packet<'_>) {
        let Some(name) = packet.interface_name else {
            return;
        };
        let known = self.0.get(&packet.interface);
        if known.is_none_or(|known| **known != *name) {
            self.0.insert(packet.interface, name.into());
        }
    }

    /// The name of one, as it was seen last.
    pub fn name(&self, index: u32) -> Option<Arc<str>> {
        self.0.get(&index).cloned()
    }
}
