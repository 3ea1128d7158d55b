use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// A tree of files that stands for `/`, removed when dropped.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Tree {
        let name = format!("sockdiag-limits-{}-{name}", std::process::id());
        let tree = Tree(std::env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&tree.0);
        for (path, text) in files {
            let path = tree.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    fn unit(&self, unit: &str, cgroup: &str) -> Option<UnitLimits> {
        let mut files = LimitFiles::new(&self.0);
        files.configured(Some(unit), Some(cgroup), None).unit
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(limits: Option<UnitLimits>) -> (u64, u64, String) {
    let limits = limits.unwrap();
    let setting = limits.setting.unwrap();
    let place = format!("{}:{}", setting.file, setting.line);
    (limits.limits.soft, limits.limits.hard, place)
}

#[test]
fn a_drop_in_overrides_the_unit_file_wherever_it_is() {
    let tree = Tree::new(
        "drop-ins",
        &[
            (
                "usr/lib/systemd/system/api.service",
                "[Service]\nLimitNOFILE=1\n",
            ),
            (
                "usr/lib/systemd/system/service.d/10-all.conf",
                "[Service]\nLimitNOFILE=2\n",
            ),
            (
                "run/systemd/system/api.service.d/20-more.conf",
                "[Service]\nLimitNOFILE=3\n",
            ),
            (
                "etc/systemd/system/api.service.d/20-more.conf",
                "[Service]\n\nLimitNOFILE=4:5\n",
            ),
            (
                "etc/systemd/system/api.service.d/30-note.txt",
                "[Service]\nLimitNOFILE=9\n",
            ),
        ],
    );
    let place = "/etc/systemd/system/api.service.d/20-more.conf:3";
    assert_eq!(
        told(tree.unit("api.service", "/")),
        (4, 5, place.to_owned())
    );
    let place = "/usr/lib/systemd/system/service.d/10-all.conf:2";
    assert_eq!(
        told(tree.unit("web.service", "/")),
        (2, 2, place.to_owned())
    );
}

#[test]
fn a_unit_file_of_the_administrator_hides_that_of_the_package() {
    let tree = Tree::new(
        "hides",
        &[
            (
                "usr/lib/systemd/system/api.service",
                "[Service]\nLimitNOFILE=1\n",
            ),
            ("etc/systemd/system/api.service", "[Service]\n"),
            (
                "etc/systemd/system/job@.service",
                "[Service]\nLimitNOFILE=7\n",
            ),
            (
                "etc/systemd/system.conf",
                "[Manager]\nDefaultLimitNOFILE=11:12\n",
            ),
        ],
    );
    let default = "/etc/systemd/system.conf:2".to_owned();
    assert_eq!(told(tree.unit("api.service", "/")), (11, 12, default));
    let template = "/etc/systemd/system/job@.service:2".to_owned();
    assert_eq!(told(tree.unit("job@3.service", "/")), (7, 7, template));
}

#[test]
fn an_instance_has_the_drop_ins_of_its_prefix() {
    let drop_in = |folder: &str| {
        let path = format!("etc/systemd/system/{folder}/10.conf");
        let tree = Tree::new(folder, &[(&path, "[Service]\nLimitNOFILE=7\n")]);
        let limits = tree.unit("fob-bar@a-b.service", "/").unwrap();
        limits.setting.map(|setting| setting.file)
    };
    for folder in ["fob-@.service.d", "fob-@a-b.service.d", "fob-.service.d"] {
        let expected = format!("/etc/systemd/system/{folder}/10.conf");
        assert_eq!(drop_in(folder), Some(expected));
    }
    for folder in [
        "fob-bar@a-.service.d",
        "fob-bar-.service.d",
        "fob-a-b.service.d",
    ] {
        assert_eq!(drop_in(folder), None, "{folder}");
    }
}

#[test]
fn without_any_setting_systemds_own_counts() {
    let tree = Tree::new("none", &[("etc/hostname", "web1\n")]);
    let unit = tree.unit("api.service", "/").unwrap();
    assert_eq!(
        (unit.limits, unit.setting, unit.is_default),
        (BUILT_IN, None, true)
    );
    assert_eq!(tree.unit("session-3.scope", "/"), None);
    assert_eq!(tree.unit("docker:0123456789ab", "/"), None);
}

#[test]
fn a_unit_with_a_pam_name_logs_in() {
    for (text, is_login) in [
        ("[Service]\nPAMName=systemd-user\n", true),
        ("[Service]\nPAMName=login\nPAMName=\n", false),
        ("[Service]\nExecStart=/bin/true\n", false),
    ] {
        let tree = Tree::new("pam-name", &[("etc/systemd/system/api.service", text)]);
        let unit = tree.unit("api.service", "/").unwrap();
        assert_eq!(unit.is_login, is_login, "{text}");
    }
}

#[test]
fn a_line_that_systemd_ignores_is_told_unless_a_later_one_overrides_it() {
    let long = format!("[Service]\nLimitNOFILE={}\n", "9".repeat(10_000));
    let file = "etc/systemd/system/api.service";
    for (text, limits, line) in [
        (
            "[Service]\nLimitNOFILE=7\nLimitNOFILE=1K\n",
            (7, 7),
            Some(3),
        ),
        ("[Service]\nLimitNOFILE=9:3\n", (1024, 524_288), Some(2)),
        ("[Service]\nLimitNOFILE=1K\nLimitNOFILE=7\n", (7, 7), None),
        (
            "[Service]\nLimitNOFILE=1K\nLimitNOFILE=\n",
            (1024, 524_288),
            None,
        ),
        (&long, (1024, 524_288), Some(2)),
    ] {
        let tree = Tree::new("ignored", &[(file, text)]);
        let mut files = LimitFiles::new(&tree.0);
        let told = files.configured(Some("api.service"), Some("/"), None);
        let unit = told.unit.unwrap().limits;
        assert_eq!((unit.soft, unit.hard), limits, "{text}");
        let ignored = told.ignored.as_ref();
        assert_eq!(ignored.map(|setting| setting.line), line, "{text}");
        assert!(ignored.is_none_or(|setting| setting.text.len() <= 100));
    }
    let settings = "[Manager]\nDefaultLimitNOFILE=1024:512K\n";
    let tree = Tree::new("ignored", &[("etc/systemd/system.conf", settings)]);
    let told = LimitFiles::new(&tree.0).configured(Some("api.service"), Some("/"), None);
    assert_eq!(told.ignored.unwrap().file, "/etc/systemd/system.conf");
}

#[test]
fn units_of_a_user_are_looked_for_at_home() {
    let tree = Tree::new(
        "user",
        &[
            ("etc/passwd", "dev:x:1000:1000::/home/dev:/bin/sh\n"),
            (
                "home/dev/.config/systemd/user/api.service",
                "[Service]\nLimitNOFILE=5\n",
            ),
            (
                "etc/systemd/system/web.service",
                "[Service]\nLimitNOFILE=6\n",
            ),
        ],
    );
    let cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/api.service";
    let unit = tree.unit("api.service", cgroup);
    assert!(unit.as_ref().unwrap().of_user);
    let place = "/home/dev/.config/systemd/user/api.service:2".to_owned();
    assert_eq!(told(unit), (5, 5, place));
    let managers = cgroup.replace("app.slice/api.service", "init.scope");
    let unit = tree.unit("init.scope", &managers).unwrap();
    assert_eq!(
        (unit.name.as_str(), unit.of_user),
        ("user@1000.service", false)
    );
    assert_eq!(tree.unit("init.scope", "/init.scope"), None);
    let cgroup = cgroup.replace("api", "web");
    assert_eq!(tree.unit("web.service", &cgroup), None);
    let settings = tree.0.join("home/dev/.config/systemd/user.conf");
    fs::write(settings, "[Manager]\nDefaultLimitNOFILE=7\n").unwrap();
    let place = "/home/dev/.config/systemd/user.conf:2".to_owned();
    assert_eq!(told(tree.unit("web.service", &cgroup)), (7, 7, place));
}

#[test]
fn units_below_a_unit_of_the_host_do_not_make_it_a_users() {
    let text = "[Service]\nLimitNOFILE=5\n";
    let tree = Tree::new("below", &[("etc/systemd/system/web.service", text)]);
    let cgroup = "/system.slice/web.service/user.slice/user@1000.service/api.service";
    let unit = tree.unit("web.service", cgroup).unwrap();
    assert!(!unit.of_user);
    assert_eq!(unit.limits.soft, 5);
}

#[test]
fn links_stay_below_the_root_and_a_fifo_is_no_file() {
    let tree = Tree::new(
        "links",
        &[("etc/real.service", "[Service]\nLimitNOFILE=5\n")],
    );
    let folder = tree.0.join("etc/systemd/system");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/etc/real.service", folder.join("api.service")).unwrap();
    let place = "/etc/systemd/system/api.service:2".to_owned();
    assert_eq!(told(tree.unit("api.service", "/")), (5, 5, place));

    let fifo = folder.join("web.service");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(tree.unit("web.service", "/").unwrap().setting, None);
}

#[test]
fn a_login_gives_what_limits_conf_says() {
    let tree = Tree::new(
        "login",
        &[
            ("etc/passwd", "api:x:1000:100::/:/bin/sh\n"),
            ("etc/group", "www:x:33:api\n"),
            ("etc/security/limits.conf", "* soft nofile 1\n"),
            ("etc/security/limits.d/20-b.conf", "@www - nofile 3\n"),
            ("etc/security/limits.d/10-a.conf", "\n@www - nofile 2\n"),
        ],
    );
    let mut files = LimitFiles::new(&tree.0);
    let configured = files.configured(None, None, Some(1000));
    assert_eq!(configured.user.as_deref(), Some("api"));
    let (soft, setting) = configured.login_soft.unwrap();
    assert_eq!((soft, setting.line), (3, 1));
    assert_eq!(setting.file, "/etc/security/limits.d/20-b.conf");
    assert_eq!(setting.text, "@www - nofile 3");
    assert_eq!(files.configured(None, None, Some(7)).login_soft, None);
}

#[test]
fn a_root_that_is_not_there_is_unreadable() {
    let mut files = LimitFiles::new(Path::new("/no/such/folder"));
    assert!(
        files
            .configured(Some("api.service"), Some("/"), Some(0))
            .unreadable
    );
    assert!(!LimitFiles::new("/").configured(None, None, None).unreadable);
}
