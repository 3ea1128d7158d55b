//! Peers that are a pipeline of tools: what people type who have no `sockdiag`.

use std::process::{Command, Stdio};

pub const SS_PORTS: &str = "ss -tanH | awk";
pub const SS_TIMEWAIT: &str = "ss -tanH state time-wait | awk";

/// As it stands in the tables, and in full. Each prints lines of a count and what was counted.
const PIPELINES: [(&str, &str); 2] = [
    (
        SS_PORTS,
        r#"ss -tanH | awk '{ port = $4; sub(/.*:/, "", port)
    if (port >= 32768 && port <= 60999)
        used[substr($4, 1, length($4) - length(port) - 1) " " $5]++ }
    END { for (tuple in used) print used[tuple], tuple }' | sort -rn"#,
    ),
    (
        SS_TIMEWAIT,
        r#"ss -tanH state time-wait | awk '{ count[$4]++ }
    END { for (peer in count) print count[peer], peer }' | sort -rn"#,
    ),
];

/// The command of a pipeline; `None` for what is none. An error when its first tool is missing: the
/// shell would not tell that from an empty answer.
pub fn command(name: &str) -> anyhow::Result<Option<Command>> {
    let Some((_, script)) = PIPELINES.into_iter().find(|(known, _)| *known == name) else {
        return Ok(None);
    };
    let tool = script.split(' ').next().unwrap_or_default();
    Command::new(tool)
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    Ok(Some(shell))
}

/// All of them in full, for those who want to run them.
pub fn describe() -> String {
    let scripts = PIPELINES.map(|(_, script)| script);
    format!(
        "The pipelines in full:\n\n```sh\n{}\n```",
        scripts.join("\n")
    )
}
