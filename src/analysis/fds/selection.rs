//! Which processes a person wants to see.

use crate::{
    analysis::queues::unit_is,
    model::{ProcessFds, is_process, unit_of},
};

/// All conditions that a shown process meets. The default shows every one.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Its id or its name.
    pub process: Option<String>,
    /// It belongs to this unit, container or pod.
    pub unit: Option<String>,
    /// It runs as this user.
    pub uid: Option<u32>,
}

impl Selection {
    /// Whether it is shown. What is not known of a process does not match.
    pub fn shows(&self, process: &ProcessFds) -> bool {
        let named = |wanted: &String| is_process(process.pid, &process.name, wanted);
        let of_unit = |wanted: &String| {
            let unit = process.cgroup.as_deref().and_then(unit_of);
            unit.is_some_and(|unit| unit_is(&unit, wanted))
        };
        self.process.as_ref().is_none_or(named)
            && self.unit.as_ref().is_none_or(of_unit)
            && self.uid.is_none_or(|uid| process.uid == Some(uid))
    }
}
