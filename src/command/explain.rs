//! `sockdiag explain`.

use anyhow::Context;
use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use sockdiag::{
    analysis::{
        explain::{Article, Articles, ExplainReport, Kind, Live, Wanted},
        queues::{self, Selection},
    },
    collect::{Collector, ListenerNeeds, Needs},
    model::{Incomplete, Snapshot, Sysctl},
    source::Kernel,
};

use super::{
    Outcome,
    options::{Choices, one_of},
    this_host,
};
use crate::render::{Colour, Format, article::Page, print_each};

const FORMATS: Choices<Format> = &[
    ("table", Format::Table, "Text"),
    ("json", Format::Json, "One JSON object per article and line"),
];

/// The kind to list; every one without.
type Listed = Option<Kind>;

const KINDS: Choices<Listed> = &[
    ("all", None, "Every article"),
    (
        "terms",
        Some(Kind::Term),
        "Words of the field, commands, socket options, formulas",
    ),
    (
        "states",
        Some(Kind::State),
        "States of connections, and outcomes of handshakes",
    ),
    (
        "findings",
        Some(Kind::Finding),
        "What the reports conclude, by id",
    ),
    ("sysctls", Some(Kind::Sysctl), "Settings of the kernel"),
    ("counters", Some(Kind::Counter), "Counters of the kernel"),
    ("columns", Some(Kind::Column), "Columns of the reports"),
];

/// How many other names a misspelt one is answered with.
const NEAREST: usize = 4;
/// Less similar names are not offered.
const SIMILAR: f64 = 0.8;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag explain accept queue
  sockdiag explain \"SYNs to LISTEN sockets dropped\"
  sockdiag explain net.core.somaxconn
  sockdiag explain column state
  sockdiag explain --search nat

TERM is the id of a finding, a counter, a line of `netstat -s`, a sysctl or its path, a state, the \
header of a column, or a word of the field. Case and punctuation do not matter. Where several \
articles have one name, put the kind before it: `column state`. Numbers of this host stand below \
the text.")]
pub struct ExplainArgs {
    /// What to explain (default: list the terms)
    #[arg(value_name = "TERM", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Other)]
    term: Vec<String>,
    /// List the articles, or those of one kind
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "all", value_parser = one_of(KINDS), conflicts_with = "term")]
    list: Option<Listed>,
    /// List the articles that contain all of these words
    #[arg(long, value_name = "WORDS", num_args = 1.., value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Other, conflicts_with_all = ["term", "list"])]
    search: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = one_of(FORMATS))]
    output: Format,
    /// Print JSON (= --output json)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// When to use bold headings
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Colour,
}

impl ExplainArgs {
    pub fn answer(self, articles: &Articles) -> anyhow::Result<Outcome> {
        let page = Page::new(self.color);
        let is_json = self.json || self.output == Format::Json;
        let written = match self.listed(articles)? {
            Some(listed) if is_json => {
                let listed = listed.into_iter().cloned().map(ExplainReport::from);
                print_each(listed, &this_host()?)
            }
            Some(listed) => page.list(&listed),
            None if self.term.is_empty() && !is_json => page.index(articles),
            None if self.term.is_empty() => {
                let all = articles.all().iter().cloned().map(ExplainReport::from);
                print_each(all, &this_host()?)
            }
            None => {
                let report = report(articles, &self.term.join(" "))?;
                match is_json {
                    true => print_each(std::iter::once(report), &this_host()?),
                    false => page.article(&report),
                }
            }
        };
        written.context("writing to stdout")?;
        Ok(Outcome::Answered)
    }

    /// The articles of `--list` or `--search`; `None` without either.
    fn listed<'a>(&self, articles: &'a Articles) -> anyhow::Result<Option<Vec<&'a Article>>> {
        if let Some(kind) = self.list {
            let is_listed = |article: &&Article| kind.is_none_or(|kind| article.kind == kind);
            return Ok(Some(articles.all().iter().filter(is_listed).collect()));
        }
        if self.search.is_empty() {
            return Ok(None);
        }
        let words = self.search.join(" ");
        let found = articles.search(&words);
        anyhow::ensure!(!found.is_empty(), "no article contains {words:?}");
        Ok(Some(found))
    }
}

fn report(articles: &Articles, term: &str) -> anyhow::Result<ExplainReport> {
    let article = articles
        .find(term)
        .with_context(|| no_such(articles, term))?;
    let mut report = ExplainReport::from(article.clone());
    let others = articles.others(term).into_iter();
    for other in others.map(|other| format!("{} {}", other.kind.word(), other.term)) {
        if !report.article.see_also.contains(&other) {
            report.article.see_also.push(other);
        }
    }
    add_live(&mut report);
    Ok(report)
}

fn no_such(articles: &Articles, term: &str) -> String {
    let mut near = articles.with_part(term);
    if near.is_empty() {
        near = similar(articles, term);
    }
    let near: Vec<&str> = near
        .iter()
        .map(|article| article.term.as_str())
        .take(NEAREST)
        .collect();
    let hint = match near.is_empty() {
        true => "--list shows all, --search WORDS looks into the text".to_owned(),
        false => format!("did you mean {}?", near.join(", ")),
    };
    format!("no article on {term:?}; {hint}")
}

/// Articles with a name that is spelt almost so, the nearest first.
fn similar<'a>(articles: &'a Articles, term: &str) -> Vec<&'a Article> {
    let term = term.to_lowercase();
    let similarity = |article: &Article| {
        let last = article.term.rsplit('.').next();
        let names = article.aliases.iter().map(String::as_str).chain(last);
        let names = names.chain([article.term.as_str()]);
        let near = names.map(|name| strsim::jaro_winkler(&name.to_lowercase(), &term));
        near.fold(0.0, f64::max)
    };
    let all = articles
        .all()
        .iter()
        .map(|article| (similarity(article), article));
    let mut similar: Vec<(f64, &Article)> = all.filter(|(near, _)| *near > SIMILAR).collect();
    similar.sort_by(|one, other| other.0.total_cmp(&one.0));
    similar.into_iter().map(|(_, article)| article).collect()
}

/// Adds the numbers of this host. What cannot be read is said and keeps nobody from the text.
fn add_live(report: &mut ExplainReport) {
    let wanted = Wanted::by(&report.article);
    let sysctls = Kernel::new().sysctls(wanted.sysctls.iter().map(String::as_str));
    for (key, value) in &sysctls {
        match value {
            Sysctl::Unreadable(why) => report.incomplete.push(Incomplete::new(key, why)),
            _ => report.live.push(Live::sysctl(key, value.value())),
        }
    }
    match read(&wanted) {
        Ok(Some(snapshot)) => {
            let counters = wanted.counters.iter();
            report
                .live
                .extend(counters.map(|name| Live::counter(name, &snapshot)));
            if wanted.queues {
                let queues = queues::report(&snapshot, None, &Selection::default());
                report.live.extend(Live::queues(&queues));
            }
        }
        Ok(None) => {}
        Err(error) => {
            let why = format!("{error}: {}", error.io());
            let unread = Incomplete::new("sockets and counters", why);
            report.incomplete.push(unread);
        }
    }
}

fn read(wanted: &Wanted) -> sockdiag::Result<Option<Snapshot>> {
    let needs = Needs {
        listeners: wanted.queues.then(ListenerNeeds::default),
        half_open: wanted.queues,
        counters: !wanted.counters.is_empty(),
        ..Needs::default()
    };
    if !wanted.queues && wanted.counters.is_empty() {
        return Ok(None);
    }
    Collector::new(Kernel::new(), needs).collect().map(Some)
}
