//! Has the program carry its unwinder, as `-static-libgcc` does for C++, where the C compiler has it
//! to carry: one library less to load is a tenth of a short run. Users of the library alone are not
//! concerned.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let is_cross = env::var("HOST") != env::var("TARGET");
    if is_gnu && !is_cross && env::var_os("CARGO_FEATURE_CLI").is_some() && has_unwinder() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// The compiler prints the bare name when it has no such file.
fn has_unwinder() -> bool {
    let answer = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    answer.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Path::new(&path).is_absolute() && Path::new(&path).exists()
    })
}
