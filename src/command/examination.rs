//! Reading the host for a verdict on it: the whole of it first and last, and samples in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::{
    analysis::{
        doctor::{DoctorReport, Reports, Watched},
        finding::Area,
        leaks::LeaksReport,
        tune,
    },
    collect::{Collector, Needs, OwnerNeeds},
    model::{Owner, ProcessActivity, Snapshot},
    source::FdQuestion,
};

use super::{
    PlaceArgs,
    leaks::{IDLE, LeakReading, Question},
    session::sample,
    with_way_in,
};

/// Bursts last milliseconds, and a sample of the listeners is cheap.
pub const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// How often descriptors and SYN cookies are counted between the first and the last reading: a leak shows in five.
pub const COUNTS: u32 = 6;

/// Reads the host, first and last in full, and samples in between.
pub struct Examination {
    collector: Collector,
    first: Needs,
    last: Needs,
}

/// CPU time that each of the two readings of open connections may take.
const SOCKETS_BUDGET: Duration = Duration::from_millis(250);
/// With more TCP sockets than this on the host, what reads many of them is left to the last reading.
const MANY_SOCKETS: i128 = 200_000;

impl Examination {
    pub fn new(place: &PlaceArgs) -> anyhow::Result<Self> {
        let kernel = place.kernel()?;
        let namespaces = place.namespaces_or_all(&kernel)?;
        let counts = kernel.socket_counts().context("counting sockets")?;
        let has_many = counts.value("sockstat.TCP", "alloc") > Some(MANY_SOCKETS);
        let last = Needs {
            processes: Some(FdQuestion {
                began: true,
                ..FdQuestion::default()
            }),
            elsewhere: false,
            bounded: true,
            // The two readings are compared.
            unthrottled: true,
            sysctls: tune::keys(),
            boot_settings: true,
            ..Needs::everything()
        };
        let first = Needs {
            half_open: !has_many,
            port_holders: last.port_holders.filter(|_| !has_many),
            time_waits: !has_many,
            connections: !has_many,
            sysctls: Vec::new(),
            boot_settings: false,
            ..last.clone()
        };
        Ok(Examination {
            first,
            collector: Collector::new(kernel, last.clone()).within(namespaces),
            last,
        })
    }

    fn read(&mut self, needs: &Needs) -> anyhow::Result<Snapshot> {
        let snapshot = self.collector.collect_only(needs);
        snapshot
            .map_err(|error| with_way_in(anyhow::Error::from(error).context("reading the host")))
    }

    /// Adds what the owners of these listeners are doing.
    fn examine(
        &self,
        listeners: impl IntoIterator<Item = u32>,
        snapshot: &mut Snapshot,
    ) -> anyhow::Result<()> {
        let owners = snapshot.owners.as_ref();
        let owned = |inode| Some((inode, owners?.by_inode.get(&inode)?.clone()));
        let owned: BTreeMap<u32, Vec<Owner>> = listeners.into_iter().filter_map(owned).collect();
        if owned.is_empty() {
            return Ok(());
        }
        let known = std::mem::take(&mut snapshot.activity);
        let read = self.collector.activity(snapshot, &owned);
        read.context("reading what owners of listeners do")?;
        let is_new = |process: &ProcessActivity| known.iter().all(|other| other.pid != process.pid);
        snapshot.activity.retain(is_new);
        snapshot.activity.extend(known);
        Ok(())
    }

    pub fn single(&mut self) -> anyhow::Result<Observed> {
        let mut now = self.read(&self.last.clone())?;
        let mut watched = Watched::default();
        // Whatever waits in the one sample there is.
        watched.new_suspects(&now);
        let suspects = watched.new_suspects(&now);
        self.examine(suspects, &mut now)?;
        Ok(Observed {
            first: None,
            watched,
            now,
            leaks: LeaksReport::default(),
        })
    }

