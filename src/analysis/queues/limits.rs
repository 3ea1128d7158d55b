//! A queue's limit, and what set it.

use super::LimitSetBy;
use crate::model::{ListenLimits, is_at_least, snapshot::LimitHistory};

/// What set an accept queue's limit. A limit below somaxconn is either the backlog of listen(2),
/// which the kernel does not keep, or an earlier somaxconn. Proof is a somaxconn that was seen
/// earlier, or a limit that was seen to be set below the somaxconn in force; else the limit is taken
/// for the backlog, unless it is a value that somaxconn usually has.
pub fn set_by(
    limit: u32,
    now: &ListenLimits,
    history: Option<&LimitHistory>,
    cookie: u64,
) -> Option<LimitSetBy> {
    let cap = now.somaxconn?;
    let set_under = history.and_then(|history| history.set_under.get(&cookie));
    let seen_set = set_under.is_some_and(|cap| limit < *cap);
    let was_cap = history.is_some_and(|history| history.somaxconn.contains(&limit));
    match limit {
        _ if limit < cap && seen_set => Some(LimitSetBy::Application),
        _ if limit > cap => None,
        _ if limit == cap => Some(LimitSetBy::Somaxconn),
        _ if was_cap => Some(LimitSetBy::Stale),
        _ if is_customary_cap(limit) => None,
        _ => Some(LimitSetBy::Application),
    }
}

/// The default somaxconn is 4096, and was 128 before Linux 5.4; administrators set a higher power of
/// two, a round thousand, or 65535, the largest value that old kernels allow.
fn is_customary_cap(limit: u32) -> bool {
    const LARGEST: u32 = u16::MAX as u32;
    limit >= 128 && (limit.is_power_of_two() || limit.is_multiple_of(1000) || limit == LARGEST)
}

/// The number of request sockets of one listener above which its SYN queue is full
/// (`tcp_conn_request`, net/ipv4/tcp_input.c): the accept queue's limit and, with SYN cookies off,
/// three quarters of tcp_max_syn_backlog for peers that the kernel has no metrics of. `None` when the
/// sysctls are not readable.
pub fn syn_queue(accept_limit: u32, limits: &ListenLimits) -> Option<u32> {
    match limits.tcp_syncookies? {
        0 => {
            let most = limits.tcp_max_syn_backlog?;
            Some(accept_limit.min(most - most / 4))
        }
        1 => Some(accept_limit),
        _ => Some(0),
    }
}

/// Whether a SYN queue may be full at its limit, not above it (`inet_csk_reqsk_queue_is_full`,
/// include/net/inet_connection_sock.h). Linux 6.14 holds one more, and so do older kernels that have
/// the change: whether one has it, its release does not show.
pub fn may_be_full_at_limit(release: &str) -> bool {
    is_at_least(release, (6, 14)) == Some(false)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn limits(somaxconn: u32) -> ListenLimits {
        ListenLimits {
            somaxconn: Some(somaxconn),
            ..ListenLimits::default()
        }
    }

    #[test]
    fn who_set_the_limit() {
        let none = LimitHistory::default();
        let seen = |history: &LimitHistory, limit| set_by(limit, &limits(4096), Some(history), 7);
        for (limit, set_by) in [
            (4096, Some(LimitSetBy::Somaxconn)),
            (511, Some(LimitSetBy::Application)),
            (0, Some(LimitSetBy::Application)),
            // Asked for, or the old default.
            (128, None),
            // The cap was higher once.
            (5000, None),
        ] {
            assert_eq!(seen(&none, limit), set_by, "{limit}");
        }
        let was_cap = LimitHistory {
            somaxconn: BTreeSet::from([128]),
            ..LimitHistory::default()
        };
        assert_eq!(seen(&was_cap, 128), Some(LimitSetBy::Stale));
        let set_under = |cap| LimitHistory {
            set_under: BTreeMap::from([(7, cap)]),
            ..LimitHistory::default()
        };
        let asked = Some(LimitSetBy::Application);
        assert_eq!(seen(&set_under(4096), 128), asked);
        assert_eq!(seen(&set_under(128), 128), None, "the cap of that time");
        assert_eq!(set_by(128, &ListenLimits::default(), Some(&none), 7), None);
    }

    #[test]
    fn the_syn_queue_follows_the_accept_limit_unless_cookies_are_off_or_always_on() {
        let with = |cookies| ListenLimits {
            somaxconn: None,
            tcp_max_syn_backlog: Some(128),
            tcp_syncookies: cookies,
        };
        assert_eq!(syn_queue(1024, &with(Some(1))), Some(1024));
        assert_eq!(syn_queue(1024, &with(Some(0))), Some(96));
        assert_eq!(syn_queue(64, &with(Some(0))), Some(64));
        assert_eq!(syn_queue(1024, &with(Some(2))), Some(0));
        assert_eq!(syn_queue(1024, &with(None)), None);
    }
}
