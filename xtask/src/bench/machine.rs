//! What the bench ran on: the machine and the versions of all programs, as they say themselves.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::record::Facts;
use crate::arguments::BenchOptions;
use crate::process;
use crate::tools::Tools;

/// Collects the facts.
pub(crate) fn facts(options: &BenchOptions, tools: &Tools, pintail: &Path, folder: &Path) -> Facts {
    let mut versions = vec![("pintail".to_owned(), version(pintail, &["--version"]))];
    for (name, arguments) in [
        ("s5cmd", &["version"][..]),
        ("rclone", &["version"]),
        ("aws", &["--version"]),
        (
            "crt",
            &[
                "-c",
                "import awscrt, boto3; print('awscrt', awscrt.__version__, 'with boto3', boto3.__version__)",
            ],
        ),
        ("weed", &["version"]),
    ] {
        let said = tools.get(name).map_or_else(|reason| reason, |tool| version(tool, arguments));
        versions.push((name.to_owned(), said.lines().next().unwrap_or_default().to_owned()));
    }
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    Facts {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: field(&read("/proc/cpuinfo"), "model name"),
        memory: super::work::size_text(memory_kib * 1024),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        versions,
        command: options.typed(),
        rounds: options.rounds,
        scale: options.scale,
        folder: file_system(folder),
        lines: Vec::new(),
    }
}

fn version(program: &Path, arguments: &[&str]) -> String {
    match process::capture(Command::new(program).args(arguments), false) {
        Ok((_, text)) => text.trim().to_owned(),
        Err(reason) => reason,
    }
}

/// The kind of file system that a folder is in: of all mounts above it, the longest.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    above.max_by_key(|fields| fields[1].len()).map_or_else(String::new, |fields| fields[2].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_in_some_file_system() {
        assert_eq!(file_system(Path::new("/proc/self")), "proc");
    }
}
