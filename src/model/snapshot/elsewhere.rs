//! Network namespaces that were not asked for, as far as a cheap look shows them.

use serde::{Deserialize, Serialize};

use super::NetnsSnapshot;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// How many there are: those that a visible process is in, and those with a name.
    pub count: u64,
    /// Those that could be entered in time, with listeners, or settings and numbers of sockets. No
    /// table scan was made for them unless that is cheap on this host and the numbers call for it.
    pub namespaces: Vec<NetnsSnapshot>,
}
