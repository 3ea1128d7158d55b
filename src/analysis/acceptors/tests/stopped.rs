//! Owners that are stopped.

use super::*;

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
