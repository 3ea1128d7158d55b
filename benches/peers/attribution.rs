//! The search for the owners of every socket of the namespace, as a program that uses the library
//! makes it: without BPF, and with it where that is permitted.

use std::collections::HashSet;

use anyhow::bail;
use sockdiag::model::{Families, Filter, Holder, StateSet};
use sockdiag::source::{BpfUse, Kernel, OwnerSearch, SockDiag, Wanted};

pub fn run(words: &[String]) -> anyhow::Result<()> {
    let bpf = match words {
        [word] if word == "bpf" => BpfUse::Always,
        [word] if word == "proc" => BpfUse::Never,
        _ => bail!("the owners are found by bpf or by proc"),
    };
    let mut inodes = HashSet::new();
    SockDiag::open()?.walk(Families::BOTH, StateSet::ALL, &Filter::ALL, |holder| {
        if let Holder::Connection(connection) = holder {
            inodes.insert(connection.inode);
        }
    })?;
    inodes.remove(&0);
    let wanted = Wanted {
        inodes,
        ..Wanted::default()
    };
    let kernel = Kernel::new().with_bpf(bpf);
    let owners = kernel.owners(&wanted, OwnerSearch::All);
    println!(
        "{} of {} sockets have owners, by {:?}",
        owners.by_inode.len(),
        wanted.inodes.len(),
        owners.found_by
    );
    Ok(())
}
