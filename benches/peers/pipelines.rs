//! Peers that are a pipeline of tools: what people type who have no `sockdiag`.

use std::io;
use std::process::Command;

use anyhow::ensure;

pub const SS_PORTS: &str = "ss -tanH | awk";
pub const SS_TIMEWAIT: &str = "ss -tanH state time-wait | awk";
pub const LOOP: &str = "for p in /proc/[0-9]*; do ls $p/fd | wc -l; done";
pub const LSOF: &str = "lsof -n -P | awk";

struct Pipeline {
    /// As it stands in the tables.
    name: &'static str,
    /// Without this there is no answer.
    tool: &'static str,
    /// Prints lines of a count and what was counted.
    script: &'static str,
}

const PIPELINES: [Pipeline; 4] = [
    Pipeline {
        name: SS_PORTS,
        tool: "ss",
        script: r#"ss -tanH | awk '{ port = $4; sub(/.*:/, "", port)
    if (port >= 32768 && port <= 60999)
        used[substr($4, 1, length($4) - length(port) - 1) " " $5]++ }
    END { for (tuple in used) print used[tuple], tuple }' | sort -rn"#,
    },
    Pipeline {
        name: SS_TIMEWAIT,
        tool: "ss",
        script: r#"ss -tanH state time-wait | awk '{ count[$4]++ }
    END { for (peer in count) print count[peer], peer }' | sort -rn"#,
    },
    Pipeline {
        name: LOOP,
        tool: "ls",
        script: r#"for p in /proc/[0-9]*; do
    echo $(ls $p/fd 2>/dev/null | wc -l) ${p#/proc/}
done"#,
    },
    Pipeline {
        name: LSOF,
        tool: "lsof",
        // Descriptors above 9999 stand there as `*999`.
        script: r#"lsof -n -P 2>/dev/null | awk '$4 ~ /^[0-9*]/ { count[$2]++ }
    END { for (process in count) print count[process], process }' | sort -rn"#,
    },
];

/// The command of a pipeline; `None` for what is none. Fails as a command does that is not
/// installed, which the shell would not tell from an empty answer.
pub fn command(name: &str) -> anyhow::Result<Option<Command>> {
    let known = PIPELINES.iter().find(|pipeline| pipeline.name == name);
    let Some(Pipeline { tool, script, .. }) = known else {
        return Ok(None);
    };
    let found = shell(&format!("command -v {tool} >/dev/null")).status()?;
    ensure!(found.success(), io::Error::from(io::ErrorKind::NotFound));
    Ok(Some(shell(script)))
}

fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    shell
}

/// All of them in full, for those who want to run them.
pub fn describe() -> String {
    let scripts = PIPELINES.map(|pipeline| pipeline.script);
    format!(
        "The pipelines in full:\n\n```sh\n{}\n```",
        scripts.join("\n")
    )
}
