//! `sockdiag doctor --self`: what the program can see here.

use serde_json::Value;

use crate::support::netns::in_sealed_netns;
use crate::support::program::json;
use crate::support::program::{finish, with_capabilities};
use crate::support::screen::Screen;
use crate::support::terminal::Terminal;

#[test]
fn eighty_columns_show_each_ability_and_what_its_lack_costs() {
    in_sealed_netns(|| {
        let report = json(&["doctor", "--self"]);
        let (_, output) = Terminal::start(&["doctor", "--self"], (80, 40)).end();
        let lines = Screen::showing(&output, 80, 40).lines();
        let abilities = report["abilities"].as_array().expect("a list");
        assert!(abilities.len() > 5, "{report:#}");
        for ability in abilities {
            let word = |key: &str| ability[key].as_str().expect("a text");
            let is_of_it = |line: &&String| line.starts_with(word("what"));
            let line = lines.iter().find(is_of_it);
            let line = line.unwrap_or_else(|| panic!("no {} in {output}", word("what")));
            assert!(line.ends_with(word("cost")), "{line}");
        }
    });
}

#[test]
fn what_is_lacking_is_listed_with_what_gives_it() {
    in_sealed_netns(|| {
        let bare = |format: &str| {
            let output = finish(&mut with_capabilities(
                "",
                &["doctor", "--self", "-o", format],
            ));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let report: Value = serde_json::from_str(&bare("json")).expect("JSON");
        let abilities = report["abilities"].as_array().expect("a list").iter();
        let here = |name: &str| {
            abilities
                .clone()
                .find(|one| one["ability"] == name)
                .map(|one| &one["here"])
        };
        assert_eq!(here("packets"), Some(&Value::Bool(false)), "{report:#}");
        let text = bare("table");
        assert!(
            text.contains("packets: needs sudo (CAP_NET_RAW)\n"),
            "{text}"
        );
        let lacking = abilities.clone().filter(|one| one["here"] == false).count();
        assert_eq!(text.matches(": needs ").count(), lacking, "{text}");
    });
}
