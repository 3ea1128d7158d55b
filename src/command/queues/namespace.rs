//! One network namespace's part of a reading, asked for from inside it.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use sockdiag::{
    Result,
    analysis::queues::{NamespaceReading, Requests, Selection, WaitingReading},
    model::{Endpoint, Family, Incomplete, Listener, Local, Protocol, Queue},
    source::{Families, Kernel, SockDiag, Walk},
};

use super::{
    super::walks::{flaws, interfaces, is_on_device},
    plan::{Depth, Plan},
    requests,
};

/// How long may be looked for connections that wait for accept.
const BUDGET: Duration = Duration::from_millis(250);

/// What is asked of this namespace at this reading.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub plan: &'a Plan,
    pub selection: &'a Selection,
    pub depth: Depth,
    /// Count half-open connections.
    pub requests: bool,
    /// Look at connections that wait for accept, where any do.
    pub waiting: bool,
}

/// What it answered.
pub struct Answer {
    pub reading: NamespaceReading,
    pub incomplete: Vec<Incomplete>,
    /// The time that counting half-open connections took.
    pub requests_cost: Duration,
    /// The time that looking at waiting ones took.
    pub waiting_cost: Duration,
}

/// Asks, as a thread of the namespace.
pub fn ask(kernel: &Kernel, question: Question<'_>) -> Result<Answer> {
    let mut asker = Asker {
        diag: SockDiag::open()?,
        question,
        missing: Vec::new(),
    };
    let mut reading = NamespaceReading {
        listeners: asker.listeners()?,
        all_families: question.plan.families.v4 && question.plan.families.v6,
        ..NamespaceReading::default()
    };
    if question.depth >= Depth::Counters {
        reading.limits = kernel.listen_limits()?;
        reading.overflows = kernel.counter("netstat", "TcpExt", "ListenOverflows")?;
    }
    let mut requests_cost = Duration::ZERO;
    let mut slow = Vec::new();
    if question.requests {
        let (requests, cost) = asker.requests(&reading.listeners, &mut slow)?;
        reading.requests = Some(requests);
        requests_cost = cost;
    }
    let began = Instant::now();
    if question.waiting {
        reading.waiting = asker.waiting(kernel, &reading.listeners, &slow)?;
    }
    let waiting_cost = began.elapsed();
    if question.depth == Depth::Full {
        reading.interfaces = interfaces(reading.listeners.iter().any(is_on_device));
    }
    Ok(Answer {
        reading,
        incomplete: asker.missing,
        requests_cost,
        waiting_cost,
    })
}

struct Asker<'a> {
    diag: SockDiag,
    question: Question<'a>,
    missing: Vec<Incomplete>,
}

