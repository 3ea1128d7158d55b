//! What a tuple's ports show about its sockets: the kernel does not report whether a connected
//! socket was bound before, nor whether it has its own port range.
//!
//! connect(2) chooses ports of the parity of the range's low end while there are any, bind(2) the
//! others (`__inet_hash_connect`, `inet_csk_find_open_port`). So a tuple with far more ports of the
//! other parity did not get them by a plain connect(2): that would have used up the first parity
//! before, and a peak leaves about as many of either. A port that bind(2) chose is in one tuple; one
//! that the application chose may be in several (SO_REUSEADDR), and is as rare in tuples that got
//! their ports by connect(2).

use schemars::JsonSchema;
use serde::Serialize;

use super::{Capacity, Tuple, collides_with};
use crate::model::{PortSet, snapshot::PortHolders};

/// Fewer ports than this may be close together by chance.
const CLOSE_BY_CHANCE: u64 = 8;
/// A window spans less than this part of the range.
const WINDOW_PART: u64 = 8;

/// Ports that lie close together, as from a range of the sockets' own (IP_LOCAL_PORT_RANGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Window {
    /// The lowest port.
    pub low: u16,
    /// The highest port.
    pub high: u16,
}

/// How a tuple's ports were probably chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// By connect(2), as far as can be seen.
    Connect,
    /// Cannot be seen: connect(2) must have taken ports of both parities.
    Unknown,
    /// By bind(2) before connect(2): these ports are taken for every destination.
    BoundFirst(PortSet),
    /// By connect(2) within the sockets' own range, or by bind(2) one after the other.
    Window(Window),
}

/// One for each tuple, in order.
pub fn choices(holders: &PortHolders, capacity: &Capacity) -> Vec<Choice> {
    let shared = shared(holders);
    let tuples = holders.tuples.iter();
    let suspects = tuples.map(|(key, tuple)| {
        let taken = collides_with(holders, key, tuple);
        Suspect::new(tuple, &taken, capacity, &shared)
    });
    let suspects: Vec<Suspect> = suspects.collect();
    let bound: PortSet = suspects.iter().flat_map(|s| s.odd.iter()).collect();
    let for_bind = capacity.blocked.left - capacity.blocked.left_for_connect;
    // When its own ports are used up, bind(2) takes the ports of connect(2), too. Ports that mostly
    // belong to one tuple may be left from a peak.
    let most = suspects.iter().map(|s| s.odd.len()).max().unwrap_or(0);
    let is_spent = most * 2 <= bound.len() && nearly_all(bound.len() as u64, for_bind);
    let choice = |suspect: Suspect| suspect.choice(is_spent);
    suspects.into_iter().map(choice).collect()
}

/// Ports that several tuples use.
fn shared(holders: &PortHolders) -> PortSet {
    let (mut once, mut again) = (PortSet::default(), PortSet::default());
    let tuples = holders.tuples.iter();
    for port in tuples.flat_map(|(_, tuple)| tuple.ports.iter()) {
        if !once.insert(port) {
            again.insert(port);
        }
    }
    again
}

/// All but one in twenty, as connections end, and but one port whose use may not be visible.
fn nearly_all(used: u64, of: u64) -> bool {
    used + of / 20 + 1 >= of
}

/// A tuple, and the ports of it that connect(2) would hardly have chosen.
struct Suspect {
    /// Ports of the parity of bind(2); none where connect(2) had to take such ports.
    odd: PortSet,
    /// Own ports of the other parity.
    even: PortSet,
    /// Number of ports with the parity of connect(2), without the ports it is known to have chosen.
    of_connect: u64,
    window: Option<Window>,
    is_unknown: bool,
}

impl Suspect {
    /// `taken` are the ports that connect(2) could not choose, the tuple's own among them.
    fn new(tuple: &Tuple, taken: &PortSet, capacity: &Capacity, shared: &PortSet) -> Self {
        let preferred = |port: &u16| capacity.blocked.is_for_connect(*port);
        let count = |ports: &PortSet| ports.iter().filter(preferred).count() as u64;
        let is_unexplained = |port: &u16| !tuple.at_connect.contains(*port);
        let (even, mut odd): (PortSet, PortSet) = tuple
            .ports
            .iter()
            .filter(is_unexplained)
            .partition(preferred);
        let is_spent = nearly_all(count(taken), capacity.blocked.left_for_connect);
        let is_shared = odd.iter().any(|port| shared.contains(port));
        let is_unknown = is_shared || (is_spent && !odd.is_empty());
        if is_spent {
            odd = PortSet::default();
        }
        Suspect {
            is_unknown,
            window: window(tuple, capacity).filter(|_| !odd.is_empty()),
            odd,
            of_connect: even.len() as u64,
            even: even.iter().filter(|port| !shared.contains(*port)).collect(),
        }
    }

    fn choice(mut self, others_are_spent: bool) -> Choice {
        if let Some(window) = self.window {
            return Choice::Window(window);
        }
        if others_are_spent && !self.odd.is_empty() {
            self.odd.extend(self.even.iter());
            return Choice::BoundFirst(self.odd);
        }
        match self.odd.len() as u64 > self.of_connect * 2 {
            true => Choice::BoundFirst(self.odd),
            false if self.is_unknown => Choice::Unknown,
            false => Choice::Connect,
        }
    }
}

fn window(tuple: &Tuple, capacity: &Capacity) -> Option<Window> {
    let (low, high) = (tuple.ports.iter().next()?, tuple.ports.iter().last()?);
    let span = u64::from(high - low) + 1;
    let is_window = tuple.used() >= CLOSE_BY_CHANCE && span * WINDOW_PART < capacity.size();
    is_window.then_some(Window { low, high })
}
