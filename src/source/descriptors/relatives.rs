//! From a process to its parent, and on to the first.

use std::collections::HashMap;

use super::reader::Reader;
use crate::model::Relative;

/// Longer than any sensible line of ancestors.
const LONGEST: usize = 64;

/// Remembers each process, as many have the same ancestors.
pub struct Relatives {
    reader: Reader,
    known: HashMap<u32, Option<Relative>>,
}

impl Relatives {
    pub(super) fn new(reader: Reader) -> Self {
        Relatives {
            reader,
            known: HashMap::new(),
        }
    }

    /// The process, its parent, and so on, as far as they are to be seen.
    pub fn of(&mut self, pid: u32) -> Vec<Relative> {
        let mut chain: Vec<Relative> = Vec::new();
        let mut next = pid;
        while chain.len() < LONGEST {
            let reader = &mut self.reader;
            let known = self
                .known
                .entry(next)
                .or_insert_with(|| reader.relative(next));
            let Some(relative) = known.clone() else { break };
            next = relative.parent;
            chain.push(relative);
        }
        chain
    }
}