impl Asker<'_> {
    fn listeners(&mut self) -> Result<Vec<Listener>> {
        let mut found = Vec::new();
        let plan = self.question.plan;
        for family in plan.families.each() {
            let walk = self.diag.listeners(family, &mut found)?;
            self.note("listeners", walk);
        }
        if plan.udp {
            for family in plan.families.each() {
                let walk = self.diag.receivers(family, &mut found)?;
                self.note("udp", walk);
            }
        }
        if plan.unix {
            let walk = self.diag.unix_listeners(&mut found)?;
            self.note("unix", walk);
        }
        Ok(found)
    }

    /// Counts only for the families that a shown listener is of; `slow` gets those whose walk took
    /// longer than a second one may. Returns the time that all walks took, too.
    fn requests(
        &mut self,
        listeners: &[Listener],
        slow: &mut Vec<Family>,
    ) -> Result<(Requests, Duration)> {
        let shown: HashSet<Family> = self
            .shown(listeners)
            .map(|(endpoint, _)| endpoint.family)
            .collect();
        let wanted = self.question.plan.families;
        let counted = requests::count(Families {
            v4: wanted.v4 && shown.contains(&Family::V4),
            v6: wanted.v6 && shown.contains(&Family::V6),
        })?;
        let mut cost = Duration::ZERO;
        for (family, walk, took) in counted.walks {
            self.note("syn_queue", walk);
            slow.extend((took > BUDGET).then_some(family));
            cost += took;
        }
        Ok((
            Requests {
                by_endpoint: counted.by_endpoint,
                age: Duration::ZERO,
            },
            cost,
        ))
    }

    /// Looks at the connections in the queues that are not empty. `None` when time ran out.
    fn waiting(
        &mut self,
        kernel: &Kernel,
        listeners: &[Listener],
        slow: &[Family],
    ) -> Result<Option<WaitingReading>> {
        let queued: Vec<Endpoint> = self
            .shown(listeners)
            .filter(|(_, length)| *length > 0)
            .map(|(endpoint, _)| endpoint)
            .collect();
        if queued.is_empty() {
            return Ok(Some(WaitingReading::default()));
        }
        let opens = passive_opens(kernel)?;
        let begun = lengths(&self.again()?);
        let deadline = Instant::now() + BUDGET;
        let mut reading = WaitingReading::default();
        for family in self.question.plan.families.each() {
            let here: HashSet<u16> = queued
                .iter()
                .filter(|at| at.family == family)
                .map(|at| at.port)
                .collect();
            let whole = here.is_empty()
                || (!slow.contains(&family)
                    && self.walk_waiting(family, listeners, &here, deadline, &mut reading)?);
            if !whole {
                let why =
                    "the time for looking at the connections in accept queues (250 ms) was spent";
                self.missing.push(Incomplete::new("waiting", why));
                return Ok(None);
            }
        }
        let ended = lengths(&self.again()?);
        reading.settled = lengths(listeners) == begun
            && begun == ended
            && opens.is_some()
            && opens == passive_opens(kernel)?;
        Ok(Some(reading))
    }

    /// `false` when time ran out before as many were found as the queues of these ports are long,
    /// whoever listens there.
    fn walk_waiting(
        &mut self,
        family: Family,
        listeners: &[Listener],
        ports: &HashSet<u16>,
        deadline: Instant,
        reading: &mut WaitingReading,
    ) -> Result<bool> {
        let here =
            endpoints(listeners).filter(|(at, _)| at.family == family && ports.contains(&at.port));
        let wanted: u64 = here.map(|(_, length)| u64::from(length)).sum();
        let ports: Vec<u16> = ports.iter().copied().collect();
        let (mut found, mut late) = (0u64, false);
        let walk = self.diag.walk_waiting(family, &ports, |waiting| {
            if let Some(waiting) = waiting
                && ports.contains(&waiting.local.port)
            {
                reading.sockets.push(waiting);
                found += 1;
            }
            late = Instant::now() > deadline;
            if found >= wanted || late {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        self.note("waiting", walk);
        Ok(found >= wanted || !late)
    }

    fn again(&mut self) -> Result<Vec<Listener>> {
        let mut found = Vec::new();
        for family in self.question.plan.families.each() {
            self.diag.listeners(family, &mut found)?;
        }
        Ok(found)
    }

    /// Shown TCP listeners: where, and how long the queue is.
    fn shown<'a>(
        &self,
        listeners: &'a [Listener],
    ) -> impl Iterator<Item = (Endpoint, u32)> + use<'a, '_> {
        let selection = self.question.selection;
        endpoints(
            listeners
                .iter()
                .filter(|listener| selection.may_show(listener)),
        )
    }

    fn note(&mut self, what: &str, walk: Walk) {
        self.missing.extend(flaws(what, walk));
    }
}

/// TCP listeners: where, and how long the queue is.
fn endpoints<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
) -> impl Iterator<Item = (Endpoint, u32)> {
    listeners
        .into_iter()
        .filter_map(|listener| match (&listener.local, listener.queue) {
            (Local::Inet(at), Queue::Accept { length, .. }) => Some((*at, length)),
            _ => None,
        })
}

/// Connections taken since the namespace was made.
fn passive_opens(kernel: &Kernel) -> Result<Option<i128>> {
    kernel.counter("snmp", "Tcp", "PassiveOpens")
}

fn lengths(listeners: &[Listener]) -> HashMap<u64, u32> {
    let lengths = listeners
        .iter()
        .filter_map(|listener| match listener.queue {
            Queue::Accept { length, .. } if listener.protocol != Protocol::Unix => {
                Some((listener.cookie, length))
            }
            _ => None,
        });
    lengths.collect()
}
