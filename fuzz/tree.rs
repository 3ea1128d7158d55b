//! A tree of files that the library reads as if it were /proc or /, one of them hostile.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

type Files = &'static [(&'static str, &'static str)];

pub struct Tree {
    root: PathBuf,
    files: Files,
}

impl Tree {
    /// Below the folder for temporary files, best one in memory.
    pub fn new(name: &str, files: Files) -> Self {
        let name = format!("sockdiag-fuzz-{name}-{}", std::process::id());
        let tree = Tree {
            root: std::env::temp_dir().join(name),
            files,
        };
        for (path, text) in files {
            tree.write(path, text.as_bytes())
                .expect("a file is written");
        }
        tree
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Calls `read` while the chosen file has this text.
    pub fn with(&self, choice: u8, text: &[u8], read: impl FnOnce()) {
        let (path, usual) = self.files[usize::from(choice) % self.files.len()];
        self.write(path, text).expect("a file is written");
        read();
        self.write(path, usual.as_bytes())
            .expect("a file is written");
    }

    fn write(&self, path: &str, text: &[u8]) -> io::Result<()> {
        let path = self.root.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    }
}
