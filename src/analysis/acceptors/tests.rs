//! Each rule on values: it fires, does not, and what looks alike.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    analysis::{Severity, finding::Rule, rules::*},
    model::{
        CallKind, CpuQuota, Doing, FdLimits, Freezer, Listener, Local, MemoryLimit, Owner, Owners,
        Protocol, Stalled, SystemCall, ThreadActivity, snapshot::Listeners,
    },
};

const LISTENER: u32 = 77;
const ELAPSED: Duration = Duration::from_secs(2);

fn call(kind: CallKind, waits_for: Option<&[u32]>) -> Option<Doing> {
    Some(Doing::Call(SystemCall {
        kind: Some(kind),
        waits_for: waits_for.map(<[u32]>::to_vec),
        ..SystemCall::default()
    }))
}

fn thread(tid: u32, state: char, doing: Option<Doing>) -> ThreadActivity {
    ThreadActivity {
        tid,
        state,
        doing,
        on_cpu_ns: Some(1_000_000),
        waited_ns: Some(1_000_000),
        slices: Some(10),
        ..ThreadActivity::default()
    }
}

fn accepting(tid: u32) -> ThreadActivity {
    thread(tid, 'S', call(CallKind::Accept, Some(&[LISTENER])))
}

fn locked(tid: u32) -> ThreadActivity {
    thread(tid, 'S', call(CallKind::Futex, Some(&[])))
}

fn polling(tid: u32) -> ThreadActivity {
    thread(tid, 'S', call(CallKind::Poll, None))
}

fn running(tid: u32) -> ThreadActivity {
    thread(tid, 'R', Some(Doing::Running))
}

/// After two seconds with these shares of them on a CPU and waiting for one.
fn after(thread: &ThreadActivity, on_cpu: f64, waited: f64) -> ThreadActivity {
    let add = |number: Option<u64>, share: f64| {
        let nanoseconds = ELAPSED.as_nanos() as f64 * share;
        number.map(|number| number + nanoseconds as u64)
    };
    ThreadActivity {
        on_cpu_ns: add(thread.on_cpu_ns, on_cpu),
        waited_ns: add(thread.waited_ns, waited),
        slices: thread.slices.map(|slices| slices + 5),
        ..thread.clone()
    }
}

fn process(pid: u32, threads: Vec<ThreadActivity>) -> ProcessActivity {
    ProcessActivity {
        pid,
        name: "api".to_owned(),
        began: Some(9),
        at: Duration::from_secs(100),
        threads,
        io_uring: Some(false),
        open: Some(10),
        limits: Some(FdLimits {
            soft: 1024,
            hard: 4096,
        }),
        cpu_quotas: Some(Vec::new()),
        memory_limits: Some(Vec::new()),
        ..ProcessActivity::default()
    }
}

fn snapshot(processes: &[ProcessActivity]) -> Snapshot {
    let owner = |process: &ProcessActivity| Owner {
        pid: process.pid,
        name: process.name.clone(),
        fd: 3,
    };
    Snapshot {
        owners: Some(Owners {
            by_inode: BTreeMap::from([(LISTENER, processes.iter().map(owner).collect())]),
            complete: true,
            ..Owners::default()
        }),
        activity: processes.to_vec(),
        ..Snapshot::default()
    }
}

fn once(processes: &[ProcessActivity]) -> Option<Cause> {
    why(LISTENER, &snapshot(processes), None)
}

/// The second list is as of two seconds later.
fn twice(before: &[ProcessActivity], now: &[ProcessActivity]) -> Option<Cause> {
    let now: Vec<ProcessActivity> = now.iter().map(later).collect();
    why(
        LISTENER,
        &snapshot(&now),
        Some((&snapshot(before), ELAPSED)),
    )
}

fn later(process: &ProcessActivity) -> ProcessActivity {
    ProcessActivity {
        at: process.at + ELAPSED,
        ..process.clone()
    }
}

fn same(processes: &[ProcessActivity]) -> Option<Cause> {
    twice(processes, processes)
}

