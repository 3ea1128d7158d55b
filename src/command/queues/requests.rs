//! Counting half-open connections. The kernel walks all sockets of the host for it, once for each
//! family; the walks go side by side.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sockdiag::{
    Result,
    model::{Endpoint, Family},
    source::{SockDiag, Walk},
};

/// What was counted.
#[derive(Default)]
pub struct Counted {
    /// How many there are, by their concrete local end.
    pub by_endpoint: HashMap<Endpoint, u32>,
    /// How each walk ended, and how long it took.
    pub walks: Vec<(Family, Walk, Duration)>,
}

/// Counts, in the calling thread's network namespace.
pub fn count(families: &[Family]) -> Result<Counted> {
    let results: Vec<Result<Counted>> = std::thread::scope(|scope| {
        let (first, others) = families.split_at(families.len().min(1));
        let others: Vec<_> = others
            .iter()
            .map(|family| scope.spawn(|| count_one(*family)))
            .collect();
        let first = first.iter().map(|family| count_one(*family));
        let mut results: Vec<_> = first.collect();
        results.extend(
            others
                .into_iter()
                .map(|walk| walk.join().expect("the walk does not panic")),
        );
        results
    });
    results
        .into_iter()
        .try_fold(Counted::default(), |sum, one| Ok(sum.and(one?)))
}

fn count_one(family: Family) -> Result<Counted> {
    let began = Instant::now();
    let mut by_endpoint = HashMap::new();
    let walk = SockDiag::open()?.walk_requests(family, |request| {
        *by_endpoint.entry(request.local).or_default() += 1;
    })?;
    Ok(Counted {
        by_endpoint,
        walks: vec![(family, walk, began.elapsed())],
    })
}

impl Counted {
    fn and(mut self, other: Counted) -> Self {
        // An endpoint is of one family, so nothing is counted in both.
        self.by_endpoint.extend(other.by_endpoint);
        self.walks.extend(other.walks);
        self
    }
}
