//! Files with what is to be changed, for standard output.

use std::io::{self, Write};

use sockdiag::analysis::tune::{Holder, SettingReport, TuneReport, Verdict};

use super::{
    sink::{Moment, Out, Writer},
    text,
};

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    SysctlD,
    Systemd,
    Limits,
}

impl Writer<TuneReport> for Emit {
    fn end(&mut self, out: &mut Out, report: &TuneReport, _: &Moment) -> io::Result<()> {
        out.write_all(self.file(report).as_bytes())
    }
}

impl Emit {
    fn file(self, report: &TuneReport) -> String {
        let changes = report.settings.iter();
        let changes = changes.filter(|setting| setting.verdict == Verdict::Change);
        let (limits, sysctls): (Vec<_>, Vec<_>) = changes.partition(|one| one.unit.is_some());
        let lines = match self {
            Emit::SysctlD => sysctl_d(&sysctls),
            Emit::Systemd => systemd(&limits),
            Emit::Limits => limits_conf(&limits),
        };
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Text that others chose stays within its comment.
fn comment(text: &str) -> String {
    format!("# {}", text::escape(text))
}

/// Why, when, and at what cost.
fn about(setting: &SettingReport) -> Vec<String> {
    let restart = match setting.restart.as_slice() {
        [] => String::new(),
        units => format!(" ({})", units.join(", ")),
    };
    let effect = setting
        .takes_effect
        .map(|effect| format!("{effect}{restart}"));
    let cost = setting.cost.map(|cost| format!("costs: {cost}"));
    let why = format!("why: {}", setting.reason);
    let lines = [Some(why), effect, cost].into_iter().flatten();
    lines.map(|line| comment(&line)).collect()
}

fn sysctl_d(settings: &[&SettingReport]) -> Vec<String> {
    if settings.is_empty() {
        return vec![comment("Nothing to change: no sysctl is shown to do harm.")];
    }
    let mut lines = vec![
        comment("Save as /etc/sysctl.d/90-sockdiag.conf, then run `sysctl --system`."),
        comment("Files with a later name, and a service that sets the same key, override it."),
    ];
    let first = settings[0].netns.as_ref();
    let is_one = settings
        .iter()
        .all(|one| one.netns.is_none() || one.netns.as_ref() == first);
    for setting in settings {
        let suggested = setting.suggested.as_ref().map(ToString::to_string);
        let assignment = format!("{} = {}", setting.key, suggested.unwrap_or_default());
        lines.push(String::new());
        lines.extend(about(setting));
        let is_of_container = setting.netns.is_some() && setting.of_first_netns == Some(false);
        if is_of_container {
            let label = setting.netns.as_ref().map(|netns| netns.label());
            lines.push(comment(&format!(
                "of network namespace {}: files of the host do not set it; write it where that \
                 namespace is made (docker run --sysctl, securityContext.sysctls of a pod)",
                label.unwrap_or_default()
            )));
        }
        // The name of an interface may contain what ends a key.
        let is_plain = !setting.key.contains(['=', '*', '?', '[']) && is_printable(&setting.key);
        lines.push(match is_plain && (is_one || !is_of_container) {
            true => assignment,
            false => comment(&assignment),
        });
    }
    lines
}

fn is_printable(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_graphic())
}

/// Soft and hard limit; the hard one is not lowered.
fn nofile(setting: &SettingReport) -> Option<(i64, i64)> {
    let soft = setting.suggested.as_ref()?.number()?;
    let hard = setting.holder.as_ref()?.hard_limit;
    Some((soft, i64::try_from(hard).unwrap_or(i64::MAX).max(soft)))
}

fn systemd(limits: &[&SettingReport]) -> Vec<String> {
    let of_systemd = |one: &&&SettingReport| section(one).is_some();
    let count = limits.iter().filter(of_systemd).count();
    let mut lines = match count {
        0 => vec![comment(
            "Nothing to change: no service is near its descriptor limit.",
        )],
        1 => Vec::new(),
        _ => vec![comment(&format!(
            "{count} files: save each under the name that stands above it."
        ))],
    };
    for setting in limits {
        let unit = setting.unit.as_deref().unwrap_or_default();
        let Some(((soft, hard), section)) = nofile(setting).zip(section(setting)) else {
            lines.extend(elsewhere(setting));
            continue;
        };
        let (folder, systemctl) = match is_of_user(setting) {
            true => ("~/.config/systemd/user", "systemctl --user"),
            false => ("/etc/systemd/system", "systemctl"),
        };
        lines.push(comment(&format!("{folder}/{unit}.d/90-sockdiag.conf")));
        lines.extend(about(setting));
        lines.push(comment(&format!(
            "then run: {systemctl} daemon-reload && {systemctl} restart {unit}"
        )));
        lines.push(format!("[{section}]"));
        lines.push(format!("LimitNOFILE={soft}:{hard}"));
        lines.push(String::new());
    }
    lines
}

/// What systemd does not start gets no limit from it.
fn elsewhere(setting: &SettingReport) -> Vec<String> {
    let unit = setting.unit.as_deref().unwrap_or_default();
    let runtime = unit.split_once(':').map(|(runtime, _)| runtime);
    let nofile = nofile(setting).map(|(soft, hard)| format!("{soft}:{hard}"));
    let nofile = nofile.unwrap_or_default();
    let how = match runtime {
        Some("pod") => "the container runtime's configuration".to_owned(),
        Some(runtime) => format!("{runtime} run --ulimit nofile={nofile}"),
        None => "--emit limits.conf, if it was started from a login".to_owned(),
    };
    let reason = &setting.reason;
    vec![comment(&format!("{unit}: {reason}; not a service: {how}"))]
}

fn section(setting: &SettingReport) -> Option<&'static str> {
    let (name, kind) = setting.unit.as_ref()?.rsplit_once('.')?;
    match kind {
        _ if name.contains(':') => None,
        "service" => Some("Service"),
        "socket" => Some("Socket"),
        _ => None,
    }
}

