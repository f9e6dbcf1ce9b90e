//! Talk for those who look closer: what libraries and layers report, on standard error.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts to report at the level asked for by `-v` or `PINTAIL_LOG`, whichever is more.
///
/// A log file gets what `PINTAIL_LOG` asks for, and standard error what `-v` asks for.
pub(in crate::cli) fn start(verbose: u8, variable: Option<&str>, file: Option<&Path>) {
    let asked = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let set = variable.and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::OFF);
    let opened = file.and_then(|path| File::options().append(true).create(true).open(path).ok());
    let on_stderr = if opened.is_some() { asked } else { asked.max(set) };
    if on_stderr == LevelFilter::OFF && opened.is_none() {
        return;
    }
    let stderr = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    let file =
        opened.map(|file| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file)));
    let _ = tracing_subscriber::registry()
        .with(stderr.with_filter(ours(on_stderr)))
        .with(file.map(|file| file.with_filter(ours(set))))
        .try_init();
}

/// Other people's crates may log what ours would not (heads of requests): only ours speak.
fn ours(level: LevelFilter) -> Targets {
    let crates = [
        "pintail",
        "pintail_core",
        "pintail_identity",
        "pintail_store",
        "pintail_sandbox",
        "pintail_transfer",
    ];
    Targets::new().with_targets(crates.map(|name| (name, level)))
}
