
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sockdiag' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sockdiag'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sockdiag' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('queues', 'queues', [CompletionResultType]::ParameterValue, 'Show the accept queue, SYN queue, drops and owner of each listener, worst first')
            [CompletionResult]::new('counters', 'counters', [CompletionResultType]::ParameterValue, 'Show kernel counters that indicate network problems, their rates, and what each one means')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'Show how close each source and destination are to running out of ephemeral ports')
            [CompletionResult]::new('timewait', 'timewait', [CompletionResultType]::ParameterValue, 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is')
            [CompletionResult]::new('fds', 'fds', [CompletionResultType]::ParameterValue, 'Show how close each process and the host are to their limits of open file descriptors')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, in roff')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a report, or list the reports')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockdiag;queues' {
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Restrict to processes, by name, id or pattern (`work*`)')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Restrict to a systemd unit, container or pod, by name, id or pattern')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Restrict to a user, by name or id')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to search for the processes that own a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show only the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report min/mean/p95/max')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Time between samples (default 20ms in queues and counters, otherwise 1s)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Include Unix stream listeners')
            [CompletionResult]::new('--unix', '--unix', [CompletionResultType]::ParameterName, 'Include Unix stream listeners')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Include UDP sockets and their receive queues')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Include UDP sockets and their receive queues')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--fold', '--fold', [CompletionResultType]::ParameterName, 'Show each SO_REUSEPORT group as one row, with its fullest socket')
            [CompletionResult]::new('--no-syn', '--no-syn', [CompletionResultType]::ParameterName, 'Do not count half-open connections (avoids a scan of all sockets of the host)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not search for owners (= --owners none)')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Resolve addresses, ports and user ids to names')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Resolve addresses, ports and user ids to names')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show owners (the default)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Show TCP sockets (the default)')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Show listeners (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;counters' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show only the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report min/mean/p95/max')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Time between samples (default 20ms in queues and counters, otherwise 1s)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show every counter')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show every counter')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Break listener drops down by cause: accept queue full, SYN queue full, other')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;ports' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Show one row per WHAT')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to search for the processes that own a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show only the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report min/mean/p95/max')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Time between samples (default 20ms in queues and counters, otherwise 1s)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not search for owners (= --owners none)')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Resolve addresses, ports and user ids to names')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Resolve addresses, ports and user ids to names')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show owners (the default)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Show TCP sockets (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;timewait' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Show one row per WHAT')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to search for the processes that own a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show only the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report min/mean/p95/max')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Time between samples (default 20ms in queues and counters, otherwise 1s)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not search for owners (= --owners none)')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show owners (the default)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Show TCP sockets (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;fds' {
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Show only these processes (comma-separated or repeated)')
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Restrict to processes, by name, id or pattern (`work*`)')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Restrict to a systemd unit, container or pod, by name, id or pattern')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Restrict to a user, by name or id')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show only the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Refresh every SECONDS (default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report min/mean/p95/max')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Time between samples (default 20ms in queues and counters, otherwise 1s)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('--types', '--types', [CompletionResultType]::ParameterName, 'Count descriptors by type: sockets by protocol, files, pipes, epoll, others')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Show where each limit comes from, and which line of which file to change')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show all rows on a terminal, also those without a problem that do not fit')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;trace' {
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Capture on this interface only (repeatable; default: all, including interfaces that appear later)')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Capture on this interface only (repeatable; default: all, including interfaces that appear later)')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show only handshakes with this server port, by number or service (repeatable)')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Show only handshakes with this server port, by number or service (repeatable)')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Show only handshakes with this host as client or server (repeatable)')
            [CompletionResult]::new('--slow', '--slow', [CompletionResultType]::ParameterName, 'Show only handshakes that took at least this long; with --failed, also those that failed')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this long')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N handshakes')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N handshakes')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Save the packets as pcapng, with the verdicts as comments')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show only these columns (comma-separated); `--columns help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Inspect another network namespace: a name known to `ip netns`, a path, a process id, the namespace''s inode number, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this directory instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 only (a dual-stack listener counts as IPv6)')
            [CompletionResult]::new('--failed', '--failed', [CompletionResultType]::ParameterName, 'Show only handshakes that failed')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'Also show the end of each connection: who closed it, how, and after how long')
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'Show only the summary')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show sequence numbers, TCP options and retransmission times')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show sequence numbers, TCP options and retransmission times')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits the summary')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Omit the lines on incomplete data; -qq omits the summary')
            [CompletionResult]::new('--promiscuous', '--promiscuous', [CompletionResultType]::ParameterName, 'Put the interfaces into promiscuous mode')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one object per line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Omit the header line')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers instead of names (the default)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sockdiag;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sockdiag;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sockdiag;help' {
            [CompletionResult]::new('queues', 'queues', [CompletionResultType]::ParameterValue, 'Show the accept queue, SYN queue, drops and owner of each listener, worst first')
            [CompletionResult]::new('counters', 'counters', [CompletionResultType]::ParameterValue, 'Show kernel counters that indicate network problems, their rates, and what each one means')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'Show how close each source and destination are to running out of ephemeral ports')
            [CompletionResult]::new('timewait', 'timewait', [CompletionResultType]::ParameterValue, 'Show where TIME_WAIT sockets come from, how fast they expire, and how close the limit is')
            [CompletionResult]::new('fds', 'fds', [CompletionResultType]::ParameterValue, 'Show how close each process and the host are to their limits of open file descriptors')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, in roff')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a report, or list the reports')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockdiag;help;queues' {
            break
        }
        'sockdiag;help;counters' {
            break
        }
        'sockdiag;help;ports' {
            break
        }
        'sockdiag;help;timewait' {
            break
        }
        'sockdiag;help;fds' {
            break
        }
        'sockdiag;help;trace' {
            break
        }
        'sockdiag;help;completions' {
            break
        }
        'sockdiag;help;man' {
            break
        }
        'sockdiag;help;schema' {
            break
        }
        'sockdiag;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
