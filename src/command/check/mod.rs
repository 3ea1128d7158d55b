//! `sockdiag check`.

mod child;
mod observe;
mod policy;
mod wanted;

use std::{ffi::OsString, io::ErrorKind, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use sockdiag::{
    analysis::{
        check::{Baseline, Check, CheckReport, Former, Kind, Plan, Scope, Threshold, conclude},
        doctor::Verdict,
    },
    collect::Needs,
    source::{read_named_file, return_to_real_user},
};

use super::{
    Described, Outcome, PlaceArgs, Purpose, Reader, Subcommand, duration, has_unit, options::port,
    session::this_host, usage,
};
use crate::render::{CheckFormat, Destination, check};
use observe::{Readings, observe};
use policy::{Policy, Share};
use wanted::{Wanted, printed, wanted};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag check all
  sockdiag check queues --port 8080 -w 80% -c 99% -c 2s
  sockdiag check drops -c 0 -o junit --report drops.xml -- ./load-test.sh
  sockdiag check counters ListenOverflows TCPTimeWaitOverflow -c 0
  sockdiag check ports timewait --baseline main.json --tolerance 5%
  sockdiag check -f checks.toml --fail-on 'accept_queue_overflow,ports_*'

A RANGE is that of monitoring plugins: 10 alerts below 0 and above 10, 10: below 10, ~:10 above 10, \
10:20 outside of 10 to 20, @10:20 inside. Its unit chooses the metric: % is a share of a limit, /s a \
rate, ms, s, min and h a time, none a number; METRIC=RANGE names it. A full accept queue is at 100%, \
so -c 99% or -c @100%: finds it. Without -w and -c, a check is judged by what `sockdiag doctor` finds \
in its area.

CHECK     METRICS
queues    queues_fill (%), queues_length, queues_wait (time)
drops     drops (in one reading), drops_rate (/s)
syn       syn_length, syn_fill (%)
ports     ports_used (%), ports_count, towards one destination
timewait  timewait_fill (%), timewait_count
fds       fds_used (%) of a process, fds_open, host_files_used (%)
counters  NAME (its rise in one reading), NAME_rate (/s), of each counter named
leaks     none: connections and descriptors that are not closed
tune      none: settings that do harm

`all` is every check but counters; with --port, --process or --unit, every one that can be restricted \
so.

A reading takes as long as --for, or as the COMMAND runs. Accept queues are sampled every 20 ms, \
other levels every second or more often; drops and counters are what the reading adds. When a network namespace closes during the reading, its \
counters are known only up to the last sample, and so are the drops of a socket at --port that \
closes: the result is UNKNOWN unless it alerts. In the run of a COMMAND the same holds for findings. \
With \
--sustain N, N readings are taken (with a COMMAND, one after the other until it ends). With \
--process or --unit, owners are known at the end of a reading: SYN queues and ports are those of \
that time. Every network namespace that may be entered is read, unless --netns names one.

The COMMAND gets the standard streams, and SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it; \
what check prints goes to stderr then.

A baseline is what an earlier run wrote with -o json --report FILE. Ratios and rates are compared: a \
ratio may be above the earlier one by the tolerance in percentage points, a rate by that share of \
itself.

Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also for errors and wrong usage. If all is OK but \
the COMMAND failed: its own exit code, 128 + N after signal N, or 4 in place of 1, 2 and 3, which \
are those of check.")]
pub struct CheckArgs {
    /// What to check (default: all); names behind `counters` are of counters
    #[arg(value_name = "CHECK", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(names))]
    checks: Vec<String>,
    /// Alert with WARNING outside of this range
    #[arg(short, long, value_name = "[METRIC=]RANGE", allow_hyphen_values = true)]
    warning: Vec<Threshold>,
    /// Alert with CRITICAL outside of this range
    #[arg(short, long, value_name = "[METRIC=]RANGE", allow_hyphen_values = true)]
    critical: Vec<Threshold>,
    /// Alert with CRITICAL if one of these is found: ids of findings or causes, or patterns
    #[arg(long, value_name = "ID", value_delimiter = ',', value_hint = ValueHint::Other)]
    fail_on: Vec<String>,
    /// Read the checks from a file in TOML
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["checks", "warning", "critical", "port", "process", "unit"])]
    file: Option<PathBuf>,
    /// Alert with CRITICAL if a metric is worse than in this report of an earlier run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    baseline: Option<PathBuf>,
    /// How much worse than the baseline a metric may be
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "10%",
        requires = "baseline"
    )]
    tolerance: Share,
    /// Watch for this long (default 2s)
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    watch_for: Option<Duration>,
    /// Count only what holds in N readings in a row (default 1)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    sustain: Option<u16>,
    /// Restrict to this port of listeners; in `ports`, of destinations
    #[arg(long, value_name = "PORT", value_parser = port)]
    port: Option<u16>,
    /// Restrict to processes, by name, id or pattern (`work*`)
    #[arg(long, value_name = "NAME|PID", value_hint = ValueHint::Other)]
    process: Option<String>,
    /// Restrict to a systemd unit, container or pod, by name, id or pattern
    #[arg(long, value_name = "UNIT", value_hint = ValueHint::Other)]
    unit: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: CheckFormat,
    /// Print JSON (= --output json)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Write the output to a file, and the text as usual
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Check while this command runs
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
    #[command(flatten)]
    place: PlaceArgs,
}

