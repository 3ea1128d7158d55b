//! Which listeners a person wants to see.

use super::ListenerReport;
use crate::model::{Family, Filter, Listener, Local, is_process};

/// All conditions that a shown listener meets. The default shows every one.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The `FILTER` argument.
    pub filter: Option<Filter>,
    /// The family of internet sockets.
    pub family: Option<Family>,
    /// The creator's user id.
    pub uid: Option<u32>,
    /// A process holds it: its id, or its name.
    pub process: Option<String>,
    /// It belongs to this unit, container or pod; `api` finds `api.service`, and an id may be cut
    /// short.
    pub unit: Option<String>,
}

impl Selection {
    /// What can be told before its owners are known.
    pub fn may_show(&self, listener: &Listener) -> bool {
        let family = match (&listener.local, self.family) {
            (Local::Inet(endpoint), Some(family)) => endpoint.family == family,
            (Local::Unix(_), _) | (_, None) => true,
        };
        family
            && self.uid.is_none_or(|uid| listener.uid == Some(uid))
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.accepts(&listener.local))
    }

    /// The rest, for a listener whose owners were looked up.
    pub fn shows(&self, report: &ListenerReport) -> bool {
        self.process.as_ref().is_none_or(|wanted| {
            report
                .owners
                .iter()
                .any(|owner| is_process(owner.pid, &owner.name, wanted))
        }) && self.unit.as_ref().is_none_or(|wanted| {
            report
                .unit
                .as_ref()
                .is_some_and(|unit| unit_is(unit, wanted))
        })
    }
}

/// `api.service` is `api.service` and `api`; `docker:0123456789ab` is also its id, whole or the
/// first digits, and a pod either of its two.
pub fn unit_is(unit: &str, wanted: &str) -> bool {
    let base = unit.rsplit_once('.').map_or(unit, |(base, _)| base);
    let ids = || unit.split([':', '/']).skip(1);
    let is_id = |id: &str| {
        !id.is_empty() && (wanted.starts_with(id) || (wanted.len() >= 4 && id.starts_with(wanted)))
    };
    unit == wanted || base == wanted || (unit.contains(':') && ids().any(is_id))
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
    }
}
