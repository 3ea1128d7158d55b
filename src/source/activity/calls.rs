//! `/proc/PID/task/TID/syscall` and `wchan` (fs/proc/base.c):
//!
//! ```text
//! 288 0x3 0x7ffd… 0x7ffd… 0x80000 0x0 0x0 0x7ffd5b307be8 0x7f2d0a942503
//! -1 0x7ffd5b307be8 0x7f2d0a942503       asleep outside of a system call
//! running
//! ```
//!
//! The last two numbers are the stack pointer and the program counter.

use crate::model::CallKind::{self, *};

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asleep {
    Running,
    Outside,
    In {
        number: u32,
        kind: Option<CallKind>,
        /// The first argument, where it is a descriptor.
        fd: Option<u32>,
    },
}

pub fn parse(text: &str) -> Option<Asleep> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words[..] {
        ["running"] => Some(Asleep::Running),
        ["-1", ..] => Some(Asleep::Outside),
        [number, first, _, _, _, _, _, stack, _] => {
            let number = number.parse().ok()?;
            let (first, stack) = (hexadecimal(first)?, hexadecimal(stack)?);
            // A 32-bit process has another table; its stack is in the first 4 GiB.
            let kind = u32::try_from(stack).is_err().then(|| kind(number));
            let kind = kind.flatten();
            let has_fd = kind.is_some_and(takes_descriptor);
            let fd = u32::try_from(first).ok().filter(|_| has_fd);
            Some(Asleep::In { number, kind, fd })
        }
        _ => None,
    }
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

fn takes_descriptor(kind: CallKind) -> bool {
    use CallKind::{Accept, Connect, Epoll, FileLock, IoUring, Read, Receive, Send, Sync, Write};
    matches!(
        kind,
        Accept | Epoll | IoUring | Read | Write | Receive | Send | Connect | Sync | FileLock
    )
}

/// arch/x86/entry/syscalls/syscall_64.tbl. `restart_syscall` (219) continues any call that waits
/// for a time, so that only the kernel function tells which.
#[cfg(target_arch = "x86_64")]
fn kind(number: u32) -> Option<CallKind> {
    Some(match number {
        43 | 288 => Accept,
        232 | 281 | 441 => Epoll,
        7 | 271 => Poll,
        23 | 270 => Select,
        426 => IoUring,
        202 | 449 | 455 => Futex,
        35 | 230 => Sleep,
        0 | 17 | 19 | 295 | 327 => Read,
        1 | 18 | 20 | 296 | 328 | 40 => Write,
        45 | 47 | 299 => Receive,
        44 | 46 | 307 => Send,
        42 => Connect,
        2 | 257 | 437 => Open,
        26 | 74 | 75 | 162 | 277 | 306 => Sync,
        72 | 73 => FileLock,
        61 | 247 => Child,
        56 | 57 | 58 | 435 => Fork,
        34 | 128 | 130 => Signal,
        65 | 69 | 70 | 220 | 242 | 243 => MessageQueue,
        _ => return None,
    })
}

/// include/uapi/asm-generic/unistd.h
#[cfg(target_arch = "aarch64")]
fn kind(number: u32) -> Option<CallKind> {
    Some(match number {
        202 | 242 => Accept,
        22 | 441 => Epoll,
        73 => Poll,
        72 => Select,
        426 => IoUring,
        98 | 449 | 455 => Futex,
        101 | 115 => Sleep,
        63 | 65 | 67 | 69 | 286 => Read,
        64 | 66 | 68 | 70 | 287 | 71 => Write,
        207 | 212 | 243 => Receive,
        206 | 211 | 269 => Send,
        203 => Connect,
        56 | 437 => Open,
        81 | 82 | 83 | 84 | 227 | 267 => Sync,
        25 | 32 => FileLock,
        95 | 260 => Child,
        220 | 435 => Fork,
        133 | 137 => Signal,
        182 | 183 | 188 | 189 | 192 | 193 => MessageQueue,
        _ => return None,
    })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn kind(_: u32) -> Option<CallKind> {
    None
}

/// By the kernel function, where the number may not be read (Yama's `ptrace_scope`) or does not
/// tell. Names change between kernels; one that is not known here says nothing. Compilers add
/// suffixes: `poll_schedule_timeout.constprop.0`.
pub fn by_function(wchan: &str) -> Option<CallKind> {
    Some(match wchan.split('.').next()? {
        "inet_csk_accept" | "inet_csk_wait_for_connect" => Accept,
        "ep_poll" => Epoll,
        "do_sys_poll" | "do_poll" | "poll_schedule_timeout" => Poll,
        "do_select" => Select,
        "io_cqring_wait" => IoUring,
        "futex_wait_queue_me" | "futex_wait_queue" | "futex_do_wait" => Futex,
        "hrtimer_nanosleep" | "do_nanosleep" => Sleep,
        "pipe_read" | "pipe_wait_readable" | "anon_pipe_read" => Read,
        "pipe_write" | "pipe_wait_writable" | "anon_pipe_write" => Write,
        "do_wait" => Child,
        "sigsuspend" | "do_sigtimedwait" => Signal,
        "flock_lock_inode_wait" | "locks_lock_inode_wait" => FileLock,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_thread_is_in_no_call() {
        assert_eq!(parse("running\n"), Some(Asleep::Running));
        let fault = "-1 0x7ffd5b307be8 0x7f2d0a942503\n";
        assert_eq!(parse(fault), Some(Asleep::Outside));
        for text in [
            "",
            "\n",
            "288 0x3\n",
            "x 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd5b307be8 0x1\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_descriptor_of_a_call_is_its_first_argument() {
        let text = "288 0x3 0x0 0x0 0x80000 0x0 0x0 0x7ffd5b307be8 0x7f2d0a942503\n";
        let (kind, fd) = (Some(Accept), Some(3));
        assert_eq!(
            parse(text),
            Some(Asleep::In {
                number: 288,
                kind,
                fd
            })
        );
        let text = "202 0x3 0x0 0x0 0x80000 0x0 0x0 0x7ffd5b307be8 0x7f2d0a942503\n";
        let (kind, fd) = (Some(Futex), None);
        assert_eq!(
            parse(text),
            Some(Asleep::In {
                number: 202,
                kind,
                fd
            })
        );
    }

    #[test]
    fn numbers_of_a_32_bit_process_are_not_looked_up() {
        let text = "3 0x3 0x0 0x0 0x80000 0x0 0x0 0xffdff2b8 0xf7f2d549\n";
        let (kind, fd) = (None, None);
        assert_eq!(
            parse(text),
            Some(Asleep::In {
                number: 3,
                kind,
                fd
            })
        );
    }

    #[test]
    fn a_continued_call_is_unknown() {
        for number in [128, 219] {
            let text = format!("{number} 0x3 0x0 0x0 0x8 0x0 0x0 0x7ffd5b307be8 0x7f2d0a942503\n");
            let Some(Asleep::In { kind, .. }) = parse(&text) else {
                panic!("{text}")
            };
            assert!(kind.is_none_or(|kind| kind == Signal), "{text}");
        }
    }

    #[test]
    fn a_kernel_function_tells_what_a_number_does_not() {
        assert_eq!(by_function("futex_do_wait"), Some(Futex));
        assert_eq!(by_function("poll_schedule_timeout.constprop.0"), Some(Poll));
        assert_eq!(by_function("futex_do"), None);
        assert_eq!(by_function(""), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "-?[0-9]{0,12}( (0x)?[0-9a-f]{0,20}){0,10}\\PC{0,3}") {
            parse(&text);
        }
    }
}