#[track_caller]
fn is(cause: Option<Cause>, rule: &'static Rule, inferred: bool) -> Cause {
    let cause = cause.expect("a cause");
    assert_eq!(
        (cause.rule.id, cause.inferred),
        (rule.id, inferred),
        "{cause:?}"
    );
    cause
}

#[test]
fn a_stopped_owner_is_stopped_though_its_threads_were_in_accept() {
    let stopped = |state| {
        let threads = vec![
            ThreadActivity {
                state,
                ..accepting(1)
            },
            ThreadActivity { state, ..locked(2) },
        ];
        process(1, threads)
    };
    let cause = is(once(&[stopped('T')]), &OWNER_STOPPED, false);
    assert_eq!(cause.remedy, ["kill -CONT 1"]);
    is(same(&[stopped('T')]), &OWNER_STOPPED, false);
    // It was stopped just now, after what the interval shows.
    let before = process(1, vec![accepting(1), locked(2)]);
    is(twice(&[before], &[stopped('T')]), &OWNER_STOPPED, true);
    // A thread that is not stopped may accept.
    let one = ThreadActivity {
        state: 'T',
        ..locked(1)
    };
    assert_eq!(once(&[process(1, vec![one, accepting(2)])]), None);
}

#[test]
fn a_frozen_cgroup_stops_its_owner_and_names_the_file() {
    let frozen = |frozen| ProcessActivity {
        freezer: Some(Freezer {
            frozen,
            set_by: frozen.then(|| "/sys/fs/cgroup/a b/cgroup.freeze".to_owned()),
            thawed_by: "0".to_owned(),
        }),
        ..process(1, vec![accepting(1)])
    };
    let cause = is(once(&[frozen(true)]), &OWNER_STOPPED, false);
    assert_eq!(
        cause.remedy,
        ["echo 0 > '/sys/fs/cgroup/a b/cgroup.freeze'"]
    );
    assert_eq!(once(&[frozen(false)]), None);
    is(
        twice(&[frozen(false)], &[frozen(true)]),
        &OWNER_STOPPED,
        true,
    );
}

#[test]
fn a_debugger_is_named_and_a_tracer_that_looks_in_passing_is_no_proof() {
    let traced = |thread: ThreadActivity| ThreadActivity {
        state: 't',
        tracer: Some(811),
        ..thread
    };
    let held = [process(1, vec![traced(accepting(1))])];
    let cause = is(same(&held), &OWNER_STOPPED, false);
    assert!(cause.text.contains("process 811"), "{}", cause.text);
    is(once(&held), &OWNER_STOPPED, true);
    // strace: it ran in between.
    let ran = [process(1, vec![after(&traced(accepting(1)), 0.1, 0.0)])];
    is(twice(&held, &ran), &OWNER_STOPPED, true);
    let other = [process(1, vec![traced(locked(1)), accepting(2)])];
    assert_eq!(same(&other), None);
}

#[test]
fn without_a_free_descriptor_accept_fails_whatever_the_threads_do() {
    let with = |open, has_free, threads| ProcessActivity {
        open: Some(open),
        has_free,
        ..process(1, threads)
    };
    for thread in [accepting(1), locked(1), polling(1), running(1)] {
        let cause = is(
            same(&[with(1024, None, vec![thread.clone()])]),
            &OWNER_OUT_OF_DESCRIPTORS,
            false,
        );
        assert_eq!(cause.remedy, ["prlimit --pid 1 --nofile=2048:"]);
    }
    let out = with(1024, Some(false), vec![accepting(1)]);
    is(
        once(std::slice::from_ref(&out)),
        &OWNER_OUT_OF_DESCRIPTORS,
        false,
    );
    let below = with(1023, None, vec![accepting(1)]);
    assert_eq!(once(std::slice::from_ref(&below)), None);
    is(twice(&[below], &[out]), &OWNER_OUT_OF_DESCRIPTORS, true);
    // Numbers above the limit, from before it was lowered.
    assert_eq!(once(&[with(1024, Some(true), vec![accepting(1)])]), None);
}

