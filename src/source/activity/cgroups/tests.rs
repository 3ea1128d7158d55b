//! The parsers, and whole hierarchies as trees of files.

use std::fs;

use super::*;
use crate::source::mount;

/// A folder with these files, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let name = format!("sockdiag-cgroups-{name}-{}", std::process::id());
        let tree = Tree(std::env::temp_dir().join(name));
        for (file, text) in files {
            let path = tree.0.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }

    /// Of a process in these cgroups, with the tree mounted as this file system with this option.
    fn read(&self, cgroups: &str, kind: &str, option: &str) -> ProcessActivity {
        let point = self.0.display();
        let line = format!("41 31 0:37 / {point} rw - {kind} {kind} rw,{option}");
        let mounts: Vec<Mount> = mount::parse(&line).collect();
        Cgroups::new(&Kernel::new(), &mounts).of(cgroups)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_cgroup_is_bound_by_those_above_it() {
    let tree = Tree::new(
        "unified",
        &[
            ("pod/cpu.max", "20000 100000\n"),
            (
                "pod/cpu.stat",
                "usage_usec 1\nnr_periods 7\nnr_throttled 3\nthrottled_usec 9\n",
            ),
            ("pod/cgroup.freeze", "1\n"),
            ("pod/api/cpu.max", "max 100000\n"),
            (
                "pod/api/cpu.stat",
                "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
            ),
            ("pod/api/cgroup.freeze", "0\n"),
            ("pod/api/cgroup.events", "populated 1\nfrozen 1\n"),
            ("pod/api/memory.high", "max\n"),
            ("pod/api/memory.max", "4096\n"),
            (
                "pod/api/memory.events",
                "low 0\nhigh 2\nmax 5\noom 1\noom_kill 1\n",
            ),
            (
                "pod/api/memory.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n",
            ),
            (
                "memory.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=99\n",
            ),
        ],
    );
    let found = tree.read("0::/pod/api\n", "cgroup2", "nsdelegate");
    let [quota] = &found.cpu_quotas.unwrap()[..] else {
        panic!("one level has a quota")
    };
    assert_eq!(quota.file, tree.path("pod/cpu.max"));
    assert_eq!(quota.quota, Duration::from_millis(20));
    assert_eq!((quota.periods, quota.throttled_periods), (7, 3));
    assert_eq!(quota.throttled, Duration::from_micros(9));
    let freezer = found.freezer.unwrap();
    assert!(freezer.frozen);
    assert_eq!(freezer.set_by, Some(tree.path("pod/cgroup.freeze")));
    let [limit] = &found.memory_limits.unwrap()[..] else {
        panic!("one level has a limit")
    };
    assert_eq!(limit.file, tree.path("pod/api/memory.max"));
    assert_eq!(
        (limit.limit_bytes, limit.high, limit.max),
        (4096, Some(2), Some(5))
    );
    let stalled = found.pressure.memory.unwrap();
    assert_eq!(stalled.some, Duration::from_micros(12));
    // That of the root is the host's.
    assert_eq!(
        tree.read("0::/\n", "cgroup2", "rw").pressure,
        Pressure::default()
    );
}

#[test]
fn version_1_has_a_hierarchy_for_each_controller() {
    let tree = Tree::new(
        "v1",
        &[
            ("api/cpu.cfs_quota_us", "20000\n"),
            ("api/cpu.cfs_period_us", "100000\n"),
            (
                "api/cpu.stat",
                "nr_periods 7\nnr_throttled 3\nthrottled_time 9000\n",
            ),
            ("api/free/cpu.cfs_quota_us", "-1\n"),
            ("api/free/cpu.cfs_period_us", "100000\n"),
            (
                "api/free/cpu.stat",
                "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
            ),
            ("api/memory.limit_in_bytes", "4096\n"),
            ("api/memory.failcnt", "5\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.failcnt", "0\n"),
        ],
    );
    let quotas = tree
        .read("4:cpu,cpuacct:/api/free\n", "cgroup", "cpu,cpuacct")
        .cpu_quotas;
    let [quota] = &quotas.unwrap()[..] else {
        panic!("one level has a quota")
    };
    assert_eq!(quota.file, tree.path("api/cpu.cfs_quota_us"));
    assert_eq!(quota.throttled, Duration::from_micros(9));
    let limits = tree
        .read("4:memory:/api\n", "cgroup", "memory")
        .memory_limits;
    let [limit] = &limits.unwrap()[..] else {
        panic!("one level has a limit")
    };
    assert_eq!(
        (limit.limit_bytes, limit.high, limit.max),
        (4096, None, Some(5))
    );
}

#[test]
fn what_is_not_there_is_unknown_and_not_unlimited() {
    let tree = Tree::new("absent", &[("api/cpu.max", "max 100000\n")]);
    for (cgroups, kind) in [
        ("0::/gone\n", "cgroup2"),
        ("0::/../api\n", "cgroup2"),
        ("4:cpu:/api\n", "cgroup2"),
        ("0::/api\n", "tmpfs"),
        ("", "cgroup2"),
    ] {
        let found = tree.read(cgroups, kind, "rw");
        assert_eq!(found, ProcessActivity::default(), "{cgroups} {kind}");
    }
    let unlimited = tree.read("0::/api\n", "cgroup2", "rw");
    assert_eq!(unlimited.cpu_quotas, Some(Vec::new()));
}

#[test]
fn a_controller_is_in_v1_or_in_the_unified_hierarchy() {
    let hybrid = "9:name=systemd:/a\n6:freezer:/f\n4:cpu,cpuacct:/c\n0::/u\n";
    let found = |controller| path(hybrid, controller).and_then(Path::to_str);
    assert_eq!(found(Some("freezer")), Some("/f"));
    assert_eq!(found(Some("cpu")), Some("/c"));
    assert_eq!(found(Some("memory")), None);
    assert_eq!(found(None), Some("/u"));
    assert_eq!(path("", None), None);
}

#[test]
fn what_is_not_mounted_is_not_looked_up() {
    let below = |path, root| below(Path::new(path), Path::new(root)).and_then(Path::to_str);
    assert_eq!(below("/system.slice/a", "/"), Some("system.slice/a"));
    assert_eq!(below("/docker/7/a", "/docker/7"), Some("a"));
    assert_eq!(below("/docker/7", "/docker/7"), Some(""));
    assert_eq!(below("/docker/8", "/docker/7"), None);
    assert_eq!(below("/../other", "/"), None);
}

#[test]
fn a_value_is_found_by_its_whole_name() {
    let text = "nr_periods 7\nnr_throttled 3\nthrottled_time 9\n";
    assert_eq!(value(text, "nr_throttled"), Some(3));
    assert_eq!(value(text, "nr_"), None);
    assert_eq!(value(text, "throttled_time"), Some(9));
    assert_eq!(value("nr_periods", "nr_periods"), None);
}
