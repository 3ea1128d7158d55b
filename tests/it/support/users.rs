//! The program as somebody else runs it.

use std::process::{Command, Output, Stdio};

use super::netns::run;
use super::program::{PROGRAM, finish};
use super::tree::Tree;

/// The user who owns nothing.
const NOBODY: u32 = 65534;

/// What the shell does before, for /proc as it is and with each kind of `hidepid`.
pub const EACH_PROC: [&str; 3] = [
    "exec",
    "mount -t proc -o hidepid=1 proc /proc && exec",
    "mount -t proc -o hidepid=2 proc /proc && exec",
];

/// As [`as_user`], as a user who owns nothing.
pub fn as_nobody(first: &str, args: &[&str]) -> Output {
    as_user(NOBODY, first, args)
}

/// As [`as_nobody`], with these capabilities beside: `bpf,+perfmon`.
pub fn as_nobody_with(capabilities: &str, args: &[&str]) -> Output {
    let folder = Tree::new();
    let program = program_for_all(&folder);
    let mut command = Command::new("setpriv");
    let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
    let sets = ["inh", "ambient"].map(|set| format!("--{set}-caps=+{capabilities}"));
    command
        .args(user)
        .arg("--clear-groups")
        .args(sets)
        .arg("--")
        .arg(program)
        .args(args)
        .stdout(Stdio::piped());
    finish(&mut command)
}

/// A copy of the program in this folder, which everybody may enter from now on: where the program
/// was built, nobody else may be able to read it.
pub fn program_for_all(folder: &Tree) -> String {
    run("chmod", &["755", folder.path()]);
    let program = format!("{}/sockdiag", folder.path());
    std::fs::copy(PROGRAM, &program).expect("a copy of the program");
    program
}

/// Runs a copy of the program as a user, in a mount namespace of its own. `first` is what the shell
/// does before.
pub fn as_user(uid: u32, first: &str, args: &[&str]) -> Output {
    let folder = Tree::new();
    let program = program_for_all(&folder);
    let setpriv = format!("setpriv --reuid={uid} --regid={uid} --clear-groups -- \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &format!("{first} {setpriv}"), "sh"])
        .arg(program)
        .args(args)
        .stdout(Stdio::piped());
    finish(&mut command)
}