fn is_of_user(setting: &SettingReport) -> bool {
    setting.holder.as_ref().is_some_and(|holder| holder.of_user)
}

fn limits_conf(limits: &[&SettingReport]) -> Vec<String> {
    let (services, others): (Vec<&SettingReport>, Vec<&SettingReport>) = limits
        .iter()
        .partition(|one| one.unit.as_ref().is_some_and(|unit| is_managed(unit)));
    let mut lines = match others.is_empty() {
        true => vec![comment(
            "Nothing to change: no process of a login is near its limit.",
        )],
        false => vec![
            comment("Save as /etc/security/limits.d/90-sockdiag.conf; applies to new logins."),
            comment("systemd services ignore it."),
        ],
    };
    for setting in others {
        let Some((soft, hard)) = nofile(setting) else {
            continue;
        };
        let user = setting.holder.as_ref().and_then(user);
        lines.push(String::new());
        lines.extend(about(setting));
        match user {
            Some(user) => lines.extend([
                format!("{user} soft nofile {soft}"),
                format!("{user} hard nofile {hard}"),
            ]),
            None => lines.push(comment("its user is not known")),
        }
    }
    let ignored = |setting: &SettingReport| {
        let unit = setting.unit.as_deref().unwrap_or_default();
        comment(&format!(
            "{unit} is near its limit, too, and ignores this file: --emit systemd"
        ))
    };
    lines.extend(services.into_iter().map(ignored));
    lines
}

/// Services and containers are not started from a login.
fn is_managed(unit: &str) -> bool {
    unit.ends_with(".service") || unit.ends_with(".socket") || unit.contains(':')
}

/// The name or, as pam_limits understands it, `:UID`.
fn user(holder: &Holder) -> Option<String> {
    let uid = holder.uid?;
    let name = uzers::get_user_by_uid(uid).and_then(|user| user.name().to_str().map(str::to_owned));
    let is_plain = |name: &String| !name.contains(char::is_whitespace) && !name.starts_with('#');
    Some(name.filter(is_plain).unwrap_or_else(|| format!(":{uid}")))
}
