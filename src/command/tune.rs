//! `sockdiag tune`.

use std::time::Duration;

use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use sockdiag::{
    analysis::tune::{Group, Selection, TuneReport, Unknown, against_boot, keys, names, report},
    collect::{ListenerNeeds, Needs, OwnerNeeds, PortDepth},
    source::FdQuestion,
};

use super::{
    Described, Outcome, Reader, ReportArgs, Session, Subcommand,
    options::{Choices, one_of},
    usage,
};
use crate::render::{Emit, View};

/// Nothing is sampled but the first reading, with which the last is compared.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag tune
  sockdiag tune somaxconn tcp_syncookies --for 60s
  sockdiag tune timewait --all
  sockdiag tune --emit sysctl.d > 90-sockdiag.conf
  sockdiag tune --drift

Name a setting in full (`net.core.somaxconn`), by its last part (`somaxconn`), by a pattern \
(`tcp_keepalive_*`) or by its group: listen, handshake, ports, timewait, keepalive, buffers, memory, \
network, conntrack, fs.

VERDICT is change where the observed load or the value itself shows harm, note where a setting is \
worth knowing about and does no harm now, otherwise ok. The load is what is there at this moment and, \
with --for or --watch, what happened meanwhile; counters since boot alone never make a change of \
limits that are not reached now. DEFAULT is the kernel's for this release and memory. SCOPE is netns \
for settings that each network namespace has for itself, otherwise host. Nothing is written.

--emit prints only what is to be changed, with the reason, what else must happen for it to take \
effect, and what it costs.

--drift follows systemd-sysctl: files of /etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d and \
/usr/lib/sysctl.d in the order of their names, where a file masks those of the same name in later \
folders; /etc/sysctl.conf only where a link in such a folder leads to it.")]
pub struct TuneArgs {
    /// Show these settings or groups (default: those that are not ok, or not at their default)
    #[arg(value_name = "KEY", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Other)]
    settings: Vec<String>,
    /// Show every setting
    #[arg(short, long)]
    all: bool,
    /// Compare the settings with those that files set at boot
    #[arg(long)]
    drift: bool,
    /// Print what is to be changed as a file
    #[arg(long, value_name = "KIND", value_parser = one_of(EMIT), conflicts_with_all = ["drift", "output", "json", "watch", "columns", "sort", "top"])]
    emit: Option<Emit>,
    #[command(flatten)]
    report: ReportArgs,
}

const EMIT: Choices<Emit> = &[
    ("sysctl.d", Emit::SysctlD, "Sysctls, for /etc/sysctl.d"),
    (
        "systemd",
        Emit::Systemd,
        "Descriptor limits of services, a drop-in for each unit",
    ),
    (
        "limits.conf",
        Emit::Limits,
        "Descriptor limits of logins, for /etc/security/limits.d",
    ),
];

impl Subcommand for TuneArgs {
    const NAME: &'static str = "tune";
    const ABOUT: &'static str =
        "Judge sysctls and limits by the observed load, and compare them with boot settings";
    const REPORT: Option<Described> = Described::of::<TuneReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let selection = Selection::named(&self.settings).map_err(|unknown| no_such(&unknown))?;
        let is_short = self.report.output.is_table() && !self.all && self.emit.is_none();
        let selection = selection.only_notable(is_short);
        let view = View {
            all: self.all,
            ..View::default()
        };
        let mut session = Session::new(&self.report, SAMPLE_EVERY, view)?;
        if let Some(emit) = self.emit {
            session.write_as(emit);
        }
        let needs = self.needs(&selection);
        let place = &self.report.place;
        let mut reader = Reader::within(place, needs.clone(), needs, "reading settings")?;
        session.each_report_on(
            |purpose| reader.read(purpose),
            |now, before| match self.drift {
                true => against_boot(now, &selection),
                false => report(now, before, &selection),
            },
            (),
            |(), _, _| {},
            |(), _, _| {},
        )
    }
}

impl TuneArgs {
    /// Sockets and processes are read only for settings that are judged by them.
    fn needs(&self, selection: &Selection) -> Needs {
        let settings = Needs {
            sysctls: keys(),
            boot_settings: self.drift,
            ..Needs::default()
        };
        if self.drift {
            return settings;
        }
        let has = |groups: &[Group]| selection.has_group(groups);
        let listeners = has(&[
            Group::Listen,
            Group::Handshake,
            Group::Ports,
            Group::Buffers,
        ]);
        let tuples = has(&[Group::Ports, Group::TimeWait]);
        Needs {
            listeners: listeners.then(|| ListenerNeeds {
                udp: true,
                ..ListenerNeeds::default()
            }),
            half_open: has(&[Group::Listen, Group::Handshake]),
            port_holders: tuples.then_some(PortDepth::Tuples),
            owners: match listeners {
                true => OwnerNeeds::Auto,
                false => OwnerNeeds::None,
            },
            counters: Group::ALL
                .iter()
                .any(|group| *group != Group::Files && has(&[*group])),
            processes: has(&[Group::Files]).then(FdQuestion::default),
            ..settings
        }
    }
}

fn no_such(Unknown(word): &Unknown) -> anyhow::Error {
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let near = |name: &&'static str| {
        let word = word.to_lowercase();
        strsim::jaro_winkler(name, &word).max(strsim::jaro_winkler(last(name), &word))
    };
    let nearest = names().max_by(|a, b| near(a).total_cmp(&near(b)));
    let hint = match nearest {
        Some(name) if near(&name) > 0.8 => format!("did you mean {name}?"),
        _ => "--all shows every setting".to_owned(),
    };
    usage(format!("no setting or group {word:?}; {hint}"))
}
