//! One network namespace's part of a snapshot, asked for from inside it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Result,
    model::{
        CounterId, Families, Family, Incomplete, ListenAddresses, Listener, Local, NetnsSnapshot,
        Queue,
        snapshot::{
            HalfClosed, HalfOpen, LimitHistory, Limits, Listeners, PortHolders, Settings, TimeWaits,
        },
    },
    source::{Kernel, SockDiag, addresses, interfaces, reports_bound, since_boot},
};

use super::{
    half_closed,
    needs::{Needs, OwnerNeeds},
    network, settings,
    throttle::Throttle,
    waiting,
    walk::{self, Context, Walked, flaws},
};

/// This many destinations of closed connections are searched for live ones.
const MOST_DESTINATIONS: usize = 64;
/// How old a TIME_WAIT must be to be taken over, before the sysctl (6.14): one second.
const REUSE_DELAY_MS: u32 = 1000;

/// What is carried from one reading of a namespace to the next.
pub struct Memory {
    parts: NetnsSnapshot,
    walk: Throttle,
    waiting: Throttle,
    limits: Limits,
    history: LimitHistory,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            parts: NetnsSnapshot::default(),
            walk: Throttle::one_in(100),
            waiting: Throttle::one_in(10),
            limits: Limits::default(),
            history: LimitHistory::default(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub needs: &'a Needs,
    /// The parts whose changes are reported may be read again.
    pub compared_is_due: bool,
    /// There is time for walks that only describe the present.
    pub in_time: bool,
}

/// Asks, as a thread of the namespace.
pub fn ask(
    kernel: &Kernel,
    question: Question<'_>,
    memory: &mut Memory,
    missing: &mut Vec<Incomplete>,
) -> Result<NetnsSnapshot> {
    let needs = question.needs;
    let mut asker = Asker {
        kernel,
        question,
        memory,
        missing,
        part: NetnsSnapshot {
            at: since_boot(),
            ..NetnsSnapshot::default()
        },
    };
    if needs.listeners.is_some() || needs.compared() || needs.half_open || needs.connections {
        asker.listeners()?;
    }
    asker.settings()?;
    let is_net = |key: &&String| settings::is_of_netns(key);
    let keys = needs.sysctls.iter().filter(is_net).map(String::as_str);
    asker.part.sysctls = kernel.sysctls(keys);
    asker.counters()?;
    if needs.network {
        asker.part.network = network::read(kernel, &asker.part.counters, asker.missing);
    }
    let is_slow = asker.walk()? > waiting::BUDGET;
    if needs.waiting {
        asker.waiting(is_slow)?;
    }
    asker.interfaces();
    Ok(asker.part)
}

struct Asker<'a> {
    kernel: &'a Kernel,
    question: Question<'a>,
    memory: &'a mut Memory,
    missing: &'a mut Vec<Incomplete>,
    part: NetnsSnapshot,
}

impl Asker<'_> {
    fn listeners(&mut self) -> Result<()> {
        let needs = self.question.needs;
        let wanted = needs.listeners.clone().unwrap_or_default();
        // bind(2) took the ports of all listeners from clients, whatever their family is.
        let families = match needs.compared() || needs.connections {
            true => Families::BOTH,
            false => wanted.families,
        };
        let mut diag = SockDiag::open()?;
        let mut sockets = Vec::new();
        let walk = diag.listeners(families, &mut sockets)?;
        self.missing.extend(flaws("listeners", walk));
        if wanted.udp {
            for family in wanted.families.each() {
                let walk = diag.receivers(family, &mut sockets)?;
                self.missing.extend(flaws("udp", walk));
            }
        }
        if wanted.unix {
            let walk = diag.unix_listeners(&mut sockets)?;
            self.missing.extend(flaws("unix", walk));
        }
        self.part.listeners = Some(Listeners {
            families,
            sockets,
            history: LimitHistory::default(),
        });
        Ok(())
    }

    fn settings(&mut self) -> Result<()> {
        let needs = self.question.needs;
        let mut settings = Settings::default();
        if needs.listeners.is_some() {
            settings.listen = self.kernel.listen_limits()?;
        } else if needs.counters {
            settings.listen.tcp_syncookies = self.kernel.tcp_syncookies()?;
        }
        if needs.compared() || needs.connections {
            settings.ports = self.kernel.port_limits()?;
        }
        if let Some(listeners) = self
            .part
            .listeners
            .as_mut()
            .filter(|_| needs.listeners.is_some())
        {
            let limits = Limits::of(&listeners.sockets, settings.listen.somaxconn);
            self.memory.history.observe(&self.memory.limits, &limits);
            self.memory.limits = limits;
            listeners.history = self.memory.history.clone();
        }
        self.part.settings = settings;
        Ok(())
    }

    fn counters(&mut self) -> Result<()> {
        let needs = self.question.needs;
        if needs.counters || needs.network {
            self.part.counters = self.kernel.counters()?;
            return Ok(());
        }
        let walks_all = needs.connections || (needs.port_holders.is_some() && needs.half_open);
        for (wanted, file, table, name) in [
            (
                needs.listeners.is_some(),
                "netstat",
                "TcpExt",
                "ListenOverflows",
            ),
            (needs.port_holders.is_some(), "snmp", "Tcp", "ActiveOpens"),
            (needs.time_waits, "netstat", "TcpExt", "TCPTimeWaitOverflow"),
            (walks_all, "snmp", "Tcp", "CurrEstab"),
        ] {
            let value = wanted.then(|| self.kernel.counter(file, table, name));
            let value = value.transpose()?.flatten();
            let counter = value.map(|value| (CounterId::new(table, name), value));
            self.part.counters.values.extend(counter);
        }
        Ok(())
    }

    /// Walks where that is due, and takes the parts that it feeds from an earlier reading where it
    /// is not. Returns how long the walk took.
    fn walk(&mut self) -> Result<Duration> {
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
                let live = walk::live(&destinations, self.missing)?;
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
        if needs.compared() || needs.connections {
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

    fn waiting(&mut self, is_slow: bool) -> Result<()> {
        let wanted = self.question.needs.listeners.clone().unwrap_or_default();
        let is_due = self.question.needs.unthrottled || self.memory.waiting.is_due();
        if self.question.in_time && is_due {
            let began = Instant::now();
            let sockets = self.part.sockets();
            let found = waiting::read(self.kernel, &wanted, sockets, is_slow, self.missing)?;
            self.part.waiting = found;
            self.memory.waiting.spent(began.elapsed());
        } else if self.question.in_time
            && waiting::endpoints(self.part.sockets()).any(|(_, length)| length > 0)
        {
            let why = "not read at every refresh, as it takes long on this host";
            self.missing.push(Incomplete::new("waiting", why));
        }
        Ok(())
    }

    /// Names are looked up only where a socket is bound to an interface.
    fn interfaces(&mut self) {
        let is_bound =
            |listener: &Listener| matches!(listener.local, Local::Inet(at) if at.interface != 0);
        let tuples = self.part.port_holders.iter().flat_map(|part| &part.tuples);
        let mut tuples = tuples.map(|(key, _)| key.interface);
        if self.part.sockets().iter().any(is_bound) || tuples.any(|interface| interface != 0) {
            self.part.interfaces = interfaces().into_iter().collect::<BTreeMap<_, _>>();
        }
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
