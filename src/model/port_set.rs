//! A set of ports that costs little when it is small and is bounded when it is large.

use std::{fmt, iter::successors, ops::RangeInclusive};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Ports up to this many are kept in a sorted list.
const FEW: usize = 512;
const WORDS: usize = 1 << 10;

/// Different ports: two bytes each while they are few, 8 KiB at most.
#[derive(Clone)]
pub struct PortSet(Ports);

#[derive(Clone)]
enum Ports {
    Few(Vec<u16>),
    Many(Box<[u64; WORDS]>),
}

impl PortSet {
    /// `80,8000-8100`, as sysctls have it; anything that is not a port is skipped.
    pub fn parse(text: &str) -> Self {
        let mut ports = PortSet::default();
        for part in text.trim().split(',') {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse()) {
                ports.extend(low..=high);
            }
        }
        ports
    }

    /// Puts a port in; `false` when it was there.
    pub fn insert(&mut self, port: u16) -> bool {
        match &mut self.0 {
            Ports::Few(ports) => {
                let Err(place) = ports.binary_search(&port) else {
                    return false;
                };
                ports.insert(place, port);
                if ports.len() > FEW {
                    self.0 = Ports::Many(many(ports));
                }
                true
            }
            Ports::Many(words) => {
                let word = &mut words[usize::from(port >> 6)];
                let before = *word;
                *word |= 1 << (port & 63);
                *word != before
            }
        }
    }

    pub fn contains(&self, port: u16) -> bool {
        match &self.0 {
            Ports::Few(ports) => ports.binary_search(&port).is_ok(),
            Ports::Many(words) => words[usize::from(port >> 6)] & 1 << (port & 63) != 0,
        }
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Ports::Few(ports) => ports.len(),
            Ports::Many(words) => words.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each, the lowest first.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let (few, words): (&[u16], &[u64]) = match &self.0 {
            Ports::Few(ports) => (ports, &[]),
            Ports::Many(words) => (&[], &**words),
        };
        let many = (0..=u16::MAX).step_by(64).zip(words);
        let many = many.flat_map(|(first, word)| {
            let rest = successors(Some(*word), |word| Some(word & word.wrapping_sub(1)));
            let rest = rest.take_while(|word| *word != 0);
            rest.map(move |word| first + word.trailing_zeros() as u16)
        });
        few.iter().copied().chain(many)
    }

    pub fn within(&self, range: &RangeInclusive<u16>) -> PortSet {
        self.iter().filter(|port| range.contains(port)).collect()
    }

    pub fn count_outside(&self, other: &PortSet) -> usize {
        if let (Ports::Many(words), Ports::Many(others)) = (&self.0, &other.0) {
            let words = words.iter().zip(&**others);
            return words.map(|(a, b)| (a & !b).count_ones() as usize).sum();
        }
        self.iter().filter(|port| !other.contains(*port)).count()
    }
}

fn many(ports: &[u16]) -> Box<[u64; WORDS]> {
    let mut words = Box::new([0; WORDS]);
    for port in ports {
        words[usize::from(port >> 6)] |= 1 << (port & 63);
    }
    words
}

impl Default for PortSet {
    fn default() -> Self {
        PortSet(Ports::Few(Vec::new()))
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for PortSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for PortSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<u16>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl PartialEq for PortSet {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for PortSet {}

impl Extend<u16> for PortSet {
    fn extend<I: IntoIterator<Item = u16>>(&mut self, ports: I) {
        for port in ports {
            self.insert(port);
        }
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        let mut set = PortSet::default();
        set.extend(ports);
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_ports_are_a_list_of_ranges() {
        assert_eq!(PortSet::parse("\n").len(), 0);
        let ports = PortSet::parse("8080,9000-9002\n");
        assert!(ports.iter().eq([8080, 9000, 9001, 9002]));
        assert_eq!(PortSet::parse("65535,x,9-7,70000-3").len(), 1);
        assert_eq!(PortSet::parse("0-65535").len(), 65536);
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_of_numbers_holds(
            ports in prop::collection::vec(prop_oneof![any::<u16>(), 0u16..700], 0..1500),
            asked: u16,
        ) {
            let expected: BTreeSet<u16> = ports.iter().copied().collect();
            let set: PortSet = ports.iter().copied().collect();
            prop_assert_eq!(set.len(), expected.len());
            prop_assert!(set.iter().eq(expected.iter().copied()));
            prop_assert_eq!(set.contains(asked), expected.contains(&asked));
            prop_assert!(ports.iter().all(|port| set.contains(*port)));
        }
    }

    #[test]
    fn a_port_is_new_once() {
        for count in [1, 2000] {
            let mut set: PortSet = (0..count).collect();
            assert!(set.insert(65535));
            assert!(!set.insert(65535));
        }
    }

    #[test]
    fn what_lies_outside_of_another_is_counted() {
        let set: PortSet = [1, 2, 3, 4].into_iter().collect();
        assert_eq!(set.count_outside(&[2, 3, 9].into_iter().collect()), 2);
        assert_eq!(set.within(&(2..=3)).len(), 2);
        let (many, others): (PortSet, PortSet) = ((0..2000).collect(), (1500..9000).collect());
        assert_eq!(many.count_outside(&others), 1500);
        assert_eq!(many.count_outside(&set), 1996);
        assert_eq!(set.count_outside(&many), 0);
    }
}
