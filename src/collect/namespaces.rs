//! The network namespaces that a snapshot covers.

use std::{collections::BTreeMap, io};

use crate::{
    Error, Result,
    model::Incomplete,
    source::{Kernel, Namespace, interfaces, may_read_all},
};

#[derive(Debug)]
pub enum Namespaces {
    /// These, found once.
    These(Vec<Namespace>),
    /// Every one there is at each reading.
    All,
}

impl Namespaces {
    /// The caller's own.
    pub fn own(kernel: &Kernel) -> Self {
        Namespaces::These(vec![kernel.own_namespace()])
    }

    /// By a name of `ip netns`, a path, a process id or an inode; `all` is every one.
    pub fn named(name: &str, kernel: &Kernel) -> Result<Self> {
        if name == "all" {
            return Ok(Namespaces::All);
        }
        Ok(Namespaces::These(vec![kernel.namespace(name)?]))
    }

    /// The index of an interface; `None` when there is none of this name, or several namespaces
    /// have their own.
    pub fn interface_index(&self, name: &str) -> Option<u32> {
        let Namespaces::These(these) = self else {
            return None;
        };
        let [namespace] = &these[..] else {
            return None;
        };
        let there = namespace.enter(interfaces).ok()?;
        let mut there = there.into_iter();
        there.find_map(|(index, other)| (other == name).then_some(index))
    }

    /// The inodes of namespaces that were named; `None` for all.
    pub(super) fn chosen(&self) -> Option<Vec<Option<u64>>> {
        match self {
            Namespaces::These(these) => Some(these.iter().map(|one| one.id.inode).collect()),
            Namespaces::All => None,
        }
    }

    /// Asks each namespace, and lists those that could not be entered or seen. One that was named
    /// must answer.
    pub(super) fn ask<T>(
        &self,
        kernel: &Kernel,
        missing: &mut Vec<Incomplete>,
        mut ask: impl FnMut(&Namespace) -> Result<T>,
    ) -> Result<Vec<T>> {
        let Namespaces::These(namespaces) = self else {
            return ask_all(kernel, missing, ask);
        };
        namespaces.iter().map(&mut ask).collect()
    }
}

fn ask_all<T>(
    kernel: &Kernel,
    missing: &mut Vec<Incomplete>,
    mut ask: impl FnMut(&Namespace) -> Result<T>,
) -> Result<Vec<T>> {
    let (namespaces, unseen) = kernel.namespaces()?;
    if !unseen.is_empty() {
        let why = match may_read_all() {
            true => "a security policy or another user namespace hides these processes",
            false => "needs CAP_SYS_PTRACE (sudo) to see the namespaces of these processes",
        };
        missing.push(Incomplete::counted("netns", why, unseen.len() as u64));
    }
    let (mut answers, mut closed) = (Vec::new(), BTreeMap::<String, u64>::new());
    for namespace in &namespaces {
        match ask(namespace) {
            Ok(answer) => answers.push(answer),
            Err(error) if has_ended(&error) => {}
            Err(Error::Namespace(_, cause)) => *closed.entry(why_closed(&cause)).or_default() += 1,
            Err(error) => return Err(error),
        }
    }
    let closed = closed.into_iter();
    missing.extend(closed.map(|(why, count)| Incomplete::counted("netns", why, count)));
    Ok(answers)
}

fn why_closed(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "needs CAP_SYS_ADMIN (sudo) to enter these namespaces".to_owned()
        }
        _ => format!("these namespaces could not be entered: {cause}"),
    }
}

/// The process through which a namespace was read has ended: ENOENT or ESRCH.
fn has_ended(error: &Error) -> bool {
    const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();
    let (Error::File(_, cause) | Error::Namespace(_, cause)) = error else {
        return false;
    };
    cause.kind() == io::ErrorKind::NotFound || cause.raw_os_error() == Some(ESRCH)
}
