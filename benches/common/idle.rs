//! A process that does nothing but wait, as most of a server's do.

use std::io::{self, Read};

use anyhow::Context;

/// Its first argument.
pub const WAIT: &str = "--wait";

/// Ends with its standard input, however the bench ends.
pub fn wait() -> anyhow::Result<()> {
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("waiting for the bench to end")?;
    Ok(())
}
