//! What holds for all articles, and how they are found.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::analysis::{
    counters::entries,
    explain::{article::FILES, index::plain},
    finding::RULES,
    tune,
};

const COLUMN: Column = Column {
    report: "queues",
    key: "drops",
    header: "DROPS",
    help: "packets",
};

fn articles() -> Articles {
    Articles::new(&[COLUMN])
}

fn term_of(term: &str) -> Option<String> {
    articles().find(term).map(|article| article.term.clone())
}

#[test]
fn every_file_is_an_article_of_a_known_subject() {
    let articles = articles();
    for (folder, name, text) in FILES {
        let kind = Kind::named(folder).expect("a folder is named for a kind");
        assert_eq!(kind.plural(), *folder);
        assert!(text.ends_with('\n'), "{folder}/{name}");
        let is_known = match kind {
            Kind::Finding => RULES.iter().any(|rule| rule.id == *name),
            Kind::Counter => entries().any(|entry| entry.kernel_name == *name),
            // The program knows the columns, and tests their files.
            Kind::Column => continue,
            _ => true,
        };
        assert!(is_known, "{folder}/{name} is about nothing that there is");
        let found = articles.find(&format!("{} {name}", kind.word()));
        assert_eq!(
            found.map(|article| (article.kind, article.term.as_str())),
            Some((kind, *name))
        );
    }
}

#[test]
fn every_rule_and_counter_has_an_article() {
    let articles = articles();
    for rule in RULES {
        let article = articles.find(rule.id).expect(rule.id);
        assert_eq!(article.kind, Kind::Finding);
        assert_eq!(article.term, rule.id);
        assert_eq!(article.summary(), rule.explain);
    }
    for entry in entries() {
        let article = articles.find(entry.kernel_name).expect(entry.kernel_name);
        assert_eq!(
            (article.kind, article.term.as_str()),
            (Kind::Counter, entry.kernel_name)
        );
        if !entry.phrase.is_empty() {
            let phrase = format!("17 {}", entry.phrase.replace("{}", "4"));
            let same_phrase = |article: &&Article| {
                let name = article.term.as_str();
                entries().any(|other| other.kernel_name == name && other.phrase == entry.phrase)
            };
            // A finding may have the same words for its id: `resets_sent`.
            let mut found = articles
                .find(&phrase)
                .into_iter()
                .chain(articles.others(&phrase));
            assert!(found.any(|article| same_phrase(&article)), "{phrase}");
        }
    }
}

#[test]
fn every_setting_that_tune_judges_has_an_article() {
    let articles = articles();
    for key in tune::keys().iter().filter(|key| !key.contains('*')) {
        let kind = articles.find(key).map(|article| article.kind);
        assert_eq!(kind, Some(Kind::Sysctl), "{key}");
    }
}

#[test]
fn a_finding_has_the_severities_and_the_area_of_its_rule() {
    let articles = articles();
    let text = |id| {
        articles
            .find(id)
            .map(|article| article.text.as_str())
            .expect(id)
    };
    let stale = "\n\nSeverity: info or warning. Area: accept queue.\n\n";
    assert!(text("limit_stale").contains(stale));
    let ports = "\n\nSeverity: critical. Area: ports.\n\n";
    assert!(text("ports_exhausted").contains(ports));
}

#[test]
fn no_two_articles_of_a_kind_have_one_name() {
    let mut owners: HashMap<(Kind, String), String> = HashMap::new();
    for article in articles().all() {
        let names: HashSet<String> = std::iter::once(&article.term)
            .chain(
                article
                    .aliases
                    .iter()
                    .filter(|_| article.kind != Kind::Counter),
            )
            .map(|name| plain(name))
            .collect();
        for name in names {
            assert!(!name.is_empty(), "{}: an empty alias", article.term);
            let other = owners.insert((article.kind, name.clone()), article.term.clone());
            assert_eq!(other, None, "{name:?} is also {}", article.term);
        }
    }
}

#[test]
fn names_of_live_numbers_are_counters_and_sysctls() {
    for article in articles().all() {
        let wanted = Wanted::by(article);
        for key in wanted.sysctls {
            let is_key = ["net.", "fs."].iter().any(|prefix| key.starts_with(prefix));
            assert!(is_key, "{}: {key}", article.term);
        }
    }
}

#[test]
fn texts_are_short_and_use_the_markdown_that_is_rendered() {
    for (folder, name, text) in FILES {
        let body = text.rsplit("---\n").next().unwrap();
        let words = body.split_whitespace().count();
        assert!((3..=230).contains(&words), "{folder}/{name}: {words} words");
        let mut is_drawing = false;
        for line in body.lines() {
            is_drawing ^= line == "```";
            let is_plain = !line.starts_with(['*', '|', '>', ' ', '\t']) && !line.contains("](");
            assert!(is_drawing || is_plain, "{folder}/{name}: {line}");
            let heading = line
                .strip_prefix('#')
                .map(|rest| rest.trim_start_matches('#').trim());
            let known = ["It does not mean", "Look at", "Do"];
            assert!(
                heading.is_none_or(|heading| known.contains(&heading)),
                "{folder}/{name}: {line}"
            );
            assert_eq!(
                line.matches('`').count() % 2 * usize::from(line != "```"),
                0,
                "{folder}/{name}: {line}"
            );
        }
        assert!(!is_drawing, "{folder}/{name}");
    }
}

