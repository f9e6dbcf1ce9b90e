//! Folders of this machine and prefixes in memory, watched while things happen to them. Time stands still unless somebody waits for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::name::BucketName;
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::Put;
use pintail_store::wrap::Trace;
use pintail_store::{MemoryStore, ObjectStore, Operation, Payload};

use super::*;
use crate::local::Links;
use crate::local::walk::Folders;
use crate::name::Platform;

fn options(links: Links, spool: &Path) -> FolderOptions {
    let walk = WalkOptions { links, folders: Folders::None, platform: Platform::Linux };
    FolderOptions { walk, spool: spool.to_owned() }
}

fn random() -> Arc<dyn Random> {
    Arc::new(SeededRandom::new(7))
}

fn timing() -> Timing {
    Timing::with_poll(Duration::from_secs(30))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn changes(watch: &mut Watch) -> Changes {
    match watch.next().await.unwrap() {
        Happened::Changed(changes) => changes,
        other => panic!("{other:?}"),
    }
}

/// Waits until all of these names were told of, and sees that no others were but those: a name may be told of once more, when it is closed.
async fn only(watch: &mut Watch, names: &[&str], others: &[&str]) {
    let mut told = until(watch, names).await;
    told.retain(|name| !names.contains(&name.as_str()) && !others.contains(&name.as_str()));
    assert_eq!(told, set(&[]));
}

/// Waits until all of these names were told of, and returns all that were.
async fn until(watch: &mut Watch, names: &[&str]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    while !set(names).is_subset(&told) {
        match changes(watch).await {
            Changes::Names(names) => told.extend(names),
            everything => panic!("{everything:?}"),
        }
    }
    told
}

#[cfg(target_os = "linux")]
mod folders {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Something that happens to a folder.
    type Way<'a> = &'a dyn Fn(&Stage);

    /// A folder within another, so that there is an outside.
    struct Stage {
        outside: tempfile::TempDir,
        root: PathBuf,
    }

    impl Stage {
        fn new(folders: &[&str]) -> Self {
            let outside = tempfile::tempdir().unwrap();
            let root = outside.path().join("root");
            fs::create_dir(&root).unwrap();
            for folder in folders {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            Self { outside, root }
        }

        fn write(&self, name: &str) {
            fs::write(self.root.join(name), name).unwrap();
        }

        async fn watch(&self) -> Watch {
            self.watch_with(Links::Skip).await
        }

        async fn watch_with(&self, links: Links) -> Watch {
            let options = options(links, &self.outside.path().join("spool"));
            Watch::folder(&self.root, options, timing(), random()).await.unwrap()
        }

        /// A watch that may watch so many folders.
        async fn watch_within(&self, watches_max: usize) -> Watch {
            let options = options(Links::Skip, &self.outside.path().join("spool"));
            let opened = system::open(&self.root, &options, watches_max).await.unwrap().unwrap();
            let (sender, receiver) = mpsc::channel(1);
            let begun = system::Begun { opened, options, timing: timing(), random: random() };
            let task = tokio::spawn(system::watch(begun, sender)).abort_handle();
            Watch { receiver, task, no_events: None }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_made_changed_renamed_and_deleted_is_told_by_its_name() {
        let stage = Stage::new(&["a/b"]);
        stage.write("a/b/old");
        let mut watch = stage.watch().await;
        assert!(watch.no_events().is_none());
        stage.write("new");
        stage.write("a/b/new");
        only(&mut watch, &["new", "a/b/new"], &[]).await;
        fs::rename(stage.root.join("new"), stage.root.join("a/renamed")).unwrap();
        only(&mut watch, &["new", "a/renamed"], &["a/b/new"]).await;
        fs::remove_file(stage.root.join("a/b/old")).unwrap();
        only(&mut watch, &["a/b/old"], &["new", "a/renamed"]).await;
        let file = fs::File::options().write(true).open(stage.root.join("a/renamed")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        only(&mut watch, &["a/renamed"], &["a/b/old"]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn our_unfinished_files_are_passed_over_and_an_editor_s_rename_is_told() {
        let stage = Stage::new(&[]);
        stage.write("text");
        let mut watch = stage.watch().await;
        stage.write(".pintail-0123456789abcdef.part");
        fs::rename(stage.root.join(".pintail-0123456789abcdef.part"), stage.root.join("down")).unwrap();
        stage.write("text.tmp");
        fs::rename(stage.root.join("text.tmp"), stage.root.join("text")).unwrap();
        only(&mut watch, &["down", "text"], &["text.tmp"]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_stays_open_is_told_of_once_it_is_quiet() {
        let stage = Stage::new(&[]);
        let mut file = fs::File::create(stage.root.join("log")).unwrap();
        let mut watch = stage.watch().await;
        let begun = tokio::time::Instant::now();
        file.write_all(b"line").unwrap();
        only(&mut watch, &["log"], &[]).await;
        assert!(begun.elapsed() >= timing().quiet, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn new_folders_are_watched_and_what_is_in_them_already_is_told() {
        let stage = Stage::new(&[]);
        let mut watch = stage.watch().await;
        fs::create_dir_all(stage.root.join("x/y/z")).unwrap();
        stage.write("x/first");
        stage.write("x/y/z/deep");
        until(&mut watch, &["x/first", "x/y/z/deep"]).await;
        stage.write("x/y/z/later");
        until(&mut watch, &["x/y/z/later"]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_that_leaves_is_told_as_a_whole_and_no_longer_watched() {
        let stage = Stage::new(&["in/deep"]);
        stage.write("in/deep/file");
        let mut watch = stage.watch().await;
        let out = stage.outside.path().join("out");
        fs::rename(stage.root.join("in"), &out).unwrap();
        only(&mut watch, &["in/"], &[]).await;
        fs::write(out.join("deep/unseen"), "x").unwrap();
        stage.write("seen");
        only(&mut watch, &["seen"], &[]).await;
        fs::rename(&out, stage.root.join("back")).unwrap();
        only(&mut watch, &["back/deep/file", "back/deep/unseen"], &["seen"]).await;
        stage.write("back/deep/again");
        only(&mut watch, &["back/deep/again"], &["back/deep/file", "back/deep/unseen"]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_that_gets_another_name_is_watched_under_it() {
        let stage = Stage::new(&["one/deep", "two"]);
        stage.write("one/deep/file");
        let mut watch = stage.watch().await;
        fs::rename(stage.root.join("one"), stage.root.join("two/one")).unwrap();
        only(&mut watch, &["one/", "two/one/deep/file"], &[]).await;
        stage.write("two/one/deep/later");
        only(&mut watch, &["two/one/deep/later"], &["two/one/deep/file"]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn folders_behind_links_are_watched_where_links_are_followed_and_circles_end() {
        let stage = Stage::new(&["a"]);
        let out = stage.outside.path().join("out");
        fs::create_dir(&out).unwrap();
        symlink(&out, stage.root.join("link")).unwrap();
        symlink("..", stage.root.join("a/up")).unwrap();
        let mut watch = stage.watch_with(Links::Follow).await;
        fs::write(out.join("file"), "x").unwrap();
        only(&mut watch, &["link/file"], &[]).await;
        let mut watch = stage.watch().await;
        fs::write(out.join("unseen"), "x").unwrap();
        stage.write("a/seen");
        only(&mut watch, &["a/seen"], &[]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_system_drops_is_everything_and_folders_of_that_time_are_watched() {
        let stage = Stage::new(&["kept"]);
        let mut watch = stage.watch().await;
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        let (one, other) = (stage.root.join("kept/one"), stage.root.join("kept/other"));
        fs::write(&one, "").unwrap();
        let mut number = 0;
        let everything = loop {
            // Four events each time, none like the one before, and faster than they are taken: nobody else gets a turn here.
            for _ in 0..most / 2 {
                fs::rename(&one, &other).unwrap();
                fs::rename(&other, &one).unwrap();
            }
            number += 1;
            fs::create_dir_all(stage.root.join(format!("made/{number}"))).unwrap();
            match changes(&mut watch).await {
                Changes::Everything(why) => break why,
                Changes::Names(_) => {}
            }
        };
        assert_eq!(everything, Why::Missed);
        let later = format!("made/{number}/later");
        loop {
            // As long as everything is to be looked at, no name is told.
            stage.write(&later);
            match changes(&mut watch).await {
                Changes::Names(names) if names.contains(&later) => break,
                _ => {}
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_that_goes_ends_the_watch_and_says_how() {
        let away = |stage: &Stage| fs::rename(&stage.root, stage.outside.path().join("elsewhere")).unwrap();
        let deleted = |stage: &Stage| fs::remove_dir_all(&stage.root).unwrap();
        let above = |stage: &Stage| {
            // Only what lies above it has another name now, of which the system tells nothing.
            stage.write("file");
            let path = stage.outside.path();
            fs::rename(path, path.with_extension("moved")).unwrap();
        };
        let ways: [(Way<'_>, Gone); 3] =
            [(&away, Gone::Moved), (&deleted, Gone::Deleted), (&above, Gone::Replaced)];
        for (way, expected) in ways {
            let stage = Stage::new(&["a/b"]);
            let mut watch = stage.watch().await;
            way(&stage);
            loop {
                match watch.next().await {
                    Ok(Happened::Changed(_)) => {}
                    Err(WatchError::Gone { how, path }) => {
                        assert_eq!((how, path), (expected, stage.root.clone()));
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
            let moved = stage.outside.path().with_extension("moved");
            if moved.exists() {
                fs::remove_dir_all(moved).unwrap();
            }
        }
        let nowhere = Stage::new(&[]);
        fs::remove_dir(&nowhere.root).unwrap();
        let options = options(Links::Skip, &nowhere.outside.path().join("spool"));
        let missing = Watch::folder(&nowhere.root, options, timing(), random()).await;
        assert!(matches!(missing, Err(WatchError::Local(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_are_no_more_watches_the_folder_is_walked() {
        let stage = Stage::new(&["a", "b"]);
        let options = options(Links::Skip, &stage.outside.path().join("spool"));
        let refused = system::open(&stage.root, &options, 2).await.unwrap().unwrap_err();
        assert!(matches!(refused, NoEvents::Limit { limit: Some(1..) }), "{refused:?}");
        let mut watch = stage.watch_within(3).await;
        stage.write("a/file");
        until(&mut watch, &["a/file"]).await;
        fs::create_dir(stage.root.join("c")).unwrap();
        let happened = watch.next().await.unwrap();
        assert!(matches!(happened, Happened::Walks(NoEvents::Limit { .. })), "{happened:?}");
        assert_eq!(changes(&mut watch).await, Changes::Everything(Why::Gap));
        stage.write("c/file");
        fs::remove_file(stage.root.join("a/file")).unwrap();
        only(&mut watch, &["c/file", "a/file"], &[]).await;
        fs::remove_dir_all(&stage.root).unwrap();
        assert!(matches!(watch.next().await, Err(WatchError::Gone { how: Gone::Replaced, .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn a_prefix_that_did_not_change_costs_its_list_and_what_did_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let memory = MemoryStore::new("eu-central-1".parse().unwrap(), clock);
    let bucket: BucketName = "bucket".parse().unwrap();
    memory.create_bucket(&bucket).await.unwrap();
    let trace = Arc::new(Trace::new(Arc::new(memory)));
    let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
    let put = async |key: &str, content: &str| {
        let payload = Payload::from_bytes(content.to_owned());
        store.put(&bucket, &key.parse().unwrap(), payload, &Put::default()).await.unwrap();
    };
    put("p/a", "1").await;
    put("p/b/c", "1").await;
    put("q", "1").await;
    let remote = Remote {
        store: Arc::clone(&store),
        bucket: bucket.clone(),
        prefix: "p/".parse().unwrap(),
        pressure: None,
    };
    let options = listing::Options { connections_max: 1, page: None };
    let spool = folder.path().join("spool");
    let mut watch = Watch::prefix(remote, options, spool, timing(), random()).await.unwrap();
    let before = (trace.counts().calls, trace.counts_of(Operation::List).calls);
    let begun = tokio::time::Instant::now();
    let quiet = tokio::time::timeout(Duration::from_secs(95), watch.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let after = (trace.counts().calls, trace.counts_of(Operation::List).calls);
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 3), "{:?}", begun.elapsed());
    put("p/a", "2").await;
    put("p/new", "1").await;
    put("q", "2").await;
    store
        .delete(&bucket, &"p/b/c".parse().unwrap(), &pintail_store::object_store::Delete::default())
        .await
        .unwrap();
    assert_eq!(changes(&mut watch).await, Changes::Names(set(&["a", "b/c", "new"])));
    store.delete_bucket(&bucket).await.unwrap_err();
    for key in ["p/a", "p/new", "q"] {
        store
            .delete(&bucket, &key.parse().unwrap(), &pintail_store::object_store::Delete::default())
            .await
            .unwrap();
    }
    store.delete_bucket(&bucket).await.unwrap();
    let failed = watch.next().await.unwrap();
    assert!(matches!(failed, Happened::Failed(LookError::Store(_))), "{failed:?}");
}
