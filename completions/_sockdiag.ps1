
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
            [CompletionResult]::new('queues', 'queues', [CompletionResultType]::ParameterValue, 'Show which listener is filling or dropping: accept queue, SYN queue, drops, owner')
            [CompletionResult]::new('counters', 'counters', [CompletionResultType]::ParameterValue, 'Show which kernel counters moved, how fast, and what each means')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'Show how near each source and destination are to running out of ephemeral ports')
            [CompletionResult]::new('timewait', 'timewait', [CompletionResultType]::ParameterValue, 'Show who makes the TIME_WAITs, how fast they drain, and how near their limit they are')
            [CompletionResult]::new('fds', 'fds', [CompletionResultType]::ParameterValue, 'Show which process is near its descriptor limit, and how near the host is to its own')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Show every TCP handshake on the wire or in a capture file: outcome, times, retransmissions')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, in roff')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a report, or the names of all')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockdiag;queues' {
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Show only listeners that a process of this name or id holds')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Show only listeners of this systemd unit, container or pod')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Show only listeners that this user made')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to look for the processes that hold a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show no more than the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report minimum, mean, 95th percentile and maximum')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Sample this often (default 20ms; 1s where each sample takes longer)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Show unix stream listeners too')
            [CompletionResult]::new('--unix', '--unix', [CompletionResultType]::ParameterName, 'Show unix stream listeners too')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Show the receive queues of UDP sockets too')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Show the receive queues of UDP sockets too')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--fold', '--fold', [CompletionResultType]::ParameterName, 'Show the sockets of a SO_REUSEPORT group as one row, and the fullest of them')
            [CompletionResult]::new('--no-syn', '--no-syn', [CompletionResultType]::ParameterName, 'Do not count half-open connections (spares a walk over all sockets of the host)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not look for processes (= --owners none)')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Show names of hosts, services and users for numbers')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Show names of hosts, services and users for numbers')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;counters' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show no more than the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report minimum, mean, 95th percentile and maximum')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Sample this often (default 20ms; 1s where each sample takes longer)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Show every counter')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show every counter')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Take the drops at listeners apart: accept queue full, SYN queue full, other')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;ports' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Make one line for each')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to look for the processes that hold a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show no more than the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report minimum, mean, 95th percentile and maximum')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Sample this often (default 20ms; 1s where each sample takes longer)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not look for processes (= --owners none)')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Show names of hosts and services for numbers')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Show names of hosts and services for numbers')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;timewait' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Make one line for each')
            [CompletionResult]::new('--owners', '--owners', [CompletionResultType]::ParameterName, 'How far to look for the processes that hold a socket')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show no more than the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report minimum, mean, 95th percentile and maximum')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Sample this often (default 20ms; 1s where each sample takes longer)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show IPv4 sockets only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show IPv6 sockets only (dual-stack ones serve IPv4 clients too)')
            [CompletionResult]::new('--no-owners', '--no-owners', [CompletionResultType]::ParameterName, 'Do not look for processes (= --owners none)')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers (they always are)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers (they always are)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;fds' {
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Show only processes of this name or id')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Show only this process (may be repeated)')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Show only processes of this systemd unit, container or pod')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Show only processes that run as this user')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this column, large numbers first; `-KEY` reverses; `help` lists the columns')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show no more than the first N rows')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Read again and again, every so many seconds (fractions allowed, default 2)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N readings')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Sample for this long, then report minimum, mean, 95th percentile and maximum')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Sample this often (default 20ms; 1s where each sample takes longer)')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('--types', '--types', [CompletionResultType]::ParameterName, 'Tell what the descriptors are: sockets by protocol, files, pipes, epoll, others')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Tell where the limits come from, and which line to change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show cause, remedy and evidence of each finding, and explain the columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out what could not be seen; -qq leaves out everything but the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockdiag;trace' {
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Capture on this device only (repeatable; default: all there are and that come)')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Capture on this device only (repeatable; default: all there are and that come)')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show only handshakes with a server at this port (repeatable)')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Show only handshakes with a server at this port (repeatable)')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Show only handshakes with this host at either end (repeatable)')
            [CompletionResult]::new('--slow', '--slow', [CompletionResultType]::ParameterName, 'Show only handshakes that took this long; with --failed, those that failed too')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after so long')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N handshakes were shown')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N handshakes were shown')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Save the packets as pcapng, with the verdicts as comments')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report as this')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns, separated by commas; `help` lists them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the table')
            [CompletionResult]::new('--netns', '--netns', [CompletionResultType]::ParameterName, 'Look into another network namespace: a name of `ip netns`, a path, a process id, the number of the namespace, or `all`')
            [CompletionResult]::new('--proc-root', '--proc-root', [CompletionResultType]::ParameterName, 'Read this instead of /proc')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Show handshakes over IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Show handshakes over IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Show handshakes over IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Show handshakes over IPv6 only')
            [CompletionResult]::new('--failed', '--failed', [CompletionResultType]::ParameterName, 'Show only handshakes that failed')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'Show when connections end, too: who closed, how, after how long')
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'Show the summary only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell sequence numbers, options, and when segments were sent again under each line')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell sequence numbers, options, and when segments were sent again under each line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out the summary')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out the summary')
            [CompletionResult]::new('--promiscuous', '--promiscuous', [CompletionResultType]::ParameterName, 'Have the devices named by --interface receive what is for others, too')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'Show numbers (the default)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write JSON, one object a line (= --output json)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'Leave out the line that names the columns')
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
            [CompletionResult]::new('queues', 'queues', [CompletionResultType]::ParameterValue, 'Show which listener is filling or dropping: accept queue, SYN queue, drops, owner')
            [CompletionResult]::new('counters', 'counters', [CompletionResultType]::ParameterValue, 'Show which kernel counters moved, how fast, and what each means')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'Show how near each source and destination are to running out of ephemeral ports')
            [CompletionResult]::new('timewait', 'timewait', [CompletionResultType]::ParameterValue, 'Show who makes the TIME_WAITs, how fast they drain, and how near their limit they are')
            [CompletionResult]::new('fds', 'fds', [CompletionResultType]::ParameterValue, 'Show which process is near its descriptor limit, and how near the host is to its own')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Show every TCP handshake on the wire or in a capture file: outcome, times, retransmissions')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, in roff')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a report, or the names of all')
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
