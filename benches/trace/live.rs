//! Captures that go on while handshakes are made: `sockdiag` and `tcpdump` at once, so that both
//! meet the same packets on the same machine.

use crate::capture::{self, Capture, Observed};
use crate::handshakes::{self, Made};
use crate::{cases, flood, format};

/// Both at once.
pub struct Beside {
    pub name: &'static str,
    pub made: Made,
    pub ours: Observed,
    pub theirs: Observed,
}

/// `sockdiag` alone.
pub struct Flooded {
    pub sent: Made,
    pub ours: Observed,
}

/// Each of these commands of ours in turn beside `tcpdump`, once per round.
pub fn measure(
    rounds: u32,
    names: &[&'static str],
    per_second: u32,
    seconds: u32,
) -> anyhow::Result<Vec<Beside>> {
    let all = (1..=rounds).flat_map(|round| names.iter().map(move |name| (round, *name)));
    all.map(|(round, name)| {
        let count = format::count(per_second.into());
        eprintln!("{count} handshakes a second beside {name}: round {round} of {rounds}");
        beside(name, per_second, seconds)
    })
    .collect()
}

fn beside(name: &'static str, per_second: u32, seconds: u32) -> anyhow::Result<Beside> {
    let theirs = Capture::tcpdump(cases::command(cases::TCPDUMP)?)?;
    let ours = Capture::sockdiag(cases::command(name)?)?;
    capture::wait_for(2)?;
    let made = handshakes::make(per_second, seconds)?;
    capture::settle();
    Ok(Beside {
        name,
        made,
        ours: capture::end_sockdiag(ours)?,
        theirs: capture::end_tcpdump(theirs)?,
    })
}

pub fn flood(syns: u32) -> anyhow::Result<Flooded> {
    eprintln!("{} SYNs from nowhere", format::count(syns.into()));
    let ours = Capture::sockdiag(cases::command(cases::SUMMARY)?)?;
    capture::wait_for(1)?;
    let sent = flood::send(syns)?;
    capture::settle();
    Ok(Flooded {
        sent,
        ours: capture::end_sockdiag(ours)?,
    })
}
