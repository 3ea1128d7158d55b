//! How full a queue is.

use super::ReceiveQueue;
use crate::model::Queue;

/// Full as the kernel judges it: the next one is not taken.
pub fn is_full(queue: Queue) -> bool {
    match queue {
        Queue::Accept { length, limit } => length > limit,
        Queue::Receive { bytes, limit_bytes } => limit_bytes.is_some_and(|limit| bytes > limit),
    }
}

/// How full; above 0 whenever something waits.
pub fn fill_of(queue: Queue) -> f64 {
    match queue {
        Queue::Accept { length, limit } => fill_ratio(length, limit),
        Queue::Receive { bytes, limit_bytes } => receive_fill(bytes, limit_bytes)
            .unwrap_or(if bytes > 0 { f64::MIN_POSITIVE } else { 0.0 }),
    }
}

/// Share of an accept queue that is taken: a limit of B holds B + 1.
pub fn fill_ratio(length: u32, limit: u32) -> f64 {
    f64::from(length) / (f64::from(limit) + 1.0)
}

/// Share of a receive buffer that is taken.
pub fn receive_fill(bytes: u32, limit: Option<u32>) -> Option<f64> {
    limit
        .filter(|limit| *limit > 0)
        .map(|limit| f64::from(bytes) / f64::from(limit))
}

/// A receive queue as it is reported.
pub fn receive_queue(queue: Queue) -> Option<ReceiveQueue> {
    let Queue::Receive { bytes, limit_bytes } = queue else {
        return None;
    };
    Some(ReceiveQueue {
        bytes,
        limit_bytes,
        fill_ratio: receive_fill(bytes, limit_bytes),
    })
}
