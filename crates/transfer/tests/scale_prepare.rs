//! A million names: listing them, and planning between two sides that have them, stays within the bound.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

#[path = "prepare/generated.rs"]
mod generated;

use futures_util::StreamExt;
use jiff::Timestamp;
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_transfer::entry::Entry;
use pintail_transfer::filter::Filter;
use pintail_transfer::listing::{self, Options};
use pintail_transfer::local::Links;
use pintail_transfer::local::walk::Folders;
use pintail_transfer::name::Platform;
use pintail_transfer::plan::{Cutting, Place, Route};
use pintail_transfer::policy::mirror::{DeleteLimit, Extra, Mirror};
use pintail_transfer::policy::{Comparison, Existing};
use pintail_transfer::prepare::{self, Answer, Context, Job, Rules, Talk, What};
use pintail_transfer::site::{Ends, Site};

use generated::Generated;

const NAMES: usize = 1_000_000;

/// The product is held to 128 MiB for a million keys, connections included.
const PEAK_MAX_KIB: u64 = 64 << 10;

struct Silence;

impl Talk for Silence {
    fn seen(&self, _: u64) {}

    fn ask(&self, _: &Entry, _: &Entry) -> Answer {
        Answer::Abort
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn key(number: usize) -> String {
    format!("archive/2026/{:04}/IMG_{number:09}.jpg", number / 1000)
}

/// One test, since the peak is that of the process.
#[test]
fn a_million_keys_are_listed_and_planned_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let all = Generated::new(NAMES, 100, key);
    let listed = runtime.block_on(async {
        let pages = listing::object_pages(&all.remote(""), &Options::default());
        pages.fold(0, |count, page| std::future::ready(count + page.unwrap().len())).await
    });
    assert_eq!(listed, NAMES);

    // Every third one is missing at the target, which has others in their place.
    let other = Generated::new(NAMES, 100, |number| match number % 3 {
        0 => format!("{}.old", key(number)),
        _ => key(number),
    });
    let place = |bucket: &str| Place::Remote {
        bookmark: "work".into(),
        bucket: bucket.into(),
        prefix: String::new(),
    };
    let job = Job {
        route: Route { from: place("one"), to: place("other") },
        ends: Ends { from: Site::Remote(all.remote("")), to: Site::Remote(other.remote("")) },
        what: What::Tree,
    };
    let rules = Rules {
        filter: Filter::default(),
        ignore_files: Vec::new(),
        links: Links::Skip,
        folders: Folders::None,
        existing: Existing::Overwrite,
        comparison: Comparison::default(),
        takes: false,
        platform: Platform::Linux,
        cutting: Cutting { one_request_max_bytes: 16 << 20, part_bytes: 8 << 20, copy_max_bytes: 5 << 30 },
        spool: folder.path().join("spool"),
        connections_max: 16,
        page: None,
    };
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let random = SeededRandom::new(1);
    let context = Context { clock: &clock, random: &random, talk: &Silence };
    let mirror = Mirror { extra: Extra::Delete, ..Mirror::default() };
    let planned =
        runtime.block_on(prepare::mirror(&job, &mirror, DeleteLimit::default(), &rules, context)).unwrap();
    let missing = NAMES.div_ceil(3) as u64;
    assert_eq!((planned.plan.totals().copies, planned.plan.totals().deletes), (missing, missing));
    assert_eq!(planned.seen.same, NAMES as u64 - missing);

    let peak = peak_kib();
    assert!(peak <= PEAK_MAX_KIB, "{peak} KiB at the peak");
}
