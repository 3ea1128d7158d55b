//! Owners that want to run.

use super::*;

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

/// Time that a hypervisor takes away is in neither share.
#[test]
fn a_thread_that_never_slept_is_busy_or_starved_though_shares_are_small() {
    let spent = |on_cpu, waited, slept: u64| {
        let awake = ThreadActivity {
            sleeps: Some(3),
            ..running(1)
        };
        let now = ThreadActivity {
            sleeps: Some(3 + slept),
            ..after(&awake, on_cpu, waited)
        };
        twice(&[process(1, vec![awake])], &[process(1, vec![now])])
    };
    let busy = is(spent(0.50, 0.30, 0), &OWNER_BUSY, false);
    assert!(
        busy.text
            .ends_with("used 50 % of a core or more and never slept"),
        "{}",
        busy.text
    );
    assert_eq!(spent(0.50, 0.30, 1), None, "it may have slept all the rest");
    is(spent(0.10, 0.50, 0), &OWNER_STARVED, false);
    // A wait that goes on is not counted, so that the rest may be that or stolen.
    assert_eq!(spent(0.49, 0.0, 0), None);
    is(spent(0.90, 0.0, 1), &OWNER_BUSY, false);
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

/// The kernel counted two periods of twenty, of which the cgroup used up one.
#[test]
fn a_quota_that_was_used_up_once_is_not_why_nothing_is_accepted_for_seconds() {
    let woken = ThreadActivity {
        slices: Some(12),
        ..locked(1)
    };
    let now = under_quota(woken, quota(102, 51));
    let before = under_quota(locked(1), quota(100, 50));
    is(twice(&[before], &[now]), &OWNER_BLOCKED, true);
}

/// Spinning on accept() looks the same where the host has no free file.
#[test]
fn being_busy_is_inferred_where_accept_may_fail_with_enfile() {
    let inferred = |open| {
        let now = later(&process(1, vec![after(&running(1), 1.0, 0.0)]));
        let mut now = snapshot(&[now]);
        now.processes = Some(Processes {
            system: SystemFds {
                open: Some(open),
                limit: Some(1000),
                nr_open: None,
            },
            ..Processes::default()
        });
        let before = snapshot(&[process(1, vec![running(1)])]);
        why(LISTENER, &now, Some((&before, ELAPSED)))
            .unwrap()
            .inferred
    };
    assert_eq!([inferred(949), inferred(950)], [false, true]);
}

#[test]
fn a_quota_that_others_use_up_does_not_throttle_an_owner_that_sleeps() {
    let now = under_quota(locked(1), quota(120, 70));
    let before = under_quota(locked(1), quota(100, 50));
    is(twice(&[before], &[now]), &OWNER_BLOCKED, false);
}
