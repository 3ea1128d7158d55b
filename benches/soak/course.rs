//! Whether something keeps growing: the least of it in the first quarter after the warm-up, and in
//! the last. What comes and goes within a reading does not raise the least; what leaks does.

use crate::format;
use crate::limit::Limit;
use crate::watched::{Ended, Sample};

/// Memory is given out in larger pieces than it is asked for.
const MOST_GROWTH: f64 = 1.05;
const MOST_GROWTH_BYTES: u64 = 500_000;

/// The least, early and late.
pub struct Course {
    pub early: u64,
    pub late: u64,
}

impl Course {
    pub fn of(ended: &Ended, what: fn(&Sample) -> u64) -> Self {
        let values: Vec<u64> = ended.samples.iter().map(what).collect();
        let warm = &values[values.len() / 3..];
        let quarter = warm.len().div_ceil(4);
        let least = |part: &[u64]| part.iter().min().copied().unwrap_or_default();
        Course {
            early: least(&warm[..quarter]),
            late: least(&warm[warm.len() - quarter..]),
        }
    }

    pub fn ratio(&self) -> f64 {
        self.late as f64 / self.early as f64
    }
}

pub fn memory(ended: &Ended) -> Course {
    Course::of(ended, |sample| sample.resident_bytes)
}

pub fn descriptors(ended: &Ended) -> Course {
    Course::of(ended, |sample| sample.descriptors)
}

pub fn limits(ended: &Ended) -> [Limit; 2] {
    let (memory, descriptors) = (memory(ended), descriptors(ended));
    let is_flat = memory.late <= memory.early + MOST_GROWTH_BYTES || memory.ratio() <= MOST_GROWTH;
    let both = |course: &Course, format: fn(u64) -> String| {
        format!("{} and {}", format(course.early), format(course.late))
    };
    [
        Limit {
            command: ended.name,
            limit: format!(
                "memory grows by {} or {} at most",
                format::percent(MOST_GROWTH - 1.0),
                format::bytes(MOST_GROWTH_BYTES)
            ),
            measured: Some((both(&memory, format::bytes), is_flat)),
        },
        Limit {
            command: ended.name,
            limit: "has no more descriptors in the end".to_owned(),
            measured: Some((
                both(&descriptors, format::count),
                descriptors.late <= descriptors.early,
            )),
        },
    ]
}
