//! The program as somebody else runs it.

use std::process::{Command, Output, Stdio};

use super::netns::run;
use super::program::{PROGRAM, finish};
use super::tree::Tree;

/// Runs a copy of the program as a user who owns nothing, in a mount namespace of its own: where the
/// program was built, nobody else may be able to read it. `first` is what the shell does before.
pub fn as_nobody(first: &str, args: &[&str]) -> Output {
    let folder = Tree::new();
    run("chmod", &["755", folder.path()]);
    let program = format!("{}/sockdiag", folder.path());
    std::fs::copy(PROGRAM, &program).expect("a copy of the program");
    let setpriv = "setpriv --reuid=65534 --regid=65534 --clear-groups -- \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &format!("{first} {setpriv}"), "sh"])
        .arg(program)
        .args(args)
        .stdout(Stdio::piped());
    finish(&mut command)
}
