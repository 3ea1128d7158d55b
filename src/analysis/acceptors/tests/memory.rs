//! Owners that are slowed down by want of memory.

use super::*;

fn memory(max: u64) -> MemoryLimit {
    MemoryLimit {
        file: "/sys/fs/cgroup/api/memory.max".to_owned(),
        limit_bytes: 1000,
        max: Some(max),
        ..MemoryLimit::default()
    }
}

fn stalled(share: f64) -> Pressure {
    let time = ELAPSED.mul_f64(share);
    Pressure {
        memory: Some(Stalled {
            some: time,
            full: Some(time),
        }),
        ..Pressure::default()
    }
}

#[test]
fn pressure_at_the_memory_limit_explains_a_thread_that_waits_for_a_disk() {
    let at_limit = |state, max, share| {
        let thread = thread(1, state, call(CallKind::Futex, Some(&[])));
        let limited = |max, share| ProcessActivity {
            memory_limits: Some(vec![memory(max)]),
            pressure: stalled(share),
            ..process(1, vec![thread.clone()])
        };
        twice(&[limited(5, 0.0)], &[limited(max, share)])
    };
    let cause = is(at_limit('D', 8, 0.2), &MEMORY_PRESSURE, true);
    assert!(cause.remedy[0].starts_with("echo 1500 > /sys/fs/cgroup/api/memory.max"));
    is(at_limit('D', 5, 0.2), &OWNER_BLOCKED, false);
    is(at_limit('D', 8, 0.19), &OWNER_BLOCKED, false);
    is(at_limit('S', 8, 0.9), &OWNER_BLOCKED, false);
}

#[test]
fn a_host_without_memory_stalls_its_tasks() {
    let host = |thread: ThreadActivity, share| {
        let process = process(1, vec![thread]);
        let before = Snapshot {
            pressure: Some(stalled(0.0)),
            ..snapshot(std::slice::from_ref(&process))
        };
        let now = Snapshot {
            pressure: Some(stalled(share)),
            ..snapshot(&[later(&process)])
        };
        why(LISTENER, &now, Some((&before, ELAPSED)))
    };
    let fault = || thread(1, 'D', Some(Doing::Kernel));
    is(host(fault(), 0.2), &MEMORY_PRESSURE, true);
    is(host(fault(), 0.19), &OWNER_BLOCKED, false);
    is(host(locked(1), 0.9), &OWNER_BLOCKED, false);
}
