//! The service behind a cgroup path.

/// The name under which an administrator knows the group: a systemd unit (`api.service`), a
/// container (`docker:0123456789ab`), or a container in a pod (`pod:UID/0123456789ab`). `None` for
/// the root and for paths that name neither.
///
/// Understands the systemd and the plain naming of Docker, Podman, containerd, CRI-O, Kubernetes
/// and LXC.
pub fn unit_of(cgroup: &str) -> Option<String> {
    let parts: Vec<&str> = cgroup.split('/').filter(|part| !part.is_empty()).collect();
    let pod = parts.iter().find_map(|part| pod(part));
    let container = parts
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, part)| container(&parts[..at], part));
    match (pod, container) {
        (Some(pod), Some((_, id))) => Some(format!("pod:{pod}/{id}")),
        (Some(pod), None) => Some(format!("pod:{pod}")),
        (None, Some((runtime, id))) => Some(format!("{runtime}:{id}")),
        (None, None) => systemd_unit(&parts).map(str::to_owned),
    }
}

/// The outermost: what lies below, a service made itself (`Delegate=`), or a container's systemd.
/// A user's manager is a service, and its units are below.
fn systemd_unit<'a>(parts: &[&'a str]) -> Option<&'a str> {
    let mut units = parts.iter().copied().filter(|part| is_unit(part));
    let outermost = units.next()?;
    let of_user = units.next().filter(|_| outermost.starts_with("user@"));
    Some(of_user.unwrap_or(outermost))
}

/// A leaf that systemd manages; slices hold other units and are none themselves.
fn is_unit(part: &str) -> bool {
    [".service", ".scope", ".socket", ".mount", ".swap"]
        .iter()
        .any(|end| part.ends_with(end))
}

/// Runtime and short id of a container's own folder.
fn container<'a>(above: &[&'a str], part: &'a str) -> Option<(&'a str, &'a str)> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(("lxc", name));
    }
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let (runtime, id) = bare.rsplit_once('-').unwrap_or(("", bare));
    if !is_container_id(id) {
        return match above {
            [.., "lxc"] => Some(("lxc", part)),
            _ => None,
        };
    }
    let runtime = match (runtime, above) {
        ("libpod", _) => "podman",
        ("cri-containerd", _) => "containerd",
        ("", [.., parent]) if !parent.starts_with("pod") => parent,
        ("", _) => "container",
        (runtime, _) => runtime,
    };
    Some((runtime, &id[..12]))
}

fn is_container_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The uid in `pod<uid>` or `kubepods-burstable-pod<uid>.slice`, where systemd's naming has `_`
/// for `-`.
fn pod(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".slice").unwrap_or(part);
    let bare = bare
        .rsplit_once("-pod")
        .map_or(bare.strip_prefix("pod"), |(_, uid)| Some(uid))?;
    let uid = bare.replace('_', "-");
    let is_uid = uid.len() >= 32 && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const POD: &str = "8c1f5a4e_1111_2222_3333_444455556666";

    #[test]
    fn paths_of_the_managers_in_use() {
        let dashed = POD.replace('_', "-");
        let cases = [
            (
                "/system.slice/api.service".to_owned(),
                Some("api.service".to_owned()),
            ),
            (
                "/system.slice/api.service/workers".to_owned(),
                Some("api.service".to_owned()),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service".to_owned(),
                Some("dev.service".to_owned()),
            ),
            (
                "/system.slice/web-api.service/nginx.service".to_owned(),
                Some("web-api.service".to_owned()),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/b.scope"
                    .to_owned(),
                Some("a.service".to_owned()),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice".to_owned(),
                Some("user@1000.service".to_owned()),
            ),
            (
                "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service"
                    .to_owned(),
                Some("systemd-nspawn@web.service".to_owned()),
            ),
            (
                "/machine.slice/machine-web.scope/user.slice/user-1.slice/user@1.service/a.service"
                    .to_owned(),
                Some("machine-web.scope".to_owned()),
            ),
            (
                format!("/system.slice/docker-{ID}.scope/system.slice/nginx.service"),
                Some("docker:0123456789ab".to_owned()),
            ),
            (
                "/user.slice/user-0.slice/session-3.scope".to_owned(),
                Some("session-3.scope".to_owned()),
            ),
            (
                format!("/system.slice/docker-{ID}.scope"),
                Some("docker:0123456789ab".to_owned()),
            ),
            (
                format!("/docker/{ID}"),
                Some("docker:0123456789ab".to_owned()),
            ),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                Some("podman:0123456789ab".to_owned()),
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope"
                ),
                Some(format!("pod:{dashed}/0123456789ab")),
            ),
            (
                format!("/kubepods/besteffort/pod{dashed}/{ID}"),
                Some(format!("pod:{dashed}/0123456789ab")),
            ),
            (
                format!("/kubepods/pod{dashed}"),
                Some(format!("pod:{dashed}")),
            ),
            (
                "/lxc.payload.web/system.slice".to_owned(),
                Some("lxc:web".to_owned()),
            ),
            ("/lxc/web".to_owned(), Some("lxc:web".to_owned())),
            ("/".to_owned(), None),
            ("/system.slice".to_owned(), None),
            ("/podium".to_owned(), None),
        ];
        for (path, unit) in cases {
            assert_eq!(unit_of(&path), unit, "{path}");
        }
    }
}