#[test]
fn an_owner_is_blocked_where_no_thread_waits_for_connections() {
    let child = ThreadActivity {
        wchan: Some("kernel_clone".to_owned()),
        ..thread(3, 'D', None)
    };
    let blocked = [process(1, vec![locked(1), locked(2), child])];
    let cause = is(same(&blocked), &OWNER_BLOCKED, false);
    assert!(
        cause.text.contains("has not run for 2.0 s"),
        "{}",
        cause.text
    );
    assert!(
        cause.text.contains("(D) in the kernel's kernel_clone"),
        "{}",
        cause.text
    );
    assert!(
        cause
            .text
            .contains("2 threads in futex() (a lock or a condition)"),
        "{}",
        cause.text
    );
    assert_eq!(cause.next[0], "cat /proc/1/task/3/stack");
    is(once(&blocked), &OWNER_BLOCKED, true);
    // A thread ran and may have accepted meanwhile.
    let ran = [process(1, vec![after(&locked(1), 0.1, 0.0), locked(2)])];
    is(
        twice(&[process(1, vec![locked(1), locked(2)])], &ran),
        &OWNER_BLOCKED,
        true,
    );
    // A new thread.
    let more = [process(1, vec![locked(1), locked(2)])];
    is(
        twice(&[process(1, vec![locked(1)])], &more),
        &OWNER_BLOCKED,
        true,
    );
}

#[test]
fn an_event_loop_that_watches_the_listener_is_not_blocked() {
    let epoll = |watched: Option<&[u32]>| thread(1, 'S', call(CallKind::Epoll, watched));
    assert_eq!(same(&[process(1, vec![epoll(Some(&[5, LISTENER]))])]), None);
    assert_eq!(same(&[process(1, vec![epoll(None)])]), None, "it may");
    let cause = is(
        same(&[process(1, vec![epoll(Some(&[]))])]),
        &OWNER_BLOCKED,
        false,
    );
    assert!(
        cause.text.contains("epoll_wait() for other events"),
        "{}",
        cause.text
    );
}

/// As [`same`], with so many connections in the accept queue.
fn same_with_waiting(length: u32, before: ThreadActivity, now: ThreadActivity) -> Option<Cause> {
    let listener = Listener {
        protocol: Protocol::Tcp,
        local: Local::Unix(Vec::new()),
        v6only: None,
        queue: Queue::Accept { length, limit: 8 },
        drops: None,
        uid: None,
        inode: LISTENER,
        cookie: 1,
        cgroup_id: None,
    };
    let namespace = NetnsSnapshot {
        listeners: Some(Listeners {
            sockets: vec![listener],
            ..Listeners::default()
        }),
        ..NetnsSnapshot::default()
    };
    let now = Snapshot {
        namespaces: vec![namespace],
        ..snapshot(&[later(&process(1, vec![now]))])
    };
    let before = snapshot(&[process(1, vec![before])]);
    why(LISTENER, &now, Some((&before, ELAPSED)))
}

#[test]
fn a_poll_that_goes_on_while_connections_wait_is_about_something_else() {
    let cause = same_with_waiting(1, polling(1), polling(1));
    is(cause, &OWNER_BLOCKED, false);
    assert_eq!(same_with_waiting(0, polling(1), polling(1)), None);
    let ran = after(&polling(1), 0.1, 0.0);
    assert_eq!(
        same_with_waiting(1, polling(1), ran),
        None,
        "it may have emptied the queue"
    );
    assert_eq!(same_with_waiting(1, locked(1), polling(1)), None);
    let epoll = || thread(1, 'S', call(CallKind::Epoll, None));
    assert_eq!(
        same_with_waiting(1, epoll(), epoll()),
        None,
        "edge-triggered"
    );
}

