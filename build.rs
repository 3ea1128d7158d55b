//! Has the program carry its unwinder, as `-static-libgcc` does for C++, where the C compiler has it
//! to carry: one library less to load is a tenth of a short run. Users of the library alone are not
//! concerned. And lists the articles of `explain`, so that a new file is one without an entry
//! elsewhere.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

const ARTICLES: &str = "src/analysis/explain";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ARTICLES}");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let is_cross = env::var("HOST") != env::var("TARGET");
    if is_gnu && !is_cross && env::var_os("CARGO_FEATURE_CLI").is_some() && has_unwinder() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
    list_articles()
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

/// Writes an array of (folder, name, text), in the order of the names.
fn list_articles() -> io::Result<()> {
    let root = fs::canonicalize(ARTICLES)?;
    let mut list = String::from("[\n");
    for folder in entries(&root)?.iter().filter(|path| path.is_dir()) {
        let files = entries(folder)?.into_iter();
        for file in files.filter(|file| file.extension() == Some("md".as_ref())) {
            let names = (folder.file_name(), file.file_stem());
            let (Some(folder), Some(name)) = names else {
                continue;
            };
            list += &format!("({folder:?}, {name:?}, include_str!({file:?})),\n");
        }
    }
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(out.join("articles.rs"), list + "]\n")
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
