//! `/proc/PID/task/TID`: `stat`, `schedstat`, `comm`, `status`, `wchan` and `stack`.

use std::collections::BTreeSet;

use rustix::io::Errno;

use super::{
    ProcessDir, Unread,
    calls::{self, Asleep},
    stat,
    waits::Descriptors,
};
use crate::{
    model::{Doing, SystemCall, ThreadActivity},
    source::descriptors::each_number,
};

/// Threads that are read of a process.
const MOST: usize = 4096;

pub struct Threads {
    pub read: Vec<ThreadActivity>,
    pub unread: u64,
    /// The process has an io_uring.
    pub io_uring: Option<bool>,
}

impl Threads {
    pub fn of(process: &ProcessDir, inodes: &BTreeSet<u32>) -> Result<Self, Unread> {
        let mut ids = each_number(process.folder(), "task")?;
        ids.sort_unstable();
        let unread = ids.len().saturating_sub(MOST) as u64;
        ids.truncate(MOST);
        let mut read = Vec::with_capacity(ids.len());
        let mut descriptors = None;
        for tid in ids {
            match thread(process, tid) {
                Ok((thread, asleep)) => {
                    // Those of the process are those of any thread that lives.
                    let descriptors =
                        descriptors.get_or_insert_with(|| Descriptors::of(process, tid, inodes));
                    read.push(ThreadActivity {
                        doing: doing(asleep, thread.wchan.as_deref(), descriptors),
                        ..thread
                    });
                }
                Err(Unread::Gone) => {}
                Err(other) => return Err(other),
            }
        }
        match read.is_empty() {
            true => Err(Unread::Gone),
            false => Ok(Threads {
                read,
                unread,
                io_uring: descriptors.and_then(|descriptors| descriptors.io_uring()),
            }),
        }
    }
}

fn thread(process: &ProcessDir, tid: u32) -> Result<(ThreadActivity, Option<Asleep>), Unread> {
    let file = |name: &str| format!("task/{tid}/{name}");
    let stat = stat::parse(&process.read(&file("stat"))?).ok_or(Unread::Gone)?;
    if stat.ended {
        return Err(Unread::Gone);
    }
    let text = |name: &str| optional(process, &file(name));
    let times = text("schedstat")?.as_deref().and_then(schedstat);
    let wchan = text("wchan")?;
    let status = match stat.state {
        't' | 'R' => text("status")?,
        _ => None,
    };
    let of_status = |name| number(status.as_deref()?, name);
    let stack = match stat.state {
        'D' => text("stack")?,
        _ => None,
    };
    let asleep = text("syscall")?.as_deref().and_then(calls::parse);
    let thread = ThreadActivity {
        tid,
        name: text("comm")?
            .unwrap_or_default()
            .trim_end_matches('\n')
            .to_owned(),
        state: stat.state,
        // Outside of this PID namespace it is 0.
        tracer: of_status("TracerPid:")
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid != 0),
        on_cpu_ns: times.map(|times| times.0),
        waited_ns: times.map(|times| times.1),
        slices: times.map(|times| times.2),
        sleeps: of_status("voluntary_ctxt_switches:"),
        doing: None,
        wchan: wchan
            .map(|name| name.trim_end().to_owned())
            .filter(|name| name != "0" && !name.is_empty()),
        stack_top: stack.as_deref().and_then(innermost),
    };
    Ok((thread, asleep))
}

/// `None` where it may not be read or this kernel has none; whether the thread lives is said by
/// `stat` alone.
fn optional(process: &ProcessDir, file: &str) -> Result<Option<String>, Unread> {
    match process.read(file) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn doing(
    asleep: Option<Asleep>,
    wchan: Option<&str>,
    descriptors: &Descriptors<'_>,
) -> Option<Doing> {
    let function = wchan.and_then(calls::by_function);
    let (number, kind, fd) = match asleep {
        Some(Asleep::Running) => return Some(Doing::Running),
        Some(Asleep::Outside) => return Some(Doing::Kernel),
        Some(Asleep::In { number, kind, fd }) => (Some(number), kind.or(function), fd),
        None => (None, Some(function?), None),
    };
    Some(Doing::Call(SystemCall {
        number,
        kind,
        fd,
        file: fd.and_then(|fd| descriptors.link(fd)),
        waits_for: kind.and_then(|kind| descriptors.waits_for(kind, fd)),
    }))
}

/// Nanoseconds on a CPU, nanoseconds waiting for one, times put on one. All are 0 on kernels built
/// without them.
fn schedstat(text: &str) -> Option<(u64, u64, u64)> {
    let numbers: Vec<u64> = text
        .split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [0, 0, 0] => None,
        [on_cpu, waited, slices] => Some((on_cpu, waited, slices)),
        _ => None,
    }
}

/// A line of `status`.
fn number(text: &str, name: &str) -> Option<u64> {
    let number = text.lines().find_map(|line| line.strip_prefix(name))?;
    number.trim().parse().ok()
}

/// `[<0>] hrtimer_nanosleep+0x74/0xf0`
fn innermost(stack: &str) -> Option<String> {
    let (_, function) = stack.lines().next()?.split_once("] ")?;
    let name = function.split(['+', ' ']).next()?;
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_unknown_on_kernels_that_do_not_keep_them() {
        assert_eq!(
            schedstat("1602523 75337697 1\n"),
            Some((1_602_523, 75_337_697, 1))
        );
        for text in ["0 0 0\n", "", "12 7", "12 x 3"] {
            assert_eq!(schedstat(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_of_status_is_that_of_the_whole_name() {
        let status = "Name:\ta\nTracerPid:\t811\nnonvoluntary_ctxt_switches:\t7\n\
                      voluntary_ctxt_switches:\t31\n";
        assert_eq!(number(status, "TracerPid:"), Some(811));
        assert_eq!(number(status, "voluntary_ctxt_switches:"), Some(31));
        assert_eq!(number("Name:\ta\n", "voluntary_ctxt_switches:"), None);
        assert_eq!(number("TracerPid:\tx\n", "TracerPid:"), None);
    }

    #[test]
    fn the_innermost_function_stands_first() {
        let stack = "[<0>] pipe_read+0x74/0xf0\n[<0>] vfs_read+0x1/0x2\n";
        assert_eq!(innermost(stack).as_deref(), Some("pipe_read"));
        assert_eq!(
            innermost("[<0>] nfs4_wait+0x1/0x9 [nfs]\n").as_deref(),
            Some("nfs4_wait")
        );
        assert_eq!(innermost(""), None);
    }
}
