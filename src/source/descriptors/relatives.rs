//! The ancestors of a process.

use std::collections::HashMap;

use super::reader::Reader;
use crate::model::Relative;

const LONGEST: usize = 64;

/// Caches each process, as many processes share their ancestors.
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

    /// The process, its parent, and so on, as far as they are visible.
    pub fn of(&mut self, pid: u32) -> Vec<Relative> {
        let mut chain: Vec<Relative> = Vec::new();
        let mut next = pid;
        while chain.len() < LONGEST {
            let known = self.known.entry(next);
            let known = known.or_insert_with(|| self.reader.relative(next));
            let Some(relative) = known.clone() else { break };
            next = relative.parent;
            chain.push(relative);
        }
        chain
    }
}
