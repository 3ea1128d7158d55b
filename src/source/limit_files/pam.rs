//! `/etc/security/limits.conf` and `limits.d` (man limits.conf, modules/pam_limits/pam_limits.c of
//! Linux-PAM): what a login gives a user.
//!
//! ```text
//! # domain  type  item    value
//! *         soft  nofile  1024
//! @www      -     nofile  65536
//! ```

use super::users::User;
use crate::model::{FdLimits, Setting};
use crate::source::files::Files;

const MAIN: &str = "/etc/security/limits.conf";
/// Debian and its derivatives exempt root from lines for groups and `*`; Linux-PAM does not.
const DEBIAN: &str = "/etc/debian_version";
const FOLDER: &str = "/etc/security/limits.d";

type Set = (u64, Setting);

/// How specific a line is: a lower rank overrides a higher, a later line an earlier of equal rank.
type Rank = u8;
const ONE: Rank = 0;
const GROUP: Rank = 1;
const EVERYONE: Rank = 2;

/// The soft and the hard limit of a user, with the lines that set them.
pub fn limits(files: &Files, user: &User) -> (Option<Set>, Option<Set>) {
    let mut found = Found {
        spared: user.uid == 0 && files.exists(DEBIAN),
        ..Found::default()
    };
    let more = files.configurations(FOLDER).into_iter();
    let more = more.map(|name| format!("{FOLDER}/{name}"));
    for path in [MAIN.to_owned()].into_iter().chain(more) {
        let text = files.text(&path).unwrap_or_default();
        found.add(&path, &text, user);
    }
    found.limits()
}

#[derive(Default)]
struct Found {
    soft: Option<(Rank, Set)>,
    hard: Option<(Rank, Set)>,
    exempt: bool,
    /// Lines for groups and `*` do not apply to this user.
    spared: bool,
}

impl Found {
    fn add(&mut self, path: &str, text: &str, user: &User) {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some((domain, rest)) = words.split_first() else {
                continue;
            };
            let Some(rank) = rank(domain, user).filter(|rank| *rank == ONE || !self.spared) else {
                continue;
            };
            let setting = || Setting {
                file: path.to_owned(),
                line: number,
                text: words.join(" "),
            };
            match rest {
                ["-"] => self.exempt |= rank != EVERYONE,
                [kind, item, value, ..] if item.eq_ignore_ascii_case("nofile") => {
                    self.set(kind, rank, value, setting());
                }
                _ => {}
            }
        }
    }

    fn set(&mut self, kind: &str, rank: Rank, value: &str, setting: Setting) {
        let Some(value) = number(&value.to_ascii_lowercase()) else {
            return;
        };
        let set = |place: &mut Option<(Rank, Set)>| {
            let may = place.as_ref().is_none_or(|(known, _)| *known >= rank);
            if may {
                *place = Some((rank, (value, setting.clone())));
            }
            may
        };
        match kind.to_ascii_lowercase().as_str() {
            "soft" => set(&mut self.soft),
            "hard" => set(&mut self.hard),
            // A line whose soft limit is overridden sets no hard one either.
            "-" => set(&mut self.soft) && set(&mut self.hard),
            _ => false,
        };
    }

    /// A line `NAME -` exempts a user or group. A soft limit does not exceed the hard one.
    fn limits(self) -> (Option<Set>, Option<Set>) {
        if self.exempt {
            return (None, None);
        }
        let [soft, hard] = [self.soft, self.hard].map(|found| found.map(|(_, set)| set));
        match (soft, hard) {
            (Some(soft), Some(hard)) if soft.0 > hard.0 => (Some(hard.clone()), Some(hard)),
            limits => limits,
        }
    }
}

fn rank(domain: &str, user: &User) -> Option<Rank> {
    if domain == user.name {
        return Some(ONE);
    }
    if let Some(group) = domain.strip_prefix('@') {
        let in_group = match range(group) {
            // A single number matches any group of the user, a range only the primary group.
            Some(Range(None, Some(gid))) => user.groups.iter().any(|group| group.gid == gid),
            Some(range) => range.has(user.gid),
            None => user.groups.iter().any(|known| known.name == group),
        };
        return in_group.then_some(GROUP);
    }
    if domain == "*" {
        return Some(EVERYONE);
    }
    range(domain)?.has(user.uid).then_some(ONE)
}

/// `1000:1999`; `1000:` has no end, `:1000` is that id alone.
struct Range(Option<u32>, Option<u32>);

fn range(text: &str) -> Option<Range> {
    let (low, high) = text.split_once(':')?;
    let end = |text: &str| match text {
        "" => Some(None),
        digits => digits.parse().ok().map(Some),
    };
    Some(Range(end(low)?, end(high)?))
}

