//! The network namespaces that a report covers.

use std::io;

use anyhow::anyhow;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sockdiag::{
    model::Incomplete,
    source::{Kernel, Namespace, may_read_all},
};

use super::PlaceArgs;

/// Which namespaces are asked.
pub enum Places {
    /// These, found once.
    These(Vec<Namespace>),
    /// Every one there is at each reading.
    All,
}

impl Places {
    /// Finds what a user named.
    pub fn find(args: &PlaceArgs, kernel: &Kernel) -> anyhow::Result<Self> {
        match args.netns.as_deref() {
            None => Ok(Places::These(vec![kernel.own_namespace()])),
            Some("all") => {
                allow_many_files();
                Ok(Places::All)
            }
            Some(name) => {
                let found = kernel.namespace(name)?;
                Ok(Places::These(vec![found]))
            }
        }
    }

    /// Asks each namespace, and says which could not be entered or seen. One that was named must
    /// answer.
    pub fn ask<T>(
        &self,
        kernel: &Kernel,
        missing: &mut Vec<Incomplete>,
        mut ask: impl FnMut(&Namespace) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        match self {
            Places::These(namespaces) => {
                let one = |namespace| ask(namespace).map_err(with_way_in);
                namespaces.iter().map(one).collect()
            }
            Places::All => {
                let (namespaces, unseen) = kernel.namespaces();
                if unseen > 0 {
                    let why = match may_read_all() {
                        true => {
                            "a security policy or another user namespace forbids looking at these processes"
                        }
                        false => {
                            "the namespaces of these processes may not be seen (needs CAP_SYS_PTRACE, sudo)"
                        }
                    };
                    missing.push(Incomplete::counted("netns", why, unseen));
                }
                let (mut answers, mut closed) = (Vec::new(), 0);
                for namespace in &namespaces {
                    match ask(namespace) {
                        Ok(answer) => answers.push(answer),
                        Err(error) if is_closed(&error) => closed += 1,
                        Err(error) if has_ended(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
                if closed > 0 {
                    let why = "needs CAP_SYS_ADMIN (sudo) to enter these namespaces";
                    missing.push(Incomplete::counted("netns", why, closed));
                }
                Ok(answers)
            }
        }
    }
}

/// Each namespace is held open for a moment. Where the limit cannot be raised, those beyond it are
/// said to be missing.
fn allow_many_files() {
    let limits = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limits.maximum,
            ..limits
        },
    );
}

fn is_closed(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(sockdiag::Error::Namespace { .. })
    )
}

/// The process through which a namespace was read is no more: ENOENT or ESRCH.
fn has_ended(error: &anyhow::Error) -> bool {
    const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();
    let io = match error.downcast_ref() {
        Some(error @ sockdiag::Error::File { .. }) => error.io(),
        _ => return false,
    };
    io.kind() == io::ErrorKind::NotFound || io.raw_os_error() == Some(ESRCH)
}

/// Says what helps where the namespace may not be entered.
pub fn with_way_in(error: anyhow::Error) -> anyhow::Error {
    let refused = match error.downcast_ref() {
        Some(error @ sockdiag::Error::Namespace { .. }) => {
            error.io().kind() == io::ErrorKind::PermissionDenied
        }
        _ => false,
    };
    if refused {
        anyhow!("{error:#}; to enter it needs CAP_SYS_ADMIN (sudo)")
    } else {
        error
    }
}
