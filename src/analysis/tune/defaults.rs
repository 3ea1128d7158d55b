//! The kernel's defaults, by release, memory and page size. A 64-bit kernel is assumed.

use super::SettingValue;
use crate::model::is_at_least;

/// What the defaults follow from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host<'a> {
    pub release: &'a str,
    /// Memory as the kernel counts it (MemTotal).
    pub memory_bytes: Option<u64>,
    pub page_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Default {
    Exact(SettingValue),
    /// Computed from the memory that was free at boot, which is somewhat less than what is known:
    /// from the first that is not `exact` on, each number is at most this, and at least three
    /// quarters of it.
    About {
        numbers: Vec<i64>,
        exact: usize,
    },
}

impl Default {
    pub fn value(&self) -> SettingValue {
        match self {
            Default::Exact(value) => value.clone(),
            Default::About { numbers, .. } => {
                let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
                SettingValue::of(&words.join(" "))
            }
        }
    }

    pub fn is(&self, value: &SettingValue) -> bool {
        match self {
            Default::Exact(expected) => expected == value,
            Default::About {
                numbers: expected,
                exact,
            } => value.numbers().is_some_and(|numbers| {
                let mut pairs = numbers.iter().zip(expected).enumerate();
                let fits = |(at, (number, most)): (usize, (&i64, &i64))| match at < *exact {
                    true => number == most,
                    false => is_near(*number, *most),
                };
                numbers.len() == expected.len() && pairs.all(fits)
            }),
        }
    }
}

fn is_near(number: i64, most: i64) -> bool {
    let (number, most) = (i128::from(number) * 100, i128::from(most));
    (most * 75..=most * 101).contains(&number)
}

/// How a setting's default is found.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    Fixed(&'static str),
    /// Another one before this release.
    Since((u32, u32), &'static str, &'static str),
    By(fn(&Host) -> Option<Default>),
    /// It has none, or none that is known here.
    Nothing,
}

impl Known {
    pub fn on(self, host: &Host) -> Option<Default> {
        let exact = |text: &str| Some(Default::Exact(SettingValue::of(text)));
        match self {
            Known::Fixed(text) => exact(text),
            Known::Since(version, before, since) => match is_at_least(host.release, version)? {
                true => exact(since),
                false => exact(before),
            },
            Known::By(compute) => compute(host),
            Known::Nothing => None,
        }
    }
}

fn number(number: u64) -> Option<Default> {
    Some(Default::Exact(i64::try_from(number).ok()?.into()))
}

/// Buckets of the hash of established connections: one for each 128 KiB of memory, rounded up to a
/// power of two, at most 2¹⁹ (`tcp_init`, net/ipv4/tcp.c; `alloc_large_system_hash`).
fn hash_buckets(host: &Host) -> Option<u64> {
    let slots = host.memory_bytes?.div_ceil(128 * 1024);
    Some(slots.next_power_of_two().min(1 << 19))
}

/// `tcp_sk_init`, net/ipv4/tcp_ipv4.c.
pub fn tcp_max_tw_buckets(host: &Host) -> Option<Default> {
    number(hash_buckets(host)? / 2)
}

/// `tcp_init`, net/ipv4/tcp.c.
pub fn tcp_max_orphans(host: &Host) -> Option<Default> {
    number(hash_buckets(host)? / 2)
}

/// `tcp_sk_init`; twice as many since 5.5 (commit 623d0c2db020).
pub fn tcp_max_syn_backlog(host: &Host) -> Option<Default> {
    let per_bucket = match is_at_least(host.release, (5, 5))? {
        true => 128,
        false => 256,
    };
    number((hash_buckets(host)? / per_bucket).max(128))
}

/// Pages that sockets of all kinds can use (`nr_free_buffer_pages`): all pages, less the
/// reserves of the page allocator.
fn pages(host: &Host) -> Option<u64> {
    host.memory_bytes?.checked_div(host.page_bytes)
}

/// Low, pressure and high (`tcp_init_mem`, net/ipv4/tcp.c; `udp_init`, net/ipv4/udp.c).
fn memory_limits(host: &Host, share: u64) -> Option<Default> {
    let limit = i64::try_from((pages(host)? / share).max(128)).ok()?;
    let low = limit / 4 * 3;
    Some(Default::About {
        numbers: vec![low, limit, low * 2],
        exact: 0,
    })
}

pub fn tcp_mem(host: &Host) -> Option<Default> {
    memory_limits(host, 16)
}

pub fn udp_mem(host: &Host) -> Option<Default> {
    memory_limits(host, 8)
}

/// The default grew in 4.20 (commit a337531b942b), the maximum in 6.16 (572be9bf9d0d).
pub fn tcp_rmem(host: &Host) -> Option<Default> {
    let usual = match is_at_least(host.release, (4, 20))? {
        true => 131_072,
        false => 87_380,
    };
    let most = match is_at_least(host.release, (6, 16))? {
        true => 32 << 20,
        false => 6 << 20,
    };
    buffer(host, usual, usual, most)
}

pub fn tcp_wmem(host: &Host) -> Option<Default> {
    buffer(host, 16_384, 64 << 10, 4 << 20)
}

/// Least, usual and most: a page, a constant, and 1/128 of the free pages within bounds
/// (`tcp_init`).
fn buffer(host: &Host, usual: i64, lowest_most: i64, most: i64) -> Option<Default> {
    let least = i64::try_from(host.page_bytes).ok()?;
    let share = i64::try_from(host.memory_bytes? / 128).ok()?;
    let numbers = vec![least, usual, share.clamp(lowest_most, most)];
    let is_bounded = share / 4 * 3 >= most || share <= lowest_most;
    let exact = if is_bounded { 3 } else { 2 };
    Some(Default::About { numbers, exact })
}

/// `nf_conntrack_init_start`, net/netfilter/nf_conntrack_core.c: 1/16384 of memory in pointers, in
/// whole pages, or a fixed number above 1 GiB and above 4 GiB; four times as many since 5.15 (commit
/// d532bcd0b269), with one connection for each instead of four.
fn conntrack_buckets(host: &Host) -> Option<u64> {
    const GIB: u64 = 1 << 30;
    let of_a_page = host.page_bytes.checked_div(8).filter(|slots| *slots > 0)?;
    let factor = match is_at_least(host.release, (5, 15))? {
        true => 4,
        false => 1,
    };
    let least = if factor == 4 { 1024 } else { 32 };
    let buckets = match host.memory_bytes? {
        memory if memory > 4 * GIB => 65_536 * factor,
        memory if memory > GIB => 16_384 * factor,
        memory => (memory / 16_384 / 8).max(least),
    };
    Some(buckets.next_multiple_of(of_a_page))
}

pub fn nf_conntrack_buckets(host: &Host) -> Option<Default> {
    number(conntrack_buckets(host)?)
}

pub fn nf_conntrack_max(host: &Host) -> Option<Default> {
    let factor = match is_at_least(host.release, (5, 15))? {
        true => 1,
        false => 4,
    };
    number(conntrack_buckets(host)? * factor)
}

/// A tenth of memory in KiB (`files_maxfiles_init`, fs/file_table.c).
pub fn file_max(host: &Host) -> Option<Default> {
    let files = (host.memory_bytes? / 1024 / 10).max(8192);
    Some(Default::About {
        numbers: vec![i64::try_from(files).ok()?],
        exact: 0,
    })
}
