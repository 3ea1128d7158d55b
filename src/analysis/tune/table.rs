//! The settings: scope, default, how each is judged, and what a change needs and costs.

use super::{
    defaults::{self as by, Known},
    judge,
    judgement::{Case, Judgement},
};

use Group::{
    Buffers, Conntrack, Files, Handshake, Keepalive, Listen, Memory, Network, Ports, TimeWait,
};
use Known::{By, Fixed, Nothing, Since};
use schemars::JsonSchema;
use serde::Serialize;

/// What a setting applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each network namespace has its own.
    Netns,
    /// The whole host or, of RLIMIT_NOFILE, the processes of `unit`; in no case one network namespace.
    Host,
}

impl Scope {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Netns => "netns",
            Scope::Host => "host",
        }
    }
}

/// What a setting is about; also a name for all of its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Listen,
    Handshake,
    Ports,
    #[serde(rename = "timewait")]
    TimeWait,
    Keepalive,
    Buffers,
    Memory,
    Network,
    Conntrack,
    /// Open files and descriptors.
    #[serde(rename = "fs")]
    Files,
}

impl Group {
    pub const ALL: [Group; 10] = [
        Listen, Handshake, Ports, TimeWait, Keepalive, Buffers, Memory, Network, Conntrack, Files,
    ];

    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Listen => "listen",
            Handshake => "handshake",
            Ports => "ports",
            TimeWait => "timewait",
            Keepalive => "keepalive",
            Buffers => "buffers",
            Memory => "memory",
            Network => "network",
            Conntrack => "conntrack",
            Files => "fs",
        }
    }
}

/// When a new value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    AtOnce,
    /// When the socket calls listen(2) again, as after a restart of its process.
    Listen,
    /// For sockets that are made afterwards.
    NewSockets,
    /// When its process starts again.
    Restart,
}

impl Effect {
    pub fn text(self) -> &'static str {
        match self {
            Effect::AtOnce => "takes effect at once",
            Effect::Listen => "takes effect when the application calls listen() again: restart it",
            Effect::NewSockets => "takes effect for sockets made afterwards: restart their owner",
            Effect::Restart => "takes effect when the service is restarted",
        }
    }
}

pub struct Setting {
    /// As sysctl(8) writes it; a pattern stands for one setting of each interface.
    pub key: &'static str,
    pub group: Group,
    pub scope: Scope,
    pub default: Known,
    pub judge: fn(&Case) -> Judgement,
    pub effect: Effect,
    /// What a larger value costs.
    pub cost: &'static str,
}

/// Where the descriptor limits of processes stand among the settings.
pub const RLIMIT_NOFILE: &str = "RLIMIT_NOFILE";

/// Read beside the settings, as they are judged by it.
pub const NEEDED: [&str; 1] = ["net.netfilter.nf_conntrack_count"];

/// What only the first network namespace shows.
pub const OF_FIRST_NETNS: &str = "net.core.netdev_max_backlog";

macro_rules! settings {
    ($($group:ident { $($key:literal $scope:ident $effect:ident, $default:expr, $judge:expr, $cost:literal;)* })*) => {
        /// In the order in which they are reported.
        pub static SETTINGS: &[Setting] = &[$($(Setting {
            key: $key,
            group: Group::$group,
            scope: Scope::$scope,
            default: $default,
            judge: $judge,
            effect: Effect::$effect,
            cost: $cost,
        }),*),*];
    };
}