    pub fn watched(&mut self, total: Duration) -> anyhow::Result<Observed> {
        let begun = Instant::now();
        let more = Needs {
            processes: self.last.processes.clone(),
            counters: true,
            ..self.listeners()
        };
        let now_and_then = (total / COUNTS, more);
        self.observe(
            now_and_then,
            |_| {},
            |take| {
                let left = total.saturating_sub(begun.elapsed());
                sample(left, SAMPLE_EVERY.min(left / 4), |_| take())
            },
        )
    }

    /// Open connections, to compare. Of those that one end has closed, the snapshots have more.
    fn first_connections(&self) -> anyhow::Result<LeakReading> {
        let mut reading = LeakReading::new(Question::stuck(), IDLE).within(SOCKETS_BUDGET);
        reading.read(self.collector.kernel(), self.collector.namespaces())?;
        Ok(reading)
    }

    fn leaks(&self, earlier: LeakReading) -> anyhow::Result<LeaksReport> {
        let kernel = self.collector.kernel();
        let (reading, _) = earlier.again();
        let mut reading = reading.within(SOCKETS_BUDGET);
        reading.read(kernel, self.collector.namespaces())?;
        reading.report(kernel, OwnerNeeds::Auto)
    }

    /// Reads first and last in full. `repeat` calls what it is given for each sample of the
    /// listeners, which `add` gets; at intervals, a sample has more. The owners of a listener are
    /// examined when connections first wait there, and at the end.
    pub fn observe(
        &mut self,
        (interval, more): (Duration, Needs),
        mut add: impl FnMut(&Snapshot),
        repeat: impl FnOnce(&mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Observed> {
        let begun = Instant::now();
        let mut first = self.read(&self.first.clone())?;
        let mut watched = Watched::default();
        watched.add(&first);
        add(&first);
        let earlier = self.first_connections()?;
        let listeners = self.listeners();
        let mut next = interval;
        repeat(&mut || {
            let is_due = begun.elapsed() >= next;
            if is_due {
                next = begun.elapsed() + interval;
            }
            let now = self.read(if is_due { &more } else { &listeners })?;
            watched.add(&now);
            add(&now);
            self.examine(watched.new_suspects(&now), &mut first)
        })?;
        let elapsed = begun.elapsed();
        let mut now = self.read(&self.last.clone())?;
        watched.add(&now);
        add(&now);
        self.examine(watched.suspects(), &mut now)?;
        let leaks = self.leaks(earlier)?;
        Ok(Observed {
            first: Some((first, elapsed)),
            watched,
            now,
            leaks,
        })
    }

    /// Everything but owners, and what takes long no more often than it should.
    pub fn levels(&self) -> Needs {
        Needs {
            owners: OwnerNeeds::None,
            unthrottled: false,
            half_closed: self.first.connections,
            ..self.first.clone()
        }
    }

    fn listeners(&self) -> Needs {
        Needs {
            listeners: self.last.listeners.clone(),
            ..Needs::default()
        }
    }
}

/// What was read first, last and in between.
pub struct Observed {
    /// With the time until the last reading.
    first: Option<(Snapshot, Duration)>,
    watched: Watched,
    pub now: Snapshot,
    leaks: LeaksReport,
}

impl Observed {
    pub fn before(&self) -> Option<(&Snapshot, Duration)> {
        let (first, elapsed) = self.first.as_ref()?;
        Some((first, *elapsed))
    }

    pub fn elapsed(&self) -> Option<Duration> {
        self.before().map(|(_, elapsed)| elapsed)
    }

    pub fn reports(&self) -> Reports {
        Reports {
            leaks: self.leaks.clone(),
            ..Reports::of(&self.now, self.before(), &self.watched)
        }
    }

    pub fn report(&self, reports: &Reports, areas: &BTreeSet<Area>) -> DoctorReport {
        DoctorReport::of(&self.now, self.before(), reports, areas)
    }
}
