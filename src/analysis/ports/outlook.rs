//! How fast a tuple's ports are taken, and when none will be left.

use std::time::Duration;

use super::{Tuple, TupleReport, capacity::TIMEWAIT_MS};
use crate::{analysis::per_second, model::PortSet};

const TIMEWAIT_SECONDS: f64 = TIMEWAIT_MS as f64 / 1000.0;
/// A forecast beyond this is not reported.
const FAR_SECONDS: f64 = 86_400.0;

/// The change of a tuple since the previous reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outlook {
    pub delta: i64,
    /// Ports newly taken, without connections that came and went and left no TIME_WAIT.
    pub per_second: Option<f64>,
    /// Time until no port is left at this net growth; `None` without a clear one.
    pub full_in_seconds: Option<f64>,
}

/// Compares with the previous reading; `row` has the ports that are left now.
pub fn outlook(
    now: &Tuple,
    before: Option<&Tuple>,
    elapsed: Duration,
    row: &TupleReport,
) -> Outlook {
    let none = Tuple::default();
    let before = before.unwrap_or(&none);
    let full_in_seconds = match row.room() {
        0 => Some(0.0),
        room if row.reusable > 0 => growing_for(now, before, elapsed, room as f64),
        _ => draining(now, before, elapsed, row.free_likely as f64),
    };
    Outlook {
        delta: now.used() as i64 - before.used() as i64,
        per_second: taken(now, before, elapsed),
        full_in_seconds: full_in_seconds.filter(|seconds| *seconds < FAR_SECONDS),
    }
}

/// Ports that were not used before are new. TIME_WAITs that are surely younger than the interval show
/// that more were released and taken again.
fn taken(now: &Tuple, before: &Tuple, elapsed: Duration) -> Option<f64> {
    let new = per_second(now.ports.count_outside(&before.ports) as f64, elapsed)?;
    Some(new.max(kept(now, before, elapsed)?))
}

/// Ports taken less ports released by anything but the end of a TIME_WAIT: the growth of all others
/// and the TIME_WAITs created. TIME_WAITs that ended show nothing, as their timers fire seconds late
/// (kernel/time/timer.c).
fn kept(now: &Tuple, before: &Tuple, elapsed: Duration) -> Option<f64> {
    let others = |tuple: &Tuple| tuple.used() as f64 - tuple.left.count() as f64;
    let growth = per_second(others(now) - others(before), elapsed)?;
    let minute = Duration::from_millis(TIMEWAIT_MS.into());
    let made = younger_than(now, elapsed.as_secs_f64().floor());
    Some(per_second(made, elapsed.min(minute))? + growth)
}

/// Net growth of a set of ports; `None` unless it is more than ports that come and go independently
/// make by chance, which is twice the root of their number at the most.
fn trend(now: &PortSet, before: &PortSet, elapsed: Duration) -> Option<f64> {
    let new = now.count_outside(before) as f64;
    let released = before.count_outside(now) as f64;
    let growth = new - released;
    let is_clear = growth > 0.0 && growth * growth >= 4.0 * (new + released);
    per_second(growth, elapsed).filter(|_| is_clear)
}

/// TIME_WAITs that may be taken over use up no port; the growth of all others counts.
fn growing_for(now: &Tuple, before: &Tuple, elapsed: Duration, room: f64) -> Option<f64> {
    let fixed = |tuple: &Tuple| -> PortSet {
        let ports = tuple.ports.iter();
        ports.filter(|port| !tuple.aged.contains(*port)).collect()
    };
    Some(room / trend(&fixed(now), &fixed(before), elapsed)?)
}

/// Ports are kept at the present rate, and released as TIME_WAITs end: present ones by their timers,
/// and after a minute the ones that are created now.
fn draining(now: &Tuple, before: &Tuple, elapsed: Duration, free: f64) -> Option<f64> {
    let growth = trend(&now.ports, &before.ports, elapsed)?;
    let rate = kept(now, before, elapsed)?.max(growth);
    let room_after = |seconds: f64| free - rate * seconds + now.left.within(seconds);
    let mut minute = (1..=60u8).map(f64::from);
    if let Some(seconds) = minute.find(|seconds| room_after(*seconds) <= 0.0) {
        let before = room_after(seconds - 1.0);
        let slope = before - room_after(seconds);
        return Some(seconds - 1.0 + before / slope);
    }
    let growth = rate - timewait_rate(now, elapsed);
    // Two rates that were measured differently never agree exactly.
    (growth > rate / 20.0).then(|| TIMEWAIT_SECONDS + room_after(TIMEWAIT_SECONDS) / growth)
}

/// TIME_WAITs created per second, by the number that is younger than the interval.
fn timewait_rate(now: &Tuple, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64().clamp(1.0, TIMEWAIT_SECONDS);
    younger_than(now, seconds) / seconds
}

/// TIME_WAITs that were created within the last `seconds`.
fn younger_than(now: &Tuple, seconds: f64) -> f64 {
    now.left.within(f64::INFINITY) - now.left.within(TIMEWAIT_SECONDS - seconds)
}
