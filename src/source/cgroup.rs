//! Cgroup ids to paths. An id is the inode of the cgroup's folder in the unified hierarchy
//! (Documentation/admin-guide/cgroup-v2.rst).

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::DirEntryExt,
    path::{Path, PathBuf},
};

use procfs::process::Process;

use super::Kernel;

/// Remembers what it found, so that only ids never seen before cost a walk.
#[derive(Debug, Default)]
pub struct CgroupNames {
    known: HashMap<u64, Option<String>>,
}

impl CgroupNames {
    /// The path of a cgroup below the root of its hierarchy (`/system.slice/api.service`). `None`
    /// before [`CgroupNames::learn`], and when the cgroup is gone or /sys/fs/cgroup not mounted.
    pub fn path(&self, id: u64) -> Option<&str> {
        self.known.get(&id)?.as_deref()
    }

    /// Looks up the ids that are not known yet, in one walk of the hierarchy.
    pub fn learn(&mut self, kernel: &Kernel, ids: impl IntoIterator<Item = u64>) {
        let mut missing: HashSet<u64> = ids
            .into_iter()
            .filter(|id| !self.known.contains_key(id))
            .collect();
        if missing.is_empty() {
            return;
        }
        if let Some(root) = mount_point(kernel) {
            let id = fs::metadata(&root).map(|root| std::os::unix::fs::MetadataExt::ino(&root));
            if let Ok(id) = id
                && missing.remove(&id)
            {
                self.known.insert(id, Some("/".to_owned()));
            }
            self.walk(&root, &root, &mut missing);
        }
        self.known.extend(missing.into_iter().map(|id| (id, None)));
    }

    fn walk(&mut self, root: &Path, folder: &Path, missing: &mut HashSet<u64>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            if missing.is_empty() {
                return;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if missing.remove(&entry.ino()) {
                let below = path.strip_prefix(root).unwrap_or(&path);
                self.known
                    .insert(entry.ino(), Some(format!("/{}", below.display())));
            }
            self.walk(root, &path, missing);
        }
    }
}

fn mount_point(kernel: &Kernel) -> Option<PathBuf> {
    let own = Process::new_with_root(kernel.proc_root().join("self")).ok()?;
    let mounts = own.mountinfo().ok()?;
    mounts
        .into_iter()
        .find(|mount| mount.fs_type == "cgroup2")
        .map(|mount| mount.mount_point)
}
