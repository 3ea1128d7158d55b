//! Handshakes: SYN cookies, retransmissions, TCP Fast Open.

use super::{Case, Counted, Judgement, listen::full_syn_queue, named};

/// In seconds (`TCP_TIMEOUT_INIT`, `TCP_RTO_MAX`).
const FIRST_TIMEOUT: u64 = 1;
const LONGEST_TIMEOUT: u64 = 120;

pub fn tcp_syncookies(case: &Case) -> Judgement {
    let counted = |name| {
        let counter = case.load.counter("TcpExt", name);
        counter.filter(|counted: &Counted| counted.is_seen())
    };
    match case.number() {
        Some(0) => {
            let full = full_syn_queue(case.load);
            match (counted("TCPReqQFullDrop"), full) {
                (Some(drops), _) => Judgement::change(
                    1,
                    drops.moves() || full.is_some(),
                    format!(
                        "SYNs dropped at full SYN queues: {}",
                        drops.said("the namespace was made")
                    ),
                ),
                (None, Some(listener)) => Judgement::change(
                    1,
                    true,
                    format!(
                        "the SYN queue of {} is full and drops SYNs",
                        named(listener)
                    ),
                ),
                (None, None) => Judgement::note(
                    "a full SYN queue drops SYNs; no such drop was counted, but three quarters of \
                     tcp_max_syn_backlog drop without a count",
                )
                .harmful(),
            }
        }
        Some(2) => match counted("SyncookiesSent") {
            Some(sent) => Judgement::change(
                1,
                false,
                format!(
                    "every SYN gets a cookie, though no queue is full ({}): TCP options are limited, \
                     and a lost SYN-ACK is not retransmitted; meant for tests",
                    sent.said("the namespace was made")
                ),
            ),
            None => Judgement::note("every SYN gets a cookie; meant for tests").harmful(),
        },
        _ => Judgement::ok(match counted("SyncookiesSent") {
            Some(sent) => format!(
                "cookies are sent when a SYN queue is full: {}",
                sent.said("the namespace was made")
            ),
            None => "cookies are sent only when a SYN queue is full: none so far".to_owned(),
        }),
    }
}

pub fn syn_retries(case: &Case) -> Judgement {
    let linear = case.load.setting("net.ipv4.tcp_syn_linear_timeouts");
    let linear = u64::try_from(linear.unwrap_or(0)).unwrap_or(0);
    let Some(retries) = case.number().and_then(|n| u64::try_from(n).ok()) else {
        return Judgement::note("not a number");
    };
    let total = linear * FIRST_TIMEOUT + gives_up_after(retries);
    let said = format!("connect() without an answer fails after {total} s");
    match retries + linear {
        0 => Judgement::note(format!("{said}: one lost SYN fails it")).harmful(),
        _ => Judgement::ok(said),
    }
}

pub fn synack_retries(case: &Case) -> Judgement {
    let Some(retries) = case.number().and_then(|n| u64::try_from(n).ok()) else {
        return Judgement::note("not a number");
    };
    let total = gives_up_after(retries);
    let said = format!("an unanswered SYN-ACK keeps its place in the SYN queue for {total} s");
    match retries {
        0 => Judgement::note(format!("{said}: one lost SYN-ACK fails the handshake")).harmful(),
        _ => Judgement::ok(said),
    }
}

pub fn syn_linear_timeouts(case: &Case) -> Judgement {
    let count = case.value;
    Judgement::ok(format!(
        "the first {count} retransmissions of a SYN are 1 s apart, then the time doubles"
    ))
}

/// Each timeout is twice the one before it, up to the longest.
fn gives_up_after(retries: u64) -> u64 {
    let timeout = |number: u64| {
        let doubled = FIRST_TIMEOUT.checked_shl(number.min(63) as u32);
        doubled.unwrap_or(u64::MAX).min(LONGEST_TIMEOUT)
    };
    (0..=retries.min(255)).map(timeout).sum()
}

/// `TFO_CLIENT_NO_COOKIE` and `TFO_SERVER_COOKIE_NOT_REQD` (include/net/tcp.h).
const WITHOUT_COOKIE: i64 = 0x4 | 0x200;

pub fn tcp_fastopen(case: &Case) -> Judgement {
    let flags = case.number().unwrap_or(0);
    let side = match flags & 3 {
        0 => "off",
        1 => "clients may send data with the SYN, servers do not take it",
        2 => "servers take data with the SYN where the socket asks for it",
        _ => "clients send and servers take data with the SYN where the socket asks for it",
    };
    match flags & WITHOUT_COOKIE {
        0 => Judgement::ok(side),
        _ => Judgement::note(format!(
            "{side}; flags 0x4 and 0x200 do without a cookie, so that spoofed SYNs can carry data"
        ))
        .harmful(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Documentation/networking/ip-sysctl.rst has it.
    #[test]
    fn timeouts_double_up_to_two_minutes() {
        assert_eq!(gives_up_after(6), 127);
        assert_eq!(gives_up_after(6) + 4, 131, "with four linear ones");
        assert_eq!(gives_up_after(5), 63);
        assert_eq!(gives_up_after(0), 1);
        assert_eq!(gives_up_after(7), 127 + 120);
    }
}