impl Range {
    fn has(&self, id: u32) -> bool {
        match *self {
            Range(Some(low), Some(high)) => (low..=high).contains(&id),
            Range(Some(low), None) => id >= low,
            Range(None, Some(exact)) => id == exact,
            Range(None, None) => false,
        }
    }
}

fn number(value: &str) -> Option<u64> {
    match value {
        "-" | "-1" | "unlimited" | "infinity" => Some(FdLimits::UNLIMITED),
        // Characters behind the digits are ignored (strtoull(3)).
        number => {
            let end = number.find(|c: char| !c.is_ascii_digit());
            number[..end.unwrap_or(number.len())].parse().ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::limit_files::users::Group;

    fn user(name: &str, uid: u32) -> User {
        User {
            name: name.to_owned(),
            uid,
            gid: 100,
            groups: vec![Group {
                name: "www".to_owned(),
                gid: 33,
            }],
            ..User::default()
        }
    }

    fn found(text: &str, user: &User) -> (Option<u64>, Option<u64>) {
        let mut found = Found::default();
        found.add("f", text, user);
        let (soft, hard) = found.limits();
        (soft.map(|(value, _)| value), hard.map(|(value, _)| value))
    }

    #[test]
    fn a_user_goes_before_a_group_and_a_group_before_all() {
        let api = user("api", 1000);
        let text = "api soft nofile 3 # mine\n@www - nofile 8\n* - nofile 1\n* soft core 0\n";
        assert_eq!(found(text, &api), (Some(3), None), "both or none");
        let text = "api soft nofile 3\n@www hard nofile 8\n* hard nofile 1\n";
        assert_eq!(found(text, &api), (Some(3), Some(8)));
        assert_eq!(
            found("* - nofile 1\n* - nofile unlimited\n", &api),
            (Some(u64::MAX), Some(u64::MAX))
        );
        assert_eq!(
            found("@other - nofile 1\nroot - nofile 5", &api),
            (None, None)
        );
    }

    #[test]
    fn debian_spares_root_groups_and_the_star() {
        let root = user("root", 0);
        let all = "* - nofile 1\n@www - nofile 2\n";
        assert_eq!(found(all, &root), (Some(2), Some(2)));
        let found = |text| {
            let mut found = Found {
                spared: true,
                ..Found::default()
            };
            found.add("f", text, &root);
            found.limits().1.map(|(value, _)| value)
        };
        assert_eq!(found(all), None);
        assert_eq!(found("root hard nofile 9\n"), Some(9));
    }

    #[test]
    fn numbers_of_users_and_groups_may_be_ranges() {
        let api = user("api", 1000);
        for (domain, concerned) in [
            ("1000:", true),
            ("1001:", false),
            (":1000", true),
            (":1001", false),
            ("500:1500", true),
            ("@100:100", true),
            ("@101:", false),
            ("@:33", true),
            ("@:34", false),
            ("@33:33", false),
            (":", false),
            ("a:b", false),
        ] {
            let expected = concerned.then_some(7);
            let text = format!("{domain} soft nofile 7");
            assert_eq!(found(&text, &api).0, expected, "{domain}");
        }
    }

    #[test]
    fn lines_are_read_as_pam_limits_reads_them() {
        let api = user("api", 1000);
        for (text, soft) in [
            ("* Soft NOFILE 9", Some(9)),
            ("* soft nofile Unlimited", Some(u64::MAX)),
            ("* soft nofile -", Some(u64::MAX)),
            ("* soft nofile 1024k", Some(1024)),
            ("* soft nofile 1024 files", Some(1024)),
            ("* -\n* soft nofile 9", Some(9)),
            ("@www -\n* soft nofile 9", None),
        ] {
            assert_eq!(found(text, &api).0, soft, "{text}");
        }
    }

    #[test]
    fn who_is_exempt_gets_none_and_nonsense_sets_none() {
        let api = user("api", 1000);
        assert_eq!(found("* - nofile 1\napi -\n", &api), (None, None));
        for text in [
            "* soft nofile many",
            "* soft nofile",
            "* firm nofile 3",
            "nofile",
            "# * - nofile 3",
        ] {
            assert_eq!(found(text, &api), (None, None), "{text}");
        }
        assert_eq!(
            found("* soft nofile 9\n* hard nofile 5", &api),
            (Some(5), Some(5))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(lines in "([a-z@%*:0-9]{0,6}[ \t]){0,3}(soft|hard|-)? ?nofile \\PC{0,8}|\\PC{0,40}") {
            found(&lines, &user("api", 1000));
        }
    }
}
