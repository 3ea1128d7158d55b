//! The service behind a cgroup path.

/// The name under which an administrator knows the group: a systemd unit (`api.service`), a
/// container (`docker:0123456789ab`, of a unit `podman:web.service/0123456789ab`), or a container in
/// a pod (`pod:UID/0123456789ab`) or task (`ecs:TASK/0123456789ab`). `None` for the root and for paths
/// that name none of them.
///
/// Understands the systemd and the plain naming of Docker, Podman, containerd, CRI-O, Kubernetes,
/// ECS and LXC.
pub fn unit_of(cgroup: &str) -> Option<String> {
    let parts = cgroup.split('/').filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.flat_map(unsplit).collect();
    let pod = parts.iter().find_map(|part| pod(part));
    let container = parts
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, part)| container(&parts[..at], part));
    match (pod, container) {
        (Some(pod), Some(found)) => Some(format!("pod:{pod}/{}", found.id)),
        (Some(pod), None) => Some(format!("pod:{pod}")),
        (None, Some(Container { runtime, of, id })) => Some(match of {
            Some(of) => format!("{runtime}:{of}/{id}"),
            None => format!("{runtime}:{id}"),
        }),
        (None, None) => systemd_unit(&parts).map(str::to_owned),
    }
}

/// `SLICE:RUNTIME:ID`, which a runtime hands to systemd as `SLICE/RUNTIME-ID.scope`, is one folder
/// where it makes its cgroups without systemd.
fn unsplit(part: &str) -> Vec<&str> {
    let names: Vec<&str> = part.split(':').collect();
    match names[..] {
        [_, _, id] if is_container_id(id) => names,
        _ => vec![part],
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

/// A container's own folder.
struct Container<'a> {
    runtime: &'a str,
    /// The unit or task that it belongs to.
    of: Option<&'a str>,
    id: &'a str,
}

fn container<'a>(above: &[&'a str], part: &'a str) -> Option<Container<'a>> {
    let of = |runtime, of, id| Some(Container { runtime, of, id });
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return of("lxc", None, name);
    }
    // Fargate numbers the containers of a task.
    if let [.., "ecs", task] = above
        && let Some(number) = part.strip_prefix(task)
        && let Some(number) = number.strip_prefix('-')
    {
        return of("ecs", Some(task), number);
    }
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let (prefix, id) = bare.rsplit_once('-').unwrap_or(("", bare));
    if !is_container_id(id) {
        return match above {
            [.., "lxc"] => of("lxc", None, part),
            _ => None,
        };
    }
    let id = &id[..12];
    match (prefix, above) {
        ("", [.., "ecs", task]) => of("ecs", Some(task), id),
        // A unit that has split its cgroup (quadlet): the container, and conmon beside it.
        ("libpod-payload", _) => of("podman", systemd_unit(above), id),
        ("libpod" | "libpod-conmon", _) => of("podman", None, id),
        ("crio-conmon", _) => of("crio", None, id),
        ("cri-containerd", _) => of("containerd", None, id),
        ("", [.., runtime]) => of(runtime_of(runtime), None, id),
        ("", []) => of("container", None, id),
        (runtime, _) => of(runtime, None, id),
    }
}

/// The runtime whose plain naming puts containers into this folder. containerd names it after its
/// namespace, which is `default` for nerdctl and ctr; `--cgroup-parent` may be any.
fn runtime_of(folder: &str) -> &str {
    match folder {
        "docker" | "podman" | "crio" | "containerd" | "nerdctl" => folder,
        "moby" => "docker",
        "libpod" | "libpod_parent" => "podman",
        "cri-containerd" | "default" | "k8s.io" => "containerd",
        _ => "container",
    }
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
    const TASK: &str = "cd189a933e5849daa93386466019ab50";
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
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-pod{POD}.slice:cri-containerd:{ID}"
                ),
                Some(format!("pod:{dashed}/0123456789ab")),
            ),
            (
                format!("/kubepods-besteffort-pod{POD}.slice:cri-containerd:{ID}/sub"),
                Some(format!("pod:{dashed}/0123456789ab")),
            ),
            (
                format!("/system.slice:docker:{ID}"),
                Some("docker:0123456789ab".to_owned()),
            ),
            (
                "/system.slice/a:b:c.service".to_owned(),
                Some("a:b:c.service".to_owned()),
            ),
            (
                format!("/system.slice/web.service/libpod-payload-{ID}"),
                Some("podman:web.service/0123456789ab".to_owned()),
            ),
            (
                "/system.slice/web.service/runtime".to_owned(),
                Some("web.service".to_owned()),
            ),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-{ID}/sub"
                ),
                Some("podman:web.service/0123456789ab".to_owned()),
            ),
            (
                format!("/ecs/{TASK}/{ID}"),
                Some(format!("ecs:{TASK}/0123456789ab")),
            ),
            (
                format!("/ecs/{TASK}/{TASK}-2495160603"),
                Some(format!("ecs:{TASK}/2495160603")),
            ),
            (
                format!("/ecstasks.slice/ecstasks-{TASK}.slice/docker-{ID}.scope"),
                Some("docker:0123456789ab".to_owned()),
            ),
            (
                format!("/default/{ID}"),
                Some("containerd:0123456789ab".to_owned()),
            ),
            (
                format!("/system.slice/nerdctl-{ID}.scope"),
                Some("nerdctl:0123456789ab".to_owned()),
            ),
            (
                format!("/made-by-hand/{ID}"),
                Some("container:0123456789ab".to_owned()),
            ),
            (
                format!("/machine.slice/libpod-conmon-{ID}.scope"),
                Some("podman:0123456789ab".to_owned()),
            ),
            (
                format!("/libpod_parent/libpod-{ID}"),
                Some("podman:0123456789ab".to_owned()),
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
