//! Connection tracking of netfilter.

use super::{Case, Judgement, doubled, is_near_limit, percent};

/// Connections for each bucket from which looking one up takes long.
const LONG_CHAIN: i64 = 8;

fn count(case: &Case) -> Option<i64> {
    case.load.setting("net.netfilter.nf_conntrack_count")
}

pub fn nf_conntrack_max(case: &Case) -> Judgement {
    let (Some(limit), Some(count)) = (case.number(), count(case)) else {
        return Judgement::ok("the number of tracked connections is unknown");
    };
    let said = format!(
        "{count} of {limit} connections, {} %",
        percent(count, limit)
    );
    match is_near_limit(count, limit) {
        true => Judgement::change(
            doubled(limit, case.default_number().unwrap_or(0)),
            true,
            format!("{said}; packets of new connections are dropped when it is full"),
        ),
        false => Judgement::ok(said),
    }
}

pub fn buckets(case: &Case) -> Judgement {
    let most = case.load.setting("net.netfilter.nf_conntrack_max");
    let (Some(buckets), Some(most)) = (case.number(), most) else {
        return Judgement::ok("buckets of the table of tracked connections");
    };
    let chain = most / buckets.max(1);
    match chain > LONG_CHAIN {
        true => Judgement::note(format!(
            "{most} connections in {buckets} buckets: a full table is searched {chain} deep"
        )),
        false => Judgement::ok(format!("a full table is searched {chain} deep")),
    }
}

/// The timeout of idle connections decides how full the table is.
pub fn established_timeout(case: &Case) -> Judgement {
    let full = count(case).zip(case.load.setting("net.netfilter.nf_conntrack_max"));
    let near = full.filter(|(count, limit)| is_near_limit(*count, *limit));
    let days = case.number().unwrap_or(0) as f64 / 86_400.0;
    match near {
        Some((count, limit)) if days >= 1.0 => Judgement::note(format!(
            "{count} of {limit} connections are tracked, and idle ones stay for {days:.1} days"
        )),
        _ => Judgement::ok(format!("idle connections are tracked for {days:.1} days")),
    }
}

pub fn other_timeout(case: &Case) -> Judgement {
    let seconds = case.value;
    Judgement::ok(format!("such connections are tracked for {seconds} s"))
}
