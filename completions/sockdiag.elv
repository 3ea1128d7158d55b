
use builtin;
use str;

set edit:completion:arg-completer[sockdiag] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'sockdiag'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'sockdiag'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand queues 'Show the accept queue, SYN queue, drops and owner of each listener, worst first'
            cand counters 'Show kernel counters that indicate network problems, their rates, and what each one means'
            cand ports 'Show how close each source and destination are to running out of ephemeral ports'
            cand timewait 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is'
            cand fds 'Show how close each process and the host are to their limits of open file descriptors'
            cand trace 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions'
            cand completions 'Print a completion script for a shell'
            cand man 'Print a manual page, in roff'
            cand schema 'Print the JSON Schema of a report, or list the reports'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sockdiag;queues'= {
            cand --process 'Restrict to processes, by name, id or pattern (`work*`)'
            cand --unit 'Restrict to a systemd unit, container or pod, by name, id or pattern'
            cand --user 'Restrict to a user, by name or id'
            cand --owners 'How far to search for the processes that own a socket'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --sort 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys'
            cand --top 'Show only the first N rows'
            cand -w 'Refresh every SECONDS (default 2)'
            cand --watch 'Refresh every SECONDS (default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report min/mean/p95/max'
            cand --every 'Time between samples (default 20ms in queues and counters, otherwise 1s)'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand -x 'Include Unix stream listeners'
            cand --unix 'Include Unix stream listeners'
            cand -u 'Include UDP sockets and their receive queues'
            cand --udp 'Include UDP sockets and their receive queues'
            cand -4 'Show IPv4 only'
            cand --ipv4 'Show IPv4 only'
            cand -6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --ipv6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --fold 'Show each SO_REUSEPORT group as one row, with its fullest socket'
            cand --no-syn 'Do not count half-open connections (avoids a scan of all sockets of the host)'
            cand --no-owners 'Do not search for owners (= --owners none)'
            cand -r 'Resolve addresses, ports and user ids to names'
            cand --resolve 'Resolve addresses, ports and user ids to names'
            cand -a 'Show all rows on a terminal, also those without a problem that do not fit'
            cand --all 'Show all rows on a terminal, also those without a problem that do not fit'
            cand -p 'Show owners (the default)'
            cand -t 'Show TCP sockets (the default)'
            cand -l 'Show listeners (the default)'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand --quiet 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;counters'= {
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --sort 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys'
            cand --top 'Show only the first N rows'
            cand -w 'Refresh every SECONDS (default 2)'
            cand --watch 'Refresh every SECONDS (default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report min/mean/p95/max'
            cand --every 'Time between samples (default 20ms in queues and counters, otherwise 1s)'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand -a 'Show every counter'
            cand --all 'Show every counter'
            cand --why 'Break listener drops down by cause: accept queue full, SYN queue full, other'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand --quiet 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;ports'= {
            cand --by 'Show one row per WHAT'
            cand --owners 'How far to search for the processes that own a socket'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --sort 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys'
            cand --top 'Show only the first N rows'
            cand -w 'Refresh every SECONDS (default 2)'
            cand --watch 'Refresh every SECONDS (default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report min/mean/p95/max'
            cand --every 'Time between samples (default 20ms in queues and counters, otherwise 1s)'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand -4 'Show IPv4 only'
            cand --ipv4 'Show IPv4 only'
            cand -6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --ipv6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --no-owners 'Do not search for owners (= --owners none)'
            cand -r 'Resolve addresses, ports and user ids to names'
            cand --resolve 'Resolve addresses, ports and user ids to names'
            cand -a 'Show all rows on a terminal, also those without a problem that do not fit'
            cand --all 'Show all rows on a terminal, also those without a problem that do not fit'
            cand -p 'Show owners (the default)'
            cand -t 'Show TCP sockets (the default)'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand --quiet 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;timewait'= {
            cand --by 'Show one row per WHAT'
            cand --owners 'How far to search for the processes that own a socket'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --sort 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys'
            cand --top 'Show only the first N rows'
            cand -w 'Refresh every SECONDS (default 2)'
            cand --watch 'Refresh every SECONDS (default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report min/mean/p95/max'
            cand --every 'Time between samples (default 20ms in queues and counters, otherwise 1s)'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand -4 'Show IPv4 only'
            cand --ipv4 'Show IPv4 only'
            cand -6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --ipv6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --no-owners 'Do not search for owners (= --owners none)'
            cand -a 'Show all rows on a terminal, also those without a problem that do not fit'
            cand --all 'Show all rows on a terminal, also those without a problem that do not fit'
            cand -p 'Show owners (the default)'
            cand -t 'Show TCP sockets (the default)'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand --quiet 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;fds'= {
            cand --pid 'Show only these processes (comma-separated or repeated)'
            cand --process 'Restrict to processes, by name, id or pattern (`work*`)'
            cand --unit 'Restrict to a systemd unit, container or pod, by name, id or pattern'
            cand --user 'Restrict to a user, by name or id'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --sort 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys'
            cand --top 'Show only the first N rows'
            cand -w 'Refresh every SECONDS (default 2)'
            cand --watch 'Refresh every SECONDS (default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report min/mean/p95/max'
            cand --every 'Time between samples (default 20ms in queues and counters, otherwise 1s)'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand --types 'Count descriptors by type: sockets by protocol, files, pipes, epoll, others'
            cand --why 'Show where each limit comes from, and which line of which file to change'
            cand -a 'Show all rows on a terminal, also those without a problem that do not fit'
            cand --all 'Show all rows on a terminal, also those without a problem that do not fit'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand --quiet 'Omit the lines on incomplete data; -qq omits everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;trace'= {
            cand -i 'Capture on this interface only (repeatable; default: all, including interfaces that appear later)'
            cand --interface 'Capture on this interface only (repeatable; default: all, including interfaces that appear later)'
            cand -p 'Show only handshakes with this server port, by number or service (repeatable)'
            cand --port 'Show only handshakes with this server port, by number or service (repeatable)'
            cand --host 'Show only handshakes with this host as client or server (repeatable)'
            cand --slow 'Show only handshakes that took at least this long; with --failed, also those that failed'
            cand --for 'Stop after this long'
            cand -c 'Stop after N handshakes'
            cand --count 'Stop after N handshakes'
            cand --read 'Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input'
            cand --write 'Save the packets as pcapng, with the verdicts as comments'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --columns 'Show only these columns (comma-separated); `--columns help` lists them'
            cand --color 'When to use colors'
            cand --netns 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`'
            cand --proc-root 'Read this directory instead of /proc'
            cand -4 'Show IPv4 only'
            cand --ipv4 'Show IPv4 only'
            cand -6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --ipv6 'Show IPv6 only (a dual-stack listener counts as IPv6)'
            cand --failed 'Show only handshakes that failed'
            cand --close 'Also show the end of each connection: who closed it, how, and after how long'
            cand --summary 'Show only the summary'
            cand -v 'Show sequence numbers, TCP options and retransmission times'
            cand --verbose 'Show sequence numbers, TCP options and retransmission times'
            cand -q 'Omit the lines on incomplete data; -qq omits the summary'
            cand --quiet 'Omit the lines on incomplete data; -qq omits the summary'
            cand --promiscuous 'Put the interfaces into promiscuous mode'
            cand --json 'Print JSON, one object per line (= --output json)'
            cand --no-header 'Omit the header line'
            cand -n 'Show numbers instead of names (the default)'
            cand --numeric 'Show numbers instead of names (the default)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sockdiag;man'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sockdiag;schema'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sockdiag;help'= {
            cand queues 'Show the accept queue, SYN queue, drops and owner of each listener, worst first'
            cand counters 'Show kernel counters that indicate network problems, their rates, and what each one means'
            cand ports 'Show how close each source and destination are to running out of ephemeral ports'
            cand timewait 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is'
            cand fds 'Show how close each process and the host are to their limits of open file descriptors'
            cand trace 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions'
            cand completions 'Print a completion script for a shell'
            cand man 'Print a manual page, in roff'
            cand schema 'Print the JSON Schema of a report, or list the reports'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sockdiag;help;queues'= {
        }
        &'sockdiag;help;counters'= {
        }
        &'sockdiag;help;ports'= {
        }
        &'sockdiag;help;timewait'= {
        }
        &'sockdiag;help;fds'= {
        }
        &'sockdiag;help;trace'= {
        }
        &'sockdiag;help;completions'= {
        }
        &'sockdiag;help;man'= {
        }
        &'sockdiag;help;schema'= {
        }
        &'sockdiag;help;help'= {
        }
    ]
    $completions[$command]
}
