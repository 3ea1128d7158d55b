//! Descriptor limits of processes, one for each unit.

use std::collections::BTreeMap;

use super::{
    SettingValue, Verdict, judge::descriptor_limits, judgement::Judgement, load::Load,
    report::Holder,
};
use crate::{
    analysis::rules::FD_LIMIT_OF_SANDBOX,
    model::{FdLimits, ProcessFds, unit_of},
};

/// What systemd gives a service whose files say nothing (man systemd-system.conf).
const OF_SYSTEMD: i64 = 1024;

pub struct Limit {
    /// The unit, container or pod; of a process in none its name.
    pub unit: String,
    is_unit: bool,
    pub holder: Holder,
    pub soft: SettingValue,
    pub default: Option<SettingValue>,
    pub judgement: Judgement,
}

/// For each unit the process that is nearest to its limit; processes in no unit only where they are
/// near it.
pub fn limits(load: &Load) -> Vec<Limit> {
    let mut nearest: BTreeMap<(bool, String), (&ProcessFds, FdLimits)> = BTreeMap::new();
    for process in load.processes() {
        let limits = process.limits;
        let Some(limits) = limits.filter(|limits| limits.hard > FD_LIMIT_OF_SANDBOX) else {
            continue;
        };
        let unit = process.cgroup.as_deref().and_then(unit_of);
        let key = match unit {
            Some(unit) => (true, unit),
            None => (false, process.name.clone()),
        };
        let is_nearer = nearest
            .get(&key)
            .is_none_or(|(other, of_other)| use_of(process, limits) > use_of(other, *of_other));
        if is_nearer {
            nearest.insert(key, (process, limits));
        }
    }
    let nr_open = load.setting("fs.nr_open");
    let limit =
        |((is_unit, unit), (process, limits)): ((bool, String), (&ProcessFds, FdLimits))| Limit {
            is_unit,
            default: unit.ends_with(".service").then_some(OF_SYSTEMD.into()),
            unit,
            holder: Holder {
                uid: process.uid,
                hard_limit: limits.hard,
                of_user: process.cgroup.as_deref().is_some_and(is_of_user),
            },
            soft: match i64::try_from(limits.soft) {
                Ok(soft) => soft.into(),
                Err(_) => SettingValue::Text("unlimited".to_owned()),
            },
            judgement: descriptor_limits(process, limits, nr_open),
        };
    let is_told = |limit: &Limit| limit.is_unit || limit.judgement.verdict != Verdict::Ok;
    nearest.into_iter().map(limit).filter(is_told).collect()
}

fn use_of(process: &ProcessFds, limits: FdLimits) -> f64 {
    process.open.unwrap_or(0) as f64 / limits.soft.max(1) as f64
}

fn is_of_user(cgroup: &str) -> bool {
    cgroup.split('/').any(|part| part.starts_with("user@"))
}
