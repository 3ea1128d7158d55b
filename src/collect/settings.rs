//! Settings below /proc/sys, and the files that set them at boot.

use std::borrow::Cow;

use super::Needs;
use crate::{
    Result,
    model::{HostSettings, Incomplete, Snapshot},
    source::{Kernel, page_bytes},
};

/// Whether a setting stands below /proc/sys/net, of which each network namespace has its own part.
pub fn is_of_netns(key: &str) -> bool {
    key.starts_with("net.")
}

/// Reads what is not of a network namespace. Returns the needs with the keys that boot files name.
pub fn read<'a>(kernel: &Kernel, needs: &'a Needs, snapshot: &mut Snapshot) -> Cow<'a, Needs> {
    if !needs.sysctls() {
        return Cow::Borrowed(needs);
    }
    let boot = needs.boot_settings.then(|| kernel.boot_settings());
    let mut needs = Cow::Borrowed(needs);
    if let Some(boot) = &boot {
        let lines = boot.lines.iter().chain(&boot.unlinked);
        let keys = lines.map(|line| line.key.clone());
        needs.to_mut().sysctls.extend(keys);
        let missing = |file: &String| {
            Incomplete::new("boot settings", format!("{file} could not be read (sudo)"))
        };
        snapshot
            .incomplete
            .extend(boot.unreadable.iter().map(missing));
    }
    let of_host = needs.sysctls.iter().filter(|key| !is_of_netns(key));
    let mut noted = |what: &str, number: Result<Option<u64>>| {
        number.unwrap_or_else(|error| {
            let why = format!("{error}: {}", error.io());
            snapshot.incomplete.push(Incomplete::new(what, why));
            None
        })
    };
    snapshot.host_settings = Some(HostSettings {
        sysctls: kernel.sysctls(of_host.map(String::as_str)),
        memory_bytes: noted("defaults", kernel.memory_bytes()),
        page_bytes: page_bytes(),
        softnet_dropped: noted("softnet drops", kernel.softnet_dropped()),
        boot,
    });
    needs
}
