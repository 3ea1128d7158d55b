//! Which processes are reported.

use crate::model::{ProcessFds, is_process, is_unit, unit_of};

/// Conditions that every reported process meets. The default selects all processes.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Process id, name or pattern.
    pub process: Option<String>,
    pub unit: Option<String>,
    pub uid: Option<u32>,
}

impl Selection {
    /// What is unknown of a process does not match.
    pub fn shows(&self, process: &ProcessFds) -> bool {
        let named = |wanted: &String| is_process(process.pid, &process.name, wanted);
        let of_unit = |wanted: &String| {
            let unit = process.cgroup.as_deref().and_then(unit_of);
            unit.is_some_and(|unit| is_unit(&unit, wanted))
        };
        self.process.as_ref().is_none_or(named)
            && self.unit.as_ref().is_none_or(of_unit)
            && self.uid.is_none_or(|uid| process.uid == Some(uid))
    }
}
