//! Processes and their descriptors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{ProcessFds, Relative, SystemFds};

/// Every process that /proc shows; kernel threads and zombies, which have no descriptors, are left
/// out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Processes {
    /// What bounds the descriptors of the host.
    pub system: SystemFds,
    /// The processes, in the order of /proc.
    pub processes: Vec<ProcessFds>,
    /// Of processes whose limits were looked up: the process and its ancestors, by process id.
    pub ancestors: BTreeMap<u32, Vec<Relative>>,
}
