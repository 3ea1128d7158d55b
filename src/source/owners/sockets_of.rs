//! The sockets that one process has open.

use std::{fs, os::unix::fs::MetadataExt};

use rustix::{
    fs::{Dir, readlinkat},
    io::Errno,
};

use super::Kernel;
use crate::{Result, model::Owner};

impl Kernel {
    /// Inode and owner of each open socket, of any family.
    pub fn sockets_of(&self, pid: u32) -> Result<Vec<(u32, Owner)>> {
        self.read_sockets_of(pid)
            .map_err(|errno| self.failed(pid, errno))
    }

    /// The unit that a process belongs to.
    pub fn unit_of_process(&self, pid: u32) -> Option<String> {
        crate::model::unit_of(&self.process(pid).ok()?.cgroup()?)
    }

    /// The kernel's name of the protocol of a socket (`TCP`, `UNIX`), from an attribute of the file
    /// (net/socket.c, `XATTR_SOCKPROTONAME_SUFFIX`); empty where it has none. `None` when the owner no
    /// longer has this socket there.
    pub fn protocol_of(&self, owner: &Owner, inode: u32) -> Option<String> {
        let file = self.process_dir(owner.pid).join(format!("fd/{}", owner.fd));
        let found = fs::metadata(&file).ok()?;
        if found.ino() as u32 != inode {
            return None;
        }
        let mut name = [0; 64];
        let length = rustix::fs::getxattr(file, "system.sockprotoname", &mut name).unwrap_or(0);
        let name = name[..length].split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    fn read_sockets_of(&self, pid: u32) -> std::result::Result<Vec<(u32, Owner)>, Errno> {
        let process = self.process(pid)?;
        let name = process.name()?;
        let folder = process.descriptors()?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let number = entry.file_name().to_str().ok();
            let Some(fd) = number.and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            match readlinkat(&folder, entry.file_name(), Vec::new()) {
                Ok(link) => {
                    let inode = link.to_str().ok().and_then(socket_inode);
                    let name = name.clone();
                    found.extend(inode.map(|inode| (inode, Owner { pid, name, fd })));
                }
                // Closed meanwhile.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        found.retain(|(_, owner)| !process.is_path_only(owner.fd));
        Ok(found)
    }
}

/// `socket:[308600]`; sock_diag sends 32 bits of the inode.
fn socket_inode(link: &str) -> Option<u32> {
    let number = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    Some(number.parse::<u64>().ok()? as u32)
}
