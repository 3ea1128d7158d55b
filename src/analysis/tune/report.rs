//! Snapshots to a report of settings.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Effect, Group, RLIMIT_NOFILE, Scope, Selection, SettingValue, Verdict,
    defaults::Host,
    drift,
    findings::findings,
    judgement::{Case, Judgement},
    limits::{Limit, limits},
    load::Load,
    table::{OF_FIRST_NETNS, SETTINGS, Setting, setting},
};
use crate::{
    analysis::{Finding, Previous, Severity, ports, queues},
    model::{Incomplete, Netns, NetnsSnapshot, Place, Snapshot, Sysctl},
};

/// Every selected setting; with `--drift` the settings that files set at boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TuneReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Number of settings that were left out as they are ok and at their default.
    #[serde(skip)]
    pub hidden: usize,
    /// The settings were chosen by name.
    #[serde(skip)]
    pub is_named: bool,
    /// Only what files set at boot was asked for.
    #[serde(skip)]
    pub of_boot: bool,
    /// One element per setting, and per network namespace where it has its own; those to change
    /// first.
    pub settings: Vec<SettingReport>,
}

is_report!(TuneReport, "tune/v1");

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SettingReport {
    /// As sysctl(8) writes it; `RLIMIT_NOFILE` for the descriptor limits of processes.
    pub key: String,
    /// The value in force: a number, or text where it is several; `null` where this kernel does not
    /// have it, or does not show it in this namespace.
    pub value: Option<SettingValue>,
    /// The kernel's default for this release and memory; `null` where it is not known.
    pub default: Option<SettingValue>,
    /// `value` is the default, or what the kernel computed from the memory at boot.
    pub is_default: Option<bool>,
    /// What it applies to.
    pub scope: Scope,
    /// The network namespace; `null` for settings of the host.
    pub netns: Option<Netns>,
    /// What to do about it.
    pub verdict: Verdict,
    /// The value to set; `null` unless another one is needed.
    pub suggested: Option<SettingValue>,
    /// Why, with the number that shows it.
    pub reason: String,
    /// What it is about.
    pub group: Option<Group>,
    /// The systemd unit, container or process whose limit it is; `null` for sysctls.
    pub unit: Option<String>,
    /// When a new value takes effect.
    pub takes_effect: Option<&'static str>,
    /// What a larger value costs.
    pub cost: Option<&'static str>,
    /// Units whose sockets keep the old value until they are restarted.
    pub restart: Vec<String>,
    /// What a file sets at boot (`--drift`); `null` when not asked for.
    pub boot: Option<Drift>,
    /// The network namespace is the host's first one, which its own files set; `None`: unknown.
    #[serde(skip)]
    pub of_first_netns: Option<bool>,
    /// Of a descriptor limit, the process that is nearest to it.
    #[serde(skip)]
    pub holder: Option<Holder>,
    #[serde(skip)]
    pub severity: Option<Severity>,
}

/// A process whose descriptor limit may need a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    pub uid: Option<u32>,
    pub hard_limit: u64,
    /// Its unit belongs to a user's own manager (`systemctl --user`).
    pub of_user: bool,
}

/// What a file sets at boot, compared with the value in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// The value in the file.
    pub value: SettingValue,
    /// Where it stands.
    pub place: Place,
    /// Whether the value in force is another one; `null` where it cannot be seen.
    pub differs: Option<bool>,
}

/// Judges the settings by what was observed.
pub fn report(now: &Snapshot, before: Previous<'_>, selection: &Selection) -> TuneReport {
    finished(judged(now, before, selection), now, selection)
}

/// Compares the settings with what files set at boot, where those were read.
pub fn against_boot(now: &Snapshot, selection: &Selection) -> TuneReport {
    let host = now.host_settings.as_ref();
    let Some(boot) = host.and_then(|host| host.boot.as_ref()) else {
        return TuneReport::default();
    };
    let mut report = finished(drift::report(now, boot, selection), now, selection);
    report.findings.extend(drift::unlinked(boot));
    report
}

