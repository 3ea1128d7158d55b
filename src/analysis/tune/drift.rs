//! Settings compared with what systemd-sysctl sets at boot.

use std::collections::BTreeMap;

use super::{
    Scope, Selection, SettingReport, SettingValue, TuneReport, Verdict,
    judgement::Judgement,
    report::Drift,
    table::{OF_FIRST_NETNS, setting},
};
use crate::{
    analysis::{Finding, Severity::Info, rules::SETTING_DRIFT},
    model::{
        BootLine, BootSettings, Incomplete, NetnsSnapshot, PortSet, Snapshot, Sysctl, key_pattern,
    },
};

/// One row for each key that a file sets.
pub fn report(now: &Snapshot, boot: &BootSettings, selection: &Selection) -> TuneReport {
    let mut report = TuneReport {
        of_boot: true,
        ..TuneReport::default()
    };
    let Some(namespace) = now.namespaces.first() else {
        return report;
    };
    let is_theirs = is_of_boot(namespace, boot);
    if is_theirs != Some(true) {
        let why = match is_theirs {
            Some(_) => "this is not the network namespace of process 1, which files set at boot",
            None => "whether files set this network namespace at boot is unknown (sudo)",
        };
        report.incomplete.push(Incomplete::new("net.*", why));
    }
    let mut all = namespace.sysctls.clone();
    let of_host = now.host_settings.iter().flat_map(|host| &host.sysctls);
    all.extend(of_host.map(|(key, read)| (key.clone(), read.clone())));
    let selected = |key: &str| !selection.is_named() || selection.has(key);
    for (key, line) in resolve(&boot.lines, &all) {
        let is_net = key.starts_with("net.");
        let read = all.get(&key).unwrap_or(&Sysctl::Absent);
        let read = (!is_net || is_theirs == Some(true)).then_some(read);
        if selected(&key) {
            report.settings.push(row(&key, line, read, namespace));
        }
    }
    report
}

/// Whether files set this namespace at boot: that of the first process or, where it cannot be
/// inspected, the first one, which shows settings of the host.
fn is_of_boot(namespace: &NetnsSnapshot, boot: &BootSettings) -> Option<bool> {
    if let (Some(first), Some(own)) = (boot.netns, namespace.netns.inode) {
        return Some(first == own);
    }
    let first = namespace.sysctls.get(OF_FIRST_NETNS)?;
    first.value().is_some().then_some(true)
}

/// The line that sets each key: patterns are replaced by the keys that are there, but for those that
/// a line names, wherever it stands (`apply_all`, src/sysctl/sysctl.c).
fn resolve<'a>(
    lines: &'a [BootLine],
    there: &BTreeMap<String, Sysctl>,
) -> BTreeMap<String, &'a BootLine> {
    let mut set = BTreeMap::new();
    let is_pattern = |line: &&BootLine| key_pattern::is_pattern(&line.key);
    for line in lines.iter().filter(is_pattern) {
        let is_named = |key: &str| lines.iter().any(|other| other.key == key);
        let fits = |key: &&String| key_pattern::fits_key(&line.key, key) && !is_named(key);
        let keys: Vec<&String> = there.keys().filter(fits).collect();
        let keys = keys.into_iter().map(|key| (key.clone(), line));
        set.extend(keys.filter(|_| line.value.is_some()));
    }
    let exact = lines
        .iter()
        .filter(|line| !is_pattern(line) && line.value.is_some());
    set.extend(exact.map(|line| (line.key.clone(), line)));
    set
}

/// `read` is `None` for a namespace that the files do not set.
fn row(
    key: &str,
    line: &BootLine,
    read: Option<&Sysctl>,
    namespace: &NetnsSnapshot,
) -> SettingReport {
    let configured = SettingValue::of(line.value.as_deref().unwrap_or_default());
    let value = read.and_then(Sysctl::value).map(SettingValue::of);
    let differs = match (read, &value) {
        (Some(Sysctl::Absent), _) => Some(true),
        (_, Some(value)) => Some(!is_same(key, value, &configured)),
        _ => None,
    };
    let reason = match (read, differs) {
        (None, _) => "the files do not set this network namespace".to_owned(),
        (Some(Sysctl::Unreadable(why)), _) => format!("cannot be read: {why}"),
        (Some(Sysctl::Absent), _) => absent(key).to_owned(),
        (_, Some(false)) => "as set at boot".to_owned(),
        _ => "changed after boot, or the file is newer, or the kernel refused the value".to_owned(),
    };
    let known = setting(key);
    let scope = known.map_or_else(|| scope(key), |setting| setting.scope);
    SettingReport {
        key: key.to_owned(),
        value,
        scope,
        netns: (scope == Scope::Netns).then(|| namespace.netns.clone()),
        group: known.map(|setting| setting.group),
        verdict: match differs {
            Some(true) => Verdict::Note,
            _ => Verdict::Ok,
        },
        boot: Some(Drift {
            value: configured,
            place: line.place.clone(),
            differs,
        }),
        ..SettingReport::judged(Judgement::ok(reason))
    }
}

fn absent(key: &str) -> &'static str {
    match key {
        "net.ipv4.tcp_tw_recycle" => "removed in Linux 4.12",
        key if key.starts_with("net.netfilter.") => {
            "absent: connections are not tracked, or were not when files were applied"
        }
        _ => "absent: this kernel does not have it, or its module or interface is not there",
    }
}

fn scope(key: &str) -> Scope {
    match key.starts_with("net.") {
        true => Scope::Netns,
        false => Scope::Host,
    }
}

/// Lists of ports may be written in several ways. Of several numbers a file may set the first alone,
/// and the kernel ignores what stands behind numbers (`4096 # why`; `proc_dointvec`).
fn is_same(key: &str, value: &SettingValue, configured: &SettingValue) -> bool {
    if key.ends_with("_ports") {
        let ports = |value: &SettingValue| PortSet::parse(&value.to_string());
        return ports(value) == ports(configured);
    }
    match (value.numbers(), configured.leading_numbers()) {
        (Some(value), configured) if !configured.is_empty() => {
            let set = configured.len().min(value.len());
            value.starts_with(&configured[..set])
        }
        _ => value == configured,
    }
}

/// /etc/sysctl.conf, where systemd-sysctl does not read it.
pub fn unlinked(boot: &BootSettings) -> Option<Finding> {
    let count = boot
        .unlinked
        .iter()
        .filter(|line| line.value.is_some())
        .count();
    let file = &boot.unlinked.first()?.place.file;
    let message =
        format!("{count} settings are not applied at boot: systemd-sysctl does not read it");
    let finding = SETTING_DRIFT
        .finding(Info, file, message)
        .count("settings", count as u64, "settings")
        .remedy("ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf")
        .next("systemd-analyze cat-config sysctl.d");
    (count > 0).then_some(finding)
}
