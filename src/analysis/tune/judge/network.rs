//! Packets on their way to the sockets.

use super::{Case, Judgement, doubled};
use crate::analysis::tune::table::OF_INTERFACES;

const ALL: &str = "net.ipv4.conf.all.rp_filter";
const DEFAULT: &str = "net.ipv4.conf.default.rp_filter";

pub fn netdev_max_backlog(case: &Case) -> Judgement {
    let (Some(value), Some(dropped)) = (case.number(), case.load.softnet_dropped()) else {
        return Judgement::ok("the packets that it dropped are unknown");
    };
    let said = format!(
        "packets dropped as the backlog of a CPU was full: {}",
        dropped.said("boot")
    );
    match (dropped.moves(), dropped.is_seen()) {
        (true, _) => {
            let suggested = doubled(value, case.default_number().unwrap_or(0));
            Judgement::change(suggested, true, said)
        }
        (false, true) => Judgement::note(format!(
            "{said}; `sockdiag tune --for 60s` shows whether it still drops"
        )),
        (false, false) => Judgement::ok(said),
    }
}

/// 0 off, 1 strict, 2 loose. The larger of `all` and the interface's own counts; `default` is for
/// interfaces that are made later.
pub fn rp_filter(case: &Case) -> Judgement {
    let of = |name: &str| {
        let (prefix, suffix) = OF_INTERFACES;
        case.load.setting(&format!("{prefix}{name}{suffix}"))
    };
    let all = of("all").unwrap_or(0);
    let is_all = case.key == ALL;
    match case.number() {
        Some(1) if case.key == DEFAULT => Judgement::ok("strict, for interfaces made later"),
        Some(1) if !is_all && all == 2 => Judgement::ok("strict, but that of all is loose"),
        Some(1) => strict(case, is_all || all == 0),
        Some(0) => Judgement::ok("off, unless that of all or of the interface is higher"),
        _ => Judgement::ok("loose: a source must have a route back, over any interface"),
    }
}

/// `decides` unless that of all is strict, too, which has a row of its own.
fn strict(case: &Case, decides: bool) -> Judgement {
    let dropped = case.load.counter("TcpExt", "IPReversePathFilter");
    let Some(dropped) = dropped.filter(|counted| counted.is_seen()) else {
        return Judgement::ok("strict; no packet was dropped");
    };
    let said = dropped.said("the namespace was made");
    let said = format!("packets dropped as the route back uses another interface, or none: {said}");
    let strict = strict_interfaces(case);
    let is_certain = case.key == ALL || strict == 1;
    match dropped.moves() && decides {
        // Forged sources are what it is for, and look the same.
        true if is_certain => Judgement::note(format!(
            "{said}; where these sources are not forged, 2 accepts them (loose)"
        ))
        .suggesting(2),
        true => Judgement::note(format!("{said}; {strict} interfaces are strict")),
        false => Judgement::note(format!("strict; {said}")),
    }
}

fn strict_interfaces(case: &Case) -> usize {
    let (prefix, suffix) = OF_INTERFACES;
    let settings = case.load.settings_like(prefix, suffix);
    let is_strict = |(key, value): &(&str, i64)| *value == 1 && ![ALL, DEFAULT].contains(key);
    settings.filter(is_strict).count()
}
