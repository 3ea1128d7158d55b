use super::*;
use crate::model::{ConfiguredLimits, FdLimits, Login, UnitLimits};

fn relative(pid: u32, soft: u64, hard: u64) -> Relative {
    Relative {
        pid,
        name: format!("p{pid}"),
        limits: Some(FdLimits { soft, hard }),
        uid: Some(1000),
        cgroup: Some("/".to_owned()),
        ..Relative::default()
    }
}

fn setting(text: &str) -> Setting {
    Setting {
        file: "/etc/systemd/system/api.service.d/limits.conf".to_owned(),
        line: 2,
        text: text.to_owned(),
    }
}

fn in_unit(relative: Relative, soft: u64, hard: u64, file: bool) -> Relative {
    let unit = UnitLimits {
        name: "api.service".to_owned(),
        of_user: false,
        limits: FdLimits { soft, hard },
        setting: file.then(|| setting("LimitNOFILE=…")),
        is_default: !file,
        is_login: false,
    };
    Relative {
        cgroup: Some("/system.slice/api.service".to_owned()),
        configured: ConfiguredLimits {
            unit: Some(unit),
            ..ConfiguredLimits::default()
        },
        ..relative
    }
}

fn set_by(chain: &[Relative]) -> (SetBy, SetBy) {
    let why = why(chain, Some(1 << 20)).unwrap();
    (why.soft.set_by, why.hard.set_by)
}

#[test]
fn a_unit_file_that_says_what_the_process_has_is_named() {
    let first = relative(1, 1024, 4096);
    let service = in_unit(relative(7, 1024, 4096), 1024, 4096, true);
    let told = why(&[service.clone(), first.clone()], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::UnitFile);
    assert_eq!(told.soft.setting, Some(setting("LimitNOFILE=…")));
    assert_eq!(told.soft.unit.as_deref(), Some("api.service"));

    let default = in_unit(relative(7, 1024, 524_288), 1024, 524_288, false);
    assert_eq!(
        set_by(&[default, first]),
        (SetBy::SystemdBuiltin, SetBy::SystemdBuiltin)
    );
}

#[test]
fn a_soft_limit_that_the_process_raised_is_told_apart() {
    let parent = in_unit(relative(7, 4096, 4096), 1024, 4096, true);
    let child = in_unit(relative(8, 4096, 4096), 1024, 4096, true);
    let chain = [child, parent, relative(1, 4096, 4096)];
    let told = why(&chain, None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::ChangedAfterStart);
    assert_eq!(told.soft.process.pid, 7, "it stays within the unit");
    assert_eq!(told.hard.set_by, SetBy::UnitFile);
}

#[test]
fn what_exceeds_nr_open_is_cut_to_it() {
    let service = in_unit(relative(7, 1 << 20, 1 << 20), u64::MAX, u64::MAX, true);
    assert_eq!(set_by(&[service]), (SetBy::UnitFile, SetBy::UnitFile));
}

#[test]
fn an_inherited_limit_is_followed_to_who_had_it_first() {
    let shell = relative(8, 1024, 4096);
    let sshd = in_unit(relative(7, 1024, 4096), 1024, 4096, true);
    let told = why(&[relative(9, 1024, 4096), shell, sshd], None).unwrap();
    assert_eq!(
        (told.soft.set_by, told.soft.process.pid),
        (SetBy::UnitFile, 7)
    );

    let chain = [
        relative(9, 64, 4096),
        relative(8, 64, 4096),
        relative(1, 1024, 4096),
    ];
    let told = why(&chain, None).unwrap();
    assert_eq!(
        (told.soft.set_by, told.soft.process.pid),
        (SetBy::ChangedAfterStart, 8)
    );
    assert_eq!(
        (told.hard.set_by, told.hard.process.pid),
        (SetBy::KernelDefault, 1)
    );
}

