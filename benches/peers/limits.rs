//! The limits that are to be kept on a two-core machine with a million
//! established sockets.

use std::time::Duration;

use sockdiag::source::Kernel;

use crate::agreement::Agreement;
use crate::cases::{self, Watch};
use crate::compare::{faster, small};
use crate::format;
use crate::limit::Limit;
use crate::owners::Found;
use crate::pipelines;
use crate::row::{Row, series};

const BARE_WALL: Duration = Duration::from_millis(10);
const BARE_PEAK_BYTES: u64 = 12_000_000;
const SOCKETS_PEAK_BYTES: u64 = 32_000_000;
const OWNERS_WALL: Duration = Duration::from_millis(300);
const OWNERS_WALL_BPF: Duration = Duration::from_millis(60);
const ATTRIBUTION_PEAK_BYTES: u64 = 400_000_000;
const FDS_WALL: Duration = Duration::from_millis(50);
const DOCTOR_WALL: Duration = Duration::from_millis(2500);
const VERSION_WALL: Duration = Duration::from_millis(5);
const WATCH_SHARE: f64 = 0.05;
/// The watches that are to stay below that.
const PROMISED: [&str; 3] = [cases::WATCH, cases::WATCH_PORTS, cases::WATCH_TIMEWAIT];

/// Command, most times the wall time of the other, the other.
const RATIOS: [(&str, f64, &str); 15] = [
    (cases::QUEUES_BARE, 0.1, cases::SS),
    (cases::QUEUES_NO_OWNERS, 1.3, cases::RAW),
    (cases::QUEUES_NO_OWNERS, 1.0, cases::SS),
    (cases::QUEUES_NO_BPF, 1.3, cases::RAW),
    (cases::QUEUES_NO_BPF, 1.0, cases::SS),
    (cases::QUEUES_ALL_OWNERS, 1.0 / 3.0, cases::SS_OWNERS),
    (cases::COUNTERS, 1.0, cases::NSTAT),
    (cases::COUNTERS_ALL, 1.0, cases::NSTAT),
    (cases::PORTS_NO_OWNERS, 1.0, pipelines::SS_PORTS),
    (cases::TIMEWAIT, 1.0, pipelines::SS_TIMEWAIT),
    (cases::EVERYTHING, 1.15, cases::PORTS),
    (cases::SOCKETS_JSON, 1.0, cases::SS_SOCKETS),
    (cases::SOCKETS_CSV, 1.0, cases::SS_SOCKETS),
    (cases::SOCKETS_OF_PORT, 1.0, cases::SS_OF_PORT),
    (cases::SOCKETS_OWNERS, 0.01, cases::SS_SOCKET_OWNERS),
];

pub fn judge(
    rows: &[Row],
    watches: &[Watch],
    owners: &[Found],
    agreements: &[Agreement],
) -> Vec<Limit> {
    let may_use_bpf = Kernel::new().may_use_bpf();
    let owners_wall = match may_use_bpf {
        true => OWNERS_WALL_BPF,
        false => OWNERS_WALL,
    };
    let mut limits = vec![
        within(rows, cases::QUEUES_BARE, BARE_WALL),
        small(rows, cases::QUEUES_BARE, BARE_PEAK_BYTES),
        small(rows, cases::SOCKETS_JSON, SOCKETS_PEAK_BYTES),
        small(rows, cases::SOCKETS_CSV, SOCKETS_PEAK_BYTES),
        small(rows, cases::SOCKETS_OWNERS, ATTRIBUTION_PEAK_BYTES),
        within(rows, cases::QUEUES, owners_wall),
        within(rows, cases::FDS, FDS_WALL),
        within(rows, cases::DOCTOR, DOCTOR_WALL),
    ];
    if may_use_bpf {
        let (by_bpf, by_proc) = (cases::OWNERS_BY_BPF, cases::OWNERS_BY_PROC);
        limits.push(faster(rows, by_bpf, 1.0 / 3.0, by_proc));
        limits.push(small(rows, by_bpf, ATTRIBUTION_PEAK_BYTES));
    }
    limits.extend(owners.iter().map(all_found));
    limits.extend(agreements.iter().map(same));
    limits.extend(RATIOS.map(|(command, most, other)| faster(rows, command, most, other)));
    limits.push(within(rows, cases::VERSION, VERSION_WALL));
    limits.extend(
        watches
            .iter()
            .filter(|watch| PROMISED.contains(&watch.name))
            .map(modest),
    );
    // Together what is said of one command, in the order of the first table.
    limits.sort_by_key(|limit| {
        rows.iter()
            .position(|row| row.name == limit.command)
            .unwrap_or(rows.len())
    });
    limits
}

fn within(rows: &[Row], command: &'static str, most: Duration) -> Limit {
    let wall = series(rows, command).map(|series| series.wall());
    Limit {
        command,
        limit: format::duration(most),
        measured: wall.map(|wall| (format::duration(wall), wall <= most)),
    }
}

fn all_found(found: &Found) -> Limit {
    Limit {
        command: found.command,
        limit: "finds the holder of every listener".to_owned(),
        measured: found.right.map(|right| {
            (
                format!("{right} of {}", found.listeners),
                right == found.listeners,
            )
        }),
    }
}

fn same(agreement: &Agreement) -> Limit {
    let largest = agreement.largest().zip(agreement.is_complete());
    Limit {
        command: agreement.command,
        limit: format!("counts the same as {}", format::code(agreement.peer)),
        measured: largest.map(|((ours, theirs), same)| {
            let (ours, theirs) = (format::count(ours), format::count(theirs));
            (format!("{ours} and {theirs} at most"), same)
        }),
    }
}

fn modest(watch: &Watch) -> Limit {
    Limit {
        command: watch.name,
        limit: format!("{} of a core", format::percent(WATCH_SHARE)),
        measured: watch
            .core_share()
            .map(|share| (format::percent(share), share < WATCH_SHARE)),
    }
}
