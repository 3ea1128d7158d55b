//! What could not be read from the kernel, and why.

use std::{fmt, io, path::PathBuf};

/// A kernel interface that could not be read, and the operating system's reason. Anything that is
/// merely absent (a counter this kernel lacks, a process that vanished) is not an error: it is
/// `None`, or counted in `incomplete`.
#[derive(Debug)]
pub enum Error {
    /// A file of `/proc`, `/sys` or `/run`, or a capture file, could not be read.
    File(PathBuf, io::Error),
    Write(PathBuf, io::Error),
    /// A netlink request for these sockets, interfaces or statistics failed.
    Netlink(&'static str, io::Error),
    /// Packets could not be captured: this step failed.
    Capture(&'static str, io::Error),
    /// Open sockets could not be read with BPF: this step failed.
    Bpf(&'static str, io::Error),
    /// Packets of the interface of this name could not be captured; ENODEV when it does not exist.
    Interface(String, io::Error),
    /// A network namespace, by the user's name for it or its path, could not be found or entered.
    Namespace(String, io::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Turns an I/O error on `path` into this type; made for `map_err`.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        |cause| Error::File(path, cause)
    }

    /// The operating system's reason.
    pub fn io(&self) -> &io::Error {
        match self {
            Error::File(_, cause) | Error::Write(_, cause) => cause,
            Error::Netlink(_, cause) | Error::Capture(_, cause) | Error::Bpf(_, cause) => cause,
            Error::Interface(_, cause) | Error::Namespace(_, cause) => cause,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(path, _) => write!(f, "reading {}", path.display()),
            Error::Write(path, _) => write!(f, "writing {}", path.display()),
            Error::Netlink(request, _) => write!(f, "asking the kernel for {request}"),
            Error::Capture(attempt, _) | Error::Bpf(attempt, _) => f.write_str(attempt),
            Error::Interface(name, _) => write!(f, "network interface {name}"),
            Error::Namespace(name, _) => write!(f, "network namespace {name}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.io())
    }
}
