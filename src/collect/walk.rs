//! The walk over the established hash of the host: one for both families, feeding every tally that
//! was asked for.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    ops::RangeInclusive,
    panic::resume_unwind,
    thread::Builder,
    time::{Duration, Instant},
};

use crate::{
    Result,
    model::{
        Endpoint, Families, Filter, Holder, Incomplete, ListenAddresses, State, StateSet,
        filter::End,
        snapshot::{
            ConnectionTally, FlowTally, HalfClosed, HalfClosedTally, HostEnds, PortTally,
            RequestTally,
        },
    },
    source::{SockDiag, Walk},
};

use super::needs::{Needs, PortDepth};

/// Up to this many established connections of the namespace are read although nobody asked for
/// them all: to read one takes about a microsecond, another walk from 10 ms upwards.
const FEW_ESTABLISHED: u64 = 20_000;

/// What tallies need to know of the namespace.
pub struct Context<'a> {
    pub listening: &'a ListenAddresses,
    /// `ip_local_port_range`.
    pub range: Option<RangeInclusive<u16>>,
    /// `tcp_tw_reuse_delay`.
    pub reuse_delay_ms: u32,
    /// The addresses of this host.
    pub addresses: &'a HashSet<IpAddr>,
    /// `Tcp CurrEstab`.
    pub current_established: Option<u64>,
}

/// One request: sockets in these states that meet the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dump {
    states: StateSet,
    filter: Filter,
}

pub struct Tallies<'a> {
    pub half_open: HashMap<Endpoint, RequestTally>,
    pub ports: Option<PortTally<'a>>,
    pub time_waits: Option<FlowTally<'a>>,
    pub connections: Option<ConnectionTally>,
    pub half_closed: Option<HalfClosedTally<'a>>,
}

pub struct Walked<'a> {
    pub tallies: Tallies<'a>,
    pub missing: Vec<Incomplete>,
    pub took: Duration,
}

/// The requests. The kernel evaluates no filter on states, so one request reads all of them for the
/// widest part, unless that would read many connections which no part wants.
fn dumps(needs: &Needs, context: &Context<'_>) -> Vec<Dump> {
    let mut everywhere = StateSet::NONE;
    for (wanted, states) in [
        (needs.half_open, StateSet::SYN_RECV),
        (needs.time_waits, StateSet::CLOSED),
        (
            needs.connections,
            StateSet::HOLDERS.without(StateSet::ESTABLISHED),
        ),
        (needs.half_closed, HalfClosed::STATES),
    ] {
        everywhere = if wanted {
            everywhere.and(states)
        } else {
            everywhere
        };
    }
    let dump = |states, filter| Dump { states, filter };
    let range = context.range.as_ref();
    let in_range = range
        .filter(|_| needs.port_holders.is_some())
        .map(|range| Filter::port_is_within(End::Local, range));
    let few = context
        .current_established
        .is_some_and(|count| count <= FEW_ESTABLISHED);
    match in_range {
        None => vec![dump(everywhere, Filter::ALL)],
        Some(_) if everywhere != StateSet::NONE && few => {
            vec![dump(StateSet::HOLDERS, Filter::ALL)]
        }
        Some(filter) if everywhere == StateSet::NONE => vec![dump(StateSet::HOLDERS, filter)],
        Some(filter) => vec![
            dump(StateSet::HOLDERS.without(everywhere), filter),
            dump(everywhere, Filter::ALL),
        ],
    }
}

/// Walks, in the calling thread's network namespace.
pub fn walk<'a>(families: Families, needs: &Needs, context: &Context<'a>) -> Result<Walked<'a>> {
    let began = Instant::now();
    let one = |dump: &Dump| {
        let mut tallies = Tallies::new(needs, context);
        let add = |holder| tallies.add(holder);
        let walk = SockDiag::open()?.walk(families, dump.states, &dump.filter, add)?;
        Ok((tallies, walk))
    };
    let mut all: Option<Tallies> = None;
    let mut missing = Vec::new();
    let dumps = match families.each().next() {
        Some(_) => dumps(needs, context),
        None => Vec::new(),
    };
    for done in side_by_side(&dumps, one) {
        let (tallies, walk) = done?;
        missing.extend(parts(needs).flat_map(|part| flaws(part, walk)));
        match &mut all {
            Some(all) => all.merge(tallies),
            None => all = Some(tallies),
        }
    }
    Ok(Walked {
        tallies: all.unwrap_or_else(|| Tallies::new(needs, context)),
        missing,
        took: began.elapsed(),
    })
}

/// The parts that a walk feeds, as `incomplete` calls them.
fn parts(needs: &Needs) -> impl Iterator<Item = &'static str> {
    [
        (needs.half_open, "syn_queue"),
        (needs.port_holders.is_some(), "ports"),
        (needs.time_waits, "timewait"),
        (needs.connections || needs.half_closed, "connections"),
    ]
    .into_iter()
    .filter_map(|(wanted, part)| wanted.then_some(part))
}

