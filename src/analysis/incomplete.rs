//! What a report could not see.

use crate::model::{Incomplete, Owners};

/// Sockets without a known owner or, where each has one, why there may be more owners. Owners were
/// searched for `shown` sockets, `ownerless` of them without success. `command` is the one that
/// takes `--owners`.
pub fn unfound(
    owners: &Owners,
    shown: usize,
    ownerless: usize,
    command: &str,
) -> Option<Incomplete> {
    let failed = owners.failed.as_ref();
    let failed = failed.map(|cause| format!("the search for owners failed: {cause}"));
    let out_of_time = owners.out_of_time.then(|| {
        format!("the search ran out of time; `{command} --owners all` inspects every descriptor")
    });
    let why = if let Some(why) = failed.as_ref().or(out_of_time.as_ref()) {
        why
    } else if owners.unreadable > 0 && owners.may_read_all {
        "a security policy or another user namespace forbids inspecting some processes"
    } else if owners.unreadable > 0 {
        "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (sudo)"
    } else if !owners.complete {
        "/proc is mounted with hidepid, which hides other users' processes (sudo)"
    } else {
        "no process that /proc shows had them open: the kernel or another PID namespace has, or they \
         were opened meanwhile"
    };
    match ownerless {
        0 if owners.complete || shown == 0 => None,
        0 => Some(Incomplete::new("more owners", why)),
        _ => counted("owners", why, ownerless),
    }
}

/// What is missing this many times; `None` where nothing is.
pub fn counted(what: &str, why: &str, count: usize) -> Option<Incomplete> {
    (count > 0).then(|| Incomplete::counted(what, why, count as u64))
}

/// What each report says of a search that had too little time.
#[cfg(test)]
pub mod out_of_time {
    use super::*;

    pub fn owners() -> Owners {
        Owners {
            out_of_time: true,
            ..Owners::default()
        }
    }

    #[track_caller]
    pub fn assert_names(incomplete: &[Incomplete], command: &str) {
        let wanted = format!("`{command} --owners all`");
        let is_said = incomplete.iter().any(|one| one.why.contains(&wanted));
        assert!(is_said, "{wanted}: {incomplete:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_failed_says_so_and_is_not_taken_for_a_refusal() {
        let owners = Owners {
            unreadable: 3,
            failed: Some("Too many open files".to_owned()),
            ..Owners::default()
        };
        let missing = unfound(&owners, 2, 1, "sockdiag queues").unwrap();
        assert_eq!(
            missing.why,
            "the search for owners failed: Too many open files"
        );
        assert_eq!(missing.count, Some(1));
    }
}
