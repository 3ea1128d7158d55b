//! The bench's own network namespace: its sockets, listeners and counters are nobody else's, and
//! all of it is gone with the last process. (The kernel's table of established sockets is one for
//! the whole host, so every dump walks it all the same.)

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// As root the plain way keeps every privilege, so that owners outside the load are as readable to
/// us as to `ss`.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Starts this program again in a new namespace, in place of this process: Ctrl-C and kill keep
/// hitting the right one.
pub fn reenter(words: &[String]) -> anyhow::Result<()> {
    match exec_inside(words)? {}
}

fn exec_inside(words: &[String]) -> anyhow::Result<Infallible> {
    let Some(way) = WAYS.into_iter().find(|way| works(way)) else {
        bail!(
            "no network namespace of our own: `unshare {}` fails; run as root, or allow user namespaces",
            WAYS[1].join(" ")
        );
    };
    let program = std::env::current_exe().context("finding this program")?;
    let error = Command::new("unshare")
        .args(way)
        .arg("--")
        .arg(program)
        .arg("--inside")
        .args(words)
        .exec();
    Err(error).context("running unshare(1)")
}

fn works(way: &[&str]) -> bool {
    let tried = Command::new("unshare")
        .args(way)
        .args(["--", "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// A new namespace has a loopback interface, but it is down.
pub fn raise_loopback() -> anyhow::Result<()> {
    let status = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()
        .context("running ip(8) of iproute2")?;
    anyhow::ensure!(status.success(), "`ip link set lo up` fails: {status}");
    Ok(())
}
