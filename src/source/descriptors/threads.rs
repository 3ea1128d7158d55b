//! `/proc/PID/task`: the threads of a process. `/proc/PID/fd` and `ns` are those of the first, which
//! has none once it has ended, though others live on.

use rustix::{fd::AsFd, io::Errno};

use super::{
    count,
    reader::{Reader, Skipped},
};

impl Reader {
    /// Looks at a file of another thread than the first, and tells where it is. The process is gone
    /// when none of them lives.
    pub(super) fn in_living_thread<T>(
        &mut self,
        pid: u32,
        file: &str,
        look: impl Fn(&mut Self, u32, &str) -> Result<T, Errno>,
    ) -> Result<(String, T), Skipped> {
        for thread in self.threads(pid)? {
            let file = format!("task/{thread}/{file}");
            let found = look(self, pid, &file);
            // One that lives afterwards had its descriptors all the time.
            let stat = self.stat(pid, &format!("task/{thread}/stat"));
            if matches!(stat, Ok(Some(stat)) if !stat.ended) {
                return Ok((file, found?));
            }
        }
        Err(Skipped::Gone)
    }

    fn threads(&mut self, pid: u32) -> Result<Vec<u32>, Errno> {
        self.at(pid, "task");
        let folder = count::open(self.root.as_fd(), &self.path)?;
        let mut threads = Vec::new();
        count::each(&folder, |name| {
            let number = name.to_str().ok().and_then(|name| name.parse::<u32>().ok());
            threads.extend(number);
        })?;
        Ok(threads)
    }
}