/// Runs each job on a thread of its own; the first on this one, and those for which no thread can
/// be started.
fn side_by_side<J: Sync, T: Send>(
    jobs: &[J],
    run: impl Fn(&J) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let run = &run;
    std::thread::scope(|scope| {
        let Some((first, others)) = jobs.split_first() else {
            return Vec::new();
        };
        let start = |job| (job, Builder::new().spawn_scoped(scope, move || run(job)));
        let others: Vec<_> = others.iter().map(start).collect();
        let mut results = vec![run(first)];
        results.extend(others.into_iter().map(|(job, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => run(job),
        }));
        results
    })
}

impl<'a> Tallies<'a> {
    fn new(needs: &Needs, context: &Context<'a>) -> Self {
        let range = || context.range.clone();
        let ports = needs.port_holders.zip(range()).map(|(depth, range)| {
            let each_socket = depth == PortDepth::Sockets;
            PortTally::new(
                range,
                context.listening,
                context.reuse_delay_ms,
                each_socket,
            )
        });
        let time_waits = range().filter(|_| needs.time_waits).map(|ephemeral| {
            FlowTally::new(HostEnds {
                listening: context.listening,
                addresses: context.addresses,
                ephemeral,
            })
        });
        let half_closed = || HalfClosedTally::new(context.listening, context.range.clone());
        Tallies {
            half_closed: needs.half_closed.then(half_closed),
            half_open: HashMap::new(),
            ports,
            time_waits,
            connections: needs.connections.then(ConnectionTally::default),
        }
    }

    fn add(&mut self, holder: Holder) {
        match holder {
            Holder::Request(request) => {
                self.half_open
                    .entry(request.local)
                    .or_default()
                    .add(&request);
                if let Some(connections) = &mut self.connections {
                    connections.add(State::SynRecv);
                }
            }
            Holder::Bound { local, inode } => {
                if let Some(ports) = &mut self.ports {
                    ports.add_bound(&local, inode);
                }
            }
            Holder::Connection(connection) => {
                if let Some(connections) = &mut self.connections {
                    connections.add(connection.state);
                }
                if let Some(half_closed) = &mut self.half_closed {
                    half_closed.add(&connection);
                }
                if let Some(ports) = &mut self.ports {
                    ports.add(&connection);
                }
                if let (Some(time_waits), Some(left)) = (&mut self.time_waits, connection.left_ms) {
                    time_waits.add(&connection, left);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (local, requests) in other.half_open {
            self.half_open.entry(local).or_default().merge(requests);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.ports, other.ports) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.time_waits, other.time_waits) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.connections, other.connections) {
            mine.merge(&theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.half_closed, other.half_closed) {
            mine.merge(theirs);
        }
    }
}

/// What an unclean end of a dump means for the snapshot.
pub fn flaws(what: &str, walk: Walk) -> impl Iterator<Item = Incomplete> {
    let interrupted = walk
        .interrupted
        .then(|| Incomplete::new(what, "the kernel's table changed while it was read"));
    let undecodable = (walk.undecodable > 0).then(|| {
        let why = "the kernel's answer could not be decoded";
        Incomplete::counted(what, why, walk.undecodable)
    });
    interrupted.into_iter().chain(undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_range() -> Filter {
        Filter::port_is_within(End::Local, &(100..=199))
    }

    fn dumps_with(needs: Needs, current_established: Option<u64>) -> Vec<Dump> {
        let (listening, addresses) = (ListenAddresses::default(), HashSet::new());
        let context = Context {
            listening: &listening,
            range: Some(100..=199),
            reuse_delay_ms: 1000,
            addresses: &addresses,
            current_established,
        };
        dumps(&needs, &context)
    }

    #[test]
    fn one_dump_reads_every_part_of_an_ordinary_host() {
        let all = Dump {
            states: StateSet::HOLDERS,
            filter: Filter::ALL,
        };
        assert_eq!(
            dumps_with(Needs::everything(), Some(FEW_ESTABLISHED)),
            [all]
        );
    }

    #[test]
    fn a_part_alone_asks_for_no_more_than_it_shows() {
        let only = |states, filter| [Dump { states, filter }];
        let queues = dumps_with(Needs::queues(), None);
        assert_eq!(queues, only(StateSet::SYN_RECV, Filter::ALL));
        let ports = dumps_with(Needs::ports(), Some(5));
        assert_eq!(ports, only(StateSet::HOLDERS, in_range()));
        let timewait = dumps_with(Needs::timewait(), None);
        assert_eq!(timewait, only(StateSet::CLOSED, Filter::ALL));
        let half_closed = Needs {
            half_closed: true,
            ..Needs::default()
        };
        let half_closed = dumps_with(half_closed, None);
        assert_eq!(half_closed, only(HalfClosed::STATES, Filter::ALL));
    }

    #[test]
    fn many_accepted_connections_are_not_read_for_the_sake_of_one_dump() {
        for count in [Some(FEW_ESTABLISHED + 1), None] {
            let dumps = dumps_with(Needs::everything(), count);
            let [in_range, others] = &dumps[..] else {
                panic!("{dumps:?}");
            };
            assert!(in_range.states.has(StateSet::ESTABLISHED));
            assert_eq!(in_range.filter, self::in_range());
            assert!(!others.states.has(StateSet::ESTABLISHED));
            assert_eq!(others.filter, Filter::ALL);
            assert_eq!(in_range.states.and(others.states), StateSet::HOLDERS);
        }
    }
}
