//! Handshakes as they pass.

use std::{
    cell::LazyCell,
    io::{self, IsTerminal, Write},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use sockdiag::{
    Error,
    analysis::trace::{Queues, rises},
    collect::Throttle,
    model::{Counters, Filter, Incomplete},
    source::{
        Capture, CaptureWriter, Kernel, SockDiag, any_interface_is_up, drop_privileges, interfaces,
    },
};

use super::{TraceArgs, clocks::Clocks, finish, intake::Intake, teller::Teller};
use crate::command::{
    usage,
    wait::{Waiter, Woken},
    with_way_in,
};

/// How long nothing may happen before it is looked whether something should have.
const TICK: Duration = Duration::from_millis(200);
/// A packet may wait so long in the kernel before it is handed over.
const DELAY_NS: u64 = 100_000_000;
/// Looking at listeners, writing what was captured and counting what waits take each no more than one
/// part in so many of the time.
const PARTS: u32 = 20;

/// Traces until it is told to stop.
pub fn run(args: &TraceArgs, condition: &Filter, mut teller: Teller) -> anyhow::Result<()> {
    let kernel = Kernel::with_proc_root(&args.place.proc_root);
    enter(args, &kernel)?;
    let mut waiter = Waiter::new(false).context("watching for signals")?;
    let mut live = Live::begin(args, condition, kernel)?;
    tell_capturing(args)?;
    teller.begin()?;
    let end = args.limit.map(|limit| Instant::now() + limit);
    while live.step(&mut teller)? && !live.is_over(&mut waiter, end)? {}
    live.finish(teller)
}

/// A trace stays in one namespace, so that the whole process moves there.
fn enter(args: &TraceArgs, kernel: &Kernel) -> anyhow::Result<()> {
    match args.place.netns.as_deref() {
        None => Ok(()),
        Some("all") => Err(usage("--netns all: a trace captures in one namespace")),
        Some(name) => {
            let namespace = kernel.namespace(name)?;
            namespace
                .move_into()
                .map_err(|error| with_way_in(error.into()))
        }
    }
}

struct Live {
    capture: Capture,
    writer: Option<CaptureWriter>,
    diag: SockDiag,
    intake: Intake,
    /// Of looking at listeners.
    looking: Throttle,
    /// Of writing what was captured.
    saving: Throttle,
    /// Of counting what waits.
    counting: Throttle,
    clocks: Clocks,
    kernel: Kernel,
    /// What it had counted when the trace began.
    before: sockdiag::Result<Counters>,
    /// Why listeners could not be looked at.
    unseen: Option<String>,
    /// Somebody looks on.
    watched: bool,
    begun: Instant,
}

impl Live {
    /// Opens what takes privileges, then gives them up.
    fn begin(args: &TraceArgs, condition: &Filter, kernel: Kernel) -> anyhow::Result<Self> {
        let before = kernel.counters();
        let capture = Capture::open(
            &args.interface,
            condition,
            args.family.families(),
            args.promiscuous,
        );
        let capture = capture.map_err(with_way_out)?;
        let live = Live {
            capture,
            writer: args.writer()?,
            diag: SockDiag::open()?,
            intake: Intake::new(args, condition),
            looking: Throttle::one_in(PARTS),
            saving: Throttle::one_in(PARTS),
            counting: Throttle::one_in(PARTS),
            clocks: Clocks::now(),
            before,
            kernel,
            unseen: None,
            watched: io::stdout().is_terminal(),
            begun: Instant::now(),
        };
        drop_privileges()?;
        Ok(live)
    }

    /// Waits for packets. Whether it is time to stop.
    fn is_over(&self, waiter: &mut Waiter, end: Option<Instant>) -> anyhow::Result<bool> {
        let now = Instant::now();
        let left = end.map_or(TICK, |end| end.saturating_duration_since(now));
        self.capture.wait(&[waiter.stop_signal()], left.min(TICK))?;
        let woken = waiter.until(now).context("watching for signals")?;
        Ok(woken == Woken::Stop || end.is_some_and(|end| Instant::now() >= end))
    }

    /// Takes what is ready and says what came of it. `false` when enough was said.
    fn step(&mut self, teller: &mut Teller) -> anyhow::Result<bool> {
        if let Some(step) = self.clocks.look() {
            self.intake.tracker.clock_set_by(step);
        }
        self.look_at_queues();
        // Before the packets that are ready: what begins with them has lost nothing yet.
        self.look_at_losses()?;
        self.take_packets()?;
        let passed = self.clocks.packets_ns.saturating_sub(DELAY_NS);
        self.intake.tracker.pass(passed);
        self.ask_the_kernel()?;
        let goes_on = teller.tell(&mut self.intake, self.writer.as_mut())?;
        self.tell_waiting(teller)?;
        teller.flush()?;
        self.save()?;
        Ok(goes_on)
    }

    fn look_at_losses(&mut self) -> sockdiag::Result<()> {
        let lost = self.capture.lost()?;
        self.intake.tally.lost_by_kernel = Some(lost);
        self.intake.tracker.has_lost(lost);
        Ok(())
    }

    /// In a flood it takes long to look at all that wait.
    fn tell_waiting(&mut self, teller: &mut Teller) -> anyhow::Result<()> {
        if !self.watched || !self.counting.is_due() {
            return Ok(());
        }
        let begun = Instant::now();
        teller.status(&self.intake.tracker.waiting())?;
        self.counting.spent(begun.elapsed());
        Ok(())
    }

    /// What the wire does not tell of this host's own connections.
    fn ask_the_kernel(&mut self) -> sockdiag::Result<()> {
        let before = self.before.as_ref().ok();
        let overflow = LazyCell::new(|| has_overflowed(&self.kernel, before));
        for handshake in self.intake.tracker.doubtful() {
            let (local, peer) = (&handshake.server, &handshake.client);
            let device = handshake.interface_index;
            let state = self.diag.connection(local, peer, device)?;
            handshake.judge(state, state.is_none() && *overflow);
        }
        Ok(())
    }

    /// Leaves little unwritten, should the trace be killed.
    fn save(&mut self) -> anyhow::Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|_| self.saving.is_due()) else {
            return Ok(());
        };
        let begun = Instant::now();
        writer.flush()?;
        self.saving.spent(begun.elapsed());
        Ok(())
    }

    fn take_packets(&mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        self.capture.each_packet(|packet| {
            if result.is_ok() {
                result = self.intake.take(packet, self.writer.as_mut());
            }
        });
        Ok(result?)
    }

    fn look_at_queues(&mut self) {
        if !self.looking.is_due() {
            return;
        }
        let begun = Instant::now();
        match self.diag.tcp_listeners() {
            Ok(listeners) => {
                let queues = Queues::of(&listeners, self.clocks.packets_ns);
                self.intake.tracker.look_at(queues);
            }
            Err(error) => self.unseen = Some(in_full(error)),
        }
        self.looking.spent(begun.elapsed());
    }

    fn finish(mut self, mut teller: Teller) -> anyhow::Result<()> {
        // What arrived before the end may still be the kernel's.
        thread::sleep(Duration::from_nanos(DELAY_NS));
        if self.step(&mut teller)? {
            self.look_at_losses()?;
            self.intake.tracker.finish();
            self.ask_the_kernel()?;
            teller.tell(&mut self.intake, self.writer.as_mut())?;
        }
        self.intake.tally.duration_ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        let mut incomplete = Vec::new();
        let rose = |before| Ok(rises(&before, &self.kernel.counters()?));
        match self.before.and_then(rose) {
            Ok(rises) => self.intake.tally.counters = Some(rises),
            Err(error) => incomplete.push(Incomplete::new("counters", in_full(error))),
        }
        let unseen = self.unseen;
        incomplete.extend(unseen.map(|why| Incomplete::new("listener_queue", why)));
        if self.intake.tally.packets == 0 && !any_interface_is_up() {
            incomplete.push(Incomplete::new("packets", "no network device is up here"));
        }
        incomplete.extend(finish(self.writer)?);
        teller.conclude(self.intake, incomplete)
    }
}