#[test]
fn a_login_is_named_where_its_line_says_what_the_process_has() {
    let mut shell = relative(8, 2048, 4096);
    shell.cgroup = Some("/user.slice/user-1000.slice/session-3.scope".to_owned());
    shell.configured.login_soft = Some((2048, setting("* soft nofile 2048")));
    let told = why(&[shell.clone(), relative(1, 1024, 4096)], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::LimitsConf);
    assert_eq!(told.hard.set_by, SetBy::KernelDefault);

    shell.limits = Some(FdLimits {
        soft: 9,
        hard: 4096,
    });
    let told = why(&[shell, relative(1, 1024, 4096)], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::ChangedAfterStart);
}

#[test]
fn a_service_has_nothing_from_a_login_unless_it_asks_for_one() {
    let mut service = in_unit(relative(7, 65536, 65536), 1024, 524_288, false);
    service.configured.login_soft = Some((65536, setting("* - nofile 65536")));
    let first = relative(1, 1 << 20, 1 << 20);
    let told = why(&[service.clone(), first.clone()], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::Unknown);
    assert!(told.change.contains("systemctl edit api.service"));

    let mut child = Relative {
        pid: 8,
        ..service.clone()
    };
    let parent = in_unit(relative(7, 1024, 524_288), 1024, 524_288, false);
    let told = why(&[child.clone(), parent, first.clone()], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::LimitsConf, "cron logs in");

    child.configured.unit.as_mut().unwrap().is_login = true;
    assert_eq!(set_by(&[child, first]).0, SetBy::LimitsConf);
}

#[test]
fn a_worker_that_nobody_logged_in_for_has_nothing_from_a_login() {
    let of = |pid, limit, login| {
        let mut relative = in_unit(relative(pid, limit, 4096), 1024, 4096, false);
        relative.configured.login_soft = Some((2048, setting("* soft nofile 2048")));
        Relative { login, ..relative }
    };
    let cron = of(7, 1024, Login::None);
    let by = |chain: &[Relative]| why(chain, None).unwrap().soft.set_by;
    let worker = of(9, 2048, Login::None);
    assert_eq!(
        by(&[worker.clone(), cron.clone()]),
        SetBy::ChangedAfterStart
    );
    let mut loose = worker.clone();
    loose.configured.unit = None;
    assert_eq!(by(&[loose, cron.clone()]), SetBy::ChangedAfterStart);

    let session = Login::Session(3);
    let job = of(9, 2048, session);
    assert_eq!(by(&[job.clone(), cron.clone()]), SetBy::LimitsConf);
    let login = of(8, 2048, session);
    assert_eq!(
        by(&[job.clone(), login, cron.clone()]),
        SetBy::LimitsConf,
        "the login's child has it from there"
    );
    let unchanged = of(8, 1024, session);
    assert_eq!(
        by(&[job.clone(), unchanged, cron]),
        SetBy::ChangedAfterStart,
        "it was set after the login"
    );
    let restarted_by_hand = of(7, 1024, session);
    assert_eq!(by(&[job, restarted_by_hand]), SetBy::ChangedAfterStart);
}

#[test]
fn a_container_has_nothing_from_logins_of_the_host() {
    let mut inside = relative(9, 555, 555);
    inside.cgroup = Some(format!(
        "/system.slice/docker-{}.scope",
        "0123456789abcdef".repeat(4)
    ));
    inside.configured.login_soft = Some((555, setting("* - nofile 555")));
    let told = why(&[inside.clone(), relative(1, 1024, 4096)], None).unwrap();
    assert_eq!(told.soft.set_by, SetBy::ChangedAfterStart);
    assert_eq!(told.soft.setting, None);

    inside.configured.user = Some("dev".to_owned());
    let told = why(&[inside], None).unwrap();
    assert!(told.change.contains("--ulimit"), "{}", told.change);
}

