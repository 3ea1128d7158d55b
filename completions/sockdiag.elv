
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
            cand queues 'Show which listener is filling or dropping: accept queue, SYN queue, drops, owner'
            cand counters 'Show which kernel counters moved, how fast, and what each means'
            cand ports 'Show how near each source and destination are to running out of ephemeral ports'
            cand timewait 'Show who makes the TIME_WAITs, how fast they drain, and how near their limit they are'
            cand fds 'Show which process is near its descriptor limit, and how near the host is to its own'
            cand trace 'Show every TCP handshake on the wire or in a capture file: outcome, times, retransmissions'
            cand completions 'Print a completion script for a shell'
            cand man 'Print a manual page, in roff'
            cand schema 'Print the JSON Schema of a report, or the names of all'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sockdiag;queues'= {
            cand --process 'Show only listeners that a process of this name or id holds'
            cand --unit 'Show only listeners of this systemd unit, container or pod'
            cand --user 'Show only listeners that this user made'
            cand --owners 'How far to look for the processes that hold a socket'
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --sort 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns'
            cand --top 'Show no more than the first N rows'
            cand -w 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand --watch 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report minimum, mean, 95th percentile and maximum'
            cand --every 'Sample this often (default 20ms; 1s where each sample takes longer)'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand -x 'Show unix stream listeners too'
            cand --unix 'Show unix stream listeners too'
            cand -u 'Show the receive queues of UDP sockets too'
            cand --udp 'Show the receive queues of UDP sockets too'
            cand -4 'Show IPv4 sockets only'
            cand --ipv4 'Show IPv4 sockets only'
            cand -6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --ipv6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --fold 'Show the sockets of a SO_REUSEPORT group as one row, and the fullest of them'
            cand --no-syn 'Do not count half-open connections (spares a walk over all sockets of the host)'
            cand --no-owners 'Do not look for processes (= --owners none)'
            cand -r 'Show names of hosts, services and users for numbers'
            cand --resolve 'Show names of hosts, services and users for numbers'
            cand -n 'Show numbers (the default)'
            cand --numeric 'Show numbers (the default)'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand --quiet 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;counters'= {
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --sort 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns'
            cand --top 'Show no more than the first N rows'
            cand -w 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand --watch 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report minimum, mean, 95th percentile and maximum'
            cand --every 'Sample this often (default 20ms; 1s where each sample takes longer)'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand -a 'Show every counter'
            cand --all 'Show every counter'
            cand --why 'Take the drops at listeners apart: accept queue full, SYN queue full, other'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand --quiet 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;ports'= {
            cand --by 'Make one line for each'
            cand --owners 'How far to look for the processes that hold a socket'
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --sort 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns'
            cand --top 'Show no more than the first N rows'
            cand -w 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand --watch 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report minimum, mean, 95th percentile and maximum'
            cand --every 'Sample this often (default 20ms; 1s where each sample takes longer)'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand -4 'Show IPv4 sockets only'
            cand --ipv4 'Show IPv4 sockets only'
            cand -6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --ipv6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --no-owners 'Do not look for processes (= --owners none)'
            cand -r 'Show names of hosts and services for numbers'
            cand --resolve 'Show names of hosts and services for numbers'
            cand -n 'Show numbers (the default)'
            cand --numeric 'Show numbers (the default)'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand --quiet 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;timewait'= {
            cand --by 'Make one line for each'
            cand --owners 'How far to look for the processes that hold a socket'
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --sort 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns'
            cand --top 'Show no more than the first N rows'
            cand -w 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand --watch 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report minimum, mean, 95th percentile and maximum'
            cand --every 'Sample this often (default 20ms; 1s where each sample takes longer)'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand -4 'Show IPv4 sockets only'
            cand --ipv4 'Show IPv4 sockets only'
            cand -6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --ipv6 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)'
            cand --no-owners 'Do not look for processes (= --owners none)'
            cand -n 'Show numbers (they always are)'
            cand --numeric 'Show numbers (they always are)'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand --quiet 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;fds'= {
            cand --process 'Show only processes of this name or id'
            cand --pid 'Show only this process (may be repeated)'
            cand --unit 'Show only processes of this systemd unit, container or pod'
            cand --user 'Show only processes that run as this user'
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --sort 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns'
            cand --top 'Show no more than the first N rows'
            cand -w 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand --watch 'Read again and again, every so many seconds (fractions allowed, default 2)'
            cand -c 'Stop after N readings'
            cand --count 'Stop after N readings'
            cand --for 'Sample for this long, then report minimum, mean, 95th percentile and maximum'
            cand --every 'Sample this often (default 20ms; 1s where each sample takes longer)'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand --types 'Tell what the descriptors are: sockets by protocol, files, pipes, epoll, others'
            cand --why 'Tell where the limits come from, and which line to change'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
            cand -v 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand --verbose 'Show cause, remedy and evidence of each finding, and explain the columns'
            cand -q 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand --quiet 'Leave out what could not be seen; -qq leaves out everything but the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockdiag;trace'= {
            cand -i 'Capture on this device only (repeatable; default: all there are and that come)'
            cand --interface 'Capture on this device only (repeatable; default: all there are and that come)'
            cand -p 'Show only handshakes with a server at this port (repeatable)'
            cand --port 'Show only handshakes with a server at this port (repeatable)'
            cand --host 'Show only handshakes with this host at either end (repeatable)'
            cand --slow 'Show only handshakes that took this long; with --failed, those that failed too'
            cand --for 'Stop after so long'
            cand -c 'Stop after N handshakes were shown'
            cand --count 'Stop after N handshakes were shown'
            cand --read 'Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input'
            cand --write 'Save the packets as pcapng, with the verdicts as comments'
            cand -o 'Write the report as this'
            cand --output 'Write the report as this'
            cand --columns 'Show these columns, separated by commas; `help` lists them'
            cand --color 'Colour the table'
            cand --netns 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`'
            cand --proc-root 'Read this instead of /proc'
            cand -4 'Show handshakes over IPv4 only'
            cand --ipv4 'Show handshakes over IPv4 only'
            cand -6 'Show handshakes over IPv6 only'
            cand --ipv6 'Show handshakes over IPv6 only'
            cand --failed 'Show only handshakes that failed'
            cand --close 'Show when connections end, too: who closed, how, after how long'
            cand --summary 'Show the summary only'
            cand -v 'Tell sequence numbers, options, and when segments were sent again under each line'
            cand --verbose 'Tell sequence numbers, options, and when segments were sent again under each line'
            cand -q 'Leave out the summary'
            cand --quiet 'Leave out the summary'
            cand --promiscuous 'Have the devices named by --interface receive what is for others, too'
            cand -n 'Show numbers (the default)'
            cand --numeric 'Show numbers (the default)'
            cand --json 'Write JSON, one object a line (= --output json)'
            cand --no-header 'Leave out the line that names the columns'
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
            cand queues 'Show which listener is filling or dropping: accept queue, SYN queue, drops, owner'
            cand counters 'Show which kernel counters moved, how fast, and what each means'
            cand ports 'Show how near each source and destination are to running out of ephemeral ports'
            cand timewait 'Show who makes the TIME_WAITs, how fast they drain, and how near their limit they are'
            cand fds 'Show which process is near its descriptor limit, and how near the host is to its own'
            cand trace 'Show every TCP handshake on the wire or in a capture file: outcome, times, retransmissions'
            cand completions 'Print a completion script for a shell'
            cand man 'Print a manual page, in roff'
            cand schema 'Print the JSON Schema of a report, or the names of all'
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
