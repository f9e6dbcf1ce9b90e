//! How many instructions one request takes: a figure that a busy machine does not blur.
//!
//! `crates/store/examples/requests.rs` runs under callgrind twice for each kind of request, with few and with many; what they
//! differ by, divided by how many more there were, is one request without what starting costs. Its peer is the answering one,
//! in a process that is not counted. The figures are compared with those in `xtask/bench/instructions.json`. They depend on the
//! compiler, whose version stands there, and on what the processor can do as far as valgrind knows it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::post;
use crate::process::{self, Server};
use crate::tools::Tools;

const FILE: &str = "xtask/bench/instructions.json";

/// Kinds of requests, and how many more of them the longer run makes. A page of a list is a thousand keys of work.
const KINDS: [(&str, u64); 3] = [("put", 400), ("get", 400), ("list", 40)];

/// How many both runs make: connecting, growing buffers and tables is behind them.
const WARM: u64 = 40;

/// What is let pass where the file says nothing. Runs of one build lie within 0.1 % of each other, but two builds of the same
/// code were 1.4 % apart, and another patch release of a library may cost as much again.
const TOLERANCE: f64 = 0.05;

const PATIENCE: Duration = Duration::from_secs(30);

/// Counts, shows, and compares or writes; false where a figure left its tolerance.
pub(crate) fn run(tools: &Tools, write: bool, report: &mut Value) -> Result<bool, String> {
    let valgrind = tools.get("valgrind")?;
    let example = super::release_build("pintail-store", &["--example", "requests"])?;
    // The peer is not counted, so it need not be quick: it is this program as it stands.
    let xtask = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut server = Server::start("answerer", &xtask, &["answer".to_owned()], folder.path())?;
    let port: u16 =
        server.first_line(PATIENCE)?.trim().parse().map_err(|_| "the peer names no port".to_owned())?;
    let keys: String =
        (0..1000).map(|number| format!("0 keys/folder-{:02}/file-{number:07}.bin\n", number / 100)).collect();
    post(port, "/-/make?prefix=bench/", &format!("4096 small\n{keys}"))?;
    let kept = kept();
    let mut figures = json!({});
    let mut fine = true;
    println!("\ninstructions of one request");
    for (kind, more) in KINDS {
        let few = count(valgrind, &example, port, kind, WARM, folder.path())?;
        let many = count(valgrind, &example, port, kind, WARM + more, folder.path())?;
        let each = many.saturating_sub(few) / more;
        figures[kind] = each.into();
        let verdict = judge(each, kept["instructions"][kind].as_u64(), tolerance(&kept));
        fine &= write || !verdict.is_bad();
        println!("{kind:<6} {each:>10}  {}", verdict.words());
    }
    report["instructions"] = figures.clone();
    if write {
        let text = json!({
            "tolerance": tolerance(&kept),
            "compiler": version("rustc", "--version"),
            "valgrind": version("valgrind", "--version"),
            "instructions": figures,
        });
        let text = serde_json::to_string_pretty(&text).map_err(|error| error.to_string())?;
        std::fs::write(FILE, text + "\n").map_err(|error| format!("{FILE}: {error}"))?;
        println!("written: {FILE}");
    }
    Ok(fine)
}

fn kept() -> Value {
    std::fs::read_to_string(FILE).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn tolerance(kept: &Value) -> f64 {
    kept["tolerance"].as_f64().unwrap_or(TOLERANCE)
}

fn version(program: &str, argument: &str) -> String {
    let said = process::capture(Command::new(program).arg(argument), false);
    said.map(|(_, text)| text.trim().to_owned()).unwrap_or_default()
}

/// Runs the example under callgrind and returns how many instructions it took in all.
fn count(
    valgrind: &Path,
    example: &Path,
    port: u16,
    kind: &str,
    count: u64,
    folder: &Path,
) -> Result<u64, String> {
    let out = folder.join("callgrind.out");
    let mut command = Command::new(valgrind);
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display())).arg(example);
    command.args([&format!("http://127.0.0.1:{port}"), kind, &count.to_string()]);
    process::quietly(command.env_clear().env("PATH", "/usr/bin:/bin"))?;
    let text = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    total(&text).ok_or_else(|| "callgrind names no total".to_owned())
}

/// The line `summary: 123456` of callgrind's output.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")))?;
    line.trim().parse().ok()
}

#[derive(Debug, PartialEq)]
enum Verdict {
    New,
    Same(f64),
    More(f64),
    Less(f64),
}

/// Compares with the figure that was kept. Less is no failure, but the file should say so.
fn judge(each: u64, kept: Option<u64>, tolerance: f64) -> Verdict {
    let Some(kept) = kept.filter(|kept| *kept > 0) else { return Verdict::New };
    let change = each as f64 / kept as f64 - 1.0;
    if change > tolerance {
        Verdict::More(change)
    } else if change < -tolerance {
        Verdict::Less(change)
    } else {
        Verdict::Same(change)
    }
}

impl Verdict {
    fn is_bad(&self) -> bool {
        matches!(self, Self::More(_))
    }

    fn words(&self) -> String {
        let percent = |change: &f64| format!("{:+.1} %", change * 100.0);
        match self {
            Self::New => "no figure is kept".to_owned(),
            Self::Same(change) => percent(change),
            Self::More(change) => format!("{}, MORE than the tolerance", percent(change)),
            Self::Less(change) => format!("{}, less: put it into the file with --write", percent(change)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_read() {
        assert_eq!(total("events: Ir\nsummary: 4711\n\nfn=(0)\n"), Some(4711));
        assert_eq!(total("totals: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn only_more_is_bad() {
        assert_eq!(judge(100, None, 0.03), Verdict::New);
        assert!(judge(104, Some(100), 0.03).is_bad());
        assert!(!judge(102, Some(100), 0.03).is_bad() && !judge(90, Some(100), 0.03).is_bad());
        assert!(judge(90, Some(100), 0.03).words().contains("--write"));
    }
}
