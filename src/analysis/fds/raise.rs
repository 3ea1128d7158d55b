//! How the descriptor limit of a process is raised while it runs.

use crate::model::FdLimits;

/// The largest value that `fs.nr_open` takes (`sysctl_nr_open_max`, fs/file.c).
pub const MOST_NR_OPEN: u64 = 0x7fff_ffc0;

/// Commands, to be run in this order. `prlimit(2)` refuses a hard limit above fs.nr_open to root as
/// well (EPERM), and checks the one that it leaves as it was, too.
pub fn raise_limit(pid: u32, limits: FdLimits, nr_open: Option<u64>) -> Vec<String> {
    let FdLimits { soft, hard } = limits;
    let in_force = nr_open.map_or(soft, |nr_open| soft.min(nr_open));
    let wanted = in_force.saturating_mul(2).clamp(1024, MOST_NR_OPEN);
    let prlimit = |soft: u64, hard: Option<u64>| {
        let hard = hard.map_or_else(String::new, |hard| hard.to_string());
        format!("prlimit --pid {pid} --nofile={soft}:{hard}")
    };
    let raised = (hard < wanted).then_some(wanted);
    let Some(nr_open) = nr_open else {
        return vec![prlimit(wanted, raised)];
    };
    let nr_open_of = |limit: u64| format!("sysctl -w fs.nr_open={}", limit.min(MOST_NR_OPEN));
    match soft {
        _ if soft > nr_open => vec![nr_open_of(wanted.max(hard))],
        _ if soft == nr_open => vec![nr_open_of(wanted.max(hard)), prlimit(wanted, raised)],
        _ if hard > nr_open => vec![prlimit(wanted.min(nr_open), Some(nr_open))],
        _ => {
            let wanted = wanted.min(nr_open);
            vec![prlimit(wanted, (hard < wanted).then_some(wanted))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_one_that_the_kernel_accepts() {
        for (soft, hard, nr_open, expected) in [
            (
                100,
                4096,
                Some(4096),
                &["prlimit --pid 7 --nofile=1024:"][..],
            ),
            (100, 1024, None, &["prlimit --pid 7 --nofile=1024:"]),
            (100, 1023, None, &["prlimit --pid 7 --nofile=1024:1024"]),
            (
                1024,
                1024,
                Some(4096),
                &["prlimit --pid 7 --nofile=2048:2048"],
            ),
            // No further than fs.nr_open, …
            (
                1024,
                1024,
                Some(1500),
                &["prlimit --pid 7 --nofile=1500:1500"],
            ),
            (1024, 1500, Some(1500), &["prlimit --pid 7 --nofile=1500:"]),
            // … which the hard limit must not exceed either, though it did before …
            (
                1024,
                9000,
                Some(4096),
                &["prlimit --pid 7 --nofile=2048:4096"],
            ),
            // … and which must be raised first where the soft limit is at it, …
            (
                1024,
                1024,
                Some(1024),
                &[
                    "sysctl -w fs.nr_open=2048",
                    "prlimit --pid 7 --nofile=2048:2048",
                ],
            ),
            (
                1024,
                4096,
                Some(1024),
                &[
                    "sysctl -w fs.nr_open=4096",
                    "prlimit --pid 7 --nofile=2048:",
                ],
            ),
            // … or alone where it is what bounds the process.
            (4096, 8192, Some(1024), &["sysctl -w fs.nr_open=8192"]),
        ] {
            let limits = FdLimits { soft, hard };
            assert_eq!(
                raise_limit(7, limits, nr_open),
                expected,
                "{limits:?} {nr_open:?}"
            );
        }
    }

    #[test]
    fn nr_open_has_a_largest_value() {
        let limits = FdLimits {
            soft: 1 << 30,
            hard: FdLimits::UNLIMITED,
        };
        let commands = raise_limit(7, limits, Some(1 << 30));
        assert_eq!(commands[0], "sysctl -w fs.nr_open=2147483584");
        assert_eq!(commands[1], "prlimit --pid 7 --nofile=2147483584:");
    }
}
