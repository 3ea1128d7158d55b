//! Manual pages (man 7 man): what clap knows of the flags, and what a reader needs beside them.

use std::io;

use clap::Command;
use clap_mangen::Man;

use super::registry::{Entry, REGISTRY};
use crate::command::Described;

/// What a page of a report has beside its help.
struct More {
    command: &'static str,
    files: &'static [(&'static str, &'static str)],
    see_also: &'static str,
}

#[rustfmt::skip]
const MORE: [More; 14] = [
    More { command: "doctor", see_also: "ss(8), nstat(8), lsof(8)", files: &[
        ("/proc/PID/task/TID/syscall, wchan, schedstat, stack", "what the owners of a listener do"),
        ("/sys/fs/cgroup", "CPU quotas, memory limits and freezers of those owners"),
        ("/proc/pressure", "how long tasks waited for CPU, memory and disks"),
        ("/proc/net/softnet_stat, /proc/net/stat/nf_conntrack", "packets lost before they reach a socket"),
    ] },
    More { command: "queues", see_also: "ss(8), listen(2), accept(2), tcp(7)", files: &[
        ("/proc/sys/net/core/somaxconn", "upper limit of accept queues"),
        ("/proc/sys/net/ipv4/tcp_max_syn_backlog, tcp_syncookies", "limits of SYN queues"),
        ("/proc/PID/fd", "owners of sockets"),
        ("/run/netns", "names of network namespaces"),
    ] },
    More { command: "counters", see_also: "nstat(8), netstat(8), tcp(7)", files: &[
        ("/proc/net/netstat, snmp, snmp6, sockstat, sockstat6", "the counters"),
    ] },
    More { command: "ports", see_also: "ss(8), connect(2), bind(2), ip(7)", files: &[
        ("/proc/sys/net/ipv4/ip_local_port_range, ip_local_reserved_ports", "the ports that connect() chooses from"),
        ("/proc/sys/net/ipv4/tcp_tw_reuse, tcp_timestamps", "whether connect() takes over the port of a TIME_WAIT socket"),
    ] },
    More { command: "timewait", see_also: "ss(8), tcp(7)", files: &[
        ("/proc/sys/net/ipv4/tcp_max_tw_buckets", "how many TIME_WAIT sockets there may be"),
    ] },
    More { command: "fds", see_also: "prlimit(1), getrlimit(2), limits.conf(5), systemd.exec(5)", files: &[
        ("/proc/PID/fd, /proc/PID/limits", "open descriptors and limits of a process"),
        ("/proc/sys/fs/file-nr, file-max, nr_open", "open files of the host, and the limits"),
        ("/etc/systemd, /etc/security/limits.conf, /etc/security/limits.d", "where limits are set (--why)"),
    ] },
    More { command: "states", see_also: "ss(8), tcp(7)", files: &[
        ("/proc/PID/fd", "owners of sockets"),
        ("/proc/PID/cgroup", "their units"),
    ] },
    More { command: "leaks", see_also: "ss(8), tcp(7), close(2), shutdown(2)", files: &[
        ("/proc/sys/net/ipv4/tcp_max_orphans, tcp_fin_timeout", "limits of connections that no process holds"),
        ("/proc/sys/net/ipv4/tcp_keepalive_time", "when the first keepalive probe is sent, for sockets with SO_KEEPALIVE"),
    ] },
    More { command: "who", see_also: "ss(8), lsof(8), bind(2), socket(7), ip(7)", files: &[
        ("/proc/PID/fd", "owners of sockets"),
        ("/proc/sys/net/ipv4/ip_unprivileged_port_start", "the first port that needs no CAP_NET_BIND_SERVICE"),
        ("/proc/sys/net/ipv6/bindv6only", "default of IPV6_V6ONLY"),
        ("/run/netns", "names of network namespaces"),
    ] },
    More { command: "keepalive", see_also: "ss(8), tcp(7), pidfd_getfd(2)", files: &[
        ("/proc/sys/net/ipv4/tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes", "keepalive of sockets that do not set their own"),
        ("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", "when conntrack forgets an idle connection"),
    ] },
    More { command: "buffers", see_also: "ss(8), tcp(7), socket(7)", files: &[
        ("/proc/sys/net/ipv4/tcp_rmem, tcp_wmem, tcp_mem", "sizes of buffers that the kernel chooses, and the limit of all"),
        ("/proc/sys/net/core/rmem_max, wmem_max", "limits of SO_RCVBUF and SO_SNDBUF"),
    ] },
    More { command: "tune", see_also: "sysctl(8), sysctl.d(5), limits.conf(5), systemd.exec(5), proc_sys_net(5)", files: &[
        ("/proc/sys/net, /proc/sys/fs", "the settings"),
        ("/etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d, /usr/lib/sysctl.d", "what is set at boot (--drift)"),
        ("/proc/net/softnet_stat, sockstat, netstat", "what settings are judged by"),
    ] },
    More { command: "trace", see_also: "tcpdump(8), pcap-filter(7), capabilities(7), tcp(7)", files: &[
        ("/etc/services", "names of ports in a filter"),
    ] },
    More { command: "explain", see_also: "tcp(7), listen(2), ss(8), nstat(8)", files: &[
        ("/proc/sys", "sysctls, whose value on this host stands below an article"),
    ] },
];

const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "The question was answered, whatever the answer is."),
    (
        "1",
        "It could not be answered: a permission is missing, an interface of the kernel cannot be \
           read, or what was named does not exist.",
    ),
    ("2", "Wrong usage."),
];

const ENVIRONMENT: [(&str, &str); 2] = [
    (
        "NO_COLOR",
        "Unless empty: no colors, except with --color always.",
    ),
    ("TERM", "With dumb, tables are not redrawn in place."),
];

