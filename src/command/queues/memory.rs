//! What is carried from one reading of a namespace to the next.

use std::collections::{BTreeSet, HashMap, HashSet};

use sockdiag::{
    analysis::queues::{NamespaceReading, Requests},
    model::{Listener, Queue},
};

use super::super::pace::Pace;

/// What is remembered of a namespace.
pub struct Memory {
    pub requests: Option<Requests>,
    pub requests_pace: Pace,
    pub waiting_pace: Pace,
    caps: BTreeSet<u32>,
    last_cap: Option<u32>,
    last_limits: HashMap<u64, u32>,
    asked: HashSet<u64>,
}

impl Memory {
    /// Puts into a reading what earlier ones tell of its limits. A limit that was set between two
    /// readings with one and the same, higher cap was asked for.
    pub fn limits(&mut self, reading: &mut NamespaceReading) {
        let cap = reading.limits.somaxconn;
        let limits: HashMap<u64, u32> = accept_limits(&reading.listeners).collect();
        let is_new = |cookie: &u64, limit: &u32| self.last_limits.get(cookie) != Some(limit);
        self.asked.retain(|cookie| {
            limits
                .get(cookie)
                .is_some_and(|limit| !is_new(cookie, limit))
        });
        if cap.is_some() && self.last_cap == cap {
            let set = limits
                .iter()
                .filter(|(cookie, limit)| is_new(cookie, limit));
            let asked = set.filter(|(_, limit)| Some(**limit) < cap);
            self.asked.extend(asked.map(|(cookie, _)| *cookie));
        }
        reading.asked = self.asked.clone();
        reading.earlier_caps = self.caps.clone();
        self.caps.extend(cap);
        (self.last_cap, self.last_limits) = (cap, limits);
    }
}

fn accept_limits(listeners: &[Listener]) -> impl Iterator<Item = (u64, u32)> {
    listeners
        .iter()
        .filter_map(|listener| match listener.queue {
            Queue::Accept { limit, .. } => Some((listener.cookie, limit)),
            Queue::Receive { .. } => None,
        })
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            requests: None,
            requests_pace: Pace::one_in(100),
            waiting_pace: Pace::one_in(10),
            caps: BTreeSet::new(),
            last_cap: None,
            last_limits: HashMap::new(),
            asked: HashSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockdiag::model::{ListenLimits, Local, Protocol};

    fn reading(cap: u32, limit: u32) -> NamespaceReading {
        let listener = Listener {
            protocol: Protocol::Unix,
            local: Local::Unix(b"/x".to_vec()),
            v6only: None,
            queue: Queue::Accept { length: 0, limit },
            drops: None,
            uid: None,
            inode: 1,
            cookie: 7,
            cgroup_id: None,
        };
        let limits = ListenLimits {
            somaxconn: Some(cap),
            ..ListenLimits::default()
        };
        NamespaceReading {
            listeners: vec![listener],
            limits,
            ..NamespaceReading::default()
        }
    }

    /// Whether the last of these readings knows that the limit was asked for.
    fn asked(readings: &[(u32, u32)]) -> bool {
        let mut memory = Memory::default();
        let readings = readings.iter().map(|(cap, limit)| {
            let mut reading = reading(*cap, *limit);
            memory.limits(&mut reading);
            reading.asked.contains(&7)
        });
        readings.last().unwrap()
    }

    #[test]
    fn a_limit_set_below_a_cap_that_stayed_was_asked_for() {
        assert!(asked(&[(4096, 4096), (4096, 128)]));
        assert!(asked(&[(4096, 4096), (4096, 128), (200, 128)]));
    }

    #[test]
    fn a_limit_first_seen_or_set_while_the_cap_moved_may_be_a_cap() {
        assert!(!asked(&[(4096, 128)]));
        assert!(!asked(&[(4096, 4096), (200, 200), (4096, 200)]));
        assert!(!asked(&[
            (4096, 4096),
            (4096, 128),
            (200, 200),
            (4096, 200)
        ]));
    }
}
