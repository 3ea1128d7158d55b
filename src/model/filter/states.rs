//! Filters by state. The kernel evaluates no condition on the state; a request names the states
//! that it wants.

use super::{Filter, Test};
use crate::model::{SocketState, StateSet};

impl Filter {
    /// The filter as requests: which sockets it accepts in which states, without conditions on the
    /// state. States in which it accepts nothing are left out. Listeners come first, as in a dump.
    pub fn by_state(&self, states: StateSet) -> Vec<(StateSet, Filter)> {
        let mut requests: Vec<(StateSet, Filter)> = Vec::new();
        for state in states.each() {
            let rest = self.in_state(state);
            if rest == Filter::NONE {
                continue;
            }
            let one = StateSet::of(&[state]);
            match requests.iter_mut().find(|(_, other)| *other == rest) {
                Some((states, _)) => *states = states.and(one),
                None => requests.push((one, rest)),
            }
        }
        requests.sort_by_key(|(states, _)| !states.has(StateSet::LISTEN));
        requests
    }

    /// The filter for sockets in this state.
    fn in_state(&self, state: SocketState) -> Filter {
        match self {
            Filter::Test(Test::State(states)) => match states.contains(state) {
                true => Filter::ALL,
                false => Filter::NONE,
            },
            Filter::Test(_) => self.clone(),
            Filter::Not(part) => match part.in_state(state) {
                part if part == Filter::ALL => Filter::NONE,
                part if part == Filter::NONE => Filter::ALL,
                part => Filter::Not(Box::new(part)),
            },
            Filter::All(parts) => {
                let parts = rest(parts, state, Filter::ALL);
                match parts.contains(&Filter::NONE) {
                    true => Filter::NONE,
                    false => Filter::all(parts),
                }
            }
            Filter::Any(parts) => {
                let parts = rest(parts, state, Filter::NONE);
                match parts.contains(&Filter::ALL) {
                    true => Filter::ALL,
                    false => Filter::any(parts),
                }
            }
        }
    }
}

/// The parts for sockets in this state, without those that change nothing.
fn rest(parts: &[Filter], state: SocketState, neutral: Filter) -> Vec<Filter> {
    let parts = parts.iter().map(|part| part.in_state(state));
    parts.filter(|part| *part != neutral).collect()
}