/// Every page that is shipped, by the name of its file.
pub fn pages(mut root: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    root.build();
    let first = ("sockdiag.1".to_owned(), page(&root, None)?);
    let described = REGISTRY.iter().map(|entry| {
        let command = root.find_subcommand(entry.name);
        let command = command.expect("every entry is a subcommand");
        let name = format!("sockdiag-{}.1", entry.name);
        Ok((name, page(command, Some(entry))?))
    });
    std::iter::once(Ok(first)).chain(described).collect()
}

fn page(command: &Command, entry: Option<&Entry>) -> io::Result<Vec<u8>> {
    let own = entry.map(|entry| format!("sockdiag-{}", entry.name));
    let name = own.unwrap_or_else(|| "sockdiag".to_owned());
    let help = command.get_after_help();
    let help = help.map(ToString::to_string).unwrap_or_default();
    let (examples, notes) = parts(&help);
    let more = entry.and_then(|entry| MORE.iter().find(|more| more.command == entry.name));

    let mut out = begin(&name, command, &notes).into_bytes();
    if entry.is_none() {
        let commands = REGISTRY.iter().map(|entry| (entry.name, entry.about));
        out.extend(section("COMMANDS", &list(commands)));
    }
    Man::new(command.clone()).render_options_section(&mut out)?;
    let report = entry.and_then(|entry| entry.report.as_ref());
    if let Some(report) = report.filter(|report| !(report.titles)().is_empty()) {
        out.extend(section("COLUMNS", &columns(report)));
    }
    if !examples.is_empty() {
        let examples = format!(".nf\n{}\n.fi\n", roff(&examples));
        out.extend(section("EXAMPLES", &examples));
    }
    let own = entry.and_then(|_| help.split("\n\n").find_map(exit_codes));
    let exit_status = own.map(|codes| format!("{}\n", roff(codes)));
    let exit_status = exit_status.unwrap_or_else(|| list(EXIT_STATUS));
    out.extend(section("EXIT STATUS", &exit_status));
    out.extend(section("ENVIRONMENT", &list(ENVIRONMENT)));
    if let Some(more) = more {
        out.extend(section("FILES", &list(more.files.iter().copied())));
    }
    let see_also = format!("{}\n", roff(&see_also(&name, more)));
    out.extend(section("SEE ALSO", &see_also));
    Ok(out)
}

/// Everything before the options; `notes` are paragraphs on how to read the report.
fn begin(name: &str, command: &Command, notes: &[String]) -> String {
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = roff(usage.trim_start_matches("Usage: "));
    let paragraph = |text: &String| match text.contains('\n') {
        true => format!(".PP\n.nf\n{}\n.fi\n", roff(text)),
        false => format!(".PP\n{}\n", roff(text)),
    };
    let first = paragraph(&format!("{about}."));
    let description = std::iter::once(first).chain(notes.iter().map(paragraph));
    let (version, title) = (env!("CARGO_PKG_VERSION"), roff(name));
    let sections = [
        ("NAME", format!("{title} \\- {}\n", roff(&about))),
        ("SYNOPSIS", format!(".B {usage}\n")),
        ("DESCRIPTION", description.collect::<String>()),
    ];
    let head = format!(".TH {title} 1 \"\" \"sockdiag {version}\"\n");
    let sections = sections.map(|(title, body)| format!(".SH {title}\n{body}"));
    head + &sections.concat()
}

fn columns(report: &Described) -> String {
    let intro =
        "The header of each column, its name in --columns, --sort and CSV, and its meaning:";
    let heads = (report.titles)().into_iter();
    let heads = heads.map(|(key, title, help)| (format!("{title} ({key})"), help));
    let heads: Vec<(String, &str)> = heads.collect();
    let table = list(heads.iter().map(|(head, help)| (head.as_str(), *help)));
    format!("{}\n{table}", roff(intro))
}

/// Examples, and the paragraphs of prose that follow them. Exit codes have a section.
fn parts(help: &str) -> (String, Vec<String>) {
    let mut paragraphs: Vec<&str> = help.split("\n\n").collect();
    paragraphs.retain(|text| exit_codes(text).is_none());
    let examples = match paragraphs
        .first()
        .and_then(|first| first.strip_prefix("Examples:\n"))
    {
        Some(examples) => {
            paragraphs.remove(0);
            examples.to_owned()
        }
        None => String::new(),
    };
    let prose = paragraphs.into_iter().filter(|text| !text.is_empty());
    (examples, prose.map(str::to_owned).collect())
}

/// What a subcommand says of its own exit codes.
fn exit_codes(paragraph: &str) -> Option<&str> {
    paragraph.strip_prefix("Exit codes: ")
}

/// Only pages of this program, and of others that every system has.
fn see_also(name: &str, more: Option<&More>) -> String {
    let own = REGISTRY
        .iter()
        .map(|entry| format!("sockdiag-{}(1)", entry.name));
    let own = std::iter::once("sockdiag(1)".to_owned()).chain(own);
    let others = own.filter(|page| *page != format!("{name}(1)"));
    let foreign = more.map(|more| more.see_also.to_owned());
    others.chain(foreign).collect::<Vec<_>>().join(", ")
}

fn section(title: &str, body: &str) -> Vec<u8> {
    format!(".SH {title}\n{body}").into_bytes()
}

fn list<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let item = |(head, text)| format!(".TP\n.B {}\n{}\n", roff(head), roff(text));
    items.into_iter().map(item).collect()
}

/// Escapes what roff would interpret.
fn roff(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    let letter = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => format!("\\[u{:04X}]", u32::from(letter)),
    };
    let text: String = text.chars().map(letter).collect();
    let line = |line: &str| match line.starts_with('.') {
        true => format!("\\&{line}"),
        false => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
