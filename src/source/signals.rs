//! Signals that ask the program to end, where it is asked again (man 7 signal).
//!
//! The first signal is handled by whoever else has installed a handler. A program that is blocked
//! in a system call (open of a FIFO, write to a pipe that nobody reads) does not get to it.

use std::{
    io,
    mem::MaybeUninit,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicI32, AtomicU32, Ordering},
    },
};

use libc::{SIG_DFL, SIG_IGN, SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, c_int};

/// timeout(1) sends each signal twice, to the process and to its group.
const GRACE_SECONDS: u32 = 1;

static SIGNALS: AtomicU32 = AtomicU32::new(0);
static LAST: AtomicI32 = AtomicI32::new(SIGTERM);
static TIDY: OnceLock<fn()> = OnceLock::new();

/// Whether whoever started the program had this signal ignored, as nohup(1) does with SIGHUP.
pub fn is_ignored(signal: c_int) -> io::Result<bool> {
    Ok(action_of(signal)?.sa_sigaction == SIG_IGN)
}

/// From now on a SIGINT or SIGTERM that is not the first signal which asks the program to end gives
/// it one second; a further one ends it at once. Before that, `tidy` is called, which may do only
/// what a signal handler may (man 7 signal-safety).
///
/// Handlers installed later must call earlier ones.
pub fn end_at_repeated_signal(tidy: fn()) -> io::Result<()> {
    if TIDY.set(tidy).is_err() {
        return Ok(());
    }
    for signal in [SIGINT, SIGTERM] {
        handle(signal, asked)?;
    }
    for signal in [SIGHUP, SIGQUIT] {
        if signal != SIGHUP || !is_ignored(SIGHUP)? {
            handle(signal, asked_to_hang_up)?;
        }
    }
    handle(SIGALRM, overdue)
}

/// Whether a signal has asked the program to end since [`end_at_repeated_signal`].
pub fn was_asked_to_end() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

extern "C" fn asked(signal: c_int) {
    LAST.store(signal, Ordering::SeqCst);
    match SIGNALS.fetch_add(1, Ordering::SeqCst) {
        0 => {}
        1 => end_in(GRACE_SECONDS),
        _ => end(),
    }
}

/// A shell repeats what the terminal has sent.
extern "C" fn asked_to_hang_up(_: c_int) {
    SIGNALS.fetch_max(1, Ordering::SeqCst);
}

extern "C" fn overdue(_: c_int) {
    end();
}

/// Ends the program as the signal would have by itself.
fn end() {
    // `tidy` may block, as on a terminal that was stopped.
    end_in(GRACE_SECONDS);
    if let Some(tidy) = TIDY.get() {
        tidy();
    }
    die_of(LAST.load(Ordering::SeqCst));
}

#[expect(unsafe_code, reason = "rustix has no alarm(2)")]
fn end_in(seconds: u32) {
    // SAFETY: it only sets a timer.
    unsafe { libc::alarm(seconds) };
}

#[expect(unsafe_code, reason = "rustix does not show handlers")]
fn action_of(signal: c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a valid action. Without one to install, the kernel only writes the present
    // one there.
    let (found, action) = unsafe {
        let found = libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        (found, action.assume_init())
    };
    match found {
        0 => Ok(action),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "rustix installs no handlers")]
fn handle(signal: c_int, handler: extern "C" fn(c_int)) -> io::Result<()> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a valid action with an empty mask. The handlers only use atomics, system
    // calls and what the caller of `end_at_repeated_signal` vouches for.
    let installed = unsafe {
        let action = action.assume_init_mut();
        action.sa_sigaction = handler as *const () as usize;
        // A handler that blocks must not keep the next signal away.
        action.sa_flags = libc::SA_RESTART | libc::SA_NODEFER;
        libc::sigaction(signal, action, ptr::null_mut())
    };
    match installed {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "rustix changes no dispositions")]
fn die_of(signal: c_int) {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the mask; all of this may be done in a signal handler.
    unsafe {
        libc::signal(signal, SIG_DFL);
        libc::sigemptyset(mask.as_mut_ptr());
        libc::sigaddset(mask.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, mask.as_ptr(), ptr::null_mut());
        libc::raise(signal);
    }
}
