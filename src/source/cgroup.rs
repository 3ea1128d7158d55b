//! Cgroup ids to paths. An id is the inode of the cgroup's folder in the unified hierarchy
//! (Documentation/admin-guide/cgroup-v2.rst).

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{DirEntryExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::{Kernel, mount};
use crate::{Error, Result};

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
        // What a search that failed did not find is searched for again.
        if self.search_all(kernel, &mut missing).is_ok() {
            self.known.extend(missing.into_iter().map(|id| (id, None)));
        }
    }

    fn search_all(&mut self, kernel: &Kernel, missing: &mut HashSet<u64>) -> Result<()> {
        let Some(root) = mount_point(kernel)? else {
            return Ok(());
        };
        if let Ok(id) = fs::metadata(&root).map(|root| root.ino())
            && missing.remove(&id)
        {
            self.known.insert(id, Some("/".to_owned()));
        }
        let searched = self.search(&root, &root, missing);
        searched.map_err(Error::file(root))
    }

    fn search(&mut self, root: &Path, folder: &Path, missing: &mut HashSet<u64>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => return Ok(()),
                _ => return Err(error),
            },
        };
        for entry in entries {
            let entry = entry?;
            if missing.is_empty() {
                break;
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
            self.search(root, &path, missing)?;
        }
        Ok(())
    }
}

impl Kernel {
    /// The id of a cgroup, by its path below the root of cgroup2 (`/system.slice`) or by that of
    /// its folder.
    pub fn cgroup_id(&self, path: &Path) -> Result<u64> {
        let absent = || io::Error::new(ErrorKind::NotFound, "cgroup2 is not mounted");
        let root = mount_point(self)?.ok_or_else(absent);
        let root = root.map_err(Error::file(path.to_owned()))?;
        let below = path.strip_prefix(&root).unwrap_or(path);
        let below = below.strip_prefix("/").unwrap_or(below);
        let folder = root.join(below);
        let found = fs::metadata(&folder).and_then(|found| match found.is_dir() {
            true => Ok(found.ino()),
            false => Err(ErrorKind::NotADirectory.into()),
        });
        found.map_err(Error::file(folder))
    }
}

fn mount_point(kernel: &Kernel) -> Result<Option<PathBuf>> {
    let mounts = kernel.mounts()?;
    let mut mounts = mount::parse(&mounts);
    let mount = mounts.find(|mount| mount.file_system == "cgroup2");
    Ok(mount.map(|mount| mount.point))
}
