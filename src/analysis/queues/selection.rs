//! Which listeners are reported.

use super::ListenerReport;
use crate::model::{Family, Filter, Listener, Local, is_process};

/// Conditions that every reported listener meets. The default selects all listeners.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The `FILTER` argument.
    pub filter: Option<Filter>,
    /// Address family of TCP and UDP sockets.
    pub family: Option<Family>,
    pub uid: Option<u32>,
    /// Id or name of an owner.
    pub process: Option<String>,
    /// Systemd unit, container or pod: `api` matches `api.service`, and an id may be cut short.
    pub unit: Option<String>,
}

impl Selection {
    /// The conditions that can be checked before the owners are known.
    pub fn may_show(&self, listener: &Listener) -> bool {
        let family = match (&listener.local, self.family) {
            (Local::Inet(endpoint), Some(family)) => endpoint.family == family,
            (Local::Unix(_), _) | (_, None) => true,
        };
        let accepts = |filter: &Filter| filter.accepts(&listener.local);
        family
            && self.uid.is_none_or(|uid| listener.uid == Some(uid))
            && self.filter.as_ref().is_none_or(accepts)
    }

    /// The other conditions.
    pub fn shows(&self, report: &ListenerReport) -> bool {
        let owned_by = |wanted: &String| {
            let mut owners = report.owners.iter();
            owners.any(|owner| is_process(owner.pid, &owner.name, wanted))
        };
        let of_unit = |wanted: &String| {
            let unit = report.unit.as_ref();
            unit.is_some_and(|unit| unit_is(unit, wanted))
        };
        self.process.as_ref().is_none_or(owned_by) && self.unit.as_ref().is_none_or(of_unit)
    }
}

/// `api.service` matches `api.service` and `api`; `docker:0123456789ab` also matches its id, whole or
/// cut short, a pod either of its two ids, and a unit's container the unit.
pub fn unit_is(unit: &str, wanted: &str) -> bool {
    let base = |name: &str| {
        name.rsplit_once('.')
            .is_some_and(|(base, _)| base == wanted)
    };
    let is_name = |name: &str| name == wanted || base(name);
    let ids = || unit.split([':', '/']).skip(1);
    let is_id = |id: &str| {
        !id.is_empty() && (wanted.starts_with(id) || (wanted.len() >= 4 && id.starts_with(wanted)))
    };
    is_name(unit) || (unit.contains(':') && ids().any(|id| is_name(id) || is_id(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_goes_by_several_names() {
        assert!(unit_is("api.service", "api.service"));
        assert!(unit_is("api.service", "api"));
        assert!(!unit_is("api.service", "ap"));
        assert!(unit_is("docker:0123456789ab", "0123456"));
        assert!(unit_is("docker:0123456789ab", "0123456789abcdef"));
        assert!(!unit_is("docker:0123456789ab", "012"));
        assert!(unit_is("pod:8c1f5a4e-1111/0123456789ab", "8c1f5a4e-1111"));
        assert!(!unit_is("pod:8c1f5a4e-1111/0123456789ab", "9999"));
        let of_unit = "podman:web.service/0123456789ab";
        assert!(unit_is(of_unit, "web.service") && unit_is(of_unit, "0123456789ab"));
        assert!(unit_is(of_unit, "web") && !unit_is(of_unit, "api"));
        assert!(!unit_is("pod:8c1f5a4e-1111/0123456789ab", "pod"));
    }
}
