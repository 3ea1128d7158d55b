//! How fast a tuple's ports are taken, and when none will be left.

use std::time::Duration;

use super::{Tuple, TupleReport, capacity::TIMEWAIT_MS};
use crate::analysis::per_second;

/// How long a TIME_WAIT holds its port.
const TIMEWAIT_SECONDS: f64 = TIMEWAIT_MS as f64 / 1000.0;
/// A forecast further than this is none.
const FAR_SECONDS: f64 = 86_400.0;

/// The change of a tuple since the reading before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outlook {
    /// By how many ports it grew.
    pub delta: i64,
    /// Ports newly taken a second. Connections that came and went between the readings without a
    /// TIME_WAIT are not seen.
    pub per_second: Option<f64>,
    /// When no port will be left if it goes on like this; `None` when it does not.
    pub full_in_seconds: Option<f64>,
}

/// Compares with the reading before; `row` tells what room there is now.
pub fn outlook(
    now: &Tuple,
    before: Option<&Tuple>,
    elapsed: Duration,
    row: &TupleReport,
) -> Outlook {
    let none = Tuple::default();
    let before = before.unwrap_or(&none);
    let delta = now.used() as i64 - before.used() as i64;
    let rate = taken(now, before, elapsed);
    let full_in_seconds = match rate {
        _ if row.room() == 0 => Some(0.0),
        None => None,
        Some(_) if row.reusable > 0 => growing_for(now, before, elapsed, row.room()),
        Some(rate) => draining(now, elapsed, rate, row.free_likely as f64),
    };
    Outlook {
        delta,
        per_second: rate,
        full_in_seconds: full_in_seconds.filter(|seconds| *seconds < FAR_SECONDS),
    }
}

/// Ports that were not held before are new. That more were given back and taken again meanwhile
/// shows by the TIME_WAITs that are surely younger; how many of them ran out does not tell, as their
/// timers are seconds late (kernel/time/timer.c).
fn taken(now: &Tuple, before: &Tuple, elapsed: Duration) -> Option<f64> {
    let new = per_second(now.ports.count_outside(&before.ports) as f64, elapsed)?;
    let others = |tuple: &Tuple| tuple.used() as f64 - tuple.left.count() as f64;
    let growth = per_second(others(now) - others(before), elapsed)?;
    let minute = Duration::from_millis(TIMEWAIT_MS.into());
    let made = younger_than(now, elapsed.as_secs_f64().floor());
    let again = per_second(made, elapsed.min(minute))? + growth;
    Some(new.max(again))
}

/// TIME_WAITs that are taken over press nobody; what cannot be grows on.
fn growing_for(now: &Tuple, before: &Tuple, elapsed: Duration, room: u64) -> Option<f64> {
    let fixed = |tuple: &Tuple| tuple.used() as f64 - tuple.aged.len() as f64;
    let growth = per_second(fixed(now) - fixed(before), elapsed)?;
    (growth > 0.0).then(|| room as f64 / growth)
}

/// Ports are taken at this rate, and given back as TIME_WAITs run out: those there are as their
/// timers say, and after a minute those that are made now.
fn draining(now: &Tuple, elapsed: Duration, rate: f64, free: f64) -> Option<f64> {
    let room_after = |seconds: f64| free - rate * seconds + now.left.within(seconds);
    let within_a_minute = (1..=60u8)
        .map(f64::from)
        .find(|seconds| room_after(*seconds) <= 0.0);
    if let Some(seconds) = within_a_minute {
        let before = room_after(seconds - 1.0);
        let slope = before - room_after(seconds);
        return Some(seconds - 1.0 + before / slope);
    }
    let growth = rate - timewait_rate(now, elapsed);
    // Two rates that are measured apart never agree quite.
    (growth > rate / 20.0).then(|| TIMEWAIT_SECONDS + room_after(TIMEWAIT_SECONDS) / growth)
}

/// TIME_WAITs made a second, by those that are younger than the interval.
fn timewait_rate(now: &Tuple, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64().clamp(1.0, TIMEWAIT_SECONDS);
    younger_than(now, seconds) / seconds
}

/// TIME_WAITs that were made within the last so many seconds.
fn younger_than(now: &Tuple, seconds: f64) -> f64 {
    now.left.within(f64::INFINITY) - now.left.within(TIMEWAIT_SECONDS - seconds)
}
