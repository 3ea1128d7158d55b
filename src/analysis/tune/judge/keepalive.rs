//! TCP keepalive.

use super::{Case, Judgement};

/// In seconds: without traffic for longer, many firewalls and balancers have forgotten a connection.
const LONG: i64 = 2 * 3600;

/// The three settings together are how long a dead peer stays unnoticed.
pub fn keepalive(case: &Case) -> Judgement {
    let setting = |name: &str| case.load.setting(&format!("net.ipv4.tcp_keepalive_{name}"));
    let all = (setting("time"), setting("intvl"), setting("probes"));
    let (Some(idle), Some(interval), Some(probes)) = all else {
        return Judgement::ok("counts for sockets with SO_KEEPALIVE that set no time themselves");
    };
    let total = interval.saturating_mul(probes).saturating_add(idle);
    let said = format!(
        "a dead peer is noticed after {total} s ({idle} + {interval} × {probes}), where SO_KEEPALIVE \
         is set"
    );
    match idle > LONG && case.is_default == Some(false) {
        true => Judgement::note(said),
        false => Judgement::ok(said),
    }
}
