//! Trees of files.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::*;

/// A folder that is removed when dropped.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sockdiag-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Root(path)
    }

    fn place(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        symlink(target, self.place(path)).unwrap();
    }

    /// Key, value and place of each line.
    fn lines(&self) -> Vec<String> {
        below(&self.0).lines.iter().map(shown).collect()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn below(root: &Path) -> BootSettings {
    read(&Files::new(root))
}

fn shown(line: &BootLine) -> String {
    let value = line.value.as_deref().unwrap_or("(not set)");
    format!(
        "{}={value} {}:{}",
        line.key, line.place.file, line.place.line
    )
}

#[test]
fn a_later_name_overrides_and_an_earlier_folder_masks() {
    let root = Root::new("order");
    root.write("usr/lib/sysctl.d/50-default.conf", "a.b = 1\nc.d = 1\n");
    root.write("usr/lib/sysctl.d/10-masked.conf", "masked.by.etc = 1\n");
    root.write("usr/lib/sysctl.d/60-gone.conf", "masked.by.null = 1\n");
    root.write("etc/sysctl.d/10-masked.conf", "\n");
    root.link("etc/sysctl.d/60-gone.conf", "/dev/null");
    root.write("run/sysctl.d/90-run.conf", "\na/b = 2\n");
    root.write("etc/sysctl.d/20-early.conf", "a.b = 3\n");
    root.write("etc/sysctl.d/not-read", "a.b = 4\n");
    assert_eq!(
        root.lines(),
        [
            "c.d=1 /usr/lib/sysctl.d/50-default.conf:2",
            "a.b=2 /run/sysctl.d/90-run.conf:2"
        ]
    );
}

#[test]
fn sysctl_conf_is_read_only_where_a_link_leads_to_it() {
    let root = Root::new("conf");
    root.write("etc/sysctl.conf", "# head\na.b = 1\n");
    assert!(root.lines().is_empty());
    let unlinked = below(&root.0).unlinked;
    let unlinked: Vec<String> = unlinked.iter().map(shown).collect();
    assert_eq!(unlinked, ["a.b=1 /etc/sysctl.conf:2"]);

    root.link("etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
    assert_eq!(root.lines(), ["a.b=1 /etc/sysctl.conf:2"]);
    assert!(below(&root.0).unlinked.is_empty());
}

#[test]
fn what_is_no_regular_file_does_not_block() {
    let root = Root::new("fifo");
    let fifo = root.place("etc/sysctl.d/10-fifo.conf");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    root.link("etc/sysctl.d/20-endless.conf", "/dev/zero");
    root.write("etc/sysctl.d/30-good.conf", "a.b=1");
    assert_eq!(root.lines(), ["a.b=1 /etc/sysctl.d/30-good.conf:1"]);
    assert!(below(&root.0).unreadable.is_empty());
}

#[test]
fn a_root_that_cannot_be_read_is_said() {
    let unreadable = below(Path::new("/nonexistent-root")).unreadable;
    assert!(
        unreadable.contains(&"/etc/sysctl.d".to_owned()),
        "{unreadable:?}"
    );
}