fn finished(mut report: TuneReport, now: &Snapshot, selection: &Selection) -> TuneReport {
    report.incomplete = [now.incomplete.clone(), report.incomplete].concat();
    report.is_named = selection.is_named();
    report.findings = findings(&report);
    report.settings.sort_by_key(|setting| setting.verdict);
    if selection.only_notable && !selection.is_named() {
        let all = report.settings.len();
        report.settings.retain(SettingReport::is_notable);
        report.hidden = all - report.settings.len();
    }
    report
}

fn judged(now: &Snapshot, before: Previous<'_>, selection: &Selection) -> TuneReport {
    let queues = queues::report(now, before, &queues::Selection::default());
    let ports = ports::report(now, before, ports::Selection::default());
    let mut report = TuneReport::default();
    for (place, namespace) in now.namespaces.iter().enumerate() {
        let load = Load::new(now, namespace, before, &queues, &ports);
        let judge = Judge {
            now,
            namespace,
            load: &load,
            host: host(now),
        };
        let of_host = if place == 0 { Some(&load) } else { None };
        judge.settings(selection, of_host.is_some(), &mut report);
        if let Some(load) = of_host.filter(|_| selection.has(RLIMIT_NOFILE)) {
            let limits = limits(load).into_iter().map(of_processes);
            report.settings.extend(limits);
        }
    }
    report
}

fn host(now: &Snapshot) -> Host<'_> {
    let settings = now.host_settings.as_ref();
    Host {
        release: &now.kernel,
        memory_bytes: settings.and_then(|host| host.memory_bytes),
        page_bytes: settings.map_or(4096, |host| host.page_bytes),
    }
}

struct Judge<'a> {
    now: &'a Snapshot,
    namespace: &'a NetnsSnapshot,
    load: &'a Load<'a>,
    host: Host<'a>,
}