#[test]
fn a_sysctl_is_found_however_it_is_written() {
    for written in [
        "net.core.somaxconn",
        "somaxconn",
        "/proc/sys/net/core/somaxconn",
        "net/core/somaxconn",
        "NET.CORE.SOMAXCONN",
        "sysctl net.core.somaxconn",
        "sysctl -w net.core.somaxconn=65535",
        "somaxconn = 65535",
        "cat /proc/sys/net/core/somaxconn",
        "`somaxconn`",
    ] {
        assert_eq!(
            term_of(written).as_deref(),
            Some("net.core.somaxconn"),
            "{written}"
        );
    }
}

#[test]
fn a_counter_is_found_with_its_table_without_it_and_by_netstat() {
    for written in [
        "TcpExtListenOverflows",
        "ListenOverflows",
        "listenoverflows",
        "times the listen queue of a socket overflowed",
        "4343 times the listen queue of a socket overflowed",
        "    123 TIMES the listen queue of a socket overflowed",
    ] {
        assert_eq!(
            term_of(written).as_deref(),
            Some("TcpExtListenOverflows"),
            "{written}"
        );
    }
    for written in ["IcmpMsgInType3", "Icmp6OutType135", "InType8"] {
        assert_eq!(term_of(written).as_deref(), Some("icmp-types"), "{written}");
    }
    let quick = term_of("Quick ack mode was activated 17 times");
    assert_eq!(quick.as_deref(), Some("TcpExtDelayedACKLost"));
}

#[test]
fn case_and_punctuation_do_not_matter() {
    for written in [
        "TIME_WAIT",
        "time wait",
        "Time-Wait",
        "timewait",
        "2MSL",
        " time_wait ",
    ] {
        assert_eq!(term_of(written).as_deref(), Some("time_wait"), "{written}");
    }
}

#[test]
fn a_kind_before_the_term_decides_between_articles_of_one_name() {
    let articles = articles();
    let kind = |term| articles.find(term).map(|article| article.kind);
    assert_eq!(kind("drops"), Some(Kind::Term));
    assert_eq!(kind("column drops"), Some(Kind::Column));
    assert_eq!(kind("Columns DROPS"), Some(Kind::Column));
    let others = articles.others("drops");
    assert!(others.iter().any(|article| article.kind == Kind::Column));
    assert_eq!(kind("state of the art"), None);
}

#[test]
fn a_part_answers_only_where_one_article_has_it() {
    assert_eq!(term_of("somaxcon").as_deref(), Some("net.core.somaxconn"));
    assert_eq!(term_of("keepali"), None);
    assert!(articles().with_part("keepali").len() > 2);
    for nothing in ["", " ", "-", "xyzzy", "17"] {
        assert_eq!(term_of(nothing), None, "{nothing:?}");
    }
}

#[test]
fn a_search_needs_all_words_and_lists_names_first() {
    let articles = articles();
    let found = articles.search("TIME_WAIT limit");
    let first = found[0].title.to_lowercase();
    assert!(
        first.contains("time_wait") && first.contains("limit"),
        "{first}"
    );
    assert!(found.iter().all(|article| {
        let text = format!(
            "{} {} {} {}",
            article.term,
            article.title,
            article.aliases.join(" "),
            article.text
        );
        let text = text.to_lowercase();
        text.contains("time_wait") && text.contains("limit")
    }));
    assert!(articles.search("time_wait xyzzy").is_empty());
}

#[test]
fn folklore_is_named_as_such() {
    let articles = articles();
    for (term, said) in [
        ("tcp_fin_timeout", "does not shorten TIME_WAIT"),
        ("tcp_tw_recycle", "4.12 removed it"),
        ("tcp_abort_on_overflow", "does not reset new SYNs"),
        ("somaxconn", "must call `listen()` again"),
        ("tcp_syncookies", "No value helps a full accept queue"),
        ("tcp_max_syn_backlog", "has no effect"),
        ("lsof | wc -l", "far more than descriptors"),
        (
            "overflow",
            "Length equal to the limit is not overflowing yet",
        ),
        ("limits.conf", "systemd services ignore it"),
    ] {
        let article = articles.find(term).expect(term);
        assert!(article.text.contains(said), "{term}: {}", article.text);
    }
}

mod live {
    use super::*;
    use crate::model::{CounterId, Counters, NetnsSnapshot, Snapshot};

    #[test]
    fn an_article_asks_for_the_numbers_that_it_names() {
        let articles = articles();
        let wanted = Wanted::by(articles.find("time_wait").unwrap());
        assert_eq!(wanted.counters, ["sockstat.TCP.tw"]);
        assert_eq!(wanted.sysctls, ["net.ipv4.tcp_max_tw_buckets"]);
        assert!(!wanted.queues);
        let own = Wanted::by(articles.find("somaxconn").unwrap());
        assert_eq!(own.sysctls, ["net.core.somaxconn"]);
        assert!(Wanted::by(articles.find("queues").unwrap()).queues);
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let values = vec![(CounterId::new("TcpExt", "ListenDrops"), 7)];
        let snapshot = Snapshot {
            namespaces: vec![NetnsSnapshot {
                counters: Counters { values },
                ..NetnsSnapshot::default()
            }],
            ..Snapshot::default()
        };
        let value = |name| Live::counter(name, &snapshot).value;
        assert_eq!(value("TcpExtListenDrops"), Some(LiveValue::Number(7)));
        assert_eq!(value("TcpExtListenOverflows"), None);
        let setting = |text: &str| Live::sysctl("key", Some(text)).value;
        assert_eq!(setting("4096\n"), Some(LiveValue::Number(4096)));
        let range = Some(LiveValue::Text("32768 60999".to_owned()));
        assert_eq!(setting("32768\t60999\n"), range);
        assert_eq!(Live::sysctl("key", None).value, None);
    }
}
