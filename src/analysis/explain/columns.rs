//! Articles on the columns of reports: one for each key, whichever reports have it.

use super::{Article, Kind, article::FILES};

/// A column of a report.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub report: &'static str,
    /// The name in `--columns`.
    pub key: &'static str,
    pub header: &'static str,
    /// Its meaning in one line.
    pub help: &'static str,
}

/// One article per key, in the order in which the keys first occur.
pub fn articles(columns: &[Column]) -> Vec<Article> {
    let mut keys: Vec<&str> = Vec::new();
    for column in columns {
        if !keys.contains(&column.key) {
            keys.push(column.key);
        }
    }
    let of = |key| columns.iter().filter(move |column| column.key == key);
    keys.into_iter()
        .map(|key| article(key, of(key).collect()))
        .collect()
}

fn article(key: &str, columns: Vec<&Column>) -> Article {
    let mut files = FILES.iter();
    let file = files.find(|(folder, name, _)| *folder == Kind::Column.plural() && *name == key);
    let mut headers: Vec<&str> = columns.iter().map(|column| column.header).collect();
    headers.sort_unstable();
    headers.dedup();
    let mut article = Article::from_file(Kind::Column, key, file.map_or("", |file| file.2));
    article.title = format!("{} (column {key})", headers.join(", "));
    article
        .aliases
        .extend(headers.into_iter().map(str::to_owned));
    let line = |column: &&Column| format!("- In `sockdiag {}`: {}.", column.report, column.help);
    let lines: Vec<String> = columns.iter().map(line).collect();
    let own = std::mem::take(&mut article.text);
    article.text = [lines.join("\n"), own].join("\n\n").trim().to_owned();
    article
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_two_reports_is_one_article() {
        let column = |report, header, help| Column {
            report,
            key: "some_key",
            header,
            help,
        };
        let both = [
            column("ports", "SOME", "this"),
            column("fds", "KEY", "that"),
        ];
        let [article] = &articles(&both)[..] else {
            panic!("one article")
        };
        assert_eq!(article.term, "some_key");
        assert_eq!(article.aliases, ["KEY", "SOME"]);
        let text = "- In `sockdiag ports`: this.\n- In `sockdiag fds`: that.";
        assert_eq!(article.text, text);
    }
}
