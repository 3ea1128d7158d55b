//! Users and groups of /etc/passwd and /etc/group. Users of a directory service are not found.

use crate::source::files::Files;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    pub home: String,
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
}

impl User {
    pub fn find(files: &Files, uid: u32) -> Option<User> {
        let passwd = files.text("/etc/passwd")?;
        let mut user = passwd.lines().find_map(|line| user(line, uid))?;
        let group = files.text("/etc/group").unwrap_or_default();
        user.groups = groups(&group, &user);
        Some(user)
    }
}

/// `api:x:1000:1000:The API:/srv/api:/bin/sh`
fn user(line: &str, uid: u32) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let user = User {
        name: fields.first()?.to_string(),
        uid: fields.get(2)?.parse().ok()?,
        gid: fields.get(3)?.parse().ok()?,
        home: fields.get(5)?.to_string(),
        groups: Vec::new(),
    };
    (user.uid == uid).then_some(user)
}

/// Lines `adm:x:4:syslog,api`.
fn groups(text: &str, user: &User) -> Vec<Group> {
    let has = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let gid: u32 = fields.get(2)?.parse().ok()?;
        let mut members = fields.get(3)?.split(',');
        let is_member = gid == user.gid || members.any(|member| member == user.name);
        let name = fields[0].to_owned();
        is_member.then_some(Group { name, gid })
    };
    text.lines().filter_map(has).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_in_the_primary_group_and_those_that_list_it() {
        let api = user("api:x:1000:100:The API:/srv/api:/bin/sh", 1000).unwrap();
        assert_eq!((api.name.as_str(), api.home.as_str()), ("api", "/srv/api"));
        let text = "root:x:0:\nadm:x:4:syslog,api\nusers:x:100:\nnoapi:x:7:apis\nbroken\n";
        let group = |name: &str, gid| Group {
            name: name.to_owned(),
            gid,
        };
        assert_eq!(groups(text, &api), [group("adm", 4), group("users", 100)]);
        assert_eq!(user("api:x:1000", 1000), None);
        assert_eq!(user("api:x:1000:100:::", 1), None);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "([a-z0-9]{0,4}:|[0-9]{0,12}:|\\PC{0,9}){0,8}") {
            let api = user(&line, 1000).unwrap_or_default();
            groups(&line, &api);
        }
    }
}