#[test]
fn one_thread_of_a_pool_that_waits_in_accept_is_enough() {
    let pool = |last| process(1, vec![locked(1), locked(2), last]);
    assert_eq!(same(&[pool(accepting(3))]), None);
    let elsewhere = thread(3, 'S', call(CallKind::Accept, Some(&[])));
    is(same(&[pool(elsewhere)]), &OWNER_BLOCKED, false);
}

#[test]
fn what_cannot_be_read_is_not_called_blocked() {
    let continued = Some(Doing::Call(SystemCall::default()));
    for unknown in [thread(1, 'S', None), thread(1, 'S', continued), polling(1)] {
        assert_eq!(same(&[process(1, vec![locked(2), unknown])]), None);
    }
    let blocked = process(1, vec![locked(1)]);
    for io_uring in [Some(true), None] {
        assert_eq!(
            same(&[ProcessActivity {
                io_uring,
                ..blocked.clone()
            }]),
            None
        );
    }
    let cut = ProcessActivity {
        threads_unread: 1,
        ..blocked.clone()
    };
    assert_eq!(same(&[cut]), None);
    let mut unread = snapshot(std::slice::from_ref(&blocked));
    unread.activity.clear();
    assert_eq!(why(LISTENER, &unread, None), None);
    let mut others_may_hold_it = snapshot(&[later(&blocked)]);
    others_may_hold_it.owners.as_mut().unwrap().complete = false;
    let before = snapshot(&[blocked]);
    let cause = why(LISTENER, &others_may_hold_it, Some((&before, ELAPSED)));
    is(cause, &OWNER_BLOCKED, true);
}

#[test]
fn an_earlier_process_with_the_same_id_proves_nothing() {
    let blocked = process(1, vec![locked(1)]);
    let other = ProcessActivity {
        began: Some(8),
        ..blocked.clone()
    };
    is(twice(&[other], &[blocked]), &OWNER_BLOCKED, true);
}

fn spent(on_cpu: f64, waited: f64) -> Option<Cause> {
    let now = after(&running(1), on_cpu, waited);
    twice(&[process(1, vec![running(1)])], &[process(1, vec![now])])
}

#[test]
fn a_thread_that_uses_all_of_a_core_is_busy_and_one_that_waits_for_it_is_starved() {
    is(spent(0.90, 0.0), &OWNER_BUSY, false);
    is(spent(0.51, 0.49), &OWNER_BUSY, false);
    is(spent(0.40, 0.50), &OWNER_STARVED, false);
    is(spent(0.0, 1.0), &OWNER_STARVED, false);
    assert_eq!(spent(0.80, 0.09), None);
    assert_eq!(
        once(&[process(1, vec![running(1)])]),
        None,
        "one reading has no shares"
    );
}

#[test]
fn a_thread_that_got_no_cpu_at_all_is_starved_though_no_number_moves() {
    // Numbers of a thread on a CPU without a tick stand still, too.
    is(same(&[process(1, vec![running(1)])]), &OWNER_STARVED, true);
    let before = process(1, vec![accepting(1)]);
    assert_eq!(
        twice(&[before], &[process(1, vec![running(1)])]),
        None,
        "it slept"
    );
    let without = ThreadActivity {
        slices: None,
        waited_ns: None,
        on_cpu_ns: None,
        ..running(1)
    };
    assert_eq!(same(&[process(1, vec![without])]), None);
}

#[test]
fn a_busy_thread_of_several_may_not_be_the_one_that_accepts() {
    let threads = |first| vec![first, locked(2)];
    let now = process(1, threads(after(&running(1), 1.0, 0.0)));
    let before = process(1, threads(running(1)));
    is(twice(&[before], &[now]), &OWNER_BUSY, true);
    let with_poll = vec![after(&running(1), 1.0, 0.0), polling(2)];
    let before = process(1, vec![running(1), polling(2)]);
    assert_eq!(twice(&[before], &[process(1, with_poll)]), None);
}

