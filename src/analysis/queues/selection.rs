//! Which listeners are reported.

use super::ListenerReport;
use crate::model::{
    Address, Family, Filter, Listener, Local,
    filter::{End, Measure, View},
    is_process, is_unit,
};

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
    /// Conditions on numbers (`--where`).
    pub condition: Filter,
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
        self.process.as_ref().is_none_or(owned_by)
            && self.unit.as_ref().is_none_or(of_unit)
            && self.condition.accepts(report)
    }
}

/// Of a listener, only the numbers are asked for: its address is compared before they are known.
impl View for ListenerReport {
    fn address(&self, _: End) -> Option<Address> {
        None
    }

    fn measure(&self, what: Measure) -> Option<u64> {
        let (accept, receive) = (self.accept_queue.as_ref(), self.receive_queue.as_ref());
        match what {
            Measure::Fill => Some((self.fill_ratio()? * 10_000.0).round() as u64),
            Measure::Drops => self.drops.map(u64::from),
            Measure::ReceiveQueue => accept.map_or_else(
                || receive.map(|queue| queue.bytes.into()),
                |queue| Some(queue.length.into()),
            ),
            Measure::SendQueue => accept.map(|queue| queue.limit.into()),
            Measure::Age => Some(accept?.oldest_wait_ms? * 1000),
            Measure::Idle | Measure::Rtt | Measure::Retransmits => None,
        }
    }
}
