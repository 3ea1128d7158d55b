//! Which files systemd-sysctl reads, in which order, and which line wins (sysctl.d(5);
//! `conf_files_list_strv`, src/basic/conf-files.c; `parse_file`, src/sysctl/sysctl.c).

use std::collections::BTreeMap;

use crate::model::BootLine;

/// A file of an earlier folder masks those of the same name in later ones. The last is a link to
/// the one before where /usr is merged.
pub const FOLDERS: [&str; 5] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];

/// The paths of the files by the byte order of their names, whatever their folders. `list` gives the
/// names in a folder.
pub fn files(mut list: impl FnMut(&str) -> Vec<String>) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        for name in list(folder) {
            let path = format!("{folder}/{name}");
            found.entry(name).or_insert(path);
        }
    }
    found.into_values().collect()
}

/// The last line of each key, in the order in which they are applied: a line that gives a key
/// another value moves to the end, one that repeats the value changes nothing.
pub fn merge(lines: impl IntoIterator<Item = BootLine>) -> Vec<BootLine> {
    let mut merged: Vec<BootLine> = Vec::new();
    for line in lines {
        match merged.iter().position(|other| other.key == line.key) {
            Some(at) if merged[at].value == line.value => continue,
            Some(at) => drop(merged.remove(at)),
            None => {}
        }
        merged.push(line);
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Place;

    fn line(key: &str, value: Option<&str>) -> BootLine {
        BootLine {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            place: Place {
                file: String::new(),
                line: 0,
            },
        }
    }

    #[test]
    fn names_decide_the_order_and_folders_what_is_masked() {
        let list = |folder: &str| {
            let names: &[&str] = match folder {
                "/etc/sysctl.d" => &["99-sysctl.conf", "10-a.conf"],
                "/run/sysctl.d" => &["50-run.conf"],
                "/usr/lib/sysctl.d" => &["10-a.conf", "50-default.conf"],
                "/lib/sysctl.d" => &["50-default.conf"],
                _ => &[],
            };
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let expected = [
            "/etc/sysctl.d/10-a.conf",
            "/usr/lib/sysctl.d/50-default.conf",
            "/run/sysctl.d/50-run.conf",
            "/etc/sysctl.d/99-sysctl.conf",
        ];
        assert_eq!(files(list), expected);
    }

    #[test]
    fn the_last_line_of_a_key_wins_and_an_exclusion_is_one() {
        let lines = [
            line("a", Some("1")),
            line("b", Some("1")),
            line("a", Some("2")),
            line("c", Some("1")),
            line("c", None),
            line("b", Some("1")),
        ];
        let expected = [line("b", Some("1")), line("a", Some("2")), line("c", None)];
        assert_eq!(merge(lines), expected);
    }

    proptest! {
        #[test]
        fn each_key_is_there_once_with_its_last_value(
            lines in prop::collection::vec(("[a-d]", prop::option::of("[0-2]")), 0..20)
        ) {
            let all: Vec<BootLine> =
                lines.iter().map(|(key, value)| line(key, value.as_deref())).collect();
            let merged = merge(all.clone());
            for one in &merged {
                let last = all.iter().rev().find(|other| other.key == one.key);
                prop_assert_eq!(last.map(|last| &last.value), Some(&one.value));
                prop_assert_eq!(merged.iter().filter(|other| other.key == one.key).count(), 1);
            }
            for one in &all {
                prop_assert!(merged.iter().any(|other| other.key == one.key));
            }
        }

        #[test]
        fn files_are_sorted_by_name_and_each_name_is_there_once(
            etc in prop::collection::btree_set("[0-9]{2}[a-c]\\.conf", 0..6),
            usr in prop::collection::btree_set("[0-9]{2}[a-c]\\.conf", 0..6),
        ) {
            let files = files(|folder| match folder {
                "/etc/sysctl.d" => etc.iter().cloned().collect(),
                "/usr/lib/sysctl.d" => usr.iter().cloned().collect(),
                _ => Vec::new(),
            });
            let names: Vec<&str> =
                files.iter().map(|path| path.rsplit('/').next().unwrap_or("")).collect();
            prop_assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(names.len(), etc.union(&usr).count());
            for (path, name) in files.iter().zip(&names) {
                prop_assert_eq!(path.starts_with("/etc/"), etc.contains(*name));
            }
        }
    }
}
