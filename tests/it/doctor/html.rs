//! `sockdiag doctor -o html`: the page for a ticket, opened in a browser where one is installed.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{finish, stderr, text};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tree::Tree;

/// All 15 bytes that the name of a process may have.
const EVIL: &str = "<script>&\"'\x1b\u{202e}";
const EVIL_SHOWN: &str = "<script>&\"'\\x1b\\u{202e}";

/// The page of a full accept queue, whose owner has an evil name.
fn page() -> String {
    lo_up();
    fs::write("/proc/self/comm", EVIL).expect("a process may name itself");
    let server = listen("127.0.0.1:8080", 2);
    let _clients = fill_accept_queue(&server, 3);
    text(&["doctor", "--for=300ms", "-o", "html"])
}

#[test]
fn a_page_for_a_ticket_stands_alone() {
    in_sealed_netns(|| {
        let page = page();
        for part in [
            "<!doctype html>",
            "<section class=\"critical\">",
            "<polyline class=\"limit\"",
            "default-src 'none'",
            "&lt;script&gt;&amp;&quot;&#39;\\x1b\\u{202e}",
            "</html>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        for outside in [
            "http:", "https:", "src=", "href=", "url(", "<script", "<link", "@import",
        ] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
    });
}

/// The browser runs without its sandbox, which root may not use, and without a network.
struct Browser {
    program: &'static str,
    profile: Tree,
}

impl Browser {
    /// The browsers that are installed. A browser may not run here all the same.
    fn installed() -> impl Iterator<Item = Browser> {
        let programs = ["chromium", "chromium-browser", "google-chrome"];
        let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        let browser = |program| Browser {
            program,
            profile: Tree::new(),
        };
        programs.into_iter().filter(is_there).map(browser)
    }

    /// The document as it stands after loading, and the messages of its console.
    fn open(&self, address: &str, flags: &[&str]) -> (String, Vec<String>) {
        let mut command = Command::new(self.program);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--enable-logging=stderr", "--dump-dom"])
            .arg(format!("--user-data-dir={}", self.profile.path()))
            .args(flags)
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let output = finish(&mut command);
        let said = stderr(&output);
        // Pages of the browser itself have messages, too.
        let is_of_page = |line: &&str| line.contains(":CONSOLE") && line.contains("source: file:");
        let console = said.lines().filter(is_of_page);
        let document = String::from_utf8_lossy(&output.stdout).into_owned();
        (document, console.map(str::to_owned).collect())
    }
}

/// Replaces the page by what a reader sees of it.
const MEASURE: &str = "<script>
    const boxes = name => [...document.querySelectorAll(name)].map(one => one.getBoundingClientRect());
    document.body.textContent = JSON.stringify({
        text: document.body.innerText,
        elements: document.querySelectorAll('script, img, link, iframe, object').length,
        areas: boxes('polygon').filter(box => box.width > 300 && box.height > 20).length,
        lines: boxes('polyline').filter(box => box.width > 300).length,
        fits: document.documentElement.scrollWidth <= innerWidth,
        color: getComputedStyle(document.body).color,
    });
</script></body>";

#[test]
fn a_browser_draws_the_page_and_loads_nothing_else() {
    in_sealed_netns(|| {
        let page = page();
        let folder = Tree::new();
        folder.write("page.html", &page);
        // Its policy forbids scripts, also that of the test.
        let measured = page
            .replace("default-src 'none'", "script-src 'unsafe-inline'")
            .replace("</body>", MEASURE);
        folder.write("measured.html", measured);
        let at = |name: &str| format!("file://{}/{name}", folder.path());

        // The console reports whatever the policy forbade to load or to run.
        let opened = Browser::installed().map(|browser| {
            let shown = browser.open(&at("page.html"), &[]);
            (browser, shown)
        });
        let mut shown = opened.filter(|(_, (document, _))| !document.is_empty());
        let Some((browser, (_, console))) = shown.next() else {
            return report_skipped("doctor -o html in a browser: no chromium that runs here");
        };
        assert_eq!(console, Vec::<String>::new());

        let dark = "--blink-settings=preferredColorScheme=0";
        for (flags, color) in [
            (&["--window-size=800,900"][..], "rgb(0, 0, 0)"),
            (&["--window-size=1400,900", dark], "rgb(255, 255, 255)"),
        ] {
            let (document, _) = browser.open(&at("measured.html"), flags);
            let body = document
                .split_once("<body>")
                .and_then(|(_, rest)| rest.split_once("</body>"));
            let (seen, _) = body.unwrap_or_else(|| panic!("no body in {document}"));
            let seen = seen
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
            let seen: Value = serde_json::from_str(&seen).expect("what was measured");
            let text = seen["text"].as_str().expect("a text");
            for part in [
                EVIL_SHOWN,
                "accept_queue_full",
                "at most 3 of 3 connections",
            ] {
                assert!(text.contains(part), "no {part} in {text}");
            }
            let found = ["elements", "areas", "lines", "fits", "color"].map(|key| &seen[key]);
            // The one script is that of the test.
            assert_eq!(json!(found), json!([1, 1, 2, true, color]));
        }
    });
}
