//! Targets and sources that somebody wrote meanwhile.

use std::fs;
use std::os::unix::fs::symlink;

use pintail_transfer::entry::{Meaning, Modified};
use pintail_transfer::execute::{Durability, StepError};
use pintail_transfer::journal::Outcome;
use pintail_transfer::local::{PartialError, TargetError};
use pintail_transfer::plan::Step;
use pintail_transfer::policy::Guard;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn an_object_that_appeared_meanwhile_stays_unless_it_is_the_same() {
    // behaviour: existing
    for size in [1000, LARGE_BYTES] {
        let world = World::new().await;
        world.write("file", &content(size, 1));
        world.put("file", b"theirs").await;
        let report = world.carry_out([upload("file", size)]).await;
        assert!(matches!(report.first_failure.as_deref(), Some(StepError::Taken(_))), "{report:?}");
        assert_eq!(world.got("file").await.unwrap(), b"theirs");
        world.put("file", &content(size, 1)).await;
        let report = world.carry_out([upload("file", size)]).await;
        assert_eq!((report.outcome, report.proved), (Outcome::Complete, 1));
        assert_eq!(world.uploads().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changed_meanwhile_stays() {
    for size in [1000, LARGE_BYTES] {
        let world = World::new().await;
        world.write("file", &content(size, 1));
        let seen = world.put("file", b"seen").await;
        world.put("file", b"theirs").await;
        let over = |tag| Step { guard: Guard::Match(tag), ..upload("file", size) };
        let report = world.carry_out([over(seen)]).await;
        assert!(matches!(report.first_failure.as_deref(), Some(StepError::Changed(_))), "{report:?}");
        assert_eq!(world.got("file").await.unwrap(), b"theirs");
        let now = world.put("file", b"theirs").await;
        assert_eq!(world.carry_out([over(now)]).await.outcome, Outcome::Complete);
        assert!(world.got("file").await.unwrap() == content(size, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_appeared_or_changed_meanwhile_stays_unless_it_is_the_same() {
    for size in [1000, LARGE_BYTES] {
        let world = World::new().await;
        let tag = world.put("file", &content(size, 1)).await;
        world.write("file", b"theirs");
        let report = world.carry_out([download("file", size, &tag)]).await;
        let taken = matches!(
            report.first_failure.as_deref(),
            Some(
                StepError::Target(TargetError::Taken(_))
                    | StepError::Partial(PartialError::Target(TargetError::Taken(_)))
            )
        );
        assert!(taken, "{report:?}");
        let modified = Modified::from_ns(5, Meaning::Content);
        let guard = Guard::Unchanged { size_bytes: 6, modified };
        let report = world.carry_out([Step { guard, ..download("file", size, &tag) }]).await;
        assert_eq!(report.failed, 1);
        assert_eq!(world.read("file").unwrap(), b"theirs");
        assert_eq!(world.files().len(), 1, "{:?}", world.files());
        world.write("file", &content(size, 1));
        let report = world.carry_out([download("file", size, &tag)]).await;
        assert_eq!((report.outcome, report.proved), (Outcome::Complete, 1), "{report:?}");
        assert_eq!(world.files().len(), 1, "{:?}", world.files());
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_what_was_listed_makes_no_file() {
    for size in [1000, LARGE_BYTES] {
        let world = World::new().await;
        let listed = world.put("file", &content(size, 1)).await;
        world.put("file", &content(size, 2)).await;
        let report = world.carry_out([download("file", size, &listed)]).await;
        assert!(matches!(report.first_failure.as_deref(), Some(StepError::SourceChanged(_))), "{report:?}");
        assert_eq!(world.files().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_link_below_the_target_is_followed_and_no_folder_replaced() {
    let world = World::new().await;
    let outside = world.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, world.local().join("link")).unwrap();
    fs::create_dir(world.local().join("folder")).unwrap();
    let through = world.put("link/file", b"planted").await;
    let over = world.put("folder", b"file").await;
    let fine = world.put("fine", b"fine").await;
    let any = |step: Step| Step { guard: Guard::None, ..step };
    let steps =
        [download("fine", 4, &fine), any(download("folder", 4, &over)), download("link/file", 7, &through)];
    let report = world.carry_out(steps).await;
    assert_eq!((report.done, report.failed), (1, 2), "{report:?}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(world.read("fine").unwrap(), b"fine");
}

#[tokio::test(start_paused = true)]
async fn files_in_many_folders_come_out_whole_however_safe_they_are_made() {
    // behaviour: transfer-durability
    for sync in [Durability::Batch, Durability::Each, Durability::None] {
        let mut world = World::new().await;
        world.options.sync = sync;
        let mut steps = Vec::new();
        for number in 0..60 {
            let key = format!("{}/{}/{number}", number % 7, number % 3);
            let tag = world.put(&key, &content(number, number)).await;
            steps.push(download(&key, number, &tag));
        }
        let report = world.carry_out(steps).await;
        assert_eq!((report.outcome, report.done), (Outcome::Complete, 60), "{sync:?}");
        assert_eq!(world.files().len(), 60);
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_removed_while_files_come_into_it_is_made_again() {
    let world = World::new().await;
    let first = world.put("a/1", b"1").await;
    let second = world.put("a/2", b"2").await;
    let target = pintail_transfer::local::Target::open(&world.local()).unwrap();
    let create = |path: &str| {
        let path = std::path::Path::new(path);
        pintail_transfer::local::Partial::create(&target, path, &world.random).unwrap();
    };
    create("a/1");
    fs::remove_dir(world.local().join("a")).unwrap();
    create("a/2");
    assert!(world.local().join("a").exists());
    let report = world.carry_out([download("a/1", 1, &first), download("a/2", 1, &second)]).await;
    assert_eq!(report.outcome, Outcome::Complete);
}
