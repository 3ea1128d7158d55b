//! What systemd-sysctl sets at boot: files of sysctl.d(5).
//!
//! systemd-sysctl does not read /etc/sysctl.conf. It is applied only where a distribution links it
//! into a folder (`/etc/sysctl.d/99-sysctl.conf`), or by `sysctl --system`.

mod lines;
mod order;

use super::{Kernel, files::Files};
use crate::model::{BootLine, BootSettings};

const SYSCTL_CONF: &str = "/etc/sysctl.conf";

impl Kernel {
    /// The settings of the files below the root of the first process.
    pub fn boot_settings(&self) -> BootSettings {
        BootSettings {
            netns: self.netns_of(1),
            ..read(&Files::new(&self.root()))
        }
    }
}

fn read(files: &Files) -> BootSettings {
    let mut unreadable = Vec::new();
    let mut noted = |path: &str| {
        if files.were_refused() {
            unreadable.push(path.to_owned());
        }
    };
    let paths = order::files(|folder| {
        files.begin();
        let names = files.configurations(folder);
        noted(folder);
        names
    });
    let is_linked = |path: &String| files.are_same(path, SYSCTL_CONF);
    let unlinked = !paths.iter().any(is_linked);
    let mut lines_of = |path: &str| -> Vec<BootLine> {
        files.begin();
        let text = files.text(path).unwrap_or_default();
        noted(path);
        // The file to edit is the one that a link leads to.
        let path = match files.are_same(path, SYSCTL_CONF) {
            true => SYSCTL_CONF,
            false => path,
        };
        lines::parse(path, &text)
    };
    let lines: Vec<BootLine> = paths.iter().flat_map(|path| lines_of(path)).collect();
    let unlinked = match unlinked {
        true => lines_of(SYSCTL_CONF),
        false => Vec::new(),
    };
    BootSettings {
        lines: order::merge(lines),
        unlinked: order::merge(unlinked),
        unreadable,
        netns: None,
    }
}

#[cfg(test)]
mod tests;
