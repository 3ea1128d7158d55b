//! Owners whose threads wait for something else, or that have no descriptor left.

use std::net::TcpStream;
use std::os::fd::RawFd;

use sockdiag::model::CallKind;

use crate::support::helper_process::{ListenerSetup, spawn_listener, spawn_out_of_descriptors};
use crate::support::listener_owners::{InheritedListener, cause, wait_for_call, wait_for_cause};
use crate::support::netns::{in_sealed_netns, lo_up};

#[test]
fn an_owner_that_reads_from_a_pipe_or_sleeps_is_blocked() {
    in_sealed_netns(|| {
        for (command, place) in [
            (&["cat"][..], "1 thread in read() of pipe:["),
            (&["sleep", "1000"], "1 thread in nanosleep()"),
        ] {
            let listener = InheritedListener::new();
            let owner = listener.owner(command);
            drop(listener);
            let cause = wait_for_cause("owner_blocked", |cause| {
                !cause.inferred && cause.text.contains(place)
            });
            assert!(cause.text.contains("has not run for 0."), "{}", cause.text);
            let stack = format!("cat /proc/{0}/task/{0}/stack", owner.pid());
            assert_eq!(cause.next[0], stack);
        }
    });
}

#[test]
fn an_owner_whose_threads_wait_for_locks_is_blocked() {
    in_sealed_netns(|| {
        // The first thread waits for the one that reads from a pipe.
        let setup = ListenerSetup {
            address: "127.0.0.1:8080",
            backlog: 5,
            clients: 0,
            syns: 0,
        };
        let _owner = spawn_listener(&setup, &[]);
        let is_futex = "in futex() (a lock or a condition)";
        let cause = wait_for_cause("owner_blocked", |cause| {
            !cause.inferred && cause.text.contains(is_futex)
        });
        assert!(
            cause.text.contains("1 thread in read() of pipe:["),
            "{}",
            cause.text
        );
    });
}

#[test]
fn an_owner_whose_only_thread_waits_for_a_lock_is_blocked() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let Some(_owner) = listener.locked_owner() else {
            return;
        };
        drop(listener);
        let place = "1 thread in futex() (a lock or a condition)";
        wait_for_cause("owner_blocked", |cause| cause.text.ends_with(place));
    });
}

#[test]
fn an_owner_in_uninterruptible_sleep_is_blocked_and_says_where() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let Some(_owner) = listener.uninterruptible_owner() else {
            return;
        };
        drop(listener);
        let place = "1 thread in uninterruptible sleep (D) in vfork()";
        wait_for_cause("owner_blocked", |cause| cause.text.contains(place));
    });
}

#[test]
fn an_owner_without_descriptors_is_out_of_them_though_its_threads_wait() {
    in_sealed_netns(|| {
        let owner = spawn_out_of_descriptors(32);
        let cause = wait_for_cause("owner_out_of_descriptors", |cause| !cause.inferred);
        assert!(
            cause
                .text
                .contains(" of 32 descriptors open: accept() fails"),
            "{}",
            cause.text
        );
        let pid = owner.pid();
        let raise = format!("prlimit --pid {pid} --nofile=1024:");
        assert!(cause.remedy[0].starts_with(&raise), "{:?}", cause.remedy);
    });
}

fn epoll_script(fd: RawFd, watched: &str) -> String {
    format!(
        "import select, socket\n\
         listener = socket.socket(fileno={fd})\n\
         inner, outer, other = select.epoll(), select.epoll(), socket.socketpair()\n\
         outer.register({watched})\n\
         inner.register(listener)\n\
         outer.poll()\n"
    )
}

#[test]
fn an_event_loop_that_watches_other_sockets_is_blocked() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let script = epoll_script(listener.fd(), "other[0], select.EPOLLIN");
        let Some(_owner) = listener.try_owner(&["python3", "-c", &script]) else {
            return;
        };
        drop(listener);
        let place = "1 thread in epoll_wait() of anon_inode:[eventpoll] for other events";
        wait_for_cause("owner_blocked", |cause| cause.text.contains(place));
    });
}

#[test]
fn an_owner_that_polls_other_sockets_is_blocked_once_a_connection_waits() {
    in_sealed_netns(|| {
        lo_up();
        let listener = InheritedListener::new();
        let script = "import select, socket\n\
             ends, poll = socket.socketpair(), select.poll()\n\
             poll.register(ends[0], select.POLLIN)\n\
             poll.poll()\n";
        let Some(owner) = listener.try_owner(&["python3", "-c", script]) else {
            return;
        };
        drop(listener);
        wait_for_call(&owner, CallKind::Poll);
        assert_eq!(cause(), None, "it may be about the listener");
        let _client = TcpStream::connect("127.0.0.1:8080").expect("the queue has room");
        let cause = wait_for_cause("owner_blocked", |cause| !cause.inferred);
        assert!(
            cause.text.ends_with("1 thread in poll() for other events"),
            "{}",
            cause.text
        );
    });
}
