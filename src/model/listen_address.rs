//! Which listener a connection belongs to. The kernel does not say; this follows its own lookup
//! (`__inet_lookup_listener`, `compute_score`; net/ipv4/inet_hashtables.c, inet6_hashtables.c).

use std::{collections::HashMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{Endpoint, Listener, Local};

/// An address that sockets listen on. With SO_REUSEPORT a v6only and a dual-stack socket may share
/// an endpoint, and count as two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListenAddress {
    endpoint: Endpoint,
    v6only: bool,
}

/// Every listening address, each once however many sockets share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenAddresses {
    by_port: HashMap<u16, Vec<ListenAddress>>,
}

impl ListenAddresses {
    /// The addresses of these sockets; unix sockets have none.
    pub fn of<'a>(listeners: impl IntoIterator<Item = &'a Listener>) -> Self {
        let mut by_port: HashMap<u16, Vec<ListenAddress>> = HashMap::new();
        for address in listeners.into_iter().filter_map(ListenAddress::of) {
            let there = by_port.entry(address.endpoint.port).or_default();
            if !there.contains(&address) {
                there.push(address);
            }
        }
        ListenAddresses { by_port }
    }

    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.by_port.keys().copied()
    }

    /// Whether somebody listens at a port, on whichever address.
    pub fn has_port(&self, port: u16) -> bool {
        self.by_port.contains_key(&port)
    }

    /// A v6only and a dual-stack socket share the address, and which of them gets an IPv6 client
    /// the kernel does not tell.
    pub fn contested(&self, address: &ListenAddress) -> bool {
        let there = self
            .by_port
            .get(&address.endpoint.port)
            .into_iter()
            .flatten();
        there
            .filter(|other| other.endpoint == address.endpoint)
            .count()
            > 1
    }

    /// Where a connection with this concrete local end came in: an exact address before the
    /// wildcard, a bound interface before none.
    pub fn serving(&self, local: &Endpoint) -> Option<ListenAddress> {
        let there = self.by_port.get(&local.port)?.iter();
        there
            .filter_map(|address| Some((address.score(local)?, *address)))
            .max_by_key(|(score, _)| *score)
            .map(|(_, address)| address)
    }

    /// Whether a listener that is bound to an interface would have such a connection, if it came in
    /// by that interface.
    pub fn may_serve(&self, local: &Endpoint) -> bool {
        let there = self.by_port.get(&local.port).into_iter().flatten();
        there.into_iter().any(|address| {
            let interface = address.endpoint.interface;
            let local = Endpoint {
                interface,
                ..*local
            };
            interface != 0 && address.score(&local).is_some()
        })
    }
}

impl ListenAddress {
    /// Where an internet socket is bound.
    pub fn of(listener: &Listener) -> Option<Self> {
        let Local::Inet(endpoint) = listener.local else {
            return None;
        };
        Some(ListenAddress {
            endpoint,
            v6only: listener.v6only.unwrap_or(false),
        })
    }

    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn score(&self, local: &Endpoint) -> Option<u8> {
        let exact = self.endpoint.address == local.address;
        let wildcard =
            self.endpoint.address.is_unspecified() && !(self.v6only && is_mapped(&local.address));
        let bound = self.endpoint.interface != 0 && self.endpoint.interface == local.interface;
        let unbound = self.endpoint.interface == 0;
        let matches =
            self.endpoint.family == local.family && (exact || wildcard) && (bound || unbound);
        matches.then_some(u8::from(exact) * 2 + u8::from(bound))
    }
}

/// An IPv4 client of an IPv6 socket.
fn is_mapped(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;

    fn at(address: &str, interface: u32) -> Endpoint {
        let address: IpAddr = address.parse().unwrap();
        let family = if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        Endpoint {
            family,
            address,
            port: 80,
            interface,
        }
    }

    fn listener(endpoint: Endpoint, v6only: bool) -> Listener {
        Listener {
            v6only: Some(v6only),
            ..Listener::idle(endpoint, 1)
        }
    }

    fn served(listeners: &[(Endpoint, bool)], local: Endpoint) -> Option<Endpoint> {
        let listeners: Vec<_> = listeners
            .iter()
            .map(|(at, only)| listener(*at, *only))
            .collect();
        ListenAddresses::of(&listeners)
            .serving(&local)
            .map(|place| place.endpoint)
    }

    #[test]
    fn a_wildcard_listener_owns_its_request_sockets() {
        let any = at("0.0.0.0", 0);
        assert_eq!(served(&[(any, false)], at("10.0.0.1", 0)), Some(any));
    }

    #[test]
    fn an_exact_address_goes_before_the_wildcard() {
        let (any, exact) = (at("0.0.0.0", 0), at("10.0.0.1", 0));
        assert_eq!(
            served(&[(any, false), (exact, false)], at("10.0.0.1", 0)),
            Some(exact)
        );
        assert_eq!(
            served(&[(any, false), (exact, false)], at("10.0.0.2", 0)),
            Some(any)
        );
    }

    #[test]
    fn an_ipv4_client_of_a_dual_stack_listener_is_not_the_ipv4_listeners() {
        let (four, six) = (at("10.0.0.2", 0), at("::", 0));
        let listeners = [(four, false), (six, false)];
        assert_eq!(served(&listeners, at("::ffff:10.0.0.1", 0)), Some(six));
        assert_eq!(served(&listeners, at("10.0.0.2", 0)), Some(four));
    }

    #[test]
    fn a_v6only_listener_has_no_ipv4_clients() {
        assert_eq!(
            served(&[(at("::", 0), true)], at("::ffff:10.0.0.1", 0)),
            None
        );
        assert_eq!(
            served(&[(at("::", 0), true)], at("2001:db8::1", 0)),
            Some(at("::", 0))
        );
    }

    #[test]
    fn a_dual_stack_listener_beside_a_v6only_one_has_the_ipv4_clients() {
        let listeners = [listener(at("::", 0), true), listener(at("::", 0), false)];
        let addresses = ListenAddresses::of(&listeners);
        let v4 = addresses.serving(&at("::ffff:10.0.0.1", 0)).unwrap();
        assert_eq!(Some(v4), ListenAddress::of(&listeners[1]));
        assert!(addresses.contested(&v4));
        assert!(
            !ListenAddresses::of(&listeners[..1])
                .contested(&ListenAddress::of(&listeners[0]).unwrap())
        );
    }

    #[test]
    fn a_listener_bound_to_an_interface_serves_it_first_and_no_other() {
        let (any, bound) = (at("0.0.0.0", 0), at("0.0.0.0", 3));
        let listeners = [(any, false), (bound, false)];
        assert_eq!(served(&listeners, at("10.0.0.1", 3)), Some(bound));
        assert_eq!(served(&listeners, at("10.0.0.1", 4)), Some(any));
        assert_eq!(served(&[(bound, false)], at("10.0.0.1", 0)), None);
    }

    #[test]
    fn an_exact_address_goes_before_a_bound_interface() {
        let (exact, bound) = (at("10.0.0.1", 0), at("0.0.0.0", 3));
        for listeners in [[exact, bound], [bound, exact]] {
            let listeners = listeners.map(|place| (place, false));
            assert_eq!(served(&listeners, at("10.0.0.1", 3)), Some(exact));
        }
    }

    #[test]
    fn nobody_listens_on_another_port() {
        let other = Endpoint {
            port: 81,
            ..at("10.0.0.1", 0)
        };
        assert_eq!(served(&[(at("0.0.0.0", 0), false)], other), None);
    }
}
