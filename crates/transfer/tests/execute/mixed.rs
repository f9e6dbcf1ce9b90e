//! Plans of all kinds, without anything that breaks.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::ManualClock;
use pintail_store::object_store::{Head, ObjectStore};
use pintail_store::wrap::{Fault, FaultKind, Faults};
use pintail_transfer::diff::Side;
use pintail_transfer::execute::{Bandwidth, Durability, ExecuteError, Work, execute};
use pintail_transfer::journal::{Outcome, State};
use pintail_transfer::plan::{Refusal, Skip, Step, Task};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_mixed_plan_is_carried_out() {
    // behaviour: transfer-proof
    let mut world = World::new().await;
    world.options.sync = Durability::Batch;
    let mut steps = Vec::new();
    for number in 0..300 {
        let file = format!("up/{:02}/{number:04}.txt", number / 20);
        world.write(&file, &content(number, number));
        steps.push(upload(&file, number));
        let key = format!("down/{:02}/{number:04}", number / 20);
        let tag = world.put(&key, &content(number, number + 1)).await;
        steps.push(download(&key, number, &tag));
    }
    world.write("large", &content(LARGE_BYTES, 3));
    steps.push(upload("large", LARGE_BYTES));
    let tag = world.put("down large", &content(LARGE_BYTES, 4)).await;
    steps.push(download("down large", LARGE_BYTES, &tag));
    world.write("middle.bin", &content(280_000, 5));
    steps.push(upload("middle.bin", 280_000));
    let tag = world.put("down middle", &content(290_000, 6)).await;
    steps.push(download("down middle", 290_000, &tag));
    world.put("old", b"x").await;
    steps.push(delete("old", Side::Right));
    world.write("gone/deep/file", b"x");
    for gone in ["gone/", "gone/deep/", "gone/deep/file"] {
        steps.push(delete(gone, Side::Left));
    }
    steps.push(Step::new(Task::Skip(Skip::Same), name("same"), 5));
    steps.push(Step::new(Task::Refuse(Refusal::TooLarge), name("refused"), 5));

    let report = world.carry_out(steps).await;

    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    assert_eq!(
        (report.done, report.skipped, report.refused, report.failed, report.not_tried),
        (608, 1, 1, 0, 0)
    );
    let moved = 2 * (0..300).sum::<u64>() + 2 * LARGE_BYTES + 280_000 + 290_000;
    assert_eq!((report.done_bytes, report.moved_bytes, report.proved), (moved, moved, 604));
    for number in 0..300 {
        let up = world.got(&format!("up/{:02}/{number:04}.txt", number / 20)).await;
        assert!(up.unwrap() == content(number, number), "{number}");
        let down = world.read(&format!("down/{:02}/{number:04}", number / 20));
        assert!(down.unwrap() == content(number, number + 1), "{number}");
    }
    assert!(world.got("large").await.unwrap() == content(LARGE_BYTES, 3));
    assert!(world.read("down large").unwrap() == content(LARGE_BYTES, 4));
    assert!(world.got("middle.bin").await.unwrap() == content(280_000, 5));
    assert!(world.read("down middle").unwrap() == content(290_000, 6));
    assert_eq!(world.got("old").await, None);
    assert!(!world.local().join("gone").exists());
    assert_eq!(world.uploads().await, 0);
    assert!(world.files().keys().all(|name| !name.contains(".pintail-")), "{:?}", world.files());
    let progress = &world.progress;
    let numbers = |number: &std::sync::atomic::AtomicU64| number.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((numbers(&progress.done_bytes), numbers(&progress.total_bytes)), (moved, moved));
    assert_eq!((numbers(&progress.ended_steps), numbers(&progress.total_steps)), (608, 608));
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_an_object_of_no_bytes_and_back() {
    let world = World::new().await;
    world.write("empty", b"");
    let tag = world.put("nothing", b"").await;
    let report = world.carry_out([upload("empty", 0), download("nothing", 0, &tag)]).await;
    assert_eq!((report.outcome, report.proved), (Outcome::Complete, 2));
    assert_eq!(world.got("empty").await.unwrap(), b"");
    assert_eq!(world.read("nothing").unwrap(), b"");
}

#[tokio::test(start_paused = true)]
async fn time_permissions_and_type_go_there_and_back() {
    // behaviour: transfer-metadata
    let mut world = World::new().await;
    world.options.permissions = true;
    for (name, size) in [("a.html", 10), ("large.html", LARGE_BYTES)] {
        world.write(name, &content(size, 1));
        let path = world.local().join(name);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789)).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o640)).unwrap();
        world.carry_out([upload(name, size)]).await;
        let info = world.memory.head(&world.bucket, &name.parse().unwrap(), &Head::default()).await.unwrap();
        assert_eq!(info.traits.content_type.as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(info.traits.metadata["mtime"], "1600000000.123456789");
        assert_eq!(info.traits.metadata["mode"], 0o100_640.to_string());
        let tag = pintail_transfer::entry::Tag::of(&info.etag.unwrap());
        let back = Step { to: Some(crate::world::name("back")), ..download(name, size, &tag) };
        world.carry_out([Step { guard: pintail_transfer::policy::Guard::None, ..back }]).await;
        let metadata = std::fs::metadata(world.local().join("back")).unwrap();
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec(), metadata.mode() & 0o777),
            (1_600_000_000, 123_456_789, 0o640)
        );
    }
    // Without either the time is that of the object.
    world.options.times = false;
    let tag = world.put("plain", b"x").await;
    world.carry_out([download("plain", 1, &tag)]).await;
    assert_eq!(std::fs::metadata(world.local().join("plain")).unwrap().mtime(), 1_790_000_000);
}

