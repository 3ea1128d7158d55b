//! The rules of `tune`: settings that do harm, and settings that are not what files set at boot.

use super::{SettingReport, TuneReport, Verdict};
use crate::analysis::{
    Finding,
    Severity::Info,
    finding::{in_shell, inside, worst_first},
    rules::{SETTING_DRIFT, SETTING_HARMFUL},
};

/// What the report concludes, the worst first.
pub fn findings(report: &TuneReport) -> Vec<Finding> {
    let settings = report.settings.iter();
    let of = settings.flat_map(|setting| [harmful(setting), drifted(setting)]);
    let mut findings: Vec<Finding> = of.flatten().collect();
    worst_first(&mut findings);
    findings
}

fn harmful(setting: &SettingReport) -> Option<Finding> {
    let severity = setting.severity?;
    let value = setting.value.as_ref()?.to_string();
    let subject = match &setting.unit {
        Some(unit) => format!("{} of {unit}", setting.key),
        None => setting.key.clone(),
    };
    let suggested = setting.suggested.as_ref();
    let suggested = suggested.map_or(String::new(), |value| format!(", should be {value}"));
    let message = format!("is {value}{suggested}: {}", setting.reason);
    let finding = SETTING_HARMFUL
        .finding(severity, subject, message)
        .text("value", value)
        .text("default", setting.default.as_ref().map(ToString::to_string))
        .text(
            "suggested",
            setting.suggested.as_ref().map(ToString::to_string),
        );
    let finding = match &setting.netns {
        Some(netns) => finding.in_netns(netns),
        None => finding,
    };
    let finding = finding.with(remedy(setting), Finding::remedy);
    let emit = match &setting.unit {
        Some(_) => "sockdiag tune fs --emit systemd".to_owned(),
        None => format!("sockdiag tune {} --emit sysctl.d", in_shell(&setting.key)),
    };
    Some(match setting.verdict {
        Verdict::Change => finding.next_in_netns(emit),
        _ => finding.next_in_netns(format!("sockdiag tune {}", in_shell(&setting.key))),
    })
}

/// The command that changes it, and what must happen besides.
fn remedy(setting: &SettingReport) -> Option<String> {
    let suggested = setting.suggested.as_ref()?;
    let key = &setting.key;
    if let Some(unit) = &setting.unit {
        return Some(format!(
            "raise the descriptor limit of {unit} to {suggested}"
        ));
    }
    let assignment = in_shell(&format!("{key}={suggested}"));
    let restart = match setting.restart.as_slice() {
        [] => String::new(),
        units => format!(" # then restart {}", units.join(", ")),
    };
    let command = format!("sysctl -w {assignment}{restart}");
    Some(match &setting.netns {
        Some(netns) => inside(netns, command),
        None => command,
    })
}

fn drifted(setting: &SettingReport) -> Option<Finding> {
    let boot = setting
        .boot
        .as_ref()
        .filter(|boot| boot.differs == Some(true))?;
    let place = format!("{}:{}", boot.place.file, boot.place.line);
    let now = setting.value.as_ref().map(ToString::to_string);
    let now = now.unwrap_or_else(|| "absent".to_owned());
    let message = format!("is {now}; {place} sets {}", boot.value);
    let finding = SETTING_DRIFT
        .finding(Info, &setting.key, message)
        .text("value", now)
        .text("boot", boot.value.to_string())
        .text("place", place)
        .next("sockdiag tune --drift -v");
    Some(match &setting.netns {
        Some(netns) => finding.in_netns(netns),
        None => finding,
    })
}
