//! Which listeners are reported.

use super::ListenerReport;
use crate::model::{Family, Filter, Listener, Local, is_process, is_unit};

/// Conditions that every reported listener meets. The default selects all listeners.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The `FILTER` argument.
    pub filter: Filter,
    /// Address family of TCP and UDP sockets.
    pub family: Option<Family>,
    pub uid: Option<u32>,
    /// Id, name or pattern of an owner.
    pub process: Option<String>,
    /// Systemd unit, container or pod, as [`is_unit`] understands it.
    pub unit: Option<String>,
}

impl Selection {
    /// The conditions that can be checked before the owners are known.
    pub fn may_show(&self, listener: &Listener) -> bool {
        let family = match (&listener.local, self.family) {
            (Local::Inet(endpoint), Some(family)) => endpoint.family == family,
            (Local::Unix(_), _) | (_, None) => true,
        };
        family
            && self.uid.is_none_or(|uid| listener.uid == Some(uid))
            && self.filter.accepts(&listener.local)
    }

    /// Whether there are others.
    pub fn needs_owners(&self) -> bool {
        self.process.is_some() || self.unit.is_some()
    }

    /// The other conditions.
    pub fn shows(&self, report: &ListenerReport) -> bool {
        let owned_by = |wanted: &String| {
            let mut owners = report.owners.iter();
            owners.any(|owner| is_process(owner.pid, &owner.name, wanted))
        };
        let of_unit = |wanted: &String| {
            let unit = report.unit.as_ref();
            unit.is_some_and(|unit| is_unit(unit, wanted))
        };
        self.process.as_ref().is_none_or(owned_by) && self.unit.as_ref().is_none_or(of_unit)
    }
}