#[tokio::test(start_paused = true)]
async fn links_are_kept_as_links_where_the_plan_says_so() {
    // behaviour: transfer-links
    let world = World::new().await;
    symlink("../somewhere/else", world.local().join("link")).unwrap();
    world.carry_out([Step { link: true, ..upload("link", 17) }]).await;
    assert_eq!(world.got("link").await.unwrap(), b"../somewhere/else");
    let key = "link".parse().unwrap();
    let info = world.memory.head(&world.bucket, &key, &Head::default()).await.unwrap();
    assert_eq!(info.traits.metadata["mode"], 0o120_777.to_string());
    let tag = pintail_transfer::entry::Tag::of(&info.etag.unwrap());
    let to = |text: &str| Some(name(text));
    let link = Step { link: true, to: to("deep/link"), ..download("link", 17, &tag) };
    let file = Step { to: to("file"), ..download("link", 17, &tag) };
    let report = world.carry_out([link, file]).await;
    assert_eq!(report.outcome, Outcome::Complete);
    let made = std::fs::read_link(world.local().join("deep/link")).unwrap();
    assert_eq!(made.to_str(), Some("../somewhere/else"));
    assert_eq!(world.read("file").unwrap(), b"../somewhere/else");
}

#[tokio::test(start_paused = true)]
async fn objects_go_to_standard_output_in_order() {
    let world = World::new().await;
    for (key, size) in [("small", 5), ("large", LARGE_BYTES)] {
        let tag = world.put(key, &content(size, 2)).await;
        world.heard.bytes.lock().unwrap().clear();
        let step = Step { route: 3, ..download(key, size, &tag) };
        let report = world.carry_out([step]).await;
        assert_eq!((report.outcome, report.proved), (Outcome::Complete, 1));
        assert!(*world.heard.bytes.lock().unwrap() == content(size, 2), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_reader_of_standard_output_everything_ends() {
    let mut world = World::new().await;
    world.heard.bytes_max = Some(3);
    let tag = world.put("a", b"more than three").await;
    let mut run = world.begin([Step { route: 3, ..download("a", 15, &tag) }]);
    let ended = world.live(&mut run, &world.memory).await;
    assert!(matches!(ended, Err(ExecuteError::Step(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn work_without_a_journal_leaves_nothing_when_it_is_stopped() {
    let world = World::new().await;
    world.write("large", &content(LARGE_BYTES, 1));
    let tag = world.put("down", &content(LARGE_BYTES, 2)).await;
    let plan = world.plan([upload("large", LARGE_BYTES), download("down", LARGE_BYTES, &tag)]);
    let hang = |operation| Fault { operation: Some(operation), nth: 2, kind: FaultKind::Hang };
    use pintail_store::Operation::{Get, UploadPart};
    let store: Arc<dyn ObjectStore> =
        Arc::new(Faults::new(Arc::clone(&world.memory), [hang(UploadPart), hang(Get)]));
    let ends = world.ends(&store);
    let mut state = State::new([true, true]);
    let work = Work { plan: &plan, state: &mut state, journal: None, ends: &ends };
    let carried = execute(work, &world.options, world.context());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.stop.ask();
    };
    let (report, ()) = futures_util::future::join(carried, stop).await;
    let report = report.unwrap();
    assert_eq!((report.outcome, report.not_tried), (Outcome::Interrupted, 2));
    assert_eq!((world.uploads().await, world.files().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_keeps_what_was_begun_and_the_run_goes_on_later() {
    let mut world = World::new().await;
    world.write("large", &content(LARGE_BYTES, 1));
    let tag = world.put("down", &content(LARGE_BYTES, 2)).await;
    let hang = |operation| Fault { operation: Some(operation), nth: 3, kind: FaultKind::Hang };
    use pintail_store::Operation::{Get, UploadPart};
    let faults = Arc::new(Faults::new(Arc::clone(&world.memory), [hang(UploadPart), hang(Get)]));
    let store: Arc<dyn ObjectStore> = Arc::clone(&faults) as _;
    let mut run = world.begin([upload("large", LARGE_BYTES), download("down", LARGE_BYTES, &tag)]);
    let id = run.id.clone();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.stop.ask();
    };
    let (report, ()) = futures_util::future::join(world.live(&mut run, &store), stop).await;
    assert_eq!(report.unwrap().outcome, Outcome::Interrupted);
    assert_eq!((world.uploads().await, world.files().len()), (1, 2));
    drop(run);
    world.stop = pintail_transfer::execute::Stop::default();
    let mut run = world.resume(&id);
    let report = world.live(&mut run, &world.memory).await.unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    // Two of three parts of either were kept.
    assert_eq!(report.done_bytes, 2 * LARGE_BYTES);
    assert!(report.moved_bytes < LARGE_BYTES + 2000, "{}", report.moved_bytes);
    assert!(world.got("large").await.unwrap() == content(LARGE_BYTES, 1));
    assert!(world.read("down").unwrap() == content(LARGE_BYTES, 2));
}

#[tokio::test(start_paused = true)]
async fn bandwidth_is_kept_to_and_follows_the_clock() {
    // behaviour: transfer-bandwidth
    let mut world = World::new().await;
    world.write("a.bin", &content(200_000, 1));
    world.write("b.bin", &content(200_000, 2));
    let tag = world.put("c", &content(200_000, 3)).await;
    world.options.bandwidth = Some(Bandwidth::new(|_| Some(100_000)));
    let steps = [upload("a.bin", 200_000), upload("b.bin", 200_000), download("c", 200_000, &tag)];
    let report = world.carry_out(steps).await;
    assert_eq!(report.outcome, Outcome::Complete);
    let seconds = report.took.as_secs_f64();
    assert!((5.5..7.0).contains(&seconds), "600,000 bytes at 100,000 a second took {seconds} seconds");

    // From a time on there is no limit any more.
    let clock: Arc<ManualClock> = Arc::clone(&world.clock);
    let end = jiff::Timestamp::from_second(1_790_000_100).unwrap();
    world.options.bandwidth = Some(Bandwidth::new(move |now| (now < end).then_some(1000)));
    let steps: Vec<Step> = (0..5)
        .map(|number| {
            let file = format!("slow-{number}");
            world.write(&file, &content(2000, number));
            upload(&file, 2000)
        })
        .collect();
    let free = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        clock.set(end);
    };
    let (report, ()) = futures_util::future::join(world.carry_out(steps), free).await;
    assert_eq!(report.outcome, Outcome::Complete);
    assert!(report.took < Duration::from_secs(3), "those who waited went on at once: {:?}", report.took);
}

#[tokio::test(start_paused = true)]
async fn what_is_copied_is_read_back_where_that_is_asked_for() {
    // behaviour: transfer-proof
    let mut world = World::new().await;
    world.options.verify = true;
    world.write("small", &content(100, 1));
    world.write("large", &content(LARGE_BYTES, 1));
    let small = world.put("down small", &content(100, 2)).await;
    let large = world.put("down large", &content(LARGE_BYTES, 2)).await;
    let steps = [
        upload("small", 100),
        upload("large", LARGE_BYTES),
        download("down small", 100, &small),
        download("down large", LARGE_BYTES, &large),
    ];
    let report = world.carry_out(steps).await;
    assert_eq!((report.outcome, report.proved), (Outcome::Complete, 4), "{report:?}");
}
