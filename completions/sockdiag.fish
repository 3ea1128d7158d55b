# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sockdiag_global_optspecs
    string join \n h/help V/version
end

function __fish_sockdiag_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sockdiag_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sockdiag_using_subcommand
    set -l cmd (__fish_sockdiag_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sockdiag -n "__fish_sockdiag_needs_command" -s h -l help -d 'Print help'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -s V -l version -d 'Print version'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "queues" -d 'Show the accept queue, SYN queue, drops and owner of each listener, worst first'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "counters" -d 'Show kernel counters that indicate network problems, their rates, and what each one means'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "ports" -d 'Show how close each source and destination are to running out of ephemeral ports'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "timewait" -d 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "fds" -d 'Show how close each process and the host are to their limits of open file descriptors'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "trace" -d 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "man" -d 'Print a manual page, in roff'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "schema" -d 'Print the JSON Schema of a report, or list the reports'
complete -c sockdiag -n "__fish_sockdiag_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l process -d 'Restrict to processes, by name, id or pattern (`work*`)' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l unit -d 'Restrict to a systemd unit, container or pod, by name, id or pattern' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l user -d 'Restrict to a user, by name or id' -r -f -a "(__fish_complete_users)"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l owners -d 'How far to search for the processes that own a socket' -r -f -a "auto\t'Search low descriptors of every process, then the others for up to 250 ms'
all\t'Search every descriptor of every process'
none\t'Do not search'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l sort -d 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l top -d 'Show only the first N rows' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s w -l watch -d 'Refresh every SECONDS (default 2)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s c -l count -d 'Stop after N readings' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l for -d 'Sample for this long, then report min/mean/p95/max' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l every -d 'Time between samples (default 20ms in queues and counters, otherwise 1s)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s x -l unix -d 'Include Unix stream listeners'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s u -l udp -d 'Include UDP sockets and their receive queues'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s 4 -l ipv4 -d 'Show IPv4 only'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s 6 -l ipv6 -d 'Show IPv6 only (a dual-stack listener counts as IPv6)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l fold -d 'Show each SO_REUSEPORT group as one row, with its fullest socket'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l no-syn -d 'Do not count half-open connections (avoids a scan of all sockets of the host)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l no-owners -d 'Do not search for owners (= --owners none)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s r -l resolve -d 'Resolve addresses, ports and user ids to names'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s a -l all -d 'Show all rows on a terminal, also those without a problem that do not fit'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s p -d 'Show owners (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s t -d 'Show TCP sockets (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s l -d 'Show listeners (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s v -l verbose -d 'Show cause, remedy and evidence of each finding, and explain the columns'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits everything but the table'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand queues" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l sort -d 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l top -d 'Show only the first N rows' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s w -l watch -d 'Refresh every SECONDS (default 2)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s c -l count -d 'Stop after N readings' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l for -d 'Sample for this long, then report min/mean/p95/max' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l every -d 'Time between samples (default 20ms in queues and counters, otherwise 1s)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s a -l all -d 'Show every counter'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l why -d 'Break listener drops down by cause: accept queue full, SYN queue full, other'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s v -l verbose -d 'Show cause, remedy and evidence of each finding, and explain the columns'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits everything but the table'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand counters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l by -d 'Show one row per WHAT' -r -f -a "tuple\t'Source address, destination address and destination port'
destination\t'Destination address and port'
source\t'Source address'
process\t'Process that owns the sockets'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l owners -d 'How far to search for the processes that own a socket' -r -f -a "auto\t'Search low descriptors of every process, then the others for up to 250 ms'
all\t'Search every descriptor of every process'
none\t'Do not search'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l sort -d 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l top -d 'Show only the first N rows' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s w -l watch -d 'Refresh every SECONDS (default 2)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s c -l count -d 'Stop after N readings' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l for -d 'Sample for this long, then report min/mean/p95/max' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l every -d 'Time between samples (default 20ms in queues and counters, otherwise 1s)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s 4 -l ipv4 -d 'Show IPv4 only'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s 6 -l ipv6 -d 'Show IPv6 only (a dual-stack listener counts as IPv6)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l no-owners -d 'Do not search for owners (= --owners none)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s r -l resolve -d 'Resolve addresses, ports and user ids to names'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s a -l all -d 'Show all rows on a terminal, also those without a problem that do not fit'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s p -d 'Show owners (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s t -d 'Show TCP sockets (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s v -l verbose -d 'Show cause, remedy and evidence of each finding, and explain the columns'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits everything but the table'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand ports" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l by -d 'Show one row per WHAT' -r -f -a "service\t'Destination of outgoing connections, listener of incoming ones'
destination\t'Address of the peer, and its port if that is a service\'s'
dport\t'Port of the peer, if it is a service\'s'
source\t'Local address'
sport\t'Local port, if it is a service\'s'
listener\t'Listener that accepted the connections'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l owners -d 'How far to search for the processes that own a socket' -r -f -a "auto\t'Search low descriptors of every process, then the others for up to 250 ms'
all\t'Search every descriptor of every process'
none\t'Do not search'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l sort -d 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l top -d 'Show only the first N rows' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s w -l watch -d 'Refresh every SECONDS (default 2)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s c -l count -d 'Stop after N readings' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l for -d 'Sample for this long, then report min/mean/p95/max' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l every -d 'Time between samples (default 20ms in queues and counters, otherwise 1s)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s 4 -l ipv4 -d 'Show IPv4 only'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s 6 -l ipv6 -d 'Show IPv6 only (a dual-stack listener counts as IPv6)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l no-owners -d 'Do not search for owners (= --owners none)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s a -l all -d 'Show all rows on a terminal, also those without a problem that do not fit'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s p -d 'Show owners (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s t -d 'Show TCP sockets (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s v -l verbose -d 'Show cause, remedy and evidence of each finding, and explain the columns'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits everything but the table'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand timewait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l pid -d 'Show only these processes (comma-separated or repeated)' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l process -d 'Restrict to processes, by name, id or pattern (`work*`)' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l unit -d 'Restrict to a systemd unit, container or pod, by name, id or pattern' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l user -d 'Restrict to a user, by name or id' -r -f -a "(__fish_complete_users)"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l sort -d 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l top -d 'Show only the first N rows' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s w -l watch -d 'Refresh every SECONDS (default 2)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s c -l count -d 'Stop after N readings' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l for -d 'Sample for this long, then report min/mean/p95/max' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l every -d 'Time between samples (default 20ms in queues and counters, otherwise 1s)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l types -d 'Count descriptors by type: sockets by protocol, files, pipes, epoll, others'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l why -d 'Show where each limit comes from, and which line of which file to change'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s a -l all -d 'Show all rows on a terminal, also those without a problem that do not fit'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s v -l verbose -d 'Show cause, remedy and evidence of each finding, and explain the columns'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits everything but the table'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand fds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s i -l interface -d 'Capture on this interface only (repeatable; default: all, including interfaces that appear later)' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s p -l port -d 'Show only handshakes with this server port, by number or service (repeatable)' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l host -d 'Show only handshakes with this host as client or server (repeatable)' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l slow -d 'Show only handshakes that took at least this long; with --failed, also those that failed' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l for -d 'Stop after this long' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s c -l count -d 'Stop after N handshakes' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l read -d 'Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l write -d 'Save the packets as pcapng, with the verdicts as comments' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s o -l output -d 'Output format' -r -f -a "table\t'Aligned columns'
json\t'One JSON object per line'
csv\t'Comma-separated values: every column, unrounded'
prom\t'Prometheus text format'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l columns -d 'Show only these columns (comma-separated); `--columns help` lists them' -r -f
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l netns -d 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace\'s inode number, or `all`' -r
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l proc-root -d 'Read this directory instead of /proc' -r -F
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s 4 -l ipv4 -d 'Show IPv4 only'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s 6 -l ipv6 -d 'Show IPv6 only (a dual-stack listener counts as IPv6)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l failed -d 'Show only handshakes that failed'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l close -d 'Also show the end of each connection: who closed it, how, and after how long'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l summary -d 'Show only the summary'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s v -l verbose -d 'Show sequence numbers, TCP options and retransmission times'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s q -l quiet -d 'Omit the lines on incomplete data; -qq omits the summary'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l promiscuous -d 'Put the interfaces into promiscuous mode'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l json -d 'Print JSON, one object per line (= --output json)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -l no-header -d 'Omit the header line'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s n -l numeric -d 'Show numbers instead of names (the default)'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand completions" -s h -l help -d 'Print help'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand man" -s h -l help -d 'Print help'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand schema" -s h -l help -d 'Print help'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "queues" -d 'Show the accept queue, SYN queue, drops and owner of each listener, worst first'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "counters" -d 'Show kernel counters that indicate network problems, their rates, and what each one means'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "ports" -d 'Show how close each source and destination are to running out of ephemeral ports'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "timewait" -d 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "fds" -d 'Show how close each process and the host are to their limits of open file descriptors'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "trace" -d 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "man" -d 'Print a manual page, in roff'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "schema" -d 'Print the JSON Schema of a report, or list the reports'
complete -c sockdiag -n "__fish_sockdiag_using_subcommand help; and not __fish_seen_subcommand_from queues counters ports timewait fds trace completions man schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
