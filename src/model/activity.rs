//! What the processes that hold a listener are doing: their threads, and what keeps them from
//! running.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Doing, FdLimits};

/// One reading of a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessActivity {
    /// Process id (thread group).
    pub pid: u32,
    /// Its name for itself (`/proc/PID/comm`); bytes that are not UTF-8 are replaced.
    pub name: String,
    /// When it began, in clock ticks since boot, which tells it from others with the same id.
    pub began: Option<u64>,
    /// Time since boot at which its threads were read.
    pub at: Duration,
    /// Its living threads, the first thread first.
    pub threads: Vec<ThreadActivity>,
    /// Threads beyond those that were read.
    pub threads_unread: u64,
    /// It has an io_uring, through which it may accept without a thread that waits. `None` where its
    /// descriptors may not be listed or are too many.
    pub io_uring: Option<bool>,
    /// Open descriptors.
    pub open: Option<u64>,
    /// Whether a number below the soft limit is free although as many are open.
    pub has_free: Option<bool>,
    /// RLIMIT_NOFILE.
    pub limits: Option<FdLimits>,
    /// Whether its cgroup is frozen; `None` where no freezer could be read.
    pub freezer: Option<Freezer>,
    /// The CPU quotas of its cgroup and of those above, the nearest first; `None` where the
    /// cgroup's could not be read.
    pub cpu_quotas: Option<Vec<CpuQuota>>,
    /// The memory limits of its cgroup and of those above, the nearest first; `None` where the
    /// cgroup's could not be read.
    pub memory_limits: Option<Vec<MemoryLimit>>,
    /// How long tasks of its cgroup were stalled (`cpu.pressure` and so on, cgroup v2).
    pub pressure: Pressure,
}

/// A thread. Its times add up from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadActivity {
    pub tid: u32,
    pub name: String,
    /// `R`, `S`, `D`, `T`, `t`… as `/proc/PID/task/TID/stat` has it.
    pub state: char,
    /// The process that traces it, where it is stopped by that; `None` also where the tracer is
    /// outside of this PID namespace.
    pub tracer: Option<u32>,
    /// Nanoseconds on a CPU; `None` on kernels without CONFIG_SCHED_INFO.
    pub on_cpu_ns: Option<u64>,
    /// Nanoseconds runnable, waiting for a CPU. A wait is counted when it ends.
    pub waited_ns: Option<u64>,
    /// How often it was put on a CPU.
    pub slices: Option<u64>,
    /// How often it went to sleep, read of threads that run.
    pub sleeps: Option<u64>,
    /// `None` where neither the system call nor the kernel function may be read.
    pub doing: Option<Doing>,
    /// The kernel function that it sleeps in; `None` where it runs or that may not be read.
    pub wchan: Option<String>,
    /// The innermost kernel function of its stack, read of threads in state D (needs
    /// CAP_SYS_ADMIN).
    pub stack_top: Option<String>,
}

/// A cgroup's freezer (`cgroup.freeze` of v2, `freezer.state` of v1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freezer {
    pub frozen: bool,
    /// The file that was written to freeze it, in this cgroup or one above.
    pub set_by: Option<String>,
    /// What to write there to thaw it: `0` or `THAWED`.
    pub thawed_by: String,
}

/// A cgroup's CPU quota (`cpu.max` of v2, `cpu.cfs_quota_us` of v1) and what it did since the
/// cgroup was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuQuota {
    /// The file with the quota.
    pub file: String,
    /// CPU time in each period that all tasks of the cgroup may use together.
    pub quota: Duration,
    pub period: Duration,
    /// Periods in which tasks of the cgroup wanted to run.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// How long it was throttled, added up over CPUs.
    pub throttled: Duration,
}

/// A cgroup's memory limit (`memory.high` and `memory.max` of v2, `memory.limit_in_bytes` of v1)
/// and what it did since the cgroup was made (`memory.events`, `memory.failcnt`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLimit {
    /// The file with the lower limit.
    pub file: String,
    pub limit_bytes: u64,
    /// How often tasks were slowed down above `memory.high`; `None` in v1, which has no such limit.
    pub high: Option<u64>,
    /// How often an allocation met the limit.
    pub max: Option<u64>,
    pub oom_kill: Option<u64>,
}

/// Pressure stall information (Documentation/accounting/psi.rst), each `None` where this kernel
/// or cgroup has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    pub cpu: Option<Stalled>,
    pub memory: Option<Stalled>,
    pub io: Option<Stalled>,
}

/// `/proc/pressure`: that of the whole host.
pub type HostPressure = Pressure;

/// How long tasks were stalled since the boot or since the cgroup was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// At least one was.
    pub some: Duration,
    /// All that were not idle were; `None` for the CPU of a whole host on older kernels.
    pub full: Option<Duration>,
}
