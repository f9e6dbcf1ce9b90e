//! Differences of every kind, one flipped byte at a time, and what may not be called equal.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use md5::{Digest, Md5};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::{
    CompleteUpload, CreateUpload, Delete, ETag, List, ObjectStore, PartList, PartNumber, Put, UploadPart,
};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};
use pintail_store::{ErrorKind, MemoryStore, Operation, Payload};

use super::parts::{Kept, Trial, plausible_part_bytes};
use super::*;
use crate::entry::{Modified, Tag};
use crate::filter::NameList;
use crate::journal::{Event, Proof, Runs};
use crate::local::{Found, Walk, WalkOptions};
use crate::plan::{Cutting, Place, PlanBuilder, Route, Step, Task};
use crate::site::{Ends, Remote};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn same(&self, name: &Name, by: Means) {
        self.0.lock().unwrap().push(format!("{name} same {by:?}"));
    }

    fn differs(&self, difference: &Difference) {
        let Difference { name, what } = difference;
        let what = match what {
            What::Unclear(why) => format!("unclear: {why}"),
            what => format!("{what:?}"),
        };
        self.0.lock().unwrap().push(format!("{name} {what}"));
    }

    fn nowhere(&self, name: &str) {
        self.0.lock().unwrap().push(format!("{name} nowhere"));
    }

    fn unfit(&self, path: &Path, why: &Unfit) {
        let name = path.file_name().unwrap().to_str().unwrap();
        self.0.lock().unwrap().push(format!("{name} unfit: {why}"));
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Arc<dyn ObjectStore>,
    bucket: BucketName,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new("eu-west-1".parse().unwrap(), clock));
        let bucket: BucketName = "bucket".parse().unwrap();
        store.create_bucket(&bucket).await.unwrap();
        Self { folder: tempfile::tempdir().unwrap(), store, bucket }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("local")
    }

    fn local(&self) -> Site {
        Site::Local(self.root())
    }

    fn remote(&self, store: &Arc<dyn ObjectStore>, prefix: &str) -> Site {
        let prefix = prefix.parse().unwrap();
        Site::Remote(Remote { store: Arc::clone(store), bucket: self.bucket.clone(), prefix, pressure: None })
    }

    fn write(&self, path: &str, data: &[u8]) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }

    async fn put(&self, key: &str, data: &[u8]) -> Tag {
        let (key, payload): (ObjectKey, _) = (key.parse().unwrap(), Payload::from_bytes(data.to_vec()));
        let stored = self.store.put(&self.bucket, &key, payload, &Put::default()).await.unwrap();
        Tag::of(&stored.etag.unwrap())
    }

    async fn put_in_parts(&self, key: &str, data: &[u8], part_bytes: usize, algorithm: Algorithm) {
        let options = CreateUpload { checksum: Some(algorithm), ..CreateUpload::default() };
        let upload = self.store.create_upload(&self.bucket, &key.parse().unwrap(), &options).await.unwrap();
        let mut parts = Vec::new();
        for (number, part) in (1..).zip(data.chunks(part_bytes)) {
            let (number, payload) = (PartNumber::new(number).unwrap(), Payload::from_bytes(part.to_vec()));
            parts.push(
                self.store.upload_part(&upload, number, payload, &UploadPart::default()).await.unwrap(),
            );
        }
        let parts = PartList::new(parts).unwrap();
        self.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await.unwrap();
    }

    fn walked(&self) -> Vec<Result<Entry, String>> {
        Walk::new(&self.root(), WalkOptions::default(), |_: &Name| true)
            .unwrap()
            .map(|found| match found {
                Found::Entry(entry) => Ok(entry),
                other => Err(format!("{other:?}")),
            })
            .collect()
    }

    async fn listed(&self, prefix: &str) -> Vec<Result<Entry, String>> {
        let options = List { prefix: prefix.parse().unwrap(), ..List::default() };
        let page = self.store.list(&self.bucket, &options).await.unwrap();
        let entry = |object: &pintail_store::object_store::ListedObject| {
            Entry::listed(Name::below(&options.prefix, &object.key).unwrap(), object)
        };
        page.objects.iter().map(|object| Ok(entry(object))).collect()
    }

    /// Compares the folder with `a/` of the bucket.
    async fn compare(&self, store: &Arc<dyn ObjectStore>, level: Level) -> (Summary, Vec<String>) {
        let (left, right) = (self.walked(), self.listed("a/").await);
        compared(&self.local(), &self.remote(store, "a/"), left, right, level).await
    }
}

