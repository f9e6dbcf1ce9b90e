//! Links that somebody put in the place of a file after the plan was made: what they lead to is nobody's to send.

use std::os::unix::fs::symlink;

use pintail_transfer::execute::StepError;
use pintail_transfer::journal::Outcome;
use pintail_transfer::local::SourceError;
use pintail_transfer::plan::Step;

use crate::world::*;

/// A folder beside the one that is sent, and links into it in the places of files.
async fn planted() -> World {
    let world = World::new().await;
    let secret = world.folder.path().join("secret");
    std::fs::create_dir(&secret).unwrap();
    for (file, size_bytes) in [("small", 5), ("large", LARGE_BYTES)] {
        std::fs::write(secret.join(file), content(size_bytes, 9)).unwrap();
        symlink(format!("../secret/{file}"), world.local().join(file)).unwrap();
    }
    symlink("text", secret.join("link")).unwrap();
    symlink("../secret", world.local().join("folder")).unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn what_a_planted_link_leads_to_is_not_sent() {
    // behaviour: transfer-links
    let world = planted().await;
    let link = Step { link: true, ..upload("folder/link", 4) };
    for step in [
        upload("small", 5),
        upload("large", LARGE_BYTES),
        upload("folder/small", 5),
        upload("folder/large", LARGE_BYTES),
        link,
    ] {
        let report = world.carry_out([step]).await;
        let failure = report.first_failure.as_deref();
        assert!(matches!(failure, Some(StepError::Source(SourceError::Link(_)))), "{report:?}");
    }
    assert_eq!(world.keys().await, [""; 0]);
    assert_eq!(world.uploads().await, 0);
}

#[tokio::test(start_paused = true)]
async fn links_that_a_person_chose_to_follow_are_followed() {
    let world = planted().await;
    let follow = |step: Step| Step { follows: true, ..step };
    let steps = [
        upload("folder/large", LARGE_BYTES),
        upload("folder/small", 5),
        upload("large", LARGE_BYTES),
        upload("small", 5),
    ];
    let report = world.carry_out(steps.map(follow)).await;
    assert_eq!((report.outcome, report.done), (Outcome::Complete, 4), "{report:?}");
    assert_eq!(world.got("folder/small").await.unwrap(), content(5, 9));
    assert_eq!(world.got("large").await.unwrap(), content(LARGE_BYTES, 9));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_begun_is_not_ended_with_what_a_link_leads_to() {
    let world = planted().await;
    let mut run = world.begin([upload("file", LARGE_BYTES)]);
    let id = run.id.clone();
    world.write("file", &content(LARGE_BYTES, 3));
    let stop = pintail_store::wrap::Fault {
        operation: Some(pintail_store::Operation::UploadPart),
        nth: 2,
        kind: pintail_store::wrap::FaultKind::Fail(pintail_store::ErrorKind::PermissionDenied),
    };
    let store: std::sync::Arc<dyn pintail_store::object_store::ObjectStore> =
        std::sync::Arc::new(pintail_store::wrap::Faults::new(std::sync::Arc::clone(&world.memory), [stop]));
    let report = world.live(&mut run, &store).await.unwrap();
    assert_eq!((report.failed, world.uploads().await), (1, 1), "{report:?}");
    drop(run);
    // The link leads to the very file: it is followed all the same for nobody.
    std::fs::rename(world.local().join("file"), world.local().join("moved")).unwrap();
    symlink("moved", world.local().join("file")).unwrap();
    let mut run = world.resume(&id);
    let report = world.live(&mut run, &world.memory).await.unwrap();
    assert_eq!((report.failed, world.keys().await.len()), (1, 0), "{report:?}");
}

/// As a file gets it, so that a second sync finds nothing to do.
#[tokio::test(start_paused = true)]
async fn a_link_that_is_made_has_the_time_of_what_it_was_made_of() {
    // behaviour: transfer-links
    use std::os::unix::fs::MetadataExt;
    let world = World::new().await;
    symlink("text", world.local().join("link")).unwrap();
    let of = |file: &str| std::fs::symlink_metadata(world.local().join(file)).unwrap();
    let time = |file: &str| (of(file).mtime(), of(file).mtime_nsec());
    world.carry_out([Step { link: true, ..upload("link", 4) }]).await;
    let again = Step {
        link: true,
        to: Some(name("again")),
        route: 1,
        ..Step::new(pintail_transfer::plan::Task::Download, name("link"), 4)
    };
    let report = world.carry_out([again]).await;
    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    assert!(of("again").is_symlink());
    assert_eq!(time("again"), time("link"));
}
