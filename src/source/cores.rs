//! Work on all cores.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{Builder, available_parallelism, scope},
};

/// What is left to do, which workers take piece by piece.
pub struct Pieces<'a, T> {
    items: &'a [T],
    /// Items in a piece.
    size: usize,
    next: AtomicUsize,
}

impl<'a, T> Pieces<'a, T> {
    pub fn take(&self) -> Option<&'a [T]> {
        let start = self.next.fetch_add(self.size, Ordering::Relaxed);
        let end = self.items.len().min(start + self.size);
        self.items.get(start..end).filter(|piece| !piece.is_empty())
    }
}

/// Runs the worker on each core, but on no more cores than there are pieces. Where no thread can be
/// started, the calling one does the work of all.
pub fn on_all<T: Sync, R: Send>(
    items: &[T],
    size: usize,
    worker: impl Fn(&Pieces<T>) -> R + Sync,
) -> Vec<R> {
    let cores = available_parallelism().map_or(1, usize::from);
    let pieces = Pieces {
        items,
        size,
        next: AtomicUsize::new(0),
    };
    let work = || worker(&pieces);
    scope(|scope| {
        let others: Vec<_> = (1..cores.min(items.len().div_ceil(size)))
            .map_while(|_| Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut results = vec![work()];
        let joined = others.into_iter().map(|other| other.join());
        results.extend(joined.map(|result| result.expect("a worker does not panic")));
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_once() {
        let items: Vec<u32> = (0..1001).collect();
        for size in [1, 7, 1000, 1001, 5000] {
            let collect = |pieces: &Pieces<u32>| {
                let piece = || pieces.take().map(<[u32]>::to_vec);
                std::iter::from_fn(piece).flatten().collect::<Vec<u32>>()
            };
            let mut seen = on_all(&items, size, collect).concat();
            seen.sort_unstable();
            assert_eq!(seen, items, "pieces of {size}");
        }
        let nothing = |pieces: &Pieces<u32>| pieces.take().is_none();
        assert_eq!(on_all(&[], 3, nothing), [true]);
    }
}
