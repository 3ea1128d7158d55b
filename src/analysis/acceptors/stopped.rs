//! Owners that are stopped: by a signal, a debugger or the freezer of a cgroup.

use super::{
    cause::Plight,
    owner::{Owner, Waits},
};
use crate::{
    analysis::{finding::in_shell, rules::OWNER_STOPPED},
    model::{ProcessActivity, ThreadActivity},
};

pub fn by_signal_or_freezer(owner: &Owner<'_>) -> Option<Plight> {
    let (pid, before) = (owner.now.pid, owner.before);
    if let Some(freezer) = owner.now.freezer.as_ref().filter(|freezer| freezer.frozen) {
        let place = freezer.set_by.as_deref();
        let by = place.map(|file| format!(", by {file}")).unwrap_or_default();
        let plight = Plight::new(&OWNER_STOPPED, format!("is in a frozen cgroup{by}"))
            .certain_if(before.is_none_or(is_frozen))
            .next(format!("cat /proc/{pid}/cgroup"));
        return Some(match place {
            Some(file) => plight.remedy(thaw(file, &freezer.thawed_by)),
            None => {
                plight.remedy("thaw the cgroup: docker unpause, podman unpause, systemctl thaw")
            }
        });
    }
    let threads = owner.now.threads.len();
    let text = "is stopped by a signal (SIGSTOP or Ctrl-Z)";
    is_stopped(owner.now).then(|| {
        Plight::new(&OWNER_STOPPED, text)
            .certain_if(before.is_none_or(is_stopped))
            .count("stopped_threads", threads as u64, "threads")
            .remedy(format!("kill -CONT {pid}"))
            .next(format!("ps -o pid,ppid,stat,wchan:20,args -p {pid}"))
    })
}

fn thaw(file: &str, word: &str) -> String {
    format!("echo {word} > {}", in_shell(file))
}

fn is_frozen(process: &ProcessActivity) -> bool {
    process
        .freezer
        .as_ref()
        .is_some_and(|freezer| freezer.frozen)
}

fn is_stopped(process: &ProcessActivity) -> bool {
    let mut threads = process.threads.iter();
    process.threads_unread == 0 && threads.all(|thread| thread.state == 'T')
}

/// strace stops a thread for a moment at each system call, so that being stopped proves little
/// unless the thread has not run since the earlier reading.
pub fn by_debugger(owner: &Owner<'_>) -> Option<Plight> {
    let is_held = |state: char| state == 't' || state == 'T';
    let held: Vec<&ThreadActivity> = owner
        .threads()
        .filter(|thread| thread.state == 't')
        .collect();
    if held.is_empty() {
        return None;
    }
    let others_wait = owner
        .threads()
        .all(|thread| is_held(thread.state) || owner.waits(thread) == Waits::ForOther);
    if !others_wait || owner.now.threads_unread > 0 {
        return None;
    }
    let all_held = owner.threads().all(|thread| {
        let before = owner.before(thread);
        is_held(thread.state)
            && before.is_some_and(|before| is_held(before.state))
            && owner.ran(thread) == Some(false)
    });
    let pid = owner.now.pid;
    let tracer = held.iter().find_map(|thread| thread.tracer);
    let text = match tracer {
        Some(tracer) => format!("is stopped by process {tracer}, which traces it"),
        None => "is stopped by a debugger or tracer outside of this PID namespace".to_owned(),
    };
    let plight = Plight::new(&OWNER_STOPPED, text)
        .certain_if(all_held)
        .count("stopped_threads", held.len() as u64, "threads");
    Some(match tracer {
        Some(tracer) => plight
            .count("tracer", tracer.into(), "pid")
            .remedy(format!(
                "detach process {tracer} (gdb: detach), or kill {tracer}: that ends the debugger, and the process continues"
            ))
            .next(format!("ps -o pid,ppid,user,args -p {tracer}")),
        None => plight.next(format!("grep TracerPid /proc/{pid}/status")),
    })
}
