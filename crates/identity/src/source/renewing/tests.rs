//! One renewal for all tasks, and what is handed out meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jiff::SignedDuration;
use pintail_core::seam::{Clock, ManualClock};
use pintail_core::secret::Secret;

use super::*;
use crate::keychain::MemoryKeychain;
use crate::source::testing::{chain, context};

/// Gives a numbered credential each time, or fails.
#[derive(Debug)]
struct Fake {
    clock: Arc<ManualClock>,
    calls: AtomicU32,
    life: AtomicU32,
    failing: Mutex<Option<Retry>>,
    person: AtomicBool,
}

impl Provider for Fake {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(async {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(2)).await;
            if let Some(retry) = *self.failing.lock().unwrap() {
                return Err(ProviderError::new("the portal is closed", retry));
            }
            let life = SignedDuration::from_secs(self.life.load(Ordering::SeqCst).into());
            Ok(Credential {
                access_key_id: format!("ASIA{number:04}"),
                secret_access_key: Secret::new("hunter2"),
                session_token: Some(Secret::new("hunter2")),
                expires_at: (!life.is_zero()).then(|| self.clock.now() + life),
            })
        })
    }

    fn needs_person(&self) -> bool {
        self.person.load(Ordering::SeqCst)
    }
}

struct Machine {
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
    context: ProviderContext,
    keychain: Arc<MemoryKeychain>,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(life: u32) -> Self {
        let (context, _, clock) = context();
        let fake = Fake {
            clock: Arc::clone(&clock),
            calls: AtomicU32::new(0),
            life: AtomicU32::new(life),
            failing: Mutex::default(),
            person: AtomicBool::new(false),
        };
        let folder = tempfile::tempdir().unwrap();
        Self { fake: Arc::new(fake), clock, context, keychain: Arc::default(), folder }
    }

    fn source(&self) -> RenewingSource {
        RenewingSource::new(Arc::<Fake>::clone(&self.fake), self.context.clone())
    }

    /// A source as another process would make it.
    fn kept(&self) -> RenewingSource {
        RenewingSource::with_keychain(
            Arc::<Fake>::clone(&self.fake),
            self.context.clone(),
            Arc::<MemoryKeychain>::clone(&self.keychain),
            entry_name("mfa", &["AKIA", "device"]),
            self.folder.path().join("locks"),
        )
    }

