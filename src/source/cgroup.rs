//! Cgroup ids to paths. An id is the inode of the cgroup's folder in the unified hierarchy
//! (Documentation/admin-guide/cgroup-v2.rst).

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::{DirEntryExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::{Kernel, mount};

/// Remembers what it found, so that only new ids cost a search of the hierarchy.
#[derive(Debug, Default)]
pub struct CgroupNames {
    known: HashMap<u64, Option<String>>,
}

impl CgroupNames {
    /// The path of a cgroup below the root of its hierarchy (`/system.slice/api.service`). `None`
    /// before [`CgroupNames::learn`], and when the cgroup is gone or cgroup2 is not mounted.
    pub fn path(&self, id: u64) -> Option<&str> {
        self.known.get(&id)?.as_deref()
    }

    /// Finds the ids that are not known yet, in one search of the hierarchy.
    pub fn learn(&mut self, kernel: &Kernel, ids: impl IntoIterator<Item = u64>) {
        let mut missing: HashSet<u64> = ids
            .into_iter()
            .filter(|id| !self.known.contains_key(id))
            .collect();
        if missing.is_empty() {
            return;
        }
        if let Some(root) = mount_point(kernel) {
            if let Ok(id) = fs::metadata(&root).map(|root| root.ino())
                && missing.remove(&id)
            {
                self.known.insert(id, Some("/".to_owned()));
            }
            self.search(&root, &root, &mut missing);
        }
        self.known.extend(missing.into_iter().map(|id| (id, None)));
    }

    fn search(&mut self, root: &Path, folder: &Path, missing: &mut HashSet<u64>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if missing.is_empty() {
                return;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if missing.remove(&entry.ino()) {
                let below = path.strip_prefix(root).unwrap_or(&path);
                let name = format!("/{}", below.display());
                self.known.insert(entry.ino(), Some(name));
            }
            self.search(root, &path, missing);
        }
    }
}

fn mount_point(kernel: &Kernel) -> Option<PathBuf> {
    let mounts = kernel.mounts().ok()?;
    let mut mounts = mount::parse(&mounts);
    Some(mounts.find(|mount| mount.file_system == "cgroup2")?.point)
}
