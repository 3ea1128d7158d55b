//! Each rule on values: it fires, does not, and what looks alike.

mod blocked;
mod cpu;
mod memory;
mod stopped;

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    analysis::{Severity, finding::Rule, rules::*},
    model::{
        CallKind, CpuQuota, Doing, FdLimits, Freezer, Listener, Local, MemoryLimit, Owner, Owners,
        Protocol, Stalled, SystemCall, SystemFds, ThreadActivity,
        snapshot::{Listeners, Processes},
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
        owners: Some(
            Owners {
                by_inode: BTreeMap::from([(LISTENER, processes.iter().map(owner).collect())]),
                complete: true,
                ..Owners::default()
            }
            .into(),
        ),
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

/// Connections first waited just before the last reading.
#[test]
fn what_threads_do_for_some_milliseconds_shows_no_cause_for_certain() {
    let inferred = |milliseconds| {
        let before = process(1, vec![locked(1)]);
        let elapsed = Duration::from_millis(milliseconds);
        let now = ProcessActivity {
            at: before.at + elapsed,
            ..before.clone()
        };
        let before = snapshot(&[before]);
        let cause = why(LISTENER, &snapshot(&[now]), Some((&before, elapsed)));
        cause.unwrap().inferred
    };
    assert_eq!([inferred(199), inferred(200)], [true, false]);
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