fn names() -> Vec<CompletionCandidate> {
    let words = Kind::ALL.map(Kind::word).into_iter().chain(["all"]);
    words.map(CompletionCandidate::new).collect()
}

/// Codes of the command that are the check's own are replaced by this one.
const COMMAND_FAILED: u8 = 4;

impl Subcommand for CheckArgs {
    const NAME: &'static str = "check";
    const ABOUT: &'static str =
        "Compare with thresholds, for CI and monitoring: exit code 0, 1, 2 or 3";
    const REPORT: Option<Described> = Described::without_rows::<CheckReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let host = this_host()?;
        let files = [&self.file, &self.baseline, &self.report];
        if !self.command.is_empty() || files.into_iter().any(Option::is_some) {
            // What a user may not read, write or run as root, a setuid copy does not do for them.
            return_to_real_user()?;
        }
        let (plan, settings) = self.plan()?;
        let observed = observe(&plan, &self.place, &settings, &self.command)?;
        let Readings {
            verdicts,
            incomplete,
            command,
            elapsed,
        } = observed;
        let report = conclude(&verdicts, settings.sustain, incomplete, command);
        let format = if self.json {
            CheckFormat::Json
        } else {
            self.output
        };
        let to = Destination {
            file: self.report.as_deref(),
            is_command_on_stdout: !self.command.is_empty(),
        };
        match check::write(&report, format, &to, &host, elapsed) {
            // The verdict stands, whoever reads it.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.context("writing the report")?,
        }
        Ok(outcome(&report))
    }
}

/// Of all readings together.
pub struct Settings {
    pub watch_for: Duration,
    pub sustain: usize,
}

impl CheckArgs {
    fn plan(&self) -> anyhow::Result<(Plan, Settings)> {
        let policy = match &self.file {
            Some(file) => Policy::read(file)?,
            None => Policy::default(),
        };
        let wanted = match self.file {
            Some(_) => policy.wanted()?,
            None => self.wanted()?,
        };
        for one in &wanted {
            self.ensure_there(&one.scope)?;
        }
        let plan = Plan {
            checks: self.checks_of(wanted)?,
            fail_on: [policy.fail_on, self.fail_on.clone()].concat(),
            scope: self.scope(),
            baseline: self.baseline()?,
        };
        plan.ensure_applies()
            .map_err(|error| usage(error.to_string()))?;
        let usual = Duration::from_secs(2);
        let settings = Settings {
            watch_for: self.watch_for.or(policy.watch_for).unwrap_or(usual),
            sustain: self.sustain.or(policy.sustain).map_or(1, usize::from),
        };
        Ok((plan, settings))
    }

    fn scope(&self) -> Scope {
        Scope {
            port: self.port,
            process: self.process.clone(),
            unit: self.unit.clone(),
        }
    }

    /// Without a name everything is checked, unless a condition is all that is asked for.
    fn wanted(&self) -> anyhow::Result<Vec<Wanted>> {
        let all = ["all".to_owned()];
        let is_condition = !self.fail_on.is_empty()
            && [&self.warning, &self.critical]
                .into_iter()
                .all(Vec::is_empty)
            && self.baseline.is_none();
        let names = match self.checks.is_empty() {
            true if is_condition => &[][..],
            true => &all,
            false => &self.checks,
        };
        wanted(names, &self.scope(), &self.warning, &self.critical)
    }

    fn checks_of(&self, wanted: Vec<Wanted>) -> anyhow::Result<Vec<Check>> {
        let names_counters = wanted.iter().any(|one| !one.counters.is_empty());
        let printed = match names_counters {
            true => {
                let needs = Needs::counters();
                let place = &self.place;
                let mut reader = Reader::within(place, needs.clone(), needs, "reading counters")?;
                printed(&reader.read(Purpose::Report)?)
            }
            false => Vec::new(),
        };
        wanted.into_iter().map(|one| one.check(&printed)).collect()
    }

    /// Fails when a process or a unit that is named does not exist at the start.
    fn ensure_there(&self, scope: &Scope) -> anyhow::Result<()> {
        if !self.command.is_empty() {
            // The command may be about to start it.
            return Ok(());
        }
        let kernel = self.place.kernel()?;
        if let Some(process) = &scope.process {
            super::has_process(process, &kernel)?;
        }
        match &scope.unit {
            Some(unit) => has_unit(unit, &kernel.units()?),
            None => Ok(()),
        }
    }

    fn baseline(&self) -> anyhow::Result<Option<Baseline>> {
        let Some(path) = &self.baseline else {
            return Ok(None);
        };
        let reading = || format!("--baseline {}", path.display());
        let text = read_named_file(path)?;
        let former: Former = serde_json::from_str(&text)
            .context("expected a report of `sockdiag check -o json`")
            .with_context(reading)?;
        Ok(Some(Baseline {
            former,
            tolerance: self.tolerance.0,
        }))
    }
}

fn outcome(report: &CheckReport) -> Outcome {
    let failed = report.command.filter(|command| !command.is_success());
    match (report.status, failed) {
        (Verdict::Ok, Some(command)) => {
            Outcome::CommandFailed(match (command.exit_code, command.signal) {
                (Some(code @ 4..=255), _) => code as u8,
                (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(COMMAND_FAILED),
                _ => COMMAND_FAILED,
            })
        }
        (status, _) => Outcome::Judged(status),
    }
}
