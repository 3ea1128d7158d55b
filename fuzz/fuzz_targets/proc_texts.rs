//! Files of /proc. The first byte chooses the file that has the rest of the input as its text; the
//! others have what the fixtures of the tests have.
#![no_main]

#[path = "../tree.rs"]
mod tree;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sockdiag::{
    model::Address,
    source::{FdQuestion, Kernel},
};
use tree::Tree;

const FILES: [(&str, &str); 24] = [
    (
        "net/netstat",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: 4343 4350\n",
    ),
    ("net/snmp", "Tcp: RtoMin ActiveOpens\nTcp: 200 12\n"),
    ("net/snmp6", "Ip6InReceives                   \t7\n"),
    (
        "net/sockstat",
        "sockets: used 285\nTCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1\n",
    ),
    ("net/sockstat6", "TCP6: inuse 1\n"),
    (
        "net/nf_conntrack",
        "ipv4 2 tcp 6 118 SYN_SENT src=10.7.0.2 dst=10.7.0.1 sport=5001 dport=80 [UNREPLIED] src=10.7.0.1 dst=10.7.0.2 sport=8080 dport=5001 use=1\n",
    ),
    ("sys/net/netfilter/nf_conntrack_count", "1\n"),
    ("sys/net/core/somaxconn", "4096\n"),
    ("sys/net/ipv4/tcp_syncookies", "1\n"),
    ("sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("sys/net/ipv4/ip_local_reserved_ports", "8080,9000-9002\n"),
    ("sys/fs/file-nr", "1952\t0\t9223372036854775807\n"),
    ("sys/fs/file-max", "9223372036854775807\n"),
    ("sys/fs/nr_open", "1048576\n"),
    (
        "7/stat",
        "7 (api) S 1 7 7 0 -1 4194560 1 0 0 0 175 65 330 850 20 0 13 0 2000 445 34\n",
    ),
    (
        "7/status",
        "Name:\tapi\nUid:\t1000\t1000\t1000\t1000\nFDSize:\t64\n",
    ),
    ("7/comm", "api\n"),
    ("7/cmdline", "api\0--port\080\0"),
    (
        "7/limits",
        "Limit Soft Limit Hard Limit Units\nMax open files            1024                 524288               files\n",
    ),
    ("7/cgroup", "0::/system.slice/api.service\n"),
    ("7/sessionid", "4294967295"),
    ("7/loginuid", "1000"),
    ("7/fdinfo/3", "pos:\t0\nflags:\t02000002\n"),
    (
        "self/mountinfo",
        "22 1 0:20 / /proc rw,nosuid - proc proc rw,hidepid=invisible\n",
    ),
];

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let tree = Tree::new("proc", &FILES);
    std::fs::create_dir_all(tree.root().join("7/fd")).expect("a folder of descriptors");
    tree
});

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else {
        return;
    };
    TREE.with(*choice, text, read);
});

/// What cannot be read is an error or missing, and never a panic.
fn read() {
    let kernel = Kernel::with_proc_root(TREE.root()).expect("a directory");
    let _ = (kernel.counters(), kernel.socket_counts());
    let _ = kernel.counter("netstat", "TcpExt", "ListenOverflows");
    let _ = (kernel.listen_limits(), kernel.port_limits());
    let _ = (kernel.tracks_connections(), kernel.system_descriptors());
    let end = |last, port| Address {
        address: [10, 7, 0, last].into(),
        port,
    };
    let _ = kernel.tracked(&end(2, 5001), &end(1, 80));
    let question = FdQuestion {
        began: true,
        ..FdQuestion::default()
    };
    if let Ok(mut found) = kernel.descriptors(&question) {
        let _ = kernel.read_types(&mut found.processes);
    }
    let _ = (kernel.processes(), kernel.units());
    let _ = kernel.relatives().map(|mut relatives| relatives.of(7));
}
