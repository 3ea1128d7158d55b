//! What the choice of ports tells of the sockets: the kernel does not say whether a connected
//! socket was bound before, nor whether it has a port range of its own.
//!
//! connect(2) chooses ports of the parity of the range's low end as long as there are any, bind(2)
//! the others (`__inet_hash_connect`, `inet_csk_find_open_port`). So a tuple with far more ports of the
//! other parity than of the first did not get them by a plain connect(2): that would have used up
//! the first before, and of what is left after a peak about as many are of either. What bind(2) gave
//! exclusively is in one tuple only.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Capacity, Tuple};
use crate::model::{PortSet, snapshot::PortHolders};

/// Fewer ports than this may lie close together by chance.
const CLOSE_BY_CHANCE: u64 = 8;
/// A window spans less than this part of the range.
const WINDOW_PART: u64 = 8;

/// Ports that lie close together, as a range of the sockets' own would have it
/// (IP_LOCAL_PORT_RANGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Window {
    /// The lowest of them.
    pub low: u16,
    /// The highest.
    pub high: u16,
}

/// How a tuple's ports were probably chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// By connect(2), as far as they tell.
    Connect,
    /// They do not tell: connect(2) must have taken ports of both kinds.
    Untold,
    /// These by bind(2) before: they are taken for every destination.
    BoundFirst(PortSet),
    /// By connect(2) within a range of the sockets' own, or by bind(2) one after the other.
    Window(Window),
}

/// Judges each tuple, in order.
pub fn choices(holders: &PortHolders, capacity: &Capacity) -> Vec<Choice> {
    let shared = shared(holders);
    let tuples = holders.tuples.iter();
    let suspects: Vec<Suspect> = tuples
        .map(|(_, tuple)| Suspect::new(tuple, capacity, &shared))
        .collect();
    let bound: PortSet = suspects.iter().flat_map(|s| s.odd.iter()).collect();
    let for_bind = capacity.blocked.left() - capacity.blocked.left_for_connect();
    // Then bind(2) takes the ports of connect(2), too. What one tuple has for the most part may be
    // left of a peak.
    let most = suspects.iter().map(|s| s.odd.len()).max().unwrap_or(0);
    let is_spent = most * 2 <= bound.len() && nearly_all(bound.len() as u64, for_bind);
    let judge = |suspect: Suspect| suspect.judge(is_spent);
    suspects.into_iter().map(judge).collect()
}

/// Ports that are held towards several destinations at once.
fn shared(holders: &PortHolders) -> PortSet {
    let (mut once, mut again) = (PortSet::default(), PortSet::default());
    for port in holders
        .tuples
        .iter()
        .flat_map(|(_, tuple)| tuple.ports.iter())
    {
        if !once.insert(port) {
            again.insert(port);
        }
    }
    again
}

/// All but one in twenty, as connections end, and but one that cannot be seen to be taken.
fn nearly_all(held: u64, of: u64) -> bool {
    held + of / 20 + 1 >= of
}

/// A tuple, and which of its ports connect(2) would hardly have chosen.
struct Suspect {
    /// Ports of the parity of bind(2) that no other tuple has; none where connect(2) had to take
    /// those.
    odd: PortSet,
    /// The others that no other tuple has.
    even: PortSet,
    /// How many ports have the parity of connect(2), without those known to be chosen there.
    of_connect: u64,
    window: Option<Window>,
    is_untold: bool,
}

impl Suspect {
    fn new(tuple: &Tuple, capacity: &Capacity, shared: &PortSet) -> Self {
        let preferred = |port: &u16| capacity.blocked.is_for_connect(*port);
        let of_connect = tuple.ports.iter().filter(preferred).count() as u64;
        let known = tuple.at_connect.iter().filter(preferred).count() as u64;
        let is_own = |port: &u16| !shared.contains(*port) && !tuple.at_connect.contains(*port);
        let (even, mut odd): (PortSet, PortSet) =
            tuple.ports.iter().filter(is_own).partition(preferred);
        let is_spent = nearly_all(of_connect, capacity.blocked.left_for_connect());
        let is_untold = is_spent && !odd.is_empty();
        if is_spent {
            odd = PortSet::default();
        }
        Suspect {
            is_untold,
            window: window(tuple, capacity).filter(|_| !odd.is_empty()),
            odd,
            even,
            of_connect: of_connect - known,
        }
    }

    fn judge(mut self, others_are_spent: bool) -> Choice {
        if let Some(window) = self.window {
            return Choice::Window(window);
        }
        if others_are_spent && !self.odd.is_empty() {
            self.odd.extend(self.even.iter());
            return Choice::BoundFirst(self.odd);
        }
        match self.odd.len() as u64 > self.of_connect * 2 {
            true => Choice::BoundFirst(self.odd),
            false if self.is_untold => Choice::Untold,
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
