//! Trees of files that stand for /proc: the captured ones, and copies that something was done to.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a captured tree lies.
pub fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proc");
    let path = folder.join(name);
    assert!(path.is_dir(), "no fixture {}", path.display());
    path
}

/// A folder of its own, removed when dropped.
pub struct Tree(PathBuf);

impl Tree {
    /// An empty one.
    pub fn new() -> Tree {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("sockdiag-{}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            // A process of another pid namespace may have the same id.
            match fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => {
                    created.expect("a temporary folder");
                    return Tree(path);
                }
            }
        }
    }

    /// A copy of a captured tree.
    pub fn copy_of(name: &str) -> Tree {
        let tree = Tree::new();
        copy(&fixture(name), &tree.0);
        tree
    }

    /// Links to all of this `/proc`, but for files that have another text.
    pub fn of_this_proc(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new();
        let paths = files.iter().map(|(path, _)| Path::new(path));
        let folders: BTreeSet<&Path> = paths.flat_map(|path| path.ancestors().skip(1)).collect();
        for folder in &folders {
            let real = Path::new("/proc").join(folder);
            for entry in fs::read_dir(real).expect("it is there").flatten() {
                let path = folder.join(entry.file_name());
                let path = path.to_str().expect("UTF-8");
                let is_other = files.iter().any(|(other, _)| *other == path);
                if !is_other && !folders.contains(Path::new(path)) {
                    tree.link(path, &format!("/proc/{path}"));
                }
            }
        }
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    /// For `--proc-root`.
    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Makes a file, and the folders it lies in.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::write(self.place(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Makes a folder, and those it lies in.
    pub fn folder(&self, path: &str) {
        fs::create_dir_all(self.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Makes a link to whatever there is, or is not, at `target`.
    pub fn link(&self, path: &str, target: &str) {
        symlink(target, self.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Takes a file away.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    fn place(&self, path: &str) -> PathBuf {
        let place = self.0.join(path);
        let folder = place.parent().expect("it is below the tree");
        fs::create_dir_all(folder).expect("a temporary folder");
        place
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder of the fixture") {
        let entry = entry.expect("an entry of the fixture");
        let to = to.join(entry.file_name());
        if let Ok(target) = fs::read_link(entry.path()) {
            symlink(target, &to).expect("a temporary folder");
        } else if entry.path().is_dir() {
            fs::create_dir(&to).expect("a temporary folder");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a file of the fixture");
        }
    }
}