    fn calls(&self) -> u32 {
        self.fake.calls.load(Ordering::SeqCst)
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn fail(&self, retry: Option<Retry>) {
        *self.fake.failing.lock().unwrap() = retry;
    }
}

async fn key(source: &RenewingSource) -> String {
    source.credential().await.unwrap().unwrap().access_key_id.clone()
}

async fn key_for(source: &RenewingSource, seconds: u64) -> String {
    source.current(Duration::from_secs(seconds)).await.unwrap().access_key_id.clone()
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tasks_make_one_fetch_and_a_fresh_one_costs_nothing() {
    let machine = Machine::new(3600);
    let source = machine.source();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let source = source.clone();
        tasks.spawn(
            async move { if number % 2 == 0 { key(&source).await } else { key_for(&source, 900).await } },
        );
    }
    for key in tasks.join_all().await {
        assert_eq!(key, "ASIA0001");
    }
    machine.pass(2000);
    assert_eq!(key(&source).await, "ASIA0001");
    assert_eq!(machine.calls(), 1);
    assert!(!format!("{source:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn near_its_end_it_is_renewed_in_the_background_and_after_it_before_use() {
    let machine = Machine::new(3600);
    let source = machine.source();
    key(&source).await;
    machine.pass(2800);
    assert_eq!(key(&source).await, "ASIA0001", "nobody waits");
    settle().await;
    assert_eq!(key(&source).await, "ASIA0002");
    machine.pass(3600);
    assert_eq!(key(&source).await, "ASIA0003");
    assert_eq!(machine.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_wants_more_life_waits_for_a_renewal() {
    let machine = Machine::new(3600);
    let source = machine.source();
    key(&source).await;
    machine.pass(2000);
    assert_eq!(key_for(&source, 900).await, "ASIA0001");
    assert_eq!(key_for(&source, 1800).await, "ASIA0002");
    // A life shorter than what is asked is used for two thirds.
    machine.fake.life.store(600, Ordering::SeqCst);
    machine.pass(3600);
    assert_eq!(key_for(&source, 900).await, "ASIA0003");
    machine.pass(390);
    assert_eq!(key_for(&source, 900).await, "ASIA0003");
    machine.pass(30);
    assert_eq!(key_for(&source, 900).await, "ASIA0004");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_repeated_at_once_and_what_works_is_used() {
    let machine = Machine::new(3600);
    let source = machine.source();
    key(&source).await;
    machine.pass(2800);
    machine.fail(Some(Retry::Backoff));
    for _ in 0..10 {
        assert_eq!(key_for(&source, 900).await, "ASIA0001");
    }
    assert_eq!(machine.calls(), 2, "a pause follows the failure");
    tokio::time::advance(PAUSE_WHILE_VALID).await;
    assert_eq!(key_for(&source, 900).await, "ASIA0001");
    assert_eq!(machine.calls(), 3);
    machine.pass(3600);
    tokio::time::advance(PAUSE_WHEN_OVER).await;
    let error = source.credential().await.unwrap_err();
    assert_eq!(error.retry, Retry::Backoff);
    assert!(source.credential().await.is_err());
    assert_eq!(machine.calls(), 4, "everyone is told of the same failure");
    machine.fail(None);
    tokio::time::advance(PAUSE_WHEN_OVER).await;
    assert_eq!(key(&source).await, "ASIA0005");
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_replaced_and_a_provider_with_one_key_is_not_stormed() {
    let machine = Machine::new(0);
    let source = machine.kept();
    let first = source.credential().await.unwrap().unwrap();
    source.refused(&first);
    let second = source.credential().await.unwrap().unwrap();
    assert_eq!(second.access_key_id, "ASIA0002");
    source.refused(&first);
    assert_eq!(key(&source).await, "ASIA0002", "it is not the current one");
    machine.fake.calls.store(1, Ordering::SeqCst);
    source.refused(&second);
    assert_eq!(key(&source).await, "ASIA0002", "the provider has no other");
    for _ in 0..10 {
        source.refused(&second);
        assert_eq!(key(&source).await, "ASIA0002");
    }
    assert_eq!(machine.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_over_when_it_comes_is_an_error() {
    let machine = Machine::new(3600);
    machine.fake.clock.advance(SignedDuration::ZERO);
    let source = machine.source();
    let task = tokio::spawn(async move { source.current(Duration::ZERO).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    machine.fake.life.store(1, Ordering::SeqCst);
    // Alive by a second when it comes: reserve and margin shrink with the life.
    assert!(task.await.unwrap().is_ok());
    let (context, _, clock) = context();
    let end = clock.now();
    #[derive(Debug)]
    struct Over(Timestamp);
    impl Provider for Over {
        fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
            let credential = Credential {
                access_key_id: "ASIA".into(),
                secret_access_key: Secret::new("hunter2"),
                session_token: None,
                expires_at: Some(self.0),
            };
            Box::pin(async { Ok(credential) })
        }
    }
    let source = RenewingSource::new(Arc::new(Over(end)), context);
    let error = source.current(Duration::ZERO).await.unwrap_err();
    assert_eq!(chain(&error), "the credential ended at 2026-11-23T12:00:00Z, before it came");
}

#[tokio::test(start_paused = true)]
async fn a_kept_credential_serves_the_next_process_until_it_is_forgotten() {
    let machine = Machine::new(3600);
    assert_eq!(key(&machine.kept()).await, "ASIA0001");
    let second = machine.kept();
    assert_eq!(key(&second).await, "ASIA0001");
    assert_eq!(machine.calls(), 1);
    // What a process was refused is not taken from the keychain again.
    let first = second.credential().await.unwrap().unwrap();
    second.refused(&first);
    assert_eq!(key(&second).await, "ASIA0002");
    assert_eq!(key(&machine.kept()).await, "ASIA0002");
    assert!(second.forget().await.unwrap());
    assert!(!second.forget().await.unwrap());
    assert_eq!(key(&second).await, "ASIA0003");
    assert!(!machine.source().forget().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_a_person_gave_is_used_to_its_end() {
    let machine = Machine::new(3600);
    machine.fake.person.store(true, Ordering::SeqCst);
    let source = machine.kept();
    key(&source).await;
    machine.pass(3300);
    assert_eq!(key(&source).await, "ASIA0001");
    assert_eq!(key(&machine.kept()).await, "ASIA0001");
    settle().await;
    assert_eq!(machine.calls(), 1, "nobody is asked in the background");
    machine.fail(Some(Retry::AfterSignIn));
    assert_eq!(key_for(&machine.kept(), 900).await, "ASIA0001", "better than nothing");
    machine.pass(400);
    assert_eq!(source.credential().await.unwrap_err().retry, Retry::AfterSignIn);
    machine.fail(None);
    assert_eq!(key(&source).await, "ASIA0004", "a person's act is seen at once");
}

#[tokio::test(start_paused = true)]
async fn a_keychain_in_trouble_does_not_stop_the_work() {
    let machine = Machine::new(3600);
    machine.keychain.set_trouble(Some(crate::keychain::KeychainProblem::Locked));
    let source = machine.kept();
    assert_eq!(key(&source).await, "ASIA0001");
    assert_eq!(key(&source).await, "ASIA0001");
    let error = source.forget().await.unwrap_err();
    assert_eq!(error.to_string(), "the stored credential could not be removed");
}

#[test]
fn entries_tell_nothing_and_differ_by_every_part() {
    let one = entry_name("mfa", &["AKIAHUNTER2", "device"]);
    assert_ne!(one, entry_name("mfa", &["AKIAHUNTER2", "devic", "e"]));
    assert_ne!(one, entry_name("sso", &["AKIAHUNTER2", "device"]));
    assert!(one.account().starts_with("source/mfa/") && !one.account().contains("HUNTER2"));
}