impl Judge<'_> {
    /// Settings of the host are reported once.
    fn settings(&self, selection: &Selection, with_host: bool, report: &mut TuneReport) {
        let (mut hidden, mut refused) = (0, Vec::new());
        let settings = SETTINGS.iter().filter(|setting| selection.has(setting.key));
        for setting in settings.filter(|one| with_host || one.scope == Scope::Netns) {
            let read = self.read(setting.key, setting.scope);
            match &read {
                Some(Sysctl::Unreadable(why)) => refused.push((setting.key, why.clone())),
                Some(Sysctl::Absent) if self.hides(setting) => hidden += 1,
                _ => {}
            }
            let value = read.and_then(|read| read.value().map(SettingValue::of));
            report
                .settings
                .push(self.setting(setting.key, setting, value));
        }
        if selection.has("net.ipv4.conf.all.rp_filter") {
            report.settings.extend(self.interfaces());
        }
        let refused = refused.into_iter();
        let refused =
            refused.map(|(key, why)| Incomplete::new("settings", format!("{key}: {why}")));
        report.incomplete.extend(refused);
        if hidden > 0 {
            let why = "settings of the host, which its first network namespace alone shows";
            let missing = Incomplete::counted("settings", why, hidden);
            report.incomplete.push(missing);
        }
    }

    /// Any namespace that shows a setting of the host will do.
    fn read(&self, key: &str, scope: Scope) -> Option<Sysctl> {
        let host = self.now.host_settings.as_ref();
        let of_host = || host.and_then(|host| host.sysctls.get(key));
        let own = self.namespace.sysctls.get(key).or_else(of_host).cloned();
        let is_value = |read: &&Sysctl| read.value().is_some();
        let mut namespaces = self.now.namespaces.iter();
        match own {
            Some(Sysctl::Absent) if scope == Scope::Host => namespaces
                .find_map(|other| other.sysctls.get(key).filter(is_value).cloned())
                .or(Some(Sysctl::Absent)),
            own => own,
        }
    }

    /// Whether the setting is missing because this is not the first network namespace.
    fn hides(&self, setting: &Setting) -> bool {
        let is_child = self.is_first() == Some(false);
        setting.scope == Scope::Host && is_child && !setting.key.starts_with("net.netfilter.")
    }

    fn is_first(&self) -> Option<bool> {
        match self.namespace.sysctls.get(OF_FIRST_NETNS)? {
            Sysctl::Value(_) => Some(true),
            Sysctl::Absent => Some(false),
            Sysctl::Unreadable(_) => None,
        }
    }

    /// Interfaces that drop packets by the strict rule, or were set otherwise than the default.
    fn interfaces(&self) -> Vec<SettingReport> {
        let known = |key: &str| SETTINGS.iter().any(|setting| setting.key == key);
        let sysctls = self.namespace.sysctls.iter();
        let of_interface = sysctls.filter(|(key, _)| !known(key));
        let reports = of_interface.filter_map(|(key, read)| {
            let setting = setting(key)?;
            let value = SettingValue::of(read.value()?);
            (value.number() == Some(1)).then(|| self.setting(key, setting, Some(value)))
        });
        reports.collect()
    }

    fn setting(&self, key: &str, setting: &Setting, value: Option<SettingValue>) -> SettingReport {
        let default = setting.default.on(&self.host);
        let is_default = value.as_ref().zip(default.as_ref());
        let is_default = is_default.map(|(value, default)| default.is(value));
        let default = default.map(|default| default.value());
        let judgement = match &value {
            Some(value) => (setting.judge)(&Case {
                key,
                value,
                default: default.as_ref(),
                is_default,
                load: self.load,
                host: self.host,
            }),
            None => Judgement::ok(self.absent(setting)),
        };
        let is_of_netns = setting.scope == Scope::Netns;
        SettingReport {
            key: key.to_owned(),
            value,
            default,
            is_default,
            scope: setting.scope,
            netns: is_of_netns.then(|| self.namespace.netns.clone()),
            of_first_netns: self.is_first(),
            group: Some(setting.group),
            unit: None,
            takes_effect: Some(setting.effect.text()),
            cost: Some(setting.cost).filter(|cost| !cost.is_empty()),
            ..SettingReport::judged(judgement)
        }
    }

    fn absent(&self, setting: &Setting) -> &'static str {
        match setting.key {
            "net.ipv4.tcp_tw_recycle" => {
                "removed in Linux 4.12: it refused connections of clients behind one NAT address"
            }
            key if key.starts_with("net.netfilter.") => "connections are not tracked here",
            _ if self.hides(setting) => "the first network namespace alone shows it",
            _ => "this kernel does not have it",
        }
    }
}

/// A limit of processes is set where their unit is configured.
fn of_processes(limit: Limit) -> SettingReport {
    let is_default = limit.default.as_ref().map(|default| *default == limit.soft);
    SettingReport {
        key: RLIMIT_NOFILE.to_owned(),
        value: Some(limit.soft),
        default: limit.default,
        is_default,
        scope: Scope::Host,
        group: Some(Group::Files),
        unit: Some(limit.unit),
        takes_effect: Some(Effect::Restart.text()),
        cost: Some("a leak of descriptors is noticed later"),
        holder: Some(limit.holder),
        ..SettingReport::judged(limit.judgement)
    }
}

impl SettingReport {
    /// What follows from a judgement alone.
    pub(super) fn judged(judgement: Judgement) -> Self {
        SettingReport {
            key: String::new(),
            value: None,
            default: None,
            is_default: None,
            scope: Scope::Host,
            netns: None,
            verdict: judgement.verdict,
            suggested: judgement.suggested,
            reason: judgement.reason,
            group: None,
            unit: None,
            takes_effect: None,
            cost: None,
            restart: judgement.restart,
            boot: None,
            of_first_netns: None,
            holder: None,
            severity: judgement.severity,
        }
    }

    /// Not at its default, or not ok. Limits of processes differ by design.
    fn is_notable(&self) -> bool {
        let differs = self.is_default == Some(false) && self.unit.is_none();
        self.verdict != Verdict::Ok || differs
    }
}
