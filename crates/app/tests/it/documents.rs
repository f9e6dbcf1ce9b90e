//! What README, the documents and the advice of errors tell people to type: the commands and options exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pintail_testkit::environment::TestEnv;

use crate::cloud::home;

/// The help of each command that was asked for, by its words; `None` for one that does not exist.
struct Help {
    env: TestEnv,
    known: BTreeMap<Vec<String>, Option<String>>,
}

impl Help {
    fn of(&mut self, command: &[String]) -> Option<String> {
        let env = &self.env;
        let ask = || {
            let run = env.run(command.iter().map(String::as_str).chain(["--help"]));
            (run.code() == Some(0)).then_some(run.stdout)
        };
        self.known.entry(command.to_vec()).or_insert_with(ask).clone()
    }

    /// Says what is wrong with something that a person is told to type; the words begin after `pintail`.
    fn problem(&mut self, typed: &str) -> Option<String> {
        let words: Vec<&str> =
            typed.split_whitespace().take_while(|word| !["--", "|", "#"].contains(word)).collect();
        let is_name = |word: &str| {
            word.starts_with(|letter: char| letter.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-|".contains(&byte))
        };
        let mut commands: Vec<Vec<String>> = vec![Vec::new()];
        for word in &words {
            let more = self.of(&commands[0]).is_some_and(|help| help.contains("\nCommands:\n"));
            if !more || word.starts_with('-') || !is_name(word) {
                break;
            }
            commands = word
                .split('|')
                .map(|one| commands[0].iter().cloned().chain([one.to_owned()]).collect())
                .collect();
        }
        for command in &commands {
            let Some(help) = self.of(command) else { return Some(format!("no command {command:?}")) };
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let name: String =
                    option.chars().take_while(|&c| c == '-' || c.is_ascii_lowercase()).collect();
                let listed =
                    help.split(|c: char| !(c == '-' || c.is_ascii_lowercase())).any(|word| word == name);
                if !listed {
                    return Some(format!("{command:?} has no option {name}"));
                }
            }
        }
        None
    }
}

/// Everything in a text that begins with `pintail` between backquotes, or after the prompt of a shell.
fn typed(text: &str) -> Vec<String> {
    const LENGTH_MAX: usize = 200;
    let quoted =
        text.split("`pintail ").skip(1).filter_map(|rest| rest.split_once('`')).map(|(typed, _)| typed);
    let prompted = text.lines().filter_map(|line| line.trim_start().strip_prefix("$ pintail "));
    quoted
        .filter(|typed| typed.len() <= LENGTH_MAX)
        .chain(prompted)
        .map(|typed| typed.trim_end_matches('\\').replace(['\'', '"'], " "))
        .collect()
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_people_are_told_to_type_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("ARCHITECTURE.md"), root.join("CHANGELOG.md")];
    files_below(&root.join("docs"), &mut files);
    files_below(&root.join("crates/app/src/explain"), &mut files);
    let mut help = Help { env: home(), known: BTreeMap::new() };
    let (mut seen, mut problems) = (0, Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "md" || end == "rs")) {
        for typed in typed(&fs::read_to_string(file).expect("a text")) {
            seen += 1;
            if let Some(problem) = help.problem(&typed) {
                problems.push(format!("{}: `pintail {typed}`: {problem}", file.display()));
            }
        }
    }
    assert!(seen > 60, "a look at {seen} proves nothing");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_eq!(help.problem("bookmark ad x").as_deref(), Some("no command [\"bookmark\", \"ad\"]"));
    assert!(help.problem("login --no-browsers").is_some() && help.problem("lgin").is_some());
}
