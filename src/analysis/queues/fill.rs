//! How full a queue is.

use super::ReceiveQueue;
use crate::model::Queue;

/// Full by the kernel's rule: the next connection or datagram is dropped.
pub fn is_full(queue: Queue) -> bool {
    match queue {
        Queue::Accept { length, limit } => length > limit,
        Queue::Receive { bytes, limit_bytes } => limit_bytes.is_some_and(|limit| bytes > limit),
    }
}

/// What the kernel charges for a packet of 1500 bytes: a buffer of 2048 and its `sk_buff`.
const PACKET: u32 = 2304;

/// A packet of 1500 bytes does not fit.
pub fn takes_no_packet(queue: Queue) -> bool {
    match queue {
        Queue::Accept { .. } => is_full(queue),
        Queue::Receive { bytes, limit_bytes } => {
            limit_bytes.is_some_and(|limit| bytes.saturating_add(PACKET) > limit)
        }
    }
}

/// Above 0 whenever something waits.
pub fn fill_of(queue: Queue) -> f64 {
    match queue {
        Queue::Accept { length, limit } => fill_ratio(length, limit),
        Queue::Receive { bytes, limit_bytes } => receive_fill(bytes, limit_bytes)
            .unwrap_or(if bytes > 0 { f64::MIN_POSITIVE } else { 0.0 }),
    }
}

/// Of an accept queue: a limit of B holds B + 1.
pub fn fill_ratio(length: u32, limit: u32) -> f64 {
    f64::from(length) / (f64::from(limit) + 1.0)
}

fn receive_fill(bytes: u32, limit: Option<u32>) -> Option<f64> {
    let limit = limit.filter(|limit| *limit > 0)?;
    Some(f64::from(bytes) / f64::from(limit))
}

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