async fn compared(
    left: &Site,
    right: &Site,
    left_entries: Vec<Result<Entry, String>>,
    right_entries: Vec<Result<Entry, String>>,
    level: Level,
) -> (Summary, Vec<String>) {
    let (heard, random, stop) = (Heard::default(), SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let options = Options { level, connections_max: 4 };
    let streams = (futures_util::stream::iter(left_entries), futures_util::stream::iter(right_entries));
    let summary = trees(left, right, streams.0, streams.1, &options, context).await.unwrap();
    let mut heard = heard.0.into_inner().unwrap();
    heard.sort();
    (summary, heard)
}

fn content(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn flipped(data: &[u8], at: usize) -> Vec<u8> {
    let mut data = data.to_vec();
    data[at] ^= 1;
    data
}

#[tokio::test]
async fn every_difference_is_told_and_the_rest_goes_on() {
    let world = World::new().await;
    for (name, data) in
        [("both", "12345"), ("byte", "12345"), ("deep/same", "x"), ("left", "1"), ("size", "123")]
    {
        world.write(name, data.as_bytes());
    }
    for (name, data) in
        [("a/both", "12345"), ("a/byte", "12845"), ("a/deep/same", "x"), ("a/right", "1"), ("a/size", "12")]
    {
        world.put(name, data.as_bytes()).await;
    }
    let (summary, heard) = world.compare(&world.store, Level::Checksum).await;
    assert_eq!(
        heard,
        [
            "both same Checksum",
            "byte Content { at: None }",
            "deep/same same Checksum",
            "left Missing(Right)",
            "right Missing(Left)",
            "size Size { left_bytes: 3, right_bytes: 2 }",
        ]
    );
    let expected = Summary {
        same_by_checksum: 2,
        missing_left: 1,
        missing_right: 1,
        size: 1,
        content: 1,
        read_bytes: 11,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    assert!(!summary.is_equal());
    let (summary, heard) = world.compare(&world.store, Level::Download).await;
    assert!(heard.contains(&"byte Content { at: Some(2) }".to_owned()), "{heard:?}");
    assert_eq!((summary.same_by_reading, summary.downloaded_bytes), (2, 11));
    let (summary, _) = world.compare(&world.store, Level::Size).await;
    assert_eq!((summary.same_by_size, summary.content, summary.downloaded_bytes), (3, 0, 0));
}

#[tokio::test]
async fn one_byte_is_found_wherever_it_is_and_however_the_object_was_made() {
    let size = (10 << 20) + 77;
    let whole = content(size);
    for (at, changes_local) in [(0, true), (size - 1, true), (6 << 20, false), (size - 1, false)] {
        for made in ["one", "crc", "sha"] {
            let world = World::new().await;
            let other = flipped(&whole, at);
            let (local, remote) = if changes_local { (&other, &whole) } else { (&whole, &other) };
            world.write("file", local);
            match made {
                "one" => drop(world.put("a/file", remote).await),
                "crc" => world.put_in_parts("a/file", remote, 5 << 20, Algorithm::Crc64Nvme).await,
                _ => world.put_in_parts("a/file", remote, 5 << 20, Algorithm::Sha256).await,
            }
            let (summary, heard) = world.compare(&world.store, Level::Checksum).await;
            assert_eq!((summary.content, summary.same()), (1, 0), "{at} {made} {heard:?}");
            world.write("file", remote);
            let trace = Arc::new(Trace::new(Arc::clone(&world.store)));
            let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
            let (summary, heard) = world.compare(&store, Level::Checksum).await;
            assert!(summary.is_equal(), "{at} {made} {heard:?}");
            assert_eq!(summary.same_by_checksum, 1, "{made}");
            assert_eq!(trace.counts_of(Operation::Get).calls, 0, "{made}");
            let (summary, _) = world.compare(&world.store, Level::Download).await;
            assert_eq!((summary.same_by_reading, summary.downloaded_bytes), (1, size as u64), "{made}");
        }
    }
}

#[tokio::test]
async fn parts_of_a_size_that_nobody_would_guess_are_read_instead() {
    let world = World::new().await;
    let whole = content((12 << 20) + 5);
    world.write("file", &whole);
    world.put_in_parts("a/file", &whole, (5 << 20) + 123_457, Algorithm::Sha256).await;
    let (summary, heard) = world.compare(&world.store, Level::Checksum).await;
    assert!(summary.is_equal(), "{heard:?}");
    assert_eq!((summary.same_by_reading, summary.downloaded_bytes), (1, whole.len() as u64));
}

#[tokio::test]
async fn two_places_at_services_are_compared_by_what_is_kept_and_read_where_that_tells_nothing() {
    let world = World::new().await;
    let whole = content((5 << 20) + 9);
    world.put("a/one", &whole).await;
    world.put("b/one", &whole).await;
    world.put("a/two", &whole).await;
    world.put_in_parts("b/two", &whole, 5 << 20, Algorithm::Crc64Nvme).await;
    world.put("a/three", &whole).await;
    world.put_in_parts("b/three", &whole, 5 << 20, Algorithm::Sha256).await;
    world.put("a/four", &whole).await;
    world.put_in_parts("b/four", &flipped(&whole, 77), 5 << 20, Algorithm::Sha256).await;
    world.put("a/five", &whole).await;
    world.put("b/five", &flipped(&whole, 77)).await;
    let trace = Arc::new(Trace::new(Arc::clone(&world.store)));
    let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
    let (left, right) = (world.listed("a/").await, world.listed("b/").await);
    let sides = (world.remote(&store, "a/"), world.remote(&store, "b/"));
    let (summary, heard) = compared(&sides.0, &sides.1, left, right, Level::Checksum).await;
    assert_eq!(
        heard,
        [
            "five Content { at: None }",
            "four Content { at: Some(77) }",
            "one same Checksum",
            "three same Reading",
            "two same Checksum",
        ]
    );
    assert_eq!((summary.same(), summary.content), (3, 2));
    // Equal tags need no look.
    assert_eq!((trace.counts_of(Operation::Head).calls, trace.counts_of(Operation::Get).calls), (8, 4));
}

#[tokio::test]
async fn two_folders_are_read() {
    let world = World::new().await;
    for name in ["same", "byte"] {
        world.write(name, b"12345");
    }
    let other = World::new().await;
    other.write("same", b"12345");
    other.write("byte", b"12346");
    std::fs::create_dir(other.root().join("gone")).unwrap();
    let (left, right) = (world.walked(), other.walked());
    let (summary, heard) = compared(&world.local(), &other.local(), left, right, Level::Checksum).await;
    assert_eq!(heard, ["byte Content { at: Some(4) }", "same same Reading"]);
    assert_eq!(summary.read_bytes, 20);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_compared_is_told_and_is_not_equal() {
    let world = World::new().await;
    for name in ["changed", "denied", "fine", "missing", "rewritten"] {
        world.write(name, b"12345");
        world.put(&format!("a/{name}"), b"12345").await;
    }
    let (left, right) = (world.walked(), world.listed("a/").await);
    world.write("changed", b"123456");
    std::fs::remove_file(world.root().join("missing")).unwrap();
    world.put("a/rewritten", b"54321").await;
    let denied = Fault {
        operation: Some(Operation::Head),
        nth: 2,
        kind: FaultKind::Fail(ErrorKind::PermissionDenied),
    };
    let passing =
        Fault { operation: Some(Operation::Head), nth: 3, kind: FaultKind::Fail(ErrorKind::Unavailable) };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.store), [denied, passing]));
    let (summary, heard) =
        compared(&world.local(), &world.remote(&store, "a/"), left, right, Level::Checksum).await;
    assert_eq!(heard.len(), 5);
    assert_eq!(heard[0], "changed unclear: the left side changed meanwhile");
    assert!(heard[1].starts_with("denied unclear: look up s3://bucket/a/denied"), "{heard:?}");
    assert_eq!(heard[2], "fine same Checksum");
    assert!(heard[3].starts_with("missing unclear: cannot read"), "{heard:?}");
    assert_eq!(heard[4], "rewritten unclear: the right side changed meanwhile");
    assert_eq!((summary.unclear, summary.differences(), summary.is_equal()), (4, 0, false));
}

#[tokio::test]
async fn a_listing_that_fails_or_is_out_of_order_ends_it() {
    let world = World::new().await;
    let file = |name: &str| Ok(Entry::file(Name::new(name).unwrap(), 0, Modified::UNKNOWN));
    let heard = Heard::default();
    let (random, stop) = (SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    for (left, is_unsorted) in [(vec![file("b"), file("a")], true), (vec![file("a"), Err("broken")], false)] {
        let left = futures_util::stream::iter(left);
        let right = futures_util::stream::empty();
        let side = world.local();
        let error = trees(&side, &side, left, right, &Options::default(), context).await.unwrap_err();
        assert_eq!(matches!(error, DiffError::Unsorted(_)), is_unsorted, "{error:?}");
    }
}

#[tokio::test]
async fn an_end_that_is_asked_for_is_told() {
    let world = World::new().await;
    let heard = Heard::default();
    let (random, stop) = (SeededRandom::new(1), Stop::default());
    stop.ask();
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let entries = || {
        let names = (0..1000).map(|number| Name::new(&format!("{number:04}")).unwrap());
        let entries: Vec<Result<Entry, String>> =
            names.map(|name| Ok(Entry::file(name, 0, Modified::UNKNOWN))).collect();
        futures_util::stream::iter(entries)
    };
    let (side, options) = (world.local(), Options { level: Level::Size, connections_max: 2 });
    let summary = trees(&side, &side, entries(), entries(), &options, context).await.unwrap();
    assert!(summary.stopped && !summary.is_equal() && summary.same() < 1000, "{summary:?}");
}

#[tokio::test]
async fn pairs_are_not_held_while_they_wait() {
    let world = World::new().await;
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hang = (1..=4).map(|nth| Fault { operation: Some(Operation::Head), nth, kind: FaultKind::Hang });
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.store), hang));
    let entries = || {
        let taken = Arc::clone(&taken);
        futures_util::stream::iter(0..100_000).map(move |number| {
            taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, String>(Entry::file(Name::new(&format!("{number:06}")).unwrap(), 5, Modified::UNKNOWN))
        })
    };
    let heard = Heard::default();
    let (random, stop) = (SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let (left, right) = (world.local(), world.remote(&store, "a/"));
    let options = Options { connections_max: 4, ..Options::default() };
    let work = trees(&left, &right, entries(), entries(), &options, context);
    assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 2 * 5);
}