#[test]
fn a_shell_gets_the_name_of_the_unit_as_it_is() {
    let mut service = in_unit(relative(7, 1024, 4096), 1024, 4096, true);
    service.configured.unit.as_mut().unwrap().name = r"web\x2dapi.service".to_owned();
    let told = why(&[service], None).unwrap();
    assert!(told.change.contains(r"restart 'web\x2dapi.service'"));
}

#[test]
fn nothing_is_claimed_that_cannot_be_shown() {
    assert_eq!(
        set_by(&[relative(1, 7, 8)]),
        (SetBy::Unknown, SetBy::Unknown)
    );
    let mut unreadable = relative(9, 64, 64);
    unreadable.configured.unreadable = true;
    assert_eq!(
        set_by(&[unreadable, relative(1, 1024, 4096)]),
        (SetBy::Unknown, SetBy::Unknown)
    );
    let unknown = Relative {
        limits: None,
        ..relative(1, 0, 0)
    };
    assert_eq!(
        set_by(&[relative(9, 64, 64), unknown.clone()]).0,
        SetBy::Unknown
    );
    assert_eq!(why(&[unknown], None), None);
    assert_eq!(why(&[], None), None);
}

#[test]
fn what_is_built_into_systemd_is_not_claimed_of_an_older_one() {
    let old = in_unit(relative(7, 2048, 4096), 1024, 524_288, false);
    let first = relative(1, 1024, 4096);
    assert_eq!(
        set_by(&[old, first.clone()]),
        (SetBy::Unknown, SetBy::KernelDefault)
    );
    let raised = in_unit(relative(7, 524_288, 524_288), 1024, 524_288, false);
    assert_eq!(
        set_by(&[raised, first]),
        (SetBy::ChangedAfterStart, SetBy::SystemdBuiltin)
    );
}

#[test]
fn only_files_of_the_administrator_are_to_be_edited() {
    let change = |file: &str| {
        let mut service = in_unit(relative(7, 1024, 4096), 1024, 4096, true);
        let unit = service.configured.unit.as_mut().unwrap();
        unit.setting.as_mut().unwrap().file = file.to_owned();
        unit.of_user = file.contains("/.config/");
        why(&[service], None).unwrap().change
    };
    let etc = "/etc/systemd/system/api.service";
    let home = "/home/dev/.config/systemd/user/api.service";
    assert!(change(etc).starts_with(etc));
    assert!(change(home).starts_with(home));
    assert!(change(home).contains("systemctl --user restart api.service"));
    let vendor = change("/usr/lib/systemd/system/api.service");
    assert!(
        vendor.starts_with("`systemctl edit api.service`"),
        "{vendor}"
    );
}

#[test]
fn each_limit_of_a_login_has_its_own_line() {
    let mut shell = relative(8, 2048, 8192);
    shell.configured.login_soft = Some((2048, setting("* soft nofile 2048")));
    shell.configured.login_hard = Some((8192, setting("* hard nofile 8192")));
    let told = why(&[shell, relative(1, 1024, 4096)], None).unwrap();
    assert_eq!(told.soft.setting, Some(setting("* soft nofile 2048")));
    assert_eq!(told.hard.setting, Some(setting("* hard nofile 8192")));
}

/// `* hard nofile 512`, for a shell that sshd starts with this soft and hard limit.
fn hard_only(sshd: Relative, shell: Relative) -> Option<Origin> {
    let mut shell = Relative {
        cgroup: Some("/user.slice/user-1000.slice/session-3.scope".to_owned()),
        ..shell
    };
    shell.configured.login_hard = Some((512, setting("* hard nofile 512")));
    let told = why(&[shell, sshd], None).unwrap();
    assert_eq!(told.hard.set_by, SetBy::LimitsConf);
    Some(told.soft).filter(|soft| soft.set_by == SetBy::LimitsConf)
}

