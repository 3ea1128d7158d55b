//! What to edit or run to change a process's limit.

use super::{Origin, SetBy, search::is_in_container};
use crate::model::{Relative, Setting};

/// The line to edit, or where to write one.
pub fn change(origin: &Origin, process: &Relative) -> String {
    match (origin.set_by, &origin.setting, &origin.unit) {
        (SetBy::UnitFile, Some(setting), Some(unit)) if is_administrators(&setting.file) => {
            let (place, systemctl) = (place(setting), systemctl(origin.of_user));
            let unit = quoted(unit);
            format!("{place}, then `{systemctl} daemon-reload` and `{systemctl} restart {unit}`")
        }
        (SetBy::UnitFile | SetBy::ManagerDefault | SetBy::SystemdBuiltin, _, Some(unit)) => {
            edit(systemctl(origin.of_user), unit)
        }
        (SetBy::LimitsConf, Some(setting), _) => format!("{}, then log in again", place(setting)),
        (SetBy::ChangedAfterStart, _, Some(unit)) => {
            let program = named(origin, process);
            format!(
                "the settings of {program}, or restart {unit} if its files were changed after it \
                 started"
            )
        }
        (SetBy::ChangedAfterStart, _, None) => format!(
            "what starts {} (`ulimit -n` in a script, a container's --ulimit), or its settings",
            named(origin, process)
        ),
        _ => at_start(process),
    }
}

/// Files of packages and generators are overridden, not edited.
fn is_administrators(file: &str) -> bool {
    file.starts_with("/etc/") || file.contains("/.config/")
}

fn place(setting: &Setting) -> String {
    format!("{}:{} `{}`", setting.file, setting.line, setting.text)
}

fn systemctl(of_user: bool) -> &'static str {
    if of_user {
        "systemctl --user"
    } else {
        "systemctl"
    }
}

fn edit(systemctl: &str, unit: &str) -> String {
    let section = section(unit);
    let unit = quoted(unit);
    format!(
        "`{systemctl} edit {unit}`: [{section}] LimitNOFILE=N, then `{systemctl} restart {unit}`"
    )
}

/// For a shell: systemd writes a dash in a name as `web\x2dapi.service`.
fn quoted(unit: &str) -> String {
    match unit.contains('\\') {
        true => format!("'{unit}'"),
        false => unit.to_owned(),
    }
}

fn section(unit: &str) -> &'static str {
    match unit.rsplit_once('.').map(|(_, kind)| kind) {
        Some("socket") => "Socket",
        Some("mount") => "Mount",
        Some("swap") => "Swap",
        _ => "Service",
    }
}

fn named(origin: &Origin, process: &Relative) -> String {
    match origin.process.pid == process.pid {
        true => "this process".to_owned(),
        false => format!("{} ({})", origin.process.name, origin.process.pid),
    }
}

fn at_start(process: &Relative) -> String {
    if let Some(unit) = &process.configured.unit {
        let edit = edit(systemctl(unit.of_user), &unit.name);
        return format!("{edit}, unless the settings of this process say otherwise");
    }
    if is_in_container(process) {
        return "the limits that its container is started with (--ulimit nofile=SOFT:HARD)"
            .to_owned();
    }
    match (&process.configured.user, process.uid) {
        _ if process.pid == 1 => "the settings of this process, the first there is".to_owned(),
        (Some(user), Some(1000..)) => format!(
            "`ulimit -n N` before this process is started, or for every login of {user} a line `{user} - \
             nofile N` in /etc/security/limits.conf"
        ),
        _ => "`ulimit -n N` before this process is started".to_owned(),
    }
}
