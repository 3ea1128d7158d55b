//! The parts that a walk over all sockets feeds.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Asker;
use crate::{
    Result,
    collect::{
        half_closed, live,
        needs::{Needs, OwnerNeeds},
        waiting,
        walk::{self, Context, Walked},
    },
    model::{
        Families, Family, Incomplete, ListenAddresses, Listener, NetnsSnapshot, Queue,
        snapshot::{HalfClosed, HalfOpen, PortHolders, TimeWaits},
    },
    source::{addresses, reports_bound, since_boot},
};

/// This many destinations of closed connections are searched for live ones.
const MOST_DESTINATIONS: usize = 64;
/// How old a TIME_WAIT must be to be taken over, before the sysctl (6.14): one second.
const REUSE_DELAY_MS: u32 = 1000;

impl Asker<'_> {
    /// Walks where that is due, and takes the parts that it feeds from an earlier reading where it
    /// is not. Returns how long the walk took.
    pub(super) fn walk(&mut self) -> Result<Duration> {
        let needs = self.question.needs;
        if !needs.walks() {
            return Ok(Duration::ZERO);
        }
        let is_known = self.memory.parts.at != Duration::ZERO;
        let is_out_of_time = needs.bounded && !self.question.in_time;
        let is_due = match needs.compared() {
            _ if is_out_of_time => false,
            _ if needs.unthrottled => true,
            true => self.question.compared_is_due || !is_known,
            false => self.question.in_time && self.memory.walk.is_due(),
        };
        let mut took = Duration::ZERO;
        if is_due {
            let began = Instant::now();
            took = self.walk_now()?;
            self.memory.walk.spent(began.elapsed());
        }
        let known = &self.memory.parts;
        self.part.half_open = known.half_open.clone();
        self.part.port_holders = known.port_holders.clone();
        self.part.time_waits = known.time_waits.clone();
        self.part.connections = known.connections;
        self.part.half_closed = known.half_closed.clone();
        Ok(took)
    }

    fn walk_now(&mut self) -> Result<Duration> {
        let needs = self.question.needs;
        let is_tcp = |socket: &&Listener| matches!(socket.queue, Queue::Accept { .. });
        let listening = ListenAddresses::of(self.part.sockets().iter().filter(is_tcp));
        let ports = &self.part.settings.ports;
        if needs.compared() && ports.range.is_none() {
            self.missing.extend(without_range(needs));
        }
        let addresses = match needs.time_waits {
            true => addresses(),
            false => HashSet::new(),
        };
        let context = Context {
            listening: &listening,
            addresses: &addresses,
            range: ports.range.clone(),
            reuse_delay_ms: ports.tcp_tw_reuse_delay_ms.unwrap_or(REUSE_DELAY_MS),
            current_established: self.current_established(),
        };
        let at = since_boot();
        let Walked {
            tallies,
            missing,
            took,
        } = walk::walk(self.families(), needs, &context)?;
        self.missing.extend(missing);
        let time_waits = match tallies.time_waits {
            Some(tally) if needs.port_holders.is_none() && needs.owners != OwnerNeeds::None => {
                let destinations = tally.destinations(MOST_DESTINATIONS);
                let live = live::live(&destinations, self.missing)?;
                Some(tally.finish(at, live))
            }
            // Those that hold ports show the live connections, too.
            tally => tally.map(|tally| tally.finish(at, Vec::new())),
        };
        let connections = tallies.connections.map(|mut tally| {
            if let Some(count) = context.current_established {
                tally.settle(count);
            }
            tally
        });
        let half_closed = match tallies.half_closed.map(|tally| tally.finish(at)) {
            Some(found) => Some(half_closed::silences(found)?),
            None => None,
        };
        let half_open = needs.half_open.then(|| HalfOpen {
            at,
            by_endpoint: tallies
                .half_open
                .iter()
                .map(|(local, requests)| (*local, requests.finish()))
                .collect(),
        });
        let port_holders = tallies.ports.map(|tally| tally.finish(at, reports_bound()));
        self.memory.parts = NetnsSnapshot {
            at,
            half_open,
            port_holders: port_holders.map(Arc::<PortHolders>::new),
            time_waits: time_waits.map(Arc::<TimeWaits>::new),
            connections,
            half_closed: half_closed.map(Arc::<HalfClosed>::new),
            ..NetnsSnapshot::default()
        };
        Ok(took)
    }

    /// Request sockets are of their listener's family, so a family without a wanted listener need
    /// not be walked for them.
    fn families(&self) -> Families {
        let needs = self.question.needs;
        let Some(wanted) = needs.listeners.as_ref() else {
            return Families::BOTH;
        };
        if needs.of_all_listeners() {
            return Families::BOTH;
        }
        let has = |family| {
            let shown = self
                .part
                .sockets()
                .iter()
                .filter(|one| wanted.closer.has(one));
            waiting::endpoints(shown).any(|(at, _)| at.family == family)
        };
        Families {
            v4: wanted.families.v4 && has(Family::V4),
            v6: wanted.families.v6 && has(Family::V6),
        }
    }

    fn current_established(&self) -> Option<u64> {
        let count = self.part.counters.value("Tcp", "CurrEstab")?;
        u64::try_from(count).ok()
    }
}

/// What takes the range of ephemeral ports to count.
fn without_range(needs: &Needs) -> impl Iterator<Item = Incomplete> {
    let why = "net.ipv4.ip_local_port_range cannot be read";
    let parts = [
        (needs.port_holders.is_some(), "ports"),
        (needs.time_waits, "timewait"),
    ];
    let wanted = parts.into_iter().filter(|(is_wanted, _)| *is_wanted);
    wanted.map(move |(_, part)| Incomplete::new(part, why))
}
