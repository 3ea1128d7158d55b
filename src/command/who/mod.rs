//! The subcommand `who`: who holds a port, and what bind() returns.

mod target;
mod trial;

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::who::{Asked, Holder, Holders, Limits, OtherHolder, WhoReport, report, unjudged},
    collect::{
        BindLimits, Held, HeldSocket, Place, Wants, bind_limits, held, udp_wildcard_may_miss,
    },
    model::{Netns, OtherSocket},
    source::{Kernel, Namespace},
};

use super::{
    Described, Outcome, OwnerArgs, PlaceArgs, RowArgs, Subcommand, no_such_column,
    options::{NameArgs, OutputArgs},
    this_host, with_way_in,
};
use crate::render::{Sink, View};
use target::Target;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag who :8080
  sockdiag who 127.0.0.1:5432 --as postgres
  sockdiag who :8080 --try
  sockdiag who 4121
  sockdiag who nginx.service

With a port: every socket that holds it, in this and other network namespaces (listeners, sockets \
that are only bound, connections that use it, TIME_WAITs), and what bind() returns to a program of \
this user without options, with SO_REUSEADDR, with SO_REUSEPORT and with both: `ok`, `in use` \
(EADDRINUSE, \"Address already in use\"), `denied` (EACCES: a port below \
net.ipv4.ip_unprivileged_port_start without CAP_NET_BIND_SERVICE), `no address` (EADDRNOTAVAIL: the \
address is not local), or `–` where it depends on an option of a socket that could not be read. With \
a process or unit: all its sockets.

The verdict follows the rules of the kernel. An option has an effect only if the socket that binds \
sets it before bind() and each holder whose address overlaps has it too: with SO_REUSEADDR the port is \
shared with TCP sockets that do not listen and with any UDP socket, with SO_REUSEPORT with sockets \
created under the same effective user id and with TIME_WAITs. The verdict is about this namespace, or that of --netns; sockets \
in other namespaces exclude nothing. Options of sockets are read from a duplicate of the descriptor, \
which takes the same user or CAP_SYS_PTRACE. --try calls bind() on each address and closes the \
socket at once; a program that binds in that moment fails.

Security modules (SELinux, AppArmor, Landlock), BPF programs of a cgroup and seccomp can refuse a \
port as well (EACCES). They are not considered; --try is subject to those that sockdiag runs under.")]
pub struct WhoArgs {
    /// `:PORT`, `ADDR:PORT`, process id or unit
    #[arg(value_name = "ADDR:PORT|:PORT|PID|UNIT", required_unless_present = "columns", value_hint = ValueHint::Other)]
    target: Option<String>,
    /// Call bind() for real, for a moment, instead of concluding what it returns
    #[arg(long = "try", conflicts_with = "user")]
    trial: bool,
    /// Answer for a program of this user, by name or id (default: yours)
    #[arg(long = "as", value_name = "NAME|UID", value_hint = ValueHint::Username)]
    user: Option<String>,
    #[command(flatten)]
    owners: OwnerArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Subcommand for WhoArgs {
    const NAME: &'static str = "who";
    const ABOUT: &'static str =
        "Show who holds a port, and whether bind() gets it; or all sockets of a process";
    const REPORT: Option<Described> = Described::of::<WhoReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        let kernel = self.place.kernel()?;
        let target = Target::parse(self.target(), &kernel)?;
        let settings = self.output.settings()?;
        let view = View {
            all: self.rows.all,
            names: self.names.resolve,
            ..View::default()
        };
        let mut sink = Sink::of_reports(&settings, view, this_host()?).map_err(no_such_column)?;
        let report = self.report(&kernel, &target).map_err(with_way_in)?;
        sink.report(report, None, "")
            .context("writing the report")?;
        Ok(Outcome::Answered)
    }
}

impl WhoArgs {
    /// Only `--columns help` goes without.
    fn target(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }

    fn report(&self, kernel: &Kernel, target: &Target) -> anyhow::Result<WhoReport> {
        let here = self.here(kernel)?;
        let namespaces = self.place.namespaces_or_all(kernel)?;
        let asked = self.asked(kernel, target, &here.id)?;
        let wants = match target {
            Target::Port { port, .. } => Wants::Port(*port),
            Target::Process(pid) => target::open_sockets(kernel, &[*pid])?,
            Target::Unit(pids) => target::open_sockets(kernel, pids)?,
        };
        let found = held(kernel, &namespaces, wants, self.owners.needs())?;
        let BindLimits {
            unprivileged_port_start,
            may_bind_privileged,
            privilege_unread,
            selinux_enforces,
            v6only,
            addresses,
        } = bind_limits(kernel, &here, &asked.addresses)?;
        let mut limits = Limits {
            unprivileged_port_start,
            may_bind_privileged: match asked.uid == own_uid() {
                true => may_bind_privileged,
                false => Some(asked.uid == 0),
            },
            privilege_unread,
            selinux_enforces,
            udp_wildcard_may_miss: match asked.port {
                Some(port) => udp_wildcard_may_miss(kernel, &found, &here.id, port)?,
                None => false,
            },
            v6only,
            addresses,
            sees_bound: found.sees_bound,
            bound_refused: found.bound_refused.clone(),
            ephemeral: found.ephemeral_in(&here.id),
            tried: Vec::new(),
        };
        let mut refused = Vec::new();
        if let Some(port) = asked.port.filter(|_| self.trial) {
            (limits.tried, refused) = trial::try_all(unjudged(&asked, &limits), port, &here)?;
        }
        let mut report = report(&asked, &limits, &as_holders(&found, &here.id));
        report
            .incomplete
            .splice(0..0, found.missing.iter().cloned());
        report.incomplete.extend(refused);
        Ok(report)
    }

    /// The namespace that bind() is judged in.
    fn here(&self, kernel: &Kernel) -> anyhow::Result<Namespace> {
        Ok(match self.place.netns.as_deref() {
            None | Some("all") => kernel.own_namespace(),
            Some(name) => kernel.namespace(name)?,
        })
    }

    fn asked(&self, kernel: &Kernel, target: &Target, netns: &Netns) -> anyhow::Result<Asked> {
        let (port, addresses) = match target {
            Target::Port { port, addresses } => (Some(*port), addresses.clone()),
            Target::Process(_) | Target::Unit(_) => (None, Vec::new()),
        };
        Ok(Asked {
            target: self.target().to_owned(),
            process: target.process_name(kernel)?,
            port,
            addresses,
            netns: netns.clone(),
            uid: match &self.user {
                None => own_uid(),
                Some(name) => {
                    let by_name = || uzers::get_user_by_name(name).map(|user| user.uid());
                    let id = name.parse().ok().or_else(by_name);
                    id.with_context(|| format!("--as {name}: no such user"))?
                }
            },
        })
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn as_holders<'a>(held: &'a Held, here: &Netns) -> Holders<'a> {
    let is_here = |place: &Place| place.netns.inode == here.inode;
    let holder = |one: &'a HeldSocket| {
        let place = &held.places[one.place];
        Holder {
            netns: &place.netns,
            interfaces: &place.interfaces,
            is_here: is_here(place),
            socket: &one.socket,
            options: one.options,
        }
    };
    let other = |(place, socket): &'a (usize, OtherSocket)| {
        let place = &held.places[*place];
        OtherHolder {
            netns: &place.netns,
            interfaces: &place.interfaces,
            is_here: is_here(place),
            socket,
        }
    };
    Holders {
        sockets: held.sockets.iter().map(holder).collect(),
        others: held.others.iter().map(other).collect(),
        omitted: held
            .omitted
            .iter()
            .map(|(one, count)| (holder(one), *count))
            .collect(),
        owners: held.owners.as_ref(),
        searched: held.searched,
    }
}
