//! The rows of `ss` for unix sockets.

use crate::support::netns::in_netns;
use crate::support::population::Population;
use crate::support::ss;
use crate::support::tree::Tree;

#[test]
fn unix_sockets_are_those_of_ss() {
    in_netns(|| {
        let folder = Tree::new();
        let _population = Population::of_unix(&folder);
        let paths = format!("src {}/*", folder.path());
        let mut selective = 0;
        for filter in [
            "",
            "state listening",
            "state established",
            "state closed",
            "state connected",
            "exclude listening",
            &paths,
            "src @sockdiag-test",
            "src unix:*test",
        ] {
            let Some(expected) = ss::sockets("-xanH", filter) else {
                return;
            };
            let mut rows = ss::of_sockdiag(&["-x"], filter, "type");
            for row in &mut rows {
                row[0] = match &*row[0] {
                    "stream" => "str".to_owned(),
                    "dgram" => "dgr".to_owned(),
                    _ => "seq".to_owned(),
                };
                // ss knows the peer's inode only.
                row[5] = row[5].rsplit(' ').next().unwrap_or_default().to_owned();
            }
            let rows = ss::as_much_as(&expected, rows);
            assert_eq!(rows, expected, "{filter:?}");
            selective += usize::from(!expected.is_empty());
        }
        assert!(selective >= 8, "{selective} filters select something");
    });
}
