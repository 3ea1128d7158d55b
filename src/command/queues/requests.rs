//! Counting half-open connections.

use std::{collections::HashMap, time::Duration};

use sockdiag::{
    Result,
    model::{Endpoint, Family},
    source::{Families, Walk},
};

use super::super::walks::each_family;

/// What was counted.
pub struct Counted {
    /// How many there are, by their concrete local end.
    pub by_endpoint: HashMap<Endpoint, u32>,
    /// How each walk ended, and how long it took.
    pub walks: Vec<(Family, Walk, Duration)>,
}

/// Counts, in the calling thread's network namespace.
pub fn count(families: Families) -> Result<Counted> {
    let walked = each_family(families, |diag, family| {
        let mut by_endpoint: HashMap<Endpoint, u32> = HashMap::new();
        let walk = diag.walk_requests(family, |request| {
            *by_endpoint.entry(request.local).or_default() += 1;
        })?;
        Ok((by_endpoint, walk))
    })?;
    let walks = walked.iter().map(|one| (one.family, one.walk, one.took));
    Ok(Counted {
        walks: walks.collect(),
        // An endpoint is of one family, so nothing is counted in both.
        by_endpoint: walked.into_iter().flat_map(|one| one.found).collect(),
    })
}
