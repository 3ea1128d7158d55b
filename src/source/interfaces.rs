//! Names of network devices, of the calling thread's namespace (man 3 getifaddrs).

use std::collections::HashMap;

/// Index to name.
pub fn interfaces() -> HashMap<u32, String> {
    let devices = pnet::datalink::interfaces();
    devices
        .into_iter()
        .map(|device| (device.index, device.name))
        .collect()
}

/// Whether one of them is up.
pub fn any_interface_is_up() -> bool {
    pnet::datalink::interfaces()
        .iter()
        .any(|device| device.is_up())
}
