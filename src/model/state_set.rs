//! States of sockets and sets of them, numbered as the kernel does (include/net/tcp_states.h).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::State;

/// The state of any socket: a connection's, or that of a socket which is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketState {
    Connection(State),
    /// It waits for connections.
    Listen,
    /// Neither connected nor listening; an unconnected UDP socket.
    Close,
    /// A TCP socket that bind(2) gave a port and no more (`TCP_BOUND_INACTIVE`, since 6.8).
    Bound,
}

impl SocketState {
    pub const ALL: [SocketState; 12] = {
        let mut all = [SocketState::Bound; 12];
        let mut at = 0;
        while at < State::ALL.len() {
            all[at] = SocketState::Connection(State::ALL[at]);
            at += 1;
        }
        all[at] = SocketState::Listen;
        all[at + 1] = SocketState::Close;
        all
    };

    /// By the kernel's number; `None` for what is no state.
    pub fn from_number(number: u8) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.number() == number)
    }

    pub const fn number(self) -> u8 {
        match self {
            SocketState::Connection(state) => state as u8,
            SocketState::Close => 7,
            SocketState::Listen => 10,
            SocketState::Bound => 13,
        }
    }

    /// As JSON spells it.
    pub const fn name(self) -> &'static str {
        match self {
            SocketState::Connection(state) => state.name(),
            SocketState::Listen => "listen",
            SocketState::Close => "close",
            SocketState::Bound => "bound",
        }
    }
}

impl Serialize for SocketState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl JsonSchema for SocketState {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SocketState".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": SocketState::ALL.map(SocketState::name)})
    }
}

/// A set of states, one bit each (`1 << TCP_…`), as a sock_diag request has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSet(u32);

impl StateSet {
    pub const NONE: StateSet = StateSet(0);
    pub const ALL: StateSet = StateSet::of(&SocketState::ALL);
    /// Request sockets, and fast-open connections before their last ACK.
    pub const SYN_RECV: StateSet = StateSet::of(&[SocketState::Connection(State::SynRecv)]);
    pub const ESTABLISHED: StateSet = StateSet::of(&[SocketState::Connection(State::Established)]);
    pub const LISTEN: StateSet = StateSet::of(&[SocketState::Listen]);
    /// TIME_WAIT and FIN_WAIT2, where only a timer may keep a socket.
    pub const CLOSED: StateSet = StateSet::of(&[
        SocketState::Connection(State::TimeWait),
        SocketState::Connection(State::FinWait2),
    ]);
    /// TCP sockets that use a local port, except listeners: connections, and sockets that are only
    /// bound.
    pub const HOLDERS: StateSet = StateSet::ALL
        .without(StateSet::LISTEN)
        .without(StateSet::of(&[SocketState::Close]));

    pub const fn of(states: &[SocketState]) -> StateSet {
        let (mut bits, mut at) = (0, 0);
        while at < states.len() {
            bits |= 1 << states[at].number();
            at += 1;
        }
        StateSet(bits)
    }

    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Union.
    pub const fn and(self, other: StateSet) -> StateSet {
        StateSet(self.0 | other.0)
    }

    /// Difference.
    pub const fn without(self, other: StateSet) -> StateSet {
        StateSet(self.0 & !other.0)
    }

    /// Whether this is a superset of `other`.
    pub const fn has(self, other: StateSet) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn contains(self, state: SocketState) -> bool {
        self.has(StateSet::of(&[state]))
    }

    pub fn each(self) -> impl Iterator<Item = SocketState> {
        SocketState::ALL
            .into_iter()
            .filter(move |state| self.contains(*state))
    }

    /// A state or a set of states by a name that `ss` has for it, or by ours. Case, `-` and `_` do
    /// not count.
    pub fn named(word: &str) -> Option<StateSet> {
        let plain: String = word
            .chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let minisockets =
            StateSet::SYN_RECV.and(StateSet::of(&[SocketState::Connection(State::TimeWait)]));
        // To `ss`, a socket that is only bound is in none of its sets.
        let all = StateSet::ALL.without(StateSet::of(&[SocketState::Bound]));
        let connected = StateSet::of(&State::ALL.map(SocketState::Connection));
        let syn_sent = StateSet::of(&[SocketState::Connection(State::SynSent)]);
        Some(match plain.as_str() {
            "all" => all,
            "connected" => connected,
            "synchronized" => connected.without(syn_sent),
            "bucket" => minisockets,
            "big" => all.without(minisockets),
            "closed" | "unconnected" | "unconn" => StateSet::of(&[SocketState::Close]),
            "listening" => StateSet::LISTEN,
            "estab" => StateSet::ESTABLISHED,
            "synrcv" => StateSet::SYN_RECV,
            "boundinactive" => StateSet::of(&[SocketState::Bound]),
            _ => {
                let is_named = |state: &SocketState| state.name().replace('_', "") == plain;
                let state = SocketState::ALL.into_iter().find(is_named)?;
                StateSet::of(&[state])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_number_and_name() {
        for state in SocketState::ALL {
            assert_eq!(StateSet::of(&[state]).each().collect::<Vec<_>>(), [state]);
            assert_eq!(
                StateSet::named(state.name()),
                Some(StateSet::of(&[state])),
                "{state:?}"
            );
        }
        assert_eq!(StateSet::ALL.bits().count_ones(), 12);
    }

    #[test]
    fn the_names_of_ss_are_known() {
        let number = |word| StateSet::named(word).map(StateSet::bits);
        // scan_state() in iproute2's misc/ss.c; SS_ALL is 1 to 11 there.
        for (word, bits) in [
            ("established", 0x002),
            ("syn-sent", 0x004),
            ("syn-recv", 0x008),
            ("fin-wait-1", 0x010),
            ("fin-wait-2", 0x020),
            ("time-wait", 0x040),
            ("closed", 0x080),
            ("unconnected", 0x080),
            ("close-wait", 0x100),
            ("last-ack", 0x200),
            ("listening", 0x400),
            ("closing", 0x800),
            ("all", 0xffe),
            ("connected", 0xb7e),
            ("synchronized", 0xb7a),
            ("bucket", 0x048),
            ("big", 0xfb6),
            ("TIME_WAIT", 0x040),
            ("fin_wait1", 0x010),
            ("bound", 0x2000),
        ] {
            assert_eq!(number(word), Some(bits), "{word}");
        }
        assert_eq!(number("open"), None);
    }
}
