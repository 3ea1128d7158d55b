//! The types of the running kernel (Documentation/bpf/btf.rst): where the members of its structures
//! are, which differs from build to build.
//!
//! A table of strings and a table of types. A type is named by its place in the table, from 1; 0 is
//! void. The few types that are wanted are looked up by name; nothing else is kept.

#[cfg(test)]
mod tests;

use std::{io, ops::Range};

const MAGIC: u16 = 0xeb9f;
/// A header, and a type without what follows it.
const HEADER: usize = 24;
const TYPE: usize = 12;
/// A member of a structure.
const MEMBER: usize = 12;
/// No kernel nests anonymous members or qualifies a type so deep…
const DEEPEST: u32 = 16;
/// … or has so many members in a structure.
const MOST_MEMBERS: u32 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Structure = 4,
    Union = 5,
    Function = 12,
}

pub struct Btf {
    bytes: Vec<u8>,
    /// Where each type is, the first after void.
    types: Vec<u32>,
    strings: Range<usize>,
}

/// A type as it stands in the table.
#[derive(Clone, Copy)]
struct Type {
    at: usize,
    name: u32,
    kind: u32,
    /// How many members or the like follow.
    count: usize,
    /// Offsets of members have the size of a bit field in their upper byte.
    has_bit_fields: bool,
    /// The type that it refers to, for those that do.
    of: u32,
}

impl Btf {
    pub fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed BTF");
        let (types, strings) = Self::sections(&bytes).ok_or_else(malformed)?;
        let mut btf = Btf {
            bytes,
            types: Vec::new(),
            strings,
        };
        let mut at = types.start;
        while at < types.end {
            let one = btf.read(at).ok_or_else(malformed)?;
            btf.types.push(at as u32);
            at = one
                .end()
                .filter(|end| *end <= types.end)
                .ok_or_else(malformed)?;
        }
        Ok(btf)
    }

    fn sections(bytes: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
        let magic: [u8; 2] = bytes.get(..2)?.try_into().ok()?;
        let number = |at| Some(word(bytes, at)? as usize);
        let header = number(4)?;
        let section = |at: usize| {
            let start = header.checked_add(number(at)?)?;
            let end = start.checked_add(number(at + 4)?)?;
            (end <= bytes.len() && end <= u32::MAX as usize).then_some(start..end)
        };
        let is_known = u16::from_ne_bytes(magic) == MAGIC && header >= HEADER;
        is_known.then_some((section(8)?, section(16)?))
    }

    /// The ids of types by name, in the order of the names; of several the first, and of structures
    /// the first that is defined.
    pub fn find<const N: usize>(&self, kind: Kind, names: [&str; N]) -> [Option<u32>; N] {
        let mut found = [None; N];
        for (id, at) in (1..).zip(&self.types) {
            let Some(one) = self
                .read(*at as usize)
                .filter(|one| one.kind == kind as u32)
            else {
                continue;
            };
            if kind != Kind::Function && one.count == 0 {
                continue;
            }
            let is_named = |name: &&str| self.is_named(one.name, name);
            if let Some(place) = names.iter().position(is_named) {
                found[place] = found[place].or(Some(id));
            }
        }
        found
    }

    /// Where a member of a structure is, in bytes: `a.b` is member `b` of member `a`. Members of
    /// anonymous members count as the structure's own.
    pub fn offset(&self, id: u32, path: &str) -> Option<u32> {
        let (mut bits, mut id, mut left) = (0u32, id, MOST_MEMBERS);
        for name in path.split('.') {
            let (at, of) = self.member(id, name, 0, &mut left)?;
            (bits, id) = (bits.checked_add(at)?, of);
        }
        (bits % 8 == 0).then_some(bits / 8)
    }

    /// Its place in bits, and its type.
    fn member(&self, id: u32, name: &str, depth: u32, left: &mut u32) -> Option<(u32, u32)> {
        let of = self.unqualified(id)?;
        let is_structured = of.kind == Kind::Structure as u32 || of.kind == Kind::Union as u32;
        if !is_structured || depth > DEEPEST {
            return None;
        }
        (0..of.count).find_map(|number| {
            *left = left.checked_sub(1)?;
            let at = of.at + TYPE + number * MEMBER;
            let [own_name, of_type, place] = [0, 4, 8].map(|part| word(&self.bytes, at + part));
            let (own_name, of_type, place) = (own_name?, of_type?, place?);
            let place = match of.has_bit_fields {
                true => place & 0x00ff_ffff,
                false => place,
            };
            if self.is_named(own_name, name) {
                return Some((place, of_type));
            }
            let (within, of_type) = match self.is_named(own_name, "") {
                true => self.member(of_type, name, depth + 1, left)?,
                false => return None,
            };
            Some((place.checked_add(within)?, of_type))
        })
    }

    /// Without `typedef`, `const` and the like.
    fn unqualified(&self, mut id: u32) -> Option<Type> {
        for _ in 0..DEEPEST {
            let one = self.read(*self.types.get(id.checked_sub(1)? as usize)? as usize)?;
            match one.kind {
                8..=11 | 18 => id = one.of,
                _ => return Some(one),
            }
        }
        None
    }

    fn read(&self, at: usize) -> Option<Type> {
        let [name, info, of] = [0, 4, 8].map(|part| word(&self.bytes, at + part));
        let info = info?;
        Some(Type {
            at,
            name: name?,
            kind: info >> 24 & 0x1f,
            count: (info & 0xffff) as usize,
            has_bit_fields: info >> 31 == 1,
            of: of?,
        })
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        let strings = &self.bytes[self.strings.clone()];
        let rest = strings.get(at as usize..).unwrap_or_default();
        let rest = rest.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

impl Type {
    /// Where the next one begins.
    fn end(&self) -> Option<usize> {
        let more = match self.kind {
            // An integer's encoding, a variable's linkage, the index of a declaration tag.
            1 | 14 | 17 => 4,
            3 => 12,
            4 | 5 | 15 | 19 => 12 * self.count,
            6 | 13 => 8 * self.count,
            2 | 7..=12 | 16 | 18 => 0,
            _ => return None,
        };
        Some(self.at + TYPE + more)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}
