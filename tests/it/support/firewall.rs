//! Firewall rules of nftables, in the namespace of the calling thread.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::skipped::report_skipped;

/// Adds a chain at this hook, of filter or nat, with these rules; `false`, loudly, where nft is not
/// installed.
pub fn add_chain(kind: &str, hook: &str, rules: &[&str]) -> bool {
    let rules = rules.join("\n");
    let table = format!(
        "table inet {kind}_{hook} {{\nchain rules {{\ntype {kind} hook {hook} priority 0\n{rules}\n}}\n}}\n"
    );
    let started = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn();
    let mut nft = match started {
        Ok(nft) => nft,
        Err(error) => {
            report_skipped(&format!("a firewall: nft: {error}"));
            return false;
        }
    };
    let mut stdin = nft.stdin.take().expect("stdin is piped");
    stdin.write_all(table.as_bytes()).expect("nft reads it");
    drop(stdin);
    let status = nft.wait().expect("it ends");
    assert!(status.success(), "nft: {status}\n{table}");
    true
}

/// Removes that chain.
pub fn remove_chain(kind: &str, hook: &str) {
    let table = format!("{kind}_{hook}");
    let removed = Command::new("nft")
        .args(["delete", "table", "inet", &table])
        .status();
    assert!(removed.expect("nft was there").success());
}
