//! Commands that texts quote: articles, the README, help, and the remedies and next commands of
//! findings. Each must be one that can be typed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::error::ErrorKind;
use sockdiag::analysis::explain::Articles;

use super::{meant, program, registry};

/// What people read, and files whose strings they read.
const TEXTS: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "contrib",
    "src/analysis",
    "src/command",
    "src/cli",
];
/// Words that stand for others, and one of those.
const STAND_INS: [(&str, &str); 5] = [
    ("COMMAND", "doctor"),
    ("[CMD]", "queues"),
    ("SHELL", "bash"),
    ("NAME", "queues"),
    ("…", "-v"),
];

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        entries.for_each(|entry| files(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|is| is == "md" || is == "rs") {
        found.push(path.to_owned());
    }
}

/// The quoted words that begin with `start`, without it: `` `sockdiag queues` ``,
/// `"sockdiag queues"`, and lines of a code block or of examples.
fn quoted(text: &str, start: &str) -> Vec<String> {
    let text = text.replace("\\\"", "'");
    let ends = |before: Option<char>| match before {
        Some(quote @ ('`' | '"')) => Some(vec![quote.to_string(), "\n".to_owned()]),
        Some(' ' | '\n') => Some(
            ["\n", "  ", " | ", " > ", " # ", "; "]
                .map(str::to_owned)
                .into(),
        ),
        _ => None,
    };
    let found = text.match_indices(start).filter_map(|(at, _)| {
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = text[line..at].trim_end_matches("sudo ");
        let is_first = before.trim_start_matches("$ ").trim().is_empty();
        let before = match before.chars().next_back() {
            Some(quote @ ('`' | '"')) => Some(quote),
            _ if is_first => Some('\n'),
            _ => None,
        };
        let rest = &text[at + start.len()..];
        let ends = ends(before)?;
        let end = ends.iter().filter_map(|end| rest.find(end)).min();
        Some(rest[..end.unwrap_or(rest.len())].trim().to_owned())
    });
    found.collect()
}

/// Words as a shell splits them. What a format string fills in is a word or a part of one.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut in_braces) = (Vec::new(), String::new(), false, false);
    for c in command.chars() {
        match c {
            '{' => (in_braces, word) = (true, word + "1"),
            '}' => in_braces = false,
            _ if in_braces => {}
            '\'' => quote = !quote,
            ' ' if !quote => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn is_accepted(command: &str) -> bool {
    let typed = words(command).into_iter().map(|word| {
        let meant = STAND_INS.iter().find(|(stand_in, _)| *stand_in == word);
        meant.map_or(word, |(_, one)| (*one).to_owned())
    });
    let typed = std::iter::once("sockdiag".to_owned()).chain(typed);
    let arguments = meant(typed.map(Into::into).collect());
    let parsed = arguments.map(|arguments| program().try_get_matches_from(arguments));
    match parsed {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == ErrorKind::DisplayHelp,
        Err(_) => false,
    }
}

fn texts() -> impl Iterator<Item = (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    TEXTS
        .iter()
        .for_each(|text| files(&root.join(text), &mut found));
    let own = root.join(file!());
    let others = found.into_iter().filter(move |path| *path != own);
    others.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    })
}

#[test]
fn every_command_that_a_text_quotes_is_accepted() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, text) in texts() {
        let mut commands = quoted(&text, "sockdiag ");
        // Where the whole command is filled in, there is nothing to try.
        commands.retain(|command| !command.starts_with('{'));
        let in_netns = text.split("next_in_netns(").skip(1);
        let in_netns = in_netns.filter_map(|rest| rest.trim_start().strip_prefix("\"sockdiag "));
        let in_netns = in_netns.filter_map(|rest| rest.split('"').next());
        commands.extend(in_netns.map(|command| format!("{command} --netns web")));
        count += commands.len();
        let refused = commands.iter().filter(|command| !is_accepted(command));
        wrong.extend(refused.map(|command| format!("{path}: sockdiag {command}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 200, "{count} commands");
}

#[test]
fn every_setting_that_a_remedy_changes_is_one() {
    let articles = Articles::new(&registry::columns());
    let mut count = 0;
    for (path, text) in texts() {
        for rest in quoted(&text, "sysctl -w ") {
            let key = rest.split('=').next().unwrap();
            // What stands for a key; a setting of one interface has a name of its own.
            if key == "KEY" || key.contains(['{', '/']) {
                continue;
            }
            count += 1;
            let article = articles.find(&format!("sysctl {key}"));
            let is_known = article.is_some_and(|article| article.term == key);
            let file = Path::new("/proc/sys").join(key.replace('.', "/"));
            assert!(is_known || file.exists(), "{path}: {key}");
        }
    }
    assert!(count > 5, "{count} settings");
}
