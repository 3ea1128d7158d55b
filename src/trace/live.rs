//! The packets of a live capture, samples of the listeners on this host, and what the kernel reports
//! about single connections.

use std::{
    cell::LazyCell,
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use super::{
    clocks::Clocks,
    options::{LiveOptions, Options},
    pipeline::Pipeline,
};
use crate::{
    Error, Result,
    analysis::handshake::{KernelAnswer, Listeners, Translation, Waiting, counter_deltas},
    collect::Throttle,
    model::{Address, Counters, Families, Incomplete},
    source::{Capture, Kernel, SockDiag, Tracked, all_interfaces_are_down},
};

/// The longest wait for a packet, after which deadlines are checked.
const TICK: Duration = Duration::from_millis(200);
/// A packet may stay in the kernel this long before it is delivered.
const DELAY_NS: u64 = 100_000_000;
/// Sampling listeners, writing packets and counting overdue handshakes each take at most one part
/// in this many of the time.
const PARTS: u32 = 20;
/// … but the table of tracked connections may be read a few times at once.
const TRACKING: Duration = Duration::from_millis(100);

pub struct Live {
    capture: Capture,
    diag: SockDiag,
    kernel: Kernel,
    /// Counters when the trace began.
    before: Result<Counters>,
    clocks: Clocks,
    sampling: Throttle,
    saving: Throttle,
    counting: Throttle,
    tracking: Throttle,
    /// Why listeners could not be listed.
    unseen: Option<String>,
    begun: Instant,
    limit: Option<Duration>,
}

impl Live {
    pub fn open(live: LiveOptions, options: &Options) -> Result<Self> {
        let before = live.kernel.counters();
        let (filter, families) = (&options.filter, options.families);
        let capture = Capture::open(&live.interfaces, filter, families, live.promiscuous)?;
        Ok(Live {
            capture,
            diag: SockDiag::open()?,
            kernel: live.kernel,
            before,
            clocks: Clocks::now(),
            sampling: Throttle::one_in(PARTS),
            saving: Throttle::one_in(PARTS),
            counting: Throttle::one_in(PARTS),
            tracking: Throttle::one_in(PARTS).allowing(TRACKING),
            unseen: None,
            begun: Instant::now(),
            limit: live.limit,
        })
    }

    /// `false` at the end.
    pub fn step(&mut self, pipeline: &mut Pipeline) -> bool {
        match self.wait(&pipeline.options) {
            Ok(true) => false,
            Ok(false) => self.process(pipeline),
            Err(error) => {
                pipeline.fail(error);
                false
            }
        }
    }

    pub fn conclude(&mut self, pipeline: &mut Pipeline) -> Vec<Incomplete> {
        // Packets that arrived before the end may still be in the kernel.
        thread::sleep(Duration::from_nanos(DELAY_NS));
        self.process(pipeline);
        self.count_losses(pipeline);
        pipeline.tracker.finish();
        self.ask_kernel(pipeline);
        self.dispatch(pipeline);
        pipeline.counted.duration_ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        let mut incomplete = Vec::new();
        match (&self.before, &self.kernel.counters()) {
            (Ok(before), Ok(now)) => pipeline.counted.counters = Some(counter_deltas(before, now)),
            (Err(error), _) | (_, Err(error)) => {
                incomplete.push(Incomplete::new("counters", in_full(error)));
            }
        }
        let unseen = self.unseen.take();
        incomplete.extend(unseen.map(|why| Incomplete::new("listener_queue", why)));
        if pipeline.counted.packets == 0 && all_interfaces_are_down() {
            let why = "no network interface is up here";
            incomplete.push(Incomplete::new("packets", why));
        }
        incomplete
    }

    pub fn waiting(&mut self, pipeline: &Pipeline) -> Option<Waiting> {
        self.counting.run(|| pipeline.tracker.waiting())
    }

    pub fn sample_listeners(&mut self, pipeline: &mut Pipeline) {
        let (diag, mut found) = (&mut self.diag, Vec::new());
        let sampled = || diag.listeners(Families::BOTH, &mut found);
        match self.sampling.run(sampled) {
            Some(Ok(_)) => {
                let listeners = Listeners::new(&found, self.clocks.packets_ns);
                pipeline.tracker.set_listeners(listeners);
            }
            Some(Err(error)) => self.unseen = Some(in_full(&error)),
            None => {}
        }
    }

    /// Waits for packets. Returns `true` when the trace is to end.
    fn wait(&self, options: &Options) -> Result<bool> {
        let left = || Some(self.limit?.saturating_sub(self.begun.elapsed()));
        let stop: Vec<_> = options.stop.iter().map(AsFd::as_fd).collect();
        self.capture.wait(&stop, left().unwrap_or(TICK).min(TICK))?;
        Ok(options.is_stopped() || left().is_some_and(|left| left.is_zero()))
    }

    /// Returns `false` when enough was reported, or something failed.
    fn process(&mut self, pipeline: &mut Pipeline) -> bool {
        if let Some(step) = self.clocks.update() {
            pipeline.tracker.clock_set_by(step);
        }
        self.sample_listeners(pipeline);
        // Counted first, so that losses so far do not make handshakes that begin now doubtful.
        self.count_losses(pipeline);
        self.capture.each_packet(|packet| pipeline.packet(packet));
        let delivered = self.clocks.packets_ns.saturating_sub(DELAY_NS);
        pipeline.tracker.pass(delivered);
        self.ask_kernel(pipeline);
        self.saving.run(|| pipeline.flush());
        self.dispatch(pipeline)
    }

    fn count_losses(&mut self, pipeline: &mut Pipeline) {
        match self.capture.lost() {
            Ok(lost) => {
                pipeline.counted.lost_by_kernel = Some(lost);
                pipeline.tracker.has_lost(lost);
            }
            Err(error) => pipeline.fail(error),
        }
    }

    /// Asks about connections to this host that no captured segment confirms, and about addresses
    /// that may have been translated.
    fn ask_kernel(&mut self, pipeline: &mut Pipeline) {
        if let Err(error) = self.answer_questions(pipeline) {
            pipeline.fail(error);
        }
    }

    fn answer_questions(&mut self, pipeline: &mut Pipeline) -> Result<()> {
        let kernel = &self.kernel;
        let tracks = LazyCell::new(|| kernel.tracks_connections());
        let tracking = &mut self.tracking;
        let mut translation = |client, server| match &*tracks {
            Ok(false) => Ok(Translation::None),
            Ok(true) => translation(kernel, tracking, client, server),
            Err(_) => Ok(Translation::Unknown),
        };
        let (doubts, listeners) = pipeline.tracker.doubts();
        for evidence in doubts {
            if let Some((client, server)) = evidence.doubt() {
                evidence.translate(translation(client, server)?, listeners);
            }
        }
        let before = self.before.as_ref().ok();
        let overflow = LazyCell::new(|| has_overflowed(kernel, before));
        for evidence in pipeline.tracker.questions() {
            if let Some((client, server, interface)) = evidence.question() {
                let state = self.diag.connection(&server, &client, interface)?;
                // Behind a translation, the kernel has the connection under other addresses.
                let is_gone = state.is_none()
                    && *overflow
                    && translation(client, server)? == Translation::None;
                evidence.answer(KernelAnswer {
                    state,
                    has_overflowed: is_gone,
                });
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, pipeline: &mut Pipeline) -> bool {
        pipeline.dispatch(|index| self.capture.interface_name(index).map(Into::into))
    }
}

fn in_full(error: &Error) -> String {
    format!("{error}: {}", error.io())
}

/// The table of tracked connections may be long, so reading it is throttled.
fn translation(
    kernel: &Kernel,
    tracking: &mut Throttle,
    client: Address,
    server: Address,
) -> Result<Translation> {
    let tracked = tracking.run(|| kernel.tracked(&client, &server));
    Ok(match tracked.transpose()? {
        Some(Tracked::RepliesFrom(from)) if from != server => Translation::To(from),
        Some(Tracked::RepliesFrom(_) | Tracked::NotThere) => Translation::None,
        Some(Tracked::Unreadable) | None => Translation::Unknown,
    })
}

/// An accept queue has overflowed since `before`; `false` where that is not known.
fn has_overflowed(kernel: &Kernel, before: Option<&Counters>) -> bool {
    const NAME: &str = "ListenOverflows";
    let before = before.and_then(|before| before.value("TcpExt", NAME));
    let now = kernel.counter("netstat", "TcpExt", NAME).ok().flatten();
    before.zip(now).is_some_and(|(before, now)| now > before)
}
