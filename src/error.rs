//! What could not be read from the kernel, and why.

use std::{fmt, io, path::PathBuf};

/// A kernel interface that did not answer. What is merely absent (a counter this kernel lacks, a
/// process that vanished) is not an error: it is `None`, or counted in `incomplete`.
#[derive(Debug)]
pub enum Error {
    /// A file of `/proc`, `/sys` or `/run` could not be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A `NETLINK_SOCK_DIAG` request failed.
    Netlink {
        /// What was asked, in words.
        request: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// Packets could not be captured.
    Capture {
        /// What was tried, in words.
        attempt: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// Packets of one network device could not be captured; ENODEV when there is none of that name.
    Interface {
        /// As the user named it.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// A network namespace could not be found or entered.
    Namespace {
        /// As the user named it, or its path.
        name: String,
        /// Why.
        cause: io::Error,
    },
}

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Turns an I/O error on `path` into this type; made for `map_err`.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |cause| Error::File { path, cause }
    }

    /// The operating system's reason.
    pub fn io(&self) -> &io::Error {
        match self {
            Error::File { cause, .. }
            | Error::Write { cause, .. }
            | Error::Netlink { cause, .. }
            | Error::Capture { cause, .. }
            | Error::Interface { cause, .. }
            | Error::Namespace { cause, .. } => cause,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File { path, .. } => write!(f, "reading {}", path.display()),
            Error::Write { path, .. } => write!(f, "writing {}", path.display()),
            Error::Netlink { request, .. } => write!(f, "asking the kernel for {request}"),
            Error::Capture { attempt, .. } => f.write_str(attempt),
            Error::Interface { name, .. } => write!(f, "network interface {name}"),
            Error::Namespace { name, .. } => write!(f, "network namespace {name}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.io())
    }
}
