//! What samples show between the first and the last reading: the highest of each metric.

use std::collections::{HashMap, HashSet};

use super::{
    Measured, Plan, Reading, Scope,
    closed::Seen,
    levels::{is_read, levels, listeners},
    metric::{Highest, QUEUES_FILL, QUEUES_LENGTH},
};
use crate::{
    analysis::{
        doctor::{Reports, Watched},
        queues::{LocalReport, fill_ratio},
    },
    model::{Local, NetnsSnapshot, Queue, Snapshot},
};

#[derive(Debug, Default)]
pub struct Peaks {
    /// By cookie: a listener may have closed when the last reading is taken.
    queues: HashMap<u64, Longest>,
    /// By position of the check in the plan.
    levels: HashMap<usize, Vec<Measured>>,
    pub(super) seen: Seen,
}

/// An accept queue at its longest.
#[derive(Debug)]
struct Longest {
    port: Option<u16>,
    place: String,
    length: u32,
    limit: u32,
}

impl Peaks {
    /// Adds a snapshot of listeners or, where it has processes, of everything.
    pub fn add(&mut self, sample: &Snapshot, plan: &Plan) {
        for namespace in &sample.namespaces {
            self.add_queues(namespace);
            self.seen.add(namespace, plan);
        }
        if sample.processes.is_none() {
            return;
        }
        let reports = Reports::of(sample, None, &Watched::default());
        for (at, check) in plan.checks.iter().enumerate() {
            let levels = levels(check.kind, &check.scope, &reports, sample);
            match self.levels.get_mut(&at) {
                None => _ = self.levels.insert(at, levels),
                Some(highest) => raise(highest, &levels),
            }
        }
    }

    fn add_queues(&mut self, namespace: &NetnsSnapshot) {
        for listener in namespace.sockets() {
            let Queue::Accept { length, limit } = listener.queue else {
                continue;
            };
            let longest = self.queues.get(&listener.cookie);
            if longest.is_some_and(|longest| longest.length >= length) {
                continue;
            }
            let local = LocalReport::new(&listener.local, &namespace.interfaces);
            let name = namespace.netns.name.as_ref();
            let longest = Longest {
                port: match &listener.local {
                    Local::Inet(endpoint) => Some(endpoint.port),
                    Local::Unix(_) => None,
                },
                place: name.map_or(local.to_string(), |name| format!("{local} in {name}")),
                length,
                limit,
            };
            self.queues.insert(listener.cookie, longest);
        }
    }

    /// The fullest and the longest accept queue. Who owns a socket is known at the last reading.
    pub(super) fn queues(&self, scope: &Scope, reading: &Reading) -> [Measured; 2] {
        let owned: HashSet<u64> = match scope.needs_owners() {
            true => listeners(scope, reading.reports)
                .map(|one| one.cookie.0)
                .collect(),
            false => HashSet::new(),
        };
        let (mut fills, mut lengths) = (Highest::default(), Highest::default());
        for (cookie, queue) in &self.queues {
            let is_meant = match scope.needs_owners() {
                true => owned.contains(cookie),
                false => scope.has_port(queue.port),
            };
            if is_meant {
                let fill = fill_ratio(queue.length, queue.limit);
                fills.add(Some(fill), || queue.place.clone());
                lengths.add(Some(queue.length.into()), || queue.place.clone());
            }
        }
        let is_read = is_read(reading.now, |part| part.listeners.is_some());
        [
            fills.of(&QUEUES_FILL, scope, is_read),
            lengths.of(&QUEUES_LENGTH, scope, is_read),
        ]
    }

    /// Raises what the last reading shows to what the samples of this check showed.
    pub(super) fn raise(&self, at: usize, measured: &mut [Measured]) {
        if let Some(levels) = self.levels.get(&at) {
            raise(measured, levels);
        }
    }
}

fn raise(measured: &mut [Measured], others: &[Measured]) {
    for metric in measured {
        let other = others.iter().find(|other| other.name == metric.name);
        if let Some(other) = other {
            metric.raise(other);
        }
    }
}
