//! Has the program carry its unwinder, as `-static-libgcc` does for C++: one library less to load
//! is a tenth of a short run. Users of the library alone are not concerned.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if is_gnu && env::var_os("CARGO_FEATURE_CLI").is_some() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