settings! {
    Listen {
        "net.core.somaxconn" Netns Listen, Since((5, 4), "128", "4096"), judge::somaxconn,
            "more connections wait where an application stalls";
        "net.ipv4.tcp_max_syn_backlog" Netns AtOnce, By(by::tcp_max_syn_backlog), judge::tcp_max_syn_backlog,
            "about 300 bytes of kernel memory for each request";
        "net.ipv4.tcp_abort_on_overflow" Netns AtOnce, Fixed("0"), judge::tcp_abort_on_overflow,
            "clients wait and try again instead of failing at once";
    }
    Handshake {
        "net.ipv4.tcp_syncookies" Netns AtOnce, Fixed("1"), judge::tcp_syncookies,
            "connections that a cookie made lose TCP options without timestamps";
        "net.ipv4.tcp_synack_retries" Netns AtOnce, Fixed("5"), judge::synack_retries, "";
        "net.ipv4.tcp_syn_retries" Netns NewSockets, Fixed("6"), judge::syn_retries, "";
        "net.ipv4.tcp_syn_linear_timeouts" Netns NewSockets, Fixed("4"), judge::syn_linear_timeouts, "";
        "net.ipv4.tcp_fastopen" Netns AtOnce, Fixed("1"), judge::tcp_fastopen, "";
    }
    Ports {
        "net.ipv4.ip_local_port_range" Netns AtOnce, Fixed("32768 60999"), judge::ip_local_port_range,
            "services that start later may find their port taken: reserve it (net.ipv4.ip_local_reserved_ports)";
        "net.ipv4.ip_local_reserved_ports" Netns AtOnce, Fixed(""), judge::ip_local_reserved_ports,
            "clients have fewer ports";
    }
    TimeWait {
        "net.ipv4.tcp_tw_reuse" Netns AtOnce, Since((4, 19), "0", "2"), judge::tcp_tw_reuse,
            "none where peers send timestamps; others are not affected";
        "net.ipv4.tcp_tw_reuse_delay" Netns AtOnce, Fixed("1000"), judge::tcp_tw_reuse_delay, "";
        "net.ipv4.tcp_tw_recycle" Netns AtOnce, Nothing, judge::tcp_tw_recycle, "";
        "net.ipv4.tcp_fin_timeout" Netns NewSockets, Fixed("60"), judge::tcp_fin_timeout, "";
        "net.ipv4.tcp_max_tw_buckets" Netns AtOnce, By(by::tcp_max_tw_buckets), judge::tcp_max_tw_buckets,
            "256 bytes of kernel memory for each TIME_WAIT";
        "net.ipv4.tcp_rfc1337" Netns AtOnce, Fixed("0"), judge::tcp_rfc1337, "";
        "net.ipv4.tcp_timestamps" Netns NewSockets, Fixed("1"), judge::tcp_timestamps,
            "12 bytes in each segment";
    }
    Keepalive {
        "net.ipv4.tcp_keepalive_time" Netns AtOnce, Fixed("7200"), judge::keepalive, "";
        "net.ipv4.tcp_keepalive_intvl" Netns AtOnce, Fixed("75"), judge::keepalive, "";
        "net.ipv4.tcp_keepalive_probes" Netns AtOnce, Fixed("9"), judge::keepalive, "";
    }
    Buffers {
        "net.core.rmem_default" Netns NewSockets, Fixed("212992"), judge::rmem_default,
            "each socket that is read slowly holds as much memory";
        "net.core.rmem_max" Netns NewSockets, Since((6, 18), "212992", "4194304"), judge::rmem_max,
            "each socket that asks for it may hold twice as much memory";
        "net.core.wmem_default" Netns NewSockets, Fixed("212992"), judge::wmem_bounds, "";
        "net.core.wmem_max" Netns NewSockets, Since((6, 18), "212992", "4194304"), judge::wmem_bounds, "";
        "net.ipv4.tcp_rmem" Netns NewSockets, By(by::tcp_rmem), judge::buffer_bounds, "";
        "net.ipv4.tcp_wmem" Netns NewSockets, By(by::tcp_wmem), judge::buffer_bounds, "";
    }
    Memory {
        "net.ipv4.tcp_mem" Host AtOnce, By(by::tcp_mem), judge::tcp_mem,
            "sockets may hold this many pages of memory, which nothing else then has";
        "net.ipv4.udp_mem" Host AtOnce, By(by::udp_mem), judge::udp_mem,
            "sockets may hold this many pages of memory, which nothing else then has";
        "net.ipv4.tcp_max_orphans" Host AtOnce, By(by::tcp_max_orphans), judge::tcp_max_orphans,
            "up to 64 KiB of kernel memory for each orphan";
    }
    Network {
        "net.core.netdev_max_backlog" Host AtOnce, Fixed("1000"), judge::netdev_max_backlog,
            "packets may wait longer for a CPU";
        "net.ipv4.conf.all.rp_filter" Netns AtOnce, Fixed("0"), judge::rp_filter,
            "packets with a forged source of another interface are accepted";
        "net.ipv4.conf.default.rp_filter" Netns AtOnce, Fixed("0"), judge::rp_filter,
            "packets with a forged source of another interface are accepted";
    }
    Conntrack {
        "net.netfilter.nf_conntrack_max" Host AtOnce, By(by::nf_conntrack_max), judge::nf_conntrack_max,
            "about 320 bytes of kernel memory for each connection";
        "net.netfilter.nf_conntrack_buckets" Host AtOnce, By(by::nf_conntrack_buckets), judge::buckets, "";
        "net.netfilter.nf_conntrack_tcp_timeout_established" Netns AtOnce, Fixed("432000"), judge::established_timeout, "";
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait" Netns AtOnce, Fixed("120"), judge::other_timeout, "";
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait" Netns AtOnce, Fixed("60"), judge::other_timeout, "";
    }
    Files {
        "fs.file-max" Host AtOnce, By(by::file_max), judge::file_max,
            "about 1 KiB of kernel memory for each open file";
        "fs.nr_open" Host Restart, Fixed("1048576"), judge::nr_open,
            "8 bytes of kernel memory for each descriptor up to the highest";
    }
}

/// Settings of interfaces are judged as that of all interfaces is.
pub const OF_INTERFACES: (&str, &str) = ("net.ipv4.conf.", ".rp_filter");

/// The setting that a key is judged as.
pub fn setting(key: &str) -> Option<&'static Setting> {
    let (prefix, suffix) = OF_INTERFACES;
    let is_of_interface = key.starts_with(prefix) && key.ends_with(suffix);
    let mut settings = SETTINGS.iter();
    let exact = settings.find(|setting| setting.key == key);
    let all = || {
        SETTINGS
            .iter()
            .find(|setting| setting.key == "net.ipv4.conf.all.rp_filter")
    };
    exact.or_else(|| is_of_interface.then(all).flatten())
}