/// An error with all of its causes.
fn in_full(error: Error) -> String {
    format!("{:#}", anyhow!(error))
}

/// Whether an accept queue has overflowed since; not known is no.
fn has_overflowed(kernel: &Kernel, before: Option<&Counters>) -> bool {
    const NAME: &str = "ListenOverflows";
    let before = before.and_then(|before| before.value("TcpExt", NAME));
    let now = kernel.counter("netstat", "TcpExt", NAME).ok().flatten();
    before.zip(now).is_some_and(|(before, now)| now > before)
}

/// Says what helps where packets may not be captured.
fn with_way_out(error: Error) -> anyhow::Error {
    let refused = error.io().kind() == io::ErrorKind::PermissionDenied;
    match error {
        Error::Capture { .. } if refused => {
            let program = std::env::current_exe().ok();
            let program = program
                .as_deref()
                .map_or("sockdiag".into(), |path| path.to_string_lossy());
            anyhow!(
                "{}; it needs CAP_NET_RAW: use sudo, or once: sudo setcap cap_net_raw+ep {program}; \
                 a capture file needs nothing: sockdiag trace --read FILE",
                in_full(error)
            )
        }
        Error::Interface { .. } => {
            let mut names: Vec<String> = interfaces().into_values().collect();
            names.sort();
            anyhow!("{}; there are {}", in_full(error), names.join(", "))
        }
        error => error.into(),
    }
}

/// Tells a person that silence is no fault.
fn tell_capturing(args: &TraceArgs) -> io::Result<()> {
    let mut stderr = io::stderr();
    if !stderr.is_terminal() {
        return Ok(());
    }
    let place = match &args.interface[..] {
        [] => "all devices".to_owned(),
        names => names.join(", "),
    };
    let end = match args.limit {
        Some(limit) => format!("for {limit:?}"),
        None => "until Ctrl-C".to_owned(),
    };
    writeln!(stderr, "capturing on {place} {end}")
}
