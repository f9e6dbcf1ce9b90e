//! One holder at a time, whatever dies.

use std::sync::atomic::{AtomicU32, Ordering};

use pintail_core::seam::SeededRandom;

use super::*;

fn options() -> LockOptions {
    LockOptions { deadline: Duration::from_secs(20), ..LockOptions::default() }
}

fn claim_of(owner: Owner, released: bool) -> Vec<u8> {
    serde_json::to_vec(&Claim { version: VERSION, nonce: "n".into(), owner, released }).unwrap()
}

/// A lock file of somebody else, with a last sign of life so long ago.
fn foreign(folder: &Path, generation: u64, content: &[u8], age: Duration) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(file_name(generation));
    fs::write(&path, content).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap() - age;
    file.set_modified(modified).unwrap();
}

fn elsewhere() -> Owner {
    Owner { pid: 1, host: "other-host".into(), boot: "other-boot".into(), ..Owner::this_process() }
}

fn dead() -> Owner {
    Owner { started: "1".into(), ..Owner::this_process() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_seekers_hold_it_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, most, total) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let shared = Arc::new((inside, most, total));
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..24 {
        let lock = LockFolder::new(folder.path().join("l"), options());
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let random = SeededRandom::new(seed);
            for _ in 0..4 {
                let lease = lock.acquire(&random).await.unwrap();
                let now = shared.0.fetch_add(1, Ordering::SeqCst) + 1;
                shared.1.fetch_max(now, Ordering::SeqCst);
                tokio::task::yield_now().await;
                assert!(lease.still_held().await);
                shared.0.fetch_sub(1, Ordering::SeqCst);
                shared.2.fetch_add(1, Ordering::SeqCst);
                lease.release().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(shared.1.load(Ordering::SeqCst), 1, "never two holders");
    assert_eq!(shared.2.load(Ordering::SeqCst), 96);
    let left = fs::read_dir(folder.path().join("l")).unwrap().count();
    assert!(left as u64 <= KEPT_GENERATIONS + 1, "{left} files are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn seekers_with_the_same_chance_are_still_two() {
    let folder = tempfile::tempdir().unwrap();
    let inside = Arc::new(AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (lock, inside) = (LockFolder::new(folder.path(), options()), Arc::clone(&inside));
        tasks.spawn(async move {
            let lease = lock.acquire(&SeededRandom::new(1)).await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            lease.release().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dead_owner_is_replaced_by_one_of_many() {
    let folder = tempfile::tempdir().unwrap();
    foreign(folder.path(), 41, &claim_of(dead(), false), Duration::ZERO);
    let holders = Arc::new(AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..12 {
        let lock =
            LockFolder::new(folder.path(), LockOptions { deadline: Duration::from_millis(300), ..options() });
        let holders = Arc::clone(&holders);
        tasks.spawn(async move {
            if let Ok(lease) = lock.acquire(&SeededRandom::new(seed)).await {
                holders.fetch_add(1, Ordering::SeqCst);
                assert_eq!(lease.generation(), 42);
                // Never released: nobody else may get it.
                std::mem::forget(lease);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(holders.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_owner_on_another_machine_lives_by_its_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let lock = LockFolder::new(folder.path(), options());
    // However its clock stands, the file system's own time says that it was alive a moment ago.
    foreign(folder.path(), 1, &claim_of(elsewhere(), false), Duration::from_secs(10));
    let error = lock.acquire(&SeededRandom::new(1)).await.unwrap_err();
    assert!(matches!(&error, LockError::TimedOut { pid: 1, host, .. } if host == "other-host"), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);

    foreign(folder.path(), 1, &claim_of(elsewhere(), false), Duration::from_secs(31));
    let started = Instant::now();
    let lease = lock.acquire(&SeededRandom::new(1)).await.unwrap();
    assert_eq!(lease.generation(), 2);
    let waited = started.elapsed();
    assert!(waited >= options().watched_for, "it was watched for {waited:?} only");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_understood_has_an_owner_until_its_heartbeat_stops() {
    let folder = tempfile::tempdir().unwrap();
    let lock = LockFolder::new(folder.path(), options());
    for content in [&b""[..], b"{\"version\":1,\"nonce\":", b"\xff\xff"] {
        foreign(folder.path(), 7, content, Duration::ZERO);
        assert!(lock.acquire(&SeededRandom::new(1)).await.is_err());
        foreign(folder.path(), 7, content, Duration::from_secs(60));
        lock.acquire(&SeededRandom::new(1)).await.unwrap().release().await;
        fs::remove_file(folder.path().join(file_name(8))).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_lock_of_a_newer_version_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let text = br#"{"version":9,"released":true,"more":{}}"#;
    foreign(folder.path(), 3, text, Duration::ZERO);
    let lease = LockFolder::new(folder.path(), options()).acquire(&SeededRandom::new(1)).await.unwrap();
    assert_eq!(lease.generation(), 4);
}

#[tokio::test]
async fn an_owner_that_was_overtaken_knows_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let lock = LockFolder::new(folder.path(), options());
    let slow = lock.acquire(&SeededRandom::new(1)).await.unwrap();
    assert!(slow.still_held().await);
    // Somebody judged it dead.
    foreign(folder.path(), 2, &claim_of(Owner::this_process(), false), Duration::ZERO);
    assert!(!slow.still_held().await);
    slow.release().await;
    let (claim, _) = look(folder.path(), 2).unwrap().unwrap();
    assert!(!claim.released, "the new owner's lock is as it was");
}

#[tokio::test]
async fn a_view_of_the_folder_from_long_ago_gives_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let lock = LockFolder::new(folder.path(), options());
    let lease = lock.acquire(&SeededRandom::new(1)).await.unwrap();
    lease.release().await;
    foreign(folder.path(), 30, &claim_of(Owner::this_process(), false), Duration::ZERO);
    // Whoever saw number 1 only believes that number 2 is next: it is free by name, and taken by number.
    let path: Arc<Path> = folder.path().into();
    let attempt = take(&path, "n", 2).unwrap();
    assert!(matches!(attempt, Attempt::TooLate), "{attempt:?}");
    assert_eq!(highest(&path).unwrap(), Some(30));
    assert!(!path.join(file_name(2)).exists(), "nobody else is misled by it");
    // A view that is not old gives the lock.
    assert!(matches!(take(&path, "n", 31).unwrap(), Attempt::Taken(_)));
}

#[tokio::test]
async fn the_heartbeat_moves_and_dropping_releases() {
    let folder = tempfile::tempdir().unwrap();
    let lock =
        LockFolder::new(folder.path(), LockOptions { heartbeat: Duration::from_millis(5), ..options() });
    let lease = lock.acquire(&SeededRandom::new(1)).await.unwrap();
    let path = folder.path().join(file_name(1));
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    while fs::metadata(&path).unwrap().modified().unwrap() == past {
        tokio::task::yield_now().await;
    }
    drop(lease);
    let (claim, _) = look(folder.path(), 1).unwrap().unwrap();
    assert!(claim.released);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let lock = LockFolder::new(folder.path().join("file/lock"), options());
    let error = lock.acquire(&SeededRandom::new(1)).await.unwrap_err();
    assert!(matches!(error, LockError::Io { .. }), "{error}");
}
