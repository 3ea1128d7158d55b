//! Files that set descriptor limits: of systemd, of pam_limits, and those that name users. The first
//! byte chooses the file that has the rest of the input as its text.
#![no_main]

#[path = "../tree.rs"]
mod tree;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sockdiag::source::LimitFiles;
use tree::Tree;

const FILES: [(&str, &str); 7] = [
    (
        "etc/systemd/system/api.service",
        "[Service]\nExecStart=/bin/api\nPAMName=login\n",
    ),
    ("etc/systemd/system/api.service.d/limits.conf", "[Unit]\n"),
    (
        "etc/systemd/system.conf",
        "[Manager]\nDefaultLimitNOFILE=1024:524288\n",
    ),
    ("etc/security/limits.conf", "* soft nofile 1024\n"),
    ("etc/security/limits.d/api.conf", "@www - nofile 65536\n"),
    ("etc/passwd", "api:x:1000:1000:The API:/srv/api:/bin/sh\n"),
    ("etc/group", "www:x:33:api\n"),
];

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::new("units", &FILES));

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else {
        return;
    };
    TREE.with(*choice, text, read);
});

fn read() {
    let mut files = LimitFiles::new(TREE.root());
    let places = [
        ("api.service", "/system.slice/api.service"),
        (
            "api.service",
            "/user.slice/user@1000.service/app.slice/api.service",
        ),
    ];
    for (unit, cgroup) in places {
        let found = files.configured(Some(unit), Some(cgroup), Some(1000));
        if let Some(unit) = found.unit {
            assert!(unit.limits.soft <= unit.limits.hard);
        }
        if let (Some((soft, _)), Some((hard, _))) = (found.login_soft, found.login_hard) {
            assert!(soft <= hard);
        }
    }
}
