//! What people ask about sockets, word by word, and the article that answers.

use sockdiag::analysis::explain::Articles;

/// Each term as people write it, and the article that must answer.
#[track_caller]
pub fn assert_answered(terms: &[(&str, &str)]) {
    let articles = Articles::new(&[]);
    let wrong: Vec<String> = terms
        .iter()
        .filter_map(|(written, expected)| {
            let found = articles.find(written).map(|article| article.term.as_str());
            (found != Some(*expected)).then(|| format!("{written}: {found:?}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_that_people_run() {
    assert_answered(&[
        ("ss", "ss"),
        ("ss -lnt", "ss"),
        ("ss -lntp", "ss"),
        ("netstat -nt", "ss"),
        ("netstat -s", "netstat"),
        ("nstat", "netstat"),
        ("netstat -s | grep overflowed", "TcpExtListenOverflows"),
        ("netstat -s | grep -i listen", "TcpExtListenOverflows"),
        (
            "123 times the listen queue of a socket overflowed",
            "TcpExtListenOverflows",
        ),
        (
            "4343 times the listen queue of a socket overflowed",
            "TcpExtListenOverflows",
        ),
        ("SYNs to LISTEN sockets dropped", "TcpExtListenDrops"),
        ("26395 SYNs to LISTEN sockets dropped", "TcpExtListenDrops"),
        (
            "netstat -s | grep -i \"SYNs to LISTEN sockets dropped\"",
            "TcpExtListenDrops",
        ),
        (
            "netstat -nt | grep 127.0.0.1:8080 | grep SYN_RECV | wc -l",
            "syn-queue",
        ),
        ("watch -d", "watch"),
        ("watch -d 'netstat -s | grep overflowed'", "watch"),
        ("lsof", "lsof-count"),
        ("lsof | wc -l", "lsof-count"),
        ("lsof-count", "lsof-count"),
        ("ulimit -n", "ulimit"),
        ("prlimit", "ulimit"),
        ("/proc/<pid>/limits", "proc-limits"),
        ("/proc/PID/limits", "proc-limits"),
        ("/etc/security/limits.conf", "limits.conf"),
        ("limits.conf", "limits.conf"),
        ("soft nofile 65535", "limits.conf"),
        ("LimitNOFILE", "LimitNOFILE"),
        ("LimitNOFILE=65536", "LimitNOFILE"),
        ("sysctl", "sysctl"),
        ("sysctl -p", "sysctl"),
        ("sudo sysctl -p", "sysctl"),
        ("sysctl -w", "sysctl"),
        ("tcpdump", "tcpdump"),
        ("Wireshark", "tcpdump"),
        ("mtr", "mtr"),
        ("ping", "mtr"),
        ("mtr/ping", "mtr"),
        ("Recv-Q", "recv-q"),
        ("Send-Q", "send-q"),
    ]);
}

#[test]
fn ideas_and_symptoms() {
    assert_answered(&[
        ("backlog", "backlog"),
        ("too small backlog", "backlog"),
        ("listen(128)", "backlog"),
        ("min()", "backlog"),
        ("min(backlog, somaxconn)", "backlog"),
        ("accept queue", "accept-queue"),
        ("SYN queue", "syn-queue"),
        ("queues", "queues"),
        ("half queue and full queue", "queues"),
        ("icsk_accept_queue", "queues"),
        ("syn_table", "queues"),
        ("overflow", "overflow"),
        ("timeouts", "connect-timeout"),
        ("connect timeout", "connect-timeout"),
        ("socket.timeout", "connect-timeout"),
        ("settimeout(10)", "connect-timeout"),
        ("connection pooling", "connection-pool"),
        ("connection pool", "connection-pool"),
        ("Connection pool exhausted", "connection-pool"),
        ("pool size", "connection-pool"),
        ("503 cascade", "connection-pool"),
        ("uncontrolled growth of connections", "connection-pool"),
        ("keepalive", "keepalive"),
        ("no keepalive", "keepalive"),
        ("tcp_keepalive_*", "keepalive"),
        ("idle + intvl x cnt", "keepalive"),
        ("client lost power", "keepalive"),
        ("client crashed", "keepalive"),
        ("application keepalive", "keepalive"),
        ("HTTP keep-alive", "http-keep-alive"),
        ("keepalive_timeout 65", "http-keep-alive"),
        ("HTTP polling", "http-keep-alive"),
        ("WebSocket", "websocket"),
        ("TLS", "tls"),
        ("TLS termination", "tls"),
        ("certificate management", "tls"),
        ("socket buffers", "receive-buffer"),
        ("buffer default size", "receive-buffer"),
        ("L4/L7 balancing", "load-balancer"),
        ("sticky", "load-balancer"),
        ("reconnect patterns", "reconnect"),
        ("listening vs connection socket", "lifecycle"),
        ("lifecycle", "lifecycle"),
        ("three-way handshake", "handshake"),
        ("seq/ack numbers", "handshake"),
        ("close", "close"),
        ("FIN_WAIT_1 CLOSE_WAIT LAST_ACK TIME_WAIT", "close"),
        ("EOF", "close"),
        ("2MSL", "time_wait"),
        ("TIME_WAIT piling up", "time_wait"),
        ("connection refused", "handshakes_refused"),
        ("ConnectionResetError", "handshakes_reset"),
        ("Address already in use", "EADDRINUSE"),
        ("cannot assign requested address", "EADDRNOTAVAIL"),
        ("too many open files", "fd_limit_reached"),
        ("runs out of file descriptors", "file-descriptors"),
        ("SYN flood", "syn-flood"),
        ("SYN cookies", "syn-cookies"),
        ("ACK flood", "ack-flood"),
        ("UDP amplification", "udp"),
        ("thread per connection", "thread-per-connection"),
        ("context switches", "thread-per-connection"),
        ("c10k", "C10K"),
        ("C10M", "C10K"),
        ("empty recv", "recv"),
        ("recv", "recv"),
        ("several packets", "stream"),
        ("stream", "stream"),
        ("readable", "readable"),
        ("stale-connection", "stale-connection"),
        ("MySQL 8 h", "stale-connection"),
        ("validation ping", "stale-connection"),
        ("idle connections die", "stale-connection"),
        ("graceful shutdown", "graceful-shutdown"),
        ("SIGTERM", "graceful-shutdown"),
        ("fd-closed", "fd-closed"),
        ("select ValueError after close", "fd-closed"),
        ("ephemeral ports", "ephemeral-ports"),
        ("hash", "hash"),
        ("ehash", "hash"),
        ("listen_hash", "hash"),
        ("client has no queues", "hash"),
        ("self-connect", "self-connect"),
        ("simultaneous open", "simultaneous_open"),
        ("one million connections", "one-million-connections"),
        ("CPU is short", "slow-answer"),
        ("connect() blocks long", "net.ipv4.tcp_syn_retries"),
        ("accept blocks", "accept-queue"),
        ("retransmission", "retransmission"),
        ("network namespace", "namespace"),
        ("IP_BIND_ADDRESS_NO_PORT", "IP_BIND_ADDRESS_NO_PORT"),
    ]);
}

#[test]
fn states_and_outcomes() {
    let states = [
        "LISTEN",
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "CLOSING",
        "bound",
        "refused",
        "no_reply",
        "unreachable",
        "syn_ack_unanswered",
        "ack_dropped",
        "reset_by_client",
        "reset_by_server",
        "simultaneous_open",
        "self_connect",
        "incomplete",
        "established",
        "syn_sent",
        "syn_recv",
        "fin_wait1",
        "fin_wait2",
        "time_wait",
        "close_wait",
        "last_ack",
        "closing",
        "close",
        "FIN-WAIT-1",
        "CLOSE-WAIT",
        "SYN-RECEIVED",
        "ESTAB",
        "UNCONN",
    ];
    let articles = Articles::new(&[]);
    for state in states {
        let found = articles.find(&format!("state {state}"));
        let kind = found.map(|article| article.kind.word());
        assert_eq!(kind, Some("state"), "{state}");
    }
}