#[tokio::test]
async fn a_run_is_looked_at_again() {
    let world = World::new().await;
    let names = ["changed", "content", "fine", "gone", "moved", "open", "size"];
    let mut steps = Vec::new();
    for name in names {
        let tag = world.put(&format!("a/{name}"), b"12345").await;
        world.write(name, b"12345");
        let step = Step::new(Task::Download, Name::new(name).unwrap(), 5);
        steps.push(Step { tag: Some(tag), takes: name == "moved", ..step });
    }
    let remote = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: "a/".into() };
    let routes = vec![Route { from: remote, to: Place::Local(world.root().to_str().unwrap().into()) }];
    let cutting = Cutting { one_request_max_bytes: 1, part_bytes: 5 << 20, copy_max_bytes: 5 << 30 };
    let mut plan = PlanBuilder::in_memory(routes, cutting);
    steps.iter().for_each(|step| plan.push(step).unwrap());
    let runs = Runs::new(world.folder.path().join("runs"));
    let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
    let mut run = runs.create(&plan.finish().unwrap(), "cp", "0", &clock, &SeededRandom::new(3)).unwrap();
    for step in (0..7).filter(|step| names[*step as usize] != "open") {
        run.journal.append(&Event::Done { step, size_bytes: 5, proof: Some(Proof::Checksum) }).unwrap();
    }
    run.journal.sync().unwrap();
    world.put("a/changed", b"54321").await;
    world.write("content", b"12845");
    std::fs::remove_file(world.root().join("gone")).unwrap();
    world.store.delete(&world.bucket, &"a/moved".parse().unwrap(), &Delete::default()).await.unwrap();
    world.write("size", b"1234");
    let recorded = runs.show(&run.id).unwrap();
    let heard = Heard::default();
    let (random, stop) = (SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let ends = [Ends { from: world.remote(&world.store, "a/"), to: world.local() }];
    let summary = super::run(&recorded, &ends, &Options::default(), context).await.unwrap();
    let mut heard = heard.0.into_inner().unwrap();
    heard.sort();
    assert_eq!(
        heard,
        [
            "changed unclear: the left side changed meanwhile",
            "content Content { at: None }",
            "fine same Checksum",
            "gone Missing(Right)",
            "moved same Size",
            "size Size { left_bytes: 5, right_bytes: 4 }",
        ]
    );
    assert_eq!((summary.unclear, summary.differences(), summary.same()), (1, 3, 2));
    let context = Context { random: &random, listener: &Heard::default(), stop: &stop };
    let error = super::run(&recorded, &[], &Options::default(), context).await.unwrap_err();
    assert!(matches!(error, RunError::Ends { routes: 1, ends: 0 }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn two_places_are_listed_and_compared_but_for_what_takes_no_part() {
    let world = World::new().await;
    for name in ["one", "deep/two", "left", "out.tmp"] {
        world.write(name, b"12345");
    }
    for key in ["a/one", "a/deep/two", "a/deep/", "a/right", "a/other.tmp", "b/one"] {
        world.put(key, if key.ends_with('/') { b"" } else { b"12345" }).await;
    }
    std::os::unix::fs::symlink("one", world.root().join("link")).unwrap();
    std::fs::create_dir(world.root().join("empty")).unwrap();
    std::fs::write(world.root().join("bad\u{1}name"), b"").unwrap();
    std::fs::write(world.root().join(".pintail-0123456789abcdef.part"), b"").unwrap();
    let mut filter = crate::filter::Filter::default();
    filter.rules.exclude("*.tmp").unwrap();
    let (heard, random, stop) = (Heard::default(), SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let rules = Rules { filter: &filter, links: crate::local::Links::Skip, page: Some(2) };
    let (left, right) = (world.local(), world.remote(&world.store, "a/"));
    let summary = sites(&left, &right, &rules, &Options::default(), context).await.unwrap();
    let mut heard = heard.0.into_inner().unwrap();
    heard.sort();
    assert_eq!(
        heard,
        [
            ".pintail-0123456789abcdef.part unfit: it is named like an unfinished download",
            "bad\u{1}name unfit: the name cannot be kept",
            "deep/two same Checksum",
            "left Missing(Right)",
            "link unfit: it is a symbolic link",
            "one same Checksum",
            "right Missing(Left)",
        ]
    );
    // A link is passed over as was asked for, and nothing copies what may be unfinished; a name that makes no key is not known to be on the
    // other side.
    assert_eq!((summary.same(), summary.differences(), summary.unclear), (2, 2, 1));
    let gone = Site::Local(world.folder.path().join("gone"));
    let context = Context { random: &random, listener: &Heard::default(), stop: &stop };
    let error = sites(&gone, &right, &rules, &Options::default(), context).await.unwrap_err();
    assert!(matches!(error, DiffError::Side(Side::Left, SideError::Local(_))), "{error:?}");
}

#[tokio::test]
async fn names_of_a_list_that_are_on_neither_side_are_told_and_are_not_equal() {
    let world = World::new().await;
    for name in ["here", "both", "sub/b", "excluded.tmp"] {
        world.write(name, b"12345");
    }
    for key in ["a/both", "a/sub/b", "a/there", "a/marked/"] {
        world.put(key, if key.ends_with('/') { b"" } else { b"12345" }).await;
    }
    std::fs::create_dir(world.root().join("empty")).unwrap();
    std::fs::write(world.root().join("bad\u{1}name"), b"").unwrap();
    let names = [
        "here",
        "both",
        "sub/",
        "there",
        "marked/",
        "empty/",
        "excluded.tmp",
        "bad\u{1}name",
        "gone",
        "gone/too",
        "lost/",
    ];
    let mut filter =
        crate::filter::Filter { only: Some(NameList::new(names).unwrap()), ..Default::default() };
    filter.rules.exclude("*.tmp").unwrap();
    let (heard, random, stop) = (Heard::default(), SeededRandom::new(1), Stop::default());
    let context = Context { random: &random, listener: &heard, stop: &stop };
    let rules = Rules { filter: &filter, links: crate::local::Links::Skip, page: None };
    let (left, right) = (world.local(), world.remote(&world.store, "a/"));
    let summary = sites(&left, &right, &rules, &Options::default(), context).await.unwrap();
    let mut heard = heard.0.into_inner().unwrap();
    heard.retain(|line| line.ends_with("nowhere"));
    assert_eq!(heard, ["gone nowhere", "gone/too nowhere", "lost/ nowhere"]);
    assert_eq!((summary.nowhere, summary.is_equal()), (3, false));
    let all = Summary { same_by_checksum: 2, nowhere: 1, ..Summary::default() };
    assert!(!all.is_equal());
}

#[test]
fn sizes_of_parts_make_the_number_that_is_told() {
    const MIB: u64 = 1 << 20;
    for (size_bytes, part) in [
        (100 * MIB, 8 * MIB),
        (100 * MIB + 1, 5 * MIB),
        (3 << 30, 15 * MIB),
        (33 * MIB, 16 * MIB),
        (7 << 30, 50 * MIB),
    ] {
        let parts = size_bytes.div_ceil(part);
        let found = plausible_part_bytes(size_bytes, parts);
        assert!(found.contains(&part), "{size_bytes} {part} {found:?}");
        assert!(
            found.len() <= 8 && found.iter().all(|part| size_bytes.div_ceil(*part) == parts),
            "{found:?}"
        );
    }
    assert_eq!(plausible_part_bytes(5, 1), [5]);
    assert!(plausible_part_bytes(5, 0).is_empty());
    assert!(plausible_part_bytes(5, 9).is_empty());
    assert!(plausible_part_bytes(u64::MAX, 10_000).is_empty());
}

#[test]
fn tags_are_made_again_as_services_make_them() {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let whole = content((10 << 20) + 5);
    let proves = |kept: &Kept, data: &[u8]| {
        let mut trial = Trial::new(kept.clone(), data.len() as u64).unwrap();
        data.chunks(300_001).for_each(|piece| trial.update(piece));
        trial.proves()
    };
    // MD5 of "a", RFC 1321 A.5.
    assert!(proves(&Kept::Tag(ETag::new("0cc175b9c0f1b6a831c399e269772661")), b"a"));
    let of_whole = Kept::Tag(ETag::new(&hexadecimal(&Md5::digest(&whole))));
    let mut parts = Md5::new();
    whole.chunks(5 << 20).for_each(|part| parts.update(Md5::digest(part)));
    let of_parts = Kept::Tag(ETag::new(&format!("{}-3", hexadecimal(&parts.finalize()))));
    let sums: Vec<Checksum> =
        whole.chunks(5 << 20).map(|part| Checksum::of(Algorithm::Crc32c, part)).collect();
    let composed = Kept::Checksum(Checksum::composed_of(&sums).unwrap());
    let checksum = Kept::Checksum(Checksum::of(Algorithm::Sha256, &whole));
    for kept in [of_whole, of_parts, composed, checksum] {
        assert!(proves(&kept, &whole), "{kept:?}");
        assert!(!proves(&kept, &flipped(&whole, 5 << 20)), "{kept:?}");
        assert_eq!(kept.disproves(), matches!(&kept, Kept::Checksum(sum) if sum.parts().is_none()));
    }
    let empty = Kept::Tag(ETag::new("d41d8cd98f00b204e9800998ecf8427e"));
    assert!(proves(&empty, b""));
}
