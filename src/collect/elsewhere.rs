//! A cheap look at the namespaces that were not asked for, so that a report on one of them does not
//! pass over the others in silence.

use std::time::{Duration, Instant};

use super::{
    Needs, PortDepth, Throttle,
    listener_queues::ListenerQueues,
    namespace::{Memory, Question, ask},
};
use crate::{
    Result,
    model::{CounterId, NetnsSnapshot, snapshot::Elsewhere},
    source::{Kernel, Namespace},
};

/// How long to look into namespaces, after they were found.
const BUDGET: Duration = Duration::from_millis(50);
/// CPU time that table scans for ports may take in all; each scans the sockets of the host.
const SCANS: Duration = Duration::from_millis(50);

/// Looks now and then, and remembers what was found.
pub struct Look {
    throttle: Throttle,
    found: Option<Elsewhere>,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            throttle: Throttle::one_in(1000),
            found: None,
        }
    }
}

impl Look {
    /// `scan` is the CPU time that a table scan takes on this host.
    pub fn elsewhere(
        &mut self,
        kernel: &Kernel,
        needs: &Needs,
        chosen: &[Option<u64>],
        scan: Duration,
    ) -> Result<Option<Elsewhere>> {
        let look = || kernel.is_live().then(|| look(kernel, needs, chosen, scan));
        if let Some(found) = self.throttle.run(look) {
            self.found = found.transpose()?;
        }
        Ok(self.found.clone())
    }
}

fn look(
    kernel: &Kernel,
    needs: &Needs,
    chosen: &[Option<u64>],
    scan: Duration,
) -> Result<Elsewhere> {
    let (all, unseen) = kernel.namespaces()?;
    let hidden = kernel.hidden_namespaces(&unseen, &all);
    let is_other = |namespace: &&Namespace| !chosen.contains(&namespace.id.inode);
    let others: Vec<&Namespace> = all.iter().filter(is_other).collect();
    let (began, mut scans) = (Instant::now(), Duration::ZERO);
    let mut namespaces = Vec::new();
    for namespace in &others {
        if began.elapsed() > BUDGET + scans {
            break;
        }
        let may_scan = scans + scan <= SCANS;
        let inside = namespace.enter(|| inside(kernel, needs, may_scan));
        // One that may not be entered, or has just ended, is counted and no more.
        if let Ok(Ok((found, scanned))) = inside {
            scans += if scanned { scan } else { Duration::ZERO };
            let netns = namespace.id.clone();
            namespaces.push(NetnsSnapshot { netns, ..found });
        }
    }
    Ok(Elsewhere {
        count: others.len() as u64 + hidden,
        namespaces,
    })
}

/// Reads what needs no table scan, and the ports where they may have run out. Returns whether that
/// scanned.
fn inside(kernel: &Kernel, needs: &Needs, may_scan: bool) -> Result<(NetnsSnapshot, bool)> {
    let numbers = match needs.compared() {
        true => numbers(kernel)?,
        false => NetnsSnapshot::default(),
    };
    let scans = needs.port_holders.is_some() && may_scan && numbers.may_lack_ports();
    let cheap = Needs {
        listeners: needs.listeners.clone(),
        port_holders: scans.then_some(PortDepth::Tuples),
        ..Needs::default()
    };
    let question = Question {
        needs: &cheap,
        compared_is_due: true,
        in_time: true,
        is_alone: false,
    };
    let mut found = ask(
        kernel,
        question,
        &mut Memory::default(),
        &mut ListenerQueues::default(),
        &mut Vec::new(),
    )?;
    found.settings.ports = numbers.settings.ports;
    found.counters.values.extend(numbers.counters.values);
    Ok((found, scans))
}

/// Numbers of sockets, and what bounds them.
fn numbers(kernel: &Kernel) -> Result<NetnsSnapshot> {
    let mut found = NetnsSnapshot {
        counters: kernel.socket_counts()?,
        ..NetnsSnapshot::default()
    };
    found.settings.ports = kernel.port_limits()?;
    let (table, name) = ("TcpExt", "TCPTimeWaitOverflow");
    let lost = kernel.counter("netstat", table, name)?;
    let lost = lost.map(|lost| (CounterId::new(table, name), lost));
    found.counters.values.extend(lost);
    Ok(found)
}
