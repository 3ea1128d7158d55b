//! The files of a unit, in order of precedence (man systemd.unit).

use std::collections::BTreeMap;

use super::users::User;
use crate::source::files::Files;

const SYSTEM: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// Folders of system.conf and user.conf, and of their drop-in folders.
const CONFIGURATION: [&str; 4] = [
    "/etc/systemd",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
];

pub enum Manager {
    System,
    /// `None` when /etc/passwd does not list the user.
    User(Option<User>, u32),
}

impl Manager {
    /// The unit's file and its drop-ins, each overriding those before it.
    pub fn unit_files(&self, files: &Files, unit: &str) -> Vec<String> {
        let folders = self.folders();
        let find = |name: &str| {
            let mut paths = folders.iter().map(|folder| format!("{folder}/{name}"));
            paths.find(|path| files.exists(path))
        };
        let main = find(unit).or_else(|| find(&template(unit)?));
        let drop_ins = drop_ins(files, &folders_of_drop_ins(&folders, unit));
        main.into_iter().chain(drop_ins).collect()
    }

    pub fn configuration(&self, files: &Files) -> Vec<String> {
        let (name, home) = match self {
            Manager::System => ("system.conf", None),
            Manager::User(user, _) => ("user.conf", user.as_ref().map(home)),
        };
        let at_home = home.map(|home| format!("{home}/.config/systemd/{name}"));
        let shared = CONFIGURATION.map(|folder| format!("{folder}/{name}"));
        let paths: Vec<String> = at_home.into_iter().chain(shared).collect();
        let folders: Vec<String> = paths.iter().map(|path| format!("{path}.d")).collect();
        let main = paths.into_iter().find(|path| files.exists(path));
        main.into_iter().chain(drop_ins(files, &folders)).collect()
    }

    fn folders(&self) -> Vec<String> {
        let Manager::User(user, uid) = self else {
            return SYSTEM.map(str::to_owned).to_vec();
        };
        let home = user.as_ref().map(home);
        let at_home = |path: &str| home.map(|home| format!("{home}/{path}"));
        let runtime = |path: &str| Some(format!("/run/user/{uid}/systemd/{path}"));
        let shared = |path: &str| Some(path.to_owned());
        let all = [
            at_home(".config/systemd/user.control"),
            runtime("user.control"),
            runtime("transient"),
            runtime("generator.early"),
            at_home(".config/systemd/user"),
            shared("/etc/systemd/user"),
            runtime("user"),
            shared("/run/systemd/user"),
            runtime("generator"),
            at_home(".local/share/systemd/user"),
            shared("/usr/local/lib/systemd/user"),
            shared("/usr/lib/systemd/user"),
            runtime("generator.late"),
        ];
        all.into_iter().flatten().collect()
    }
}

fn home(user: &User) -> &str {
    user.home.trim_end_matches('/')
}

/// `api@.service` of `api@1.service`.
fn template(unit: &str) -> Option<String> {
    let (name, kind) = unit.rsplit_once('.')?;
    let (prefix, _) = name.split_once('@')?;
    Some(format!("{prefix}@.{kind}"))
}

/// The most specific first: of the unit, of its template, of its prefixes, and last of all units of
/// its kind.
fn folders_of_drop_ins(folders: &[String], unit: &str) -> Vec<String> {
    let mut names = Vec::new();
    add_names(unit, &mut names);
    let of_unit = folders
        .iter()
        .flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}.d")));
    let kind = unit.rsplit_once('.').map_or("service", |(_, kind)| kind);
    let of_kind = folders.iter().map(|folder| format!("{folder}/{kind}.d"));
    of_unit.chain(of_kind).collect()
}

/// A unit's own name, then its template's, then those of each shorter prefix (`fob-` of `fob-bar`),
/// in the order in which systemd reads their drop-ins (`unit_file_find_dirs`, src/shared/dropin.c).
fn add_names(unit: &str, names: &mut Vec<String>) {
    if names.iter().any(|name| name == unit) {
        return;
    }
    names.push(unit.to_owned());
    let template = template(unit).filter(|template| template != unit);
    for name in template.into_iter().chain(prefix(unit)) {
        add_names(&name, names);
    }
}

/// `web-.service` of `web-api.service` and of `web-api@.service`, `web-@1.service` of
/// `web-api@1.service`. Dashes of the instance do not count.
fn prefix(unit: &str) -> Option<String> {
    let (name, kind) = unit.rsplit_once('.')?;
    let (name, instance) = name.split_at(name.find('@').unwrap_or(name.len()));
    let instance = if instance == "@" { "" } else { instance };
    let last = name.strip_suffix('-').unwrap_or(name).rfind('-')?;
    Some(format!("{}{instance}.{kind}", &name[..=last]))
}

/// All drop-ins in the order of their names; of two with the same name, the first folder's is used.
fn drop_ins(files: &Files, folders: &[String]) -> Vec<String> {
    let mut found = BTreeMap::new();
    for folder in folders {
        for name in files.configurations(folder) {
            let path = format!("{folder}/{name}");
            found.entry(name).or_insert(path);
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_drop_ins_of_its_template_and_of_what_it_begins_with() {
        let folders = ["/a".to_owned(), "/b".to_owned()];
        let found = folders_of_drop_ins(&folders, "web-api-x.service");
        assert_eq!(
            found,
            [
                "/a/web-api-x.service.d",
                "/a/web-api-.service.d",
                "/a/web-.service.d",
                "/b/web-api-x.service.d",
                "/b/web-api-.service.d",
                "/b/web-.service.d",
                "/a/service.d",
                "/b/service.d"
            ]
        );
        let found = folders_of_drop_ins(&folders[..1], "api@1.service");
        assert_eq!(
            found,
            ["/a/api@1.service.d", "/a/api@.service.d", "/a/service.d"]
        );
        assert_eq!(template("api.service"), None);
    }

    /// As systemd 252 finds them (`systemd-analyze verify`, with a key unknown to it in each).
    #[test]
    fn an_instance_has_drop_ins_of_the_prefixes_of_its_template_too() {
        let found = folders_of_drop_ins(&["".to_owned()], "a-b-c@x-y.service");
        assert_eq!(
            found,
            [
                "/a-b-c@x-y.service.d",
                "/a-b-c@.service.d",
                "/a-b-.service.d",
                "/a-.service.d",
                "/a-b-@x-y.service.d",
                "/a-b-@.service.d",
                "/a-@x-y.service.d",
                "/a-@.service.d",
                "/service.d"
            ]
        );
        let found = folders_of_drop_ins(&["".to_owned()], "a@x-y.service");
        assert_eq!(found, ["/a@x-y.service.d", "/a@.service.d", "/service.d"]);
        let found = folders_of_drop_ins(&["".to_owned()], "a-b-.service");
        assert_eq!(found, ["/a-b-.service.d", "/a-.service.d", "/service.d"]);
    }
}