#[test]
fn a_line_for_the_hard_limit_alone_cuts_the_soft_one_too() {
    let soft = hard_only(relative(1, 1024, 4096), relative(9, 512, 512));
    assert_eq!(soft.unwrap().setting, Some(setting("* hard nofile 512")));
    let raised = hard_only(relative(1, 256, 4096), relative(9, 512, 512));
    assert_eq!(raised, None, "by the shell, from 256");
    let same = hard_only(relative(1, 512, 4096), relative(9, 512, 512));
    assert_eq!(same, None, "inherited");
    let lower = hard_only(relative(1, 1024, 4096), relative(9, 256, 512));
    assert_eq!(lower, None, "changed since");

    let mut service = in_unit(relative(7, 512, 512), 1024, 4096, true);
    service.configured.unit.as_mut().unwrap().is_login = true;
    service.configured.login_hard = Some((512, setting("* hard nofile 512")));
    let of = |service: &Relative| set_by(&[service.clone(), relative(1, 64, 4096)]).0;
    assert_eq!(of(&service), SetBy::LimitsConf, "from the unit's 1024");
    service.configured.unit.as_mut().unwrap().limits.soft = 256;
    assert_eq!(of(&service), SetBy::ChangedAfterStart);
}

#[test]
fn a_soft_limit_of_a_login_is_cut_to_the_inherited_hard_one() {
    let soft = |sshd: Relative, shell: Relative| {
        let mut shell = Relative {
            cgroup: Some("/user.slice/user-1000.slice/session-3.scope".to_owned()),
            ..shell
        };
        shell.configured.login_soft = Some((8192, setting("* soft nofile 8192")));
        set_by(&[shell, sshd]).0
    };
    assert_eq!(
        soft(relative(1, 64, 4096), relative(9, 4096, 4096)),
        SetBy::LimitsConf
    );
    let lowered = soft(relative(1, 64, 16384), relative(9, 4096, 4096));
    assert_eq!(
        lowered,
        SetBy::ChangedAfterStart,
        "`ulimit -n 4096` after the login"
    );
}

#[test]
fn what_a_parent_has_too_need_not_come_from_a_login() {
    let login = |relative: Relative| Relative {
        configured: ConfiguredLimits {
            login_soft: Some((1024, setting("* soft nofile 1024"))),
            ..relative.configured
        },
        ..relative
    };
    let first = relative(1, 1024, 4096);
    let plain = login(relative(8, 1024, 4096));
    assert_eq!(
        set_by(&[plain.clone(), first.clone()]).0,
        SetBy::KernelDefault
    );
    for (cgroup, expected) in [
        (
            "/user.slice/user-1000.slice/session-3.scope",
            SetBy::LimitsConf,
        ),
        (
            "/user.slice/user-1000.slice/app.scope",
            SetBy::KernelDefault,
        ),
        ("/system.slice/session-3.service", SetBy::KernelDefault),
    ] {
        let one = Relative {
            cgroup: Some(cgroup.to_owned()),
            ..plain.clone()
        };
        assert_eq!(set_by(&[one, first.clone()]).0, expected, "{cgroup}");
    }
    let other = relative(1, 512, 4096);
    assert_eq!(
        set_by(&[plain, other]).0,
        SetBy::LimitsConf,
        "the parent has another"
    );
}

#[test]
fn only_more_than_nr_open_is_cut() {
    let nr_open = 1 << 20;
    let less = in_unit(relative(7, nr_open, nr_open), 1024, 4096, true);
    assert_eq!(set_by(&[less]).0, SetBy::ChangedAfterStart);
}

#[test]
fn the_first_process_says_what_it_wants() {
    let told = why(&[relative(1, 7, 8)], None).unwrap();
    assert!(
        told.change.contains("the first there is"),
        "{}",
        told.change
    );
}

#[test]
fn who_changed_the_limit_is_named() {
    let chain = [
        relative(9, 64, 4096),
        relative(8, 64, 4096),
        relative(1, 1024, 4096),
    ];
    let told = |chain| why(chain, None).unwrap().change;
    assert!(told(&chain).contains("p8 (8)"));
    assert!(told(&chain[1..]).contains("this process"));
}
