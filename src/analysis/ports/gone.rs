//! Tuples that held ports at the reading before and hold none now.

use super::{Namespace, Tuple, TupleReport, inferred::Choice, line::Taken, line::row};

/// A line for each, which counts for the change of its group and for nothing else.
pub fn gone(now: &Namespace<'_>, before: &Namespace<'_>, taken: &Taken) -> Vec<TupleReport> {
    let then = before.holders.tuples.iter();
    then.filter(|(key, _)| now.holders.get(key).is_none())
        .map(|(key, tuple)| TupleReport {
            tuples: 0,
            delta: Some(-(tuple.used() as i64)),
            per_second: Some(0.0),
            ..row(now, key, &Tuple::default(), &Choice::Connect, taken)
        })
        .collect()
}
