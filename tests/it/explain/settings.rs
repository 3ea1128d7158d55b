//! Settings of the kernel, socket options and system calls, and the articles that answer.

use super::terms::assert_answered;

#[test]
fn settings_of_the_kernel() {
    assert_answered(&[
        ("somaxconn", "net.core.somaxconn"),
        ("sysctl net.core.somaxconn", "net.core.somaxconn"),
        ("/proc/sys/net/core/somaxconn", "net.core.somaxconn"),
        ("somaxconn = 65535", "net.core.somaxconn"),
        ("tcp_max_syn_backlog", "net.ipv4.tcp_max_syn_backlog"),
        (
            "sysctl -w net.ipv4.tcp_max_syn_backlog=8192",
            "net.ipv4.tcp_max_syn_backlog",
        ),
        (
            "cat /proc/sys/net/ipv4/tcp_abort_on_overflow",
            "net.ipv4.tcp_abort_on_overflow",
        ),
        (
            "cat /proc/sys/net/ipv4/tcp_syncookies",
            "net.ipv4.tcp_syncookies",
        ),
        ("tcp_synack_retries", "net.ipv4.tcp_synack_retries"),
        ("tcp_syn_retries", "net.ipv4.tcp_syn_retries"),
        (
            "tcp_syn_linear_timeouts",
            "net.ipv4.tcp_syn_linear_timeouts",
        ),
        ("tcp_tw_reuse = 1", "net.ipv4.tcp_tw_reuse"),
        ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse"),
        ("tcp_tw_recycle", "net.ipv4.tcp_tw_recycle"),
        ("tcp_fin_timeout = 30", "net.ipv4.tcp_fin_timeout"),
        ("tcp_max_tw_buckets", "net.ipv4.tcp_max_tw_buckets"),
        (
            "sysctl net.ipv4.ip_local_port_range",
            "net.ipv4.ip_local_port_range",
        ),
        (
            "ip_local_port_range = 1024 65535",
            "net.ipv4.ip_local_port_range",
        ),
        (
            "ip_local_reserved_ports",
            "net.ipv4.ip_local_reserved_ports",
        ),
        (
            "/proc/sys/net/ipv4/tcp_keepalive_time",
            "net.ipv4.tcp_keepalive_time",
        ),
        ("tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_intvl"),
        ("tcp_keepalive_probes", "net.ipv4.tcp_keepalive_probes"),
        ("rmem_max", "net.core.rmem_max"),
        ("wmem_max", "net.core.wmem_max"),
        ("rmem_default", "net.core.rmem_default"),
        ("wmem_default", "net.core.wmem_default"),
        ("tcp_rmem", "net.ipv4.tcp_rmem"),
        ("tcp_wmem", "net.ipv4.tcp_wmem"),
        ("tcp_mem", "net.ipv4.tcp_mem"),
        ("udp_mem", "net.ipv4.udp_mem"),
        ("/proc/sys/fs/file-max", "fs.file-max"),
        ("fs.file-max = 2097152", "fs.file-max"),
        ("fs.nr_open", "fs.nr_open"),
        ("rp_filter", "net.ipv4.conf.all.rp_filter"),
        ("conntrack", "net.netfilter.nf_conntrack_max"),
    ]);
}

#[test]
fn socket_options_and_interfaces() {
    assert_answered(&[
        ("SO_REUSEADDR", "SO_REUSEADDR"),
        ("SO_REUSEPORT", "SO_REUSEPORT"),
        ("SO_KEEPALIVE", "keepalive"),
        ("TCP_KEEPIDLE", "net.ipv4.tcp_keepalive_time"),
        ("TCP_KEEPINTVL", "net.ipv4.tcp_keepalive_intvl"),
        ("TCP_KEEPCNT", "net.ipv4.tcp_keepalive_probes"),
        ("TCP_KEEPIDLE=60", "keepalive"),
        ("TCP_NODELAY", "TCP_NODELAY"),
        ("Nagle", "TCP_NODELAY"),
        ("SO_RCVBUF", "SO_RCVBUF"),
        ("SO_SNDBUF", "SO_SNDBUF"),
        ("O_NONBLOCK", "nonblocking"),
        ("FIONBIO", "nonblocking"),
        ("SOCK_NONBLOCK", "nonblocking"),
        ("blocking vs non-blocking", "nonblocking"),
        ("EAGAIN", "EAGAIN"),
        ("EWOULDBLOCK", "EAGAIN"),
        ("BlockingIOError", "EAGAIN"),
        ("select", "select"),
        ("FD_SETSIZE", "select"),
        ("fd-setsize", "select"),
        ("poll", "poll"),
        ("MAX_CLIENTS", "poll"),
        ("epoll", "epoll"),
        ("epoll_create1", "epoll"),
        ("EPOLLET", "epoll"),
        ("EPOLLONESHOT", "epoll"),
        ("EPOLLHUP", "epoll"),
        ("level vs edge trigger", "epoll"),
        ("event loop", "epoll"),
        ("kqueue", "kqueue"),
        ("io_uring", "C10K"),
        ("DPDK", "C10K"),
        ("MSG_DONTWAIT", "nonblocking"),
        ("MSG_PEEK", "recv"),
        ("MSG_WAITALL", "recv"),
        ("TCP_USER_TIMEOUT", "TCP_USER_TIMEOUT"),
        ("TCP_DEFER_ACCEPT", "TCP_DEFER_ACCEPT"),
        ("option-order", "option-order"),
        ("INADDR_ANY", "bind"),
        ("AF_INET6", "socket"),
        ("AF_UNIX", "socket"),
        ("SOCK_DGRAM", "socket"),
        ("SOCK_RAW", "socket"),
        ("5-tuple", "five-tuple"),
    ]);
}
