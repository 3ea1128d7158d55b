//! One network namespace's part of a snapshot, asked for from inside it.

mod walked;

use std::{collections::BTreeMap, time::Instant};

use crate::{
    Result,
    model::{
        CounterId, Families, Incomplete, Listener, Local, NetnsSnapshot, Queue,
        snapshot::{HalfOpen, LimitHistory, Limits, Listeners, Settings, WaitingConnections},
    },
    source::{Kernel, SockDiag, interfaces, since_boot},
};

use super::{
    listener_queues::{ListenerQueues, take_over},
    needs::Needs,
    network, settings,
    throttle::Throttle,
    waiting,
    walk::flaws,
};

/// What is carried from one reading of a namespace to the next.
pub struct Memory {
    /// A netlink socket in this namespace. Only one is kept, where one namespace is read: a host may
    /// have more namespaces than a process may have descriptors.
    diag: Option<SockDiag>,
    parts: NetnsSnapshot,
    walk: Throttle,
    waiting: Throttle,
    limits: Limits,
    history: LimitHistory,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            diag: None,
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
    /// No other namespace is read.
    pub is_alone: bool,
}

/// Asks, as a thread of the namespace.
pub fn ask(
    kernel: &Kernel,
    question: Question<'_>,
    memory: &mut Memory,
    queues: &mut ListenerQueues,
    missing: &mut Vec<Incomplete>,
) -> Result<NetnsSnapshot> {
    let needs = question.needs;
    let fewer;
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
    if needs.listeners.is_some() || needs.walks() {
        asker.listeners()?;
    }
    if asker.queues(queues) {
        let half_open = false;
        fewer = Needs {
            half_open,
            ..needs.clone()
        };
        asker.question.needs = &fewer;
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
    if needs.half_open && !asker.question.needs.half_open {
        let (at, by_endpoint) = (asker.part.at, Vec::new());
        asker.part.half_open = Some(HalfOpen { at, by_endpoint });
    }
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
        let families = match needs.of_all_listeners() {
            true => Families::BOTH,
            false => wanted.families,
        };
        let mut diag = self.memory.diag.take().map_or_else(SockDiag::open, Ok)?;
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
        self.memory.diag = self.question.is_alone.then_some(diag);
        self.part.listeners = Some(Listeners {
            families,
            sockets,
            history: LimitHistory::default(),
        });
        Ok(())
    }

    /// Reads the queues of listeners from themselves where that is better than a scan; returns
    /// whether request sockets need not be counted then.
    fn queues(&mut self, queues: &mut ListenerQueues) -> bool {
        let needs = self.question.needs;
        let Some(listeners) = self.part.listeners.as_ref() else {
            return false;
        };
        let waits = |one: &Listener| matches!(one.queue, Queue::Accept { length: 1.., .. });
        let has_waiting = || needs.waiting && listeners.sockets.iter().any(waits);
        if !needs.half_open && !has_waiting() {
            return false;
        }
        let is_due = needs.unthrottled || self.memory.walk.is_due();
        let (families, sockets) = (listeners.families, &listeners.sockets);
        let read = queues.read(self.kernel, families, sockets, is_due);
        take_over(&read, needs, &mut self.part)
    }

    fn settings(&mut self) -> Result<()> {
        let needs = self.question.needs;
        let mut settings = Settings::default();
        if needs.listeners.is_some() {
            settings.listen = self.kernel.listen_limits()?;
        } else if needs.counters {
            settings.listen.tcp_syncookies = self.kernel.tcp_syncookies()?;
        }
        if needs.of_all_listeners() {
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

    fn waiting(&mut self, is_slow: bool) -> Result<()> {
        let wanted = self.question.needs.listeners.clone().unwrap_or_default();
        let sockets = self.part.sockets();
        let queued = waiting::queued(&wanted, sockets, &self.part.queues);
        let is_due = self.question.needs.unthrottled || self.memory.waiting.is_due();
        if queued.is_empty() {
            self.part.waiting = Some(WaitingConnections::default());
        } else if self.question.in_time && is_due {
            let began = Instant::now();
            let families = wanted.families;
            let found = waiting::read(
                self.kernel,
                families,
                &queued,
                sockets,
                is_slow,
                self.missing,
            )?;
            self.part.waiting = found;
            self.memory.waiting.spent(began.elapsed());
        } else if self.question.in_time {
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
