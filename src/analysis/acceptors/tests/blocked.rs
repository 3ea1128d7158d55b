//! Owners without descriptors, or that wait for something else.

use std::sync::Arc;

use super::*;

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

/// A limit above fs.nr_open is refused.
#[test]
fn the_limit_is_raised_as_far_as_it_may() {
    let out = ProcessActivity {
        open: Some(1024),
        ..process(1, vec![accepting(1)])
    };
    let cause = |nr_open| {
        let mut now = snapshot(std::slice::from_ref(&out));
        let mut processes = Processes::default();
        processes.system.nr_open = Some(nr_open);
        now.processes = Some(processes);
        why(LISTENER, &now, None).unwrap()
    };
    assert_eq!(cause(1500).remedy, ["prlimit --pid 1 --nofile=1500:1500"]);
    let bound = cause(512);
    assert!(
        bound.text.contains("1024 of 512 descriptors"),
        "{}",
        bound.text
    );
    assert_eq!(bound.remedy, ["sysctl -w fs.nr_open=4096"]);
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
    let owners = others_may_hold_it.owners.as_mut().unwrap();
    Arc::make_mut(owners).complete = false;
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
