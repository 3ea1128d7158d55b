//! For benches that fail when a promise is broken.

use anyhow::ensure;

use crate::limit::Limit;

/// Fails when one does not hold, and names it.
pub fn ensure_held(limits: &[Limit]) -> anyhow::Result<()> {
    let broken = limits.iter().filter_map(|limit| match &limit.measured {
        Some((measured, false)) => {
            Some(format!("`{}`: {}: {measured}", limit.command, limit.limit))
        }
        _ => None,
    });
    let broken: Vec<_> = broken.collect();
    ensure!(broken.is_empty(), "does not hold: {}", broken.join("; "));
    Ok(())
}