fn quota(periods: u64, throttled_periods: u64) -> CpuQuota {
    CpuQuota {
        file: "/sys/fs/cgroup/api/cpu.max".to_owned(),
        quota: Duration::from_millis(20),
        period: Duration::from_millis(100),
        periods,
        throttled_periods,
        throttled: Duration::ZERO,
    }
}

fn under_quota(thread: ThreadActivity, quota: CpuQuota) -> ProcessActivity {
    ProcessActivity {
        cpu_quotas: Some(vec![quota]),
        ..process(1, vec![thread])
    }
}

#[test]
fn a_quota_that_is_used_up_comes_before_being_busy() {
    let throttled = |throttled: u64| {
        let now = under_quota(after(&running(1), 0.2, 0.8), quota(120, 50 + throttled));
        twice(&[under_quota(running(1), quota(100, 50))], &[now])
    };
    let cause = is(throttled(10), &OWNER_THROTTLED, false);
    assert!(cause.text.contains("20 % of a core"), "{}", cause.text);
    let remedy = "echo '40000 100000' > /sys/fs/cgroup/api/cpu.max";
    assert!(cause.remedy[0].starts_with(remedy), "{:?}", cause.remedy);
    // Below the threshold, but it may be why the thread waited.
    is(throttled(9), &OWNER_STARVED, true);
    is(throttled(0), &OWNER_STARVED, false);
}

#[test]
fn a_quota_that_others_use_up_does_not_throttle_an_owner_that_sleeps() {
    let now = under_quota(locked(1), quota(120, 70));
    let before = under_quota(locked(1), quota(100, 50));
    is(twice(&[before], &[now]), &OWNER_BLOCKED, false);
}

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

#[test]
fn of_several_owners_all_that_could_accept_must_share_the_cause() {
    let stopped = |pid| {
        process(
            pid,
            vec![ThreadActivity {
                state: 'T',
                ..accepting(pid)
            }],
        )
    };
    let blocked = |pid| process(pid, vec![locked(pid)]);
    let healthy = process(9, vec![accepting(9)]);
    let out = ProcessActivity {
        open: Some(1024),
        ..process(8, vec![accepting(8)])
    };

    assert_eq!(same(&[stopped(1), healthy]), None);
    assert_eq!(same(&[stopped(1), process(2, vec![polling(2)])]), None);
    assert_eq!(same(&[stopped(1), out]), None, "two causes");
    let cause = is(same(&[stopped(1), stopped(2)]), &OWNER_STOPPED, false);
    assert_eq!(cause.remedy, ["kill -CONT 1", "kill -CONT 2"]);
    is(same(&[blocked(1), blocked(2)]), &OWNER_BLOCKED, false);
    // The parent of stopped workers, or a server whose child was stopped by Ctrl-Z.
    let cause = is(same(&[blocked(1), stopped(2)]), &OWNER_STOPPED, true);
    assert!(
        cause.text.contains("; api (1) held the listener, too"),
        "{}",
        cause.text
    );
    let many: Vec<_> = (1..=5).map(stopped).collect();
    let cause = is(same(&many), &OWNER_STOPPED, false);
    assert!(
        cause.text.ends_with("; 2 more owners likewise"),
        "{}",
        cause.text
    );
}

#[test]
fn a_cause_goes_before_what_the_symptom_advises() {
    let symptom = ACCEPT_QUEUE_FULL
        .finding(Severity::Critical, ":8080", "full")
        .likely("something")
        .remedy("its own")
        .next("its own");
    let stopped = process(
        1,
        vec![ThreadActivity {
            state: 'T',
            ..accepting(1)
        }],
    );
    let finding = once(&[stopped]).unwrap().onto(symptom);
    assert_eq!(finding.id, "accept_queue_full");
    assert_eq!(
        (finding.cause_id, finding.inferred),
        (Some("owner_stopped"), false)
    );
    assert_eq!(finding.remedy, ["kill -CONT 1", "its own"]);
    assert_eq!(finding.next.last().unwrap(), "its own");
    assert_eq!(finding.evidence[0].name, "stopped_threads");
}
