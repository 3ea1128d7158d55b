//! What a queue's limit is, and who set it.

use std::collections::BTreeSet;

use super::LimitSetBy;
use crate::model::ListenLimits;

/// Who set an accept queue's limit. A limit below today's cap was either asked for, or is an
/// earlier cap: the kernel keeps what listen(2) was told in no place. Proof is a cap that was seen
/// earlier, or that the limit was seen to be set (`seen_set`) below the cap in force; of the rest,
/// values that a cap customarily has are left open.
pub fn set_by(
    limit: u32,
    now: &ListenLimits,
    earlier: &BTreeSet<u32>,
    seen_set: bool,
) -> Option<LimitSetBy> {
    let cap = now.somaxconn?;
    match limit {
        _ if limit < cap && seen_set => Some(LimitSetBy::Application),
        _ if limit > cap => None,
        _ if limit == cap => Some(LimitSetBy::Somaxconn),
        _ if earlier.contains(&limit) => Some(LimitSetBy::Stale),
        _ if is_customary_cap(limit) => None,
        _ => Some(LimitSetBy::Application),
    }
}

/// 128 was the default cap before Linux 5.4 and 4096 is it since; who changes it takes a power of
/// two from there up, a round thousand, or the largest value old kernels took.
fn is_customary_cap(limit: u32) -> bool {
    const LARGEST: u32 = u16::MAX as u32;
    limit >= 128 && (limit.is_power_of_two() || limit.is_multiple_of(1000) || limit == LARGEST)
}

/// How many request sockets one listener may have, in the sense that a queue is full when it holds
/// more (`tcp_conn_request`, net/ipv4/tcp_input.c): the accept queue's limit and, with SYN cookies
/// off, three quarters of tcp_max_syn_backlog for peers the kernel knows nothing of. `None` when
/// the sysctls are not to be seen.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(somaxconn: u32) -> ListenLimits {
        ListenLimits {
            somaxconn: Some(somaxconn),
            ..ListenLimits::default()
        }
    }

    #[test]
    fn who_set_the_limit() {
        let none = BTreeSet::new();
        assert_eq!(
            set_by(4096, &limits(4096), &none, false),
            Some(LimitSetBy::Somaxconn)
        );
        assert_eq!(
            set_by(511, &limits(4096), &none, false),
            Some(LimitSetBy::Application)
        );
        assert_eq!(
            set_by(0, &limits(4096), &none, false),
            Some(LimitSetBy::Application)
        );
        assert_eq!(
            set_by(128, &limits(4096), &none, false),
            None,
            "asked for, or the old default"
        );
        assert_eq!(
            set_by(5000, &limits(4096), &none, false),
            None,
            "the cap was higher once"
        );
        assert_eq!(
            set_by(128, &limits(4096), &BTreeSet::from([128]), false),
            Some(LimitSetBy::Stale)
        );
        assert_eq!(
            set_by(128, &limits(4096), &none, true),
            Some(LimitSetBy::Application)
        );
        assert_eq!(set_by(128, &ListenLimits::default(), &none, false), None);
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
