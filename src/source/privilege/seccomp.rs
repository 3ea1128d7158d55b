//! A seccomp filter (man 2 seccomp; Documentation/userspace-api/seccomp_filter.rst): no program is
//! started, no file opened for writing, no other process read or changed, no socket opened but
//! netlink.

use std::io;

use libc::{c_long, c_ulong, sock_filter, sock_fprog};

/// Architectures whose numbers of system calls are known here (`AUDIT_ARCH_…`).
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else {
    None
};
/// System calls of the x32 ABI have this bit.
const X32: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data`. Of an argument, the lower half.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + index * 8
}

const FORBIDDEN: [c_long; 8] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    // Its flags are in memory, where a filter cannot read them. Callers fall back to openat(2).
    libc::SYS_openat2,
    // What is asked for through a ring passes no filter.
    libc::SYS_io_uring_setup,
];
const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const ALLOW: sock_filter = plain(RETURN, libc::SECCOMP_RET_ALLOW);

/// Applies to the calling thread, and to threads that it starts later. Needs no_new_privs. Does
/// nothing on architectures that are not known here.
pub fn restrict() -> io::Result<()> {
    ARCHITECTURE.map_or(Ok(()), |architecture| install(&program(architecture)))
}

fn program(architecture: u32) -> Vec<sock_filter> {
    let refuse = refuse(libc::EPERM);
    let mut lines = vec![
        plain(LOAD, ARCH),
        test(EQUAL, architecture, 1, 0),
        refuse,
        plain(LOAD, NUMBER),
        test(AT_LEAST, X32, 0, 1),
        refuse,
    ];
    for number in FORBIDDEN {
        let errno = match number {
            libc::SYS_openat2 => libc::ENOSYS,
            _ => libc::EPERM,
        };
        lines.extend([test(EQUAL, number as u32, 0, 1), self::refuse(errno)]);
    }
    let mut judge = |number: c_long, index, [yes, no]: [sock_filter; 2], code, k| {
        lines.extend([
            test(EQUAL, number as u32, 0, 4),
            plain(LOAD, argument(index)),
            test(code, k, 0, 1),
            yes,
            no,
        ]);
    };
    judge(libc::SYS_openat, 2, [refuse, ALLOW], ANY_BIT, WRITING);
    let netlink = libc::AF_NETLINK as u32;
    judge(libc::SYS_socket, 0, [ALLOW, refuse], EQUAL, netlink);
    #[cfg(target_arch = "x86_64")]
    {
        judge(libc::SYS_open, 1, [refuse, ALLOW], ANY_BIT, WRITING);
        let creat = libc::SYS_creat as u32;
        lines.extend([test(EQUAL, creat, 0, 1), refuse]);
    }
    lines.push(ALLOW);
    lines
}

const fn plain(code: u16, k: u32) -> sock_filter {
    test(code, k, 0, 0)
}

/// `yes` and `no` are how many lines are left out.
const fn test(code: u16, k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter {
        code,
        jt: yes,
        jf: no,
        k,
    }
}

const fn refuse(errno: i32) -> sock_filter {
    plain(RETURN, libc::SECCOMP_RET_ERRNO | errno as u32)
}

#[expect(unsafe_code, reason = "rustix has no seccomp")]
fn install(lines: &[sock_filter]) -> io::Result<()> {
    let program = sock_fprog {
        len: lines.len().try_into().map_err(io::Error::other)?,
        filter: lines.as_ptr().cast_mut(),
    };
    let (mode, program) = (libc::SECCOMP_MODE_FILTER as c_ulong, &raw const program);
    // SAFETY: the kernel copies the program, whose length stands beside its address.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    use rustix::thread::set_no_new_privs;

    #[expect(unsafe_code, reason = "rustix makes no call that must fail")]
    fn open_ring() -> io::Error {
        let nothing = std::ptr::null_mut::<u8>();
        // SAFETY: the kernel does not write to a null pointer.
        let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, nothing) };
        assert_eq!(ring, -1);
        io::Error::last_os_error()
    }

    /// In a thread of its own, which alone is restricted.
    #[test]
    fn no_ring_is_opened() {
        let asked = thread::spawn(|| {
            set_no_new_privs(true).unwrap();
            restrict().unwrap();
            open_ring()
        });
        let refused = asked.join().unwrap().raw_os_error();
        assert_eq!(refused, Some(libc::EPERM));
    }
}
