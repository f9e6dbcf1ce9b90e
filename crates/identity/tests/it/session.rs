//! A session in one process: fast when fresh, one renewal when not, and every way a renewal can fail.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use pintail_core::credential::{Credential, CredentialSource};
use pintail_core::retry::Retry;
use pintail_core::seam::{Clock, ManualClock};
use pintail_identity::keychain::{ChainKeychain, FileKeychain, Keychain, KeychainProblem, MemoryKeychain};
use pintail_identity::session::{NextRole, RenewalMeans, RoleConfig, Session, SessionError, SignedOut};
use pintail_identity::sts::{Access, SessionScope};

use super::fakes::{
    BreakingKeychain, Issuer, Machine, SECRET_MARKS, START, credential_xml, error_xml, role, tokens,
    tokens_of_bob,
};

fn memory(_: &Path) -> Arc<dyn Keychain> {
    Arc::new(MemoryKeychain::default())
}

fn file(folder: &Path) -> Arc<dyn Keychain> {
    Arc::new(FileKeychain::new(folder.join("data"), folder.join("state")))
}

async fn key(session: &Session) -> String {
    session.credential().await.unwrap().unwrap().access_key_id.clone()
}

/// Waits for the renewal in the background.
async fn settle() {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_credential_is_handed_out_without_asking_anyone() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    for _ in 0..1000 {
        assert_eq!(key(&session).await, "ASIA0001");
    }
    assert_eq!(machine.asked(), (1, 0), "the sign-in's own ID token is exchanged, once");
    // A new process finds it, without an issuer and without STS.
    assert_eq!(key(&machine.session(role())).await, "ASIA0001");
    assert_eq!(machine.asked(), (1, 0));
}

async fn key_for(session: &Session, minutes: u64) -> String {
    let min_life = Duration::from_secs(minutes * 60);
    session.current_credential_for(min_life).await.unwrap().access_key_id.clone()
}

// behaviour: lent-life
#[tokio::test(start_paused = true)]
async fn who_is_lent_a_credential_gets_one_that_lasts() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    assert_eq!(key_for(&session, 15).await, "ASIA0001");
    machine.minutes_pass(40);
    assert_eq!(key_for(&session, 15).await, "ASIA0001", "twenty minutes are enough");
    *machine.sts.delay.lock().unwrap() = Duration::from_secs(2);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        // Some want a credential that works, some one that lasts, from two processes.
        let session = if number % 2 == 0 { session.clone() } else { machine.session(role()) };
        tasks.spawn(async move { key_for(&session, 30).await });
    }
    for key in tasks.join_all().await {
        assert_eq!(key, "ASIA0002");
    }
    assert_eq!(machine.asked().0, 2);
    // What cannot be renewed is lent as long as it works, and not once nobody is signed in.
    *machine.issuer.issuer.lock().unwrap() = Issuer::Unreachable;
    machine.minutes_pass(50);
    assert_eq!(key_for(&session, 15).await, "ASIA0002");
    assert_eq!(key_for(&machine.session(role()), 15).await, "ASIA0002");
    machine.session(role()).logout().await.unwrap();
    tokio::time::advance(Duration::from_secs(15)).await;
    let error = session.current_credential_for(Duration::from_secs(900)).await.unwrap_err();
    assert!(matches!(*error, SessionError::NotSignedIn), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_life_is_used_for_two_thirds_of_it() {
    let machine = Machine::new(memory);
    machine.session(role()).sign_in(tokens(&*machine.clock, 1)).await.unwrap();
    let short = RoleConfig { duration: Some(Duration::from_secs(900)), ..role() };
    assert_eq!(key_for(&machine.session(short.clone()), 15).await, "ASIA0001");
    machine.minutes_pass(9);
    assert_eq!(key_for(&machine.session(short.clone()), 15).await, "ASIA0001");
    machine.minutes_pass(2);
    assert_eq!(key_for(&machine.session(short), 15).await, "ASIA0002");
}

#[tokio::test(start_paused = true)]
async fn many_tasks_share_one_exchange() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    *machine.sts.delay.lock().unwrap() = Duration::from_secs(2);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        tasks.spawn(async move { key(&session).await });
    }
    while let Some(key) = tasks.join_next().await {
        assert_eq!(key.unwrap(), "ASIA0001");
    }
    assert_eq!(machine.asked(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn near_the_end_the_old_one_is_handed_out_while_the_new_one_is_fetched() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    assert_eq!(key(&session).await, "ASIA0001");
    machine.minutes_pass(50);
    *machine.sts.delay.lock().unwrap() = Duration::from_secs(1);
    for _ in 0..10 {
        assert_eq!(key(&session).await, "ASIA0001", "still good, and nobody waits");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(key(&session).await, "ASIA0002", "running work is handed the new one when it asks again");
    // The ID token still had ten minutes: no refresh was needed.
    assert_eq!(machine.asked(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn twenty_processes_refresh_once_and_exchange_once() {
    let machine = Machine::new(memory);
    key(&machine.signed_in().await).await;
    machine.minutes_pass(120);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let session = machine.session(role());
        tasks.spawn(async move { key(&session).await });
    }
    while let Some(key) = tasks.join_next().await {
        assert_eq!(key.unwrap(), "ASIA0002");
    }
    assert_eq!(machine.asked(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_rotated_refresh_token_is_used_next() {
    let machine = Machine::new(memory);
    machine.signed_in().await;
    for round in 1..5 {
        machine.minutes_pass(120);
        key(&machine.session(role())).await;
        assert_eq!(machine.asked(), (round, round), "the issuer refuses every token but the newest");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_replaced_and_only_that_one() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    let first = session.credential().await.unwrap().unwrap();
    session.refused(&first);
    let second = session.credential().await.unwrap().unwrap();
    assert_eq!(second.access_key_id, "ASIA0002");
    // Late news of the first one changes nothing.
    session.refused(&first);
    assert_eq!(key(&session).await, "ASIA0002");
    assert_eq!(machine.asked(), (2, 0));
    // Another process had the first one too and finds the second in the keychain.
    let other = machine.session(role());
    assert_eq!(key(&other).await, "ASIA0002");
}

#[tokio::test(start_paused = true)]
async fn an_id_token_that_sts_finds_too_old_is_refreshed_once() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    machine.sts.errors.lock().unwrap().push_back((400, error_xml("ExpiredTokenException", "Token expired")));
    assert_eq!(key(&session).await, "ASIA0002");
    assert_eq!(machine.asked(), (2, 1));
    let forms = machine.sts.forms.lock().unwrap();
    assert_eq!(forms[1]["WebIdentityToken"], "IdToken-hunter2-101");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_costs_nothing_while_the_credential_lives() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    key(&session).await;
    machine.minutes_pass(59);
    *machine.issuer.issuer.lock().unwrap() = Issuer::Unreachable;
    for _ in 0..100 {
        assert_eq!(key(&session).await, "ASIA0001");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, tried) = machine.asked();
    assert!((1..=2).contains(&tried), "no storm while it is away: {tried}");
    // A new process can use it as well.
    assert_eq!(key(&machine.session(role())).await, "ASIA0001");
    machine.minutes_pass(60);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let error = session.credential().await.unwrap_err();
    assert_eq!(error.retry, Retry::Backoff);
    *machine.issuer.issuer.lock().unwrap() = Issuer::Works;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(key(&session).await, "ASIA0002");
}

#[tokio::test(start_paused = true)]
async fn what_only_a_sign_in_mends_says_so_and_is_mended_by_it() {
    let machine = Machine::new(memory);
    let nobody = machine.session(role());
    let error = nobody.current_credential().await.unwrap_err();
    assert!(matches!(*error, SessionError::NotSignedIn), "{error:?}");
    assert_eq!(error.retry(), Retry::AfterSignIn);

    let session = machine.signed_in().await;
    machine.minutes_pass(120);
    *machine.issuer.issuer.lock().unwrap() = Issuer::Revoked;
    let error = session.current_credential().await.unwrap_err();
    assert!(matches!(*error, SessionError::SignInAgain { .. }), "{error:?}");
    let error = nobody.credential().await.unwrap_err();
    assert_eq!(error.retry, Retry::AfterSignIn);
    // Another process signs in: the next question finds it.
    machine.session(role()).sign_in(tokens(&*machine.clock, 2)).await.unwrap();
    *machine.issuer.issuer.lock().unwrap() = Issuer::Works;
    *machine.issuer.valid.lock().unwrap() = "Refresh-hunter2-2".into();
    key(&nobody).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_the_issuer_took_back_asks_for_a_sign_in() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    machine.sts.errors.lock().unwrap().push_back((403, error_xml("IDPRejectedClaim", "")));
    let error = session.current_credential().await.unwrap_err();
    assert!(matches!(*error, SessionError::SignInAgain { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_role_allows_is_remembered_across_processes() {
    let machine = Machine::new(memory);
    machine.signed_in().await;
    *machine.sts.longest.lock().unwrap() = 7200;
    let long = RoleConfig { duration: Some(Duration::from_secs(43_200)), ..role() };
    key(&machine.session(long.clone())).await;
    let asked = |machine: &Machine| -> Vec<String> {
        machine.sts.forms.lock().unwrap().drain(..).map(|form| form["DurationSeconds"].clone()).collect()
    };
    assert_eq!(asked(&machine), ["43200", "21600", "10800", "5400"]);
    machine.minutes_pass(85);
    key(&machine.session(long.clone())).await;
    assert_eq!(asked(&machine), ["5400"]);
    machine.minutes_pass(8 * 24 * 60);
    key(&machine.session(long)).await;
    assert_eq!(asked(&machine).len(), 4, "after a week the role may allow more");
}

#[tokio::test(start_paused = true)]
async fn narrowed_sessions_do_not_mix_with_wide_ones() {
    let machine = Machine::new(memory);
    assert_eq!(key(&machine.signed_in().await).await, "ASIA0001");
    let scope = SessionScope { access: Access::ReadOnly, ..SessionScope::default() };
    let narrow = machine.session(RoleConfig { scope, ..role() });
    assert_eq!(key(&narrow).await, "ASIA0002");
    assert!(machine.sts.forms.lock().unwrap()[1]["Policy"].contains("s3:Get*"));
    assert_eq!(key(&machine.session(role())).await, "ASIA0001");
}

#[tokio::test(start_paused = true)]
async fn a_second_role_is_reached_through_the_first_and_carries_the_policy() {
    let machine = Machine::new(memory);
    machine.signed_in().await;
    let next = NextRole {
        role: "arn:aws:iam::210987654321:role/Data".parse().unwrap(),
        external_id: Some("ext".into()),
    };
    let scope = SessionScope { access: Access::ReadOnly, ..SessionScope::default() };
    let session = machine.session(RoleConfig { next: Some(next), scope, ..role() });
    assert_eq!(key(&session).await, "ASIA0002");
    let forms = machine.sts.forms.lock().unwrap();
    assert!(!forms[0].contains_key("Policy"), "the first hop must be allowed to go on");
    assert_eq!(forms[1]["Action"], "AssumeRole");
    assert_eq!((forms[1]["ExternalId"].as_str(), forms[1]["DurationSeconds"].as_str()), ("ext", "3600"));
    assert!(forms[1].contains_key("Policy"));
}

#[tokio::test(start_paused = true)]
async fn who_am_i_and_sign_out() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    key(&session).await;
    let status = machine.session(role()).status().await.unwrap().unwrap();
    assert_eq!(status.person.as_deref(), Some("alice@contoso.com"));
    assert_eq!(status.subject, "…lice");
    assert_eq!(status.assumed_role_arn.as_deref(), Some("arn:aws:sts::123456789012:assumed-role/R/alice"));
    assert_eq!(status.expires_at.unwrap() - status.issued_at.unwrap(), SignedDuration::from_hours(1));
    assert_eq!(status.renewal, RenewalMeans::RefreshToken);

    let running = machine.session(role());
    key(&running).await;
    let out = session.logout().await.unwrap();
    assert_eq!(out, SignedOut { was_signed_in: true, credentials_removed: 1 });
    assert_eq!(machine.keychain.list("pintail").await.unwrap(), [""; 0]);
    assert_eq!(session.status().await.unwrap(), None);
    assert!(matches!(*session.current_credential().await.unwrap_err(), SessionError::NotSignedIn));
    // Work that runs elsewhere goes on to the end of its credential and does not bring the sign-in back.
    assert_eq!(key(&running).await, "ASIA0001");
    machine.minutes_pass(61);
    assert!(matches!(*running.current_credential().await.unwrap_err(), SessionError::NotSignedIn));
    assert_eq!(machine.keychain.list("pintail").await.unwrap(), [""; 0]);
    let again = session.logout().await.unwrap();
    assert_eq!(again, SignedOut { was_signed_in: false, credentials_removed: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_keychain_that_fails_is_said_and_its_recovery_is_noticed() {
    let keychain = Arc::new(MemoryKeychain::default());
    let shared = Arc::clone(&keychain);
    let machine = Machine::new(move |_| shared);
    let session = machine.signed_in().await;
    keychain.set_trouble(Some(KeychainProblem::Failed));
    let error = session.current_credential().await.unwrap_err();
    assert!(matches!(*error, SessionError::Keychain(_)), "{error:?}");
    keychain.set_trouble(None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    key(&session).await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_asker_went_away_still_lands() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    *machine.sts.delay.lock().unwrap() = Duration::from_secs(1);
    let impatient = tokio::time::timeout(Duration::from_millis(200), session.credential()).await;
    assert!(impatient.is_err());
    assert_eq!(key(&session).await, "ASIA0001");
    assert_eq!(machine.asked(), (1, 0));
}

#[tokio::test]
async fn no_secret_is_found_where_it_does_not_belong() {
    let machine = Machine::new(file);
    let session = machine.signed_in().await;
    key(&session).await;
    machine.clock.advance(SignedDuration::from_hours(2));
    machine.sts.errors.lock().unwrap().push_back((403, error_xml("AccessDenied", "Not authorized")));
    let error = session.credential().await.unwrap_err();
    let mut shown = format!("{session:?} {error:?} {:?}", machine.session(role()).status().await);
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        shown.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    key(&session).await;
    settle().await;
    let mut files = vec![machine.folder.path().to_path_buf()];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            seen += 1;
            shown.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    assert!(seen >= 4, "sign-in, credential, key and lock: {seen}");
    for mark in SECRET_MARKS.iter().chain(&["hunter2", "pairwise-subject"]) {
        assert!(!shown.contains(mark), "{mark} is to be seen");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_person_bought_is_never_handed_to_the_next() {
    // Everything is removed; nothing is and nobody says so; nothing is and it is said.
    for keeps in [None, Some(false), Some(true)] {
        let keychain = Arc::new(BreakingKeychain::default());
        let shared = Arc::clone(&keychain);
        let machine = Machine::new(move |_| shared);
        let alice = machine.signed_in().await;
        assert_eq!(key(&alice).await, "ASIA0001");
        *keychain.keeps.lock().unwrap() = keeps;
        let bob = machine.session(role());
        bob.sign_in(tokens_of_bob(&*machine.clock, 2)).await.unwrap();
        let status = machine.session(role()).status().await.unwrap().unwrap();
        assert_eq!(
            (status.person.as_deref(), status.issued_at),
            (Some("bob@contoso.com"), None),
            "{keeps:?}"
        );
        // Alice's process still holds hers, and does not show it as Bob's.
        assert_eq!(alice.status().await.unwrap().unwrap().issued_at, None, "{keeps:?}");
        assert_eq!(key(&bob).await, "ASIA0002", "{keeps:?}");
        assert_eq!(machine.sts.forms.lock().unwrap()[1]["WebIdentityToken"], "IdToken-hunter2-2");
        assert_eq!(key(&machine.session(role())).await, "ASIA0002", "{keeps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_could_not_be_stored_leaves_nothing_of_the_one_before_in_memory() {
    let keychain = Arc::new(BreakingKeychain::default());
    let shared = Arc::clone(&keychain);
    let machine = Machine::new(move |_| shared);
    let session = machine.signed_in().await;
    assert_eq!(key(&session).await, "ASIA0001");
    keychain.full.store(true, Ordering::SeqCst);
    session.sign_in(tokens_of_bob(&*machine.clock, 2)).await.unwrap_err();
    assert_eq!(session.status().await.unwrap().unwrap().issued_at, None);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_that_could_not_be_stored_serves_from_memory() {
    let keychain = Arc::new(BreakingKeychain::default());
    let shared = Arc::clone(&keychain);
    let machine = Machine::new(move |_| shared);
    let session = machine.signed_in().await;
    keychain.full.store(true, Ordering::SeqCst);
    for round in 1..4 {
        machine.minutes_pass(120);
        key(&session).await;
        assert_eq!(machine.asked(), (round, round), "the issuer refuses every token but the newest");
    }
    // The keychain is back: the next renewal stores what it could not, without a question to the issuer.
    keychain.full.store(false, Ordering::SeqCst);
    machine.minutes_pass(50);
    key(&session).await;
    settle().await;
    assert_eq!(machine.asked(), (4, 3));
    machine.minutes_pass(120);
    key(&machine.session(role())).await;
    assert_eq!(machine.asked(), (5, 4), "another process goes on from there");
}

/// Signs out while a renewal is under way, and tells what whoever asked for it got.
async fn signed_out_meanwhile(session: &Session) -> Result<Arc<Credential>, Arc<SessionError>> {
    let asking = session.clone();
    let asked = tokio::spawn(async move { asking.current_credential().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    session.logout().await.unwrap();
    let told = asked.await.unwrap();
    let error = session.current_credential().await.unwrap_err();
    assert!(matches!(*error, SessionError::NotSignedIn), "{error:?}");
    told
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_is_not_undone_by_a_renewal_under_way() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    *machine.sts.delay.lock().unwrap() = Duration::from_secs(2);
    // It held the lock, and was there before the sign-out.
    signed_out_meanwhile(&session).await.unwrap();
    assert_eq!(machine.keychain.list("pintail").await.unwrap(), [""; 0]);

    // The same for one that found a credential in the keychain just before it was removed there.
    let keychain = Arc::new(BreakingKeychain::default());
    let shared = Arc::clone(&keychain);
    let machine = Machine::new(move |_| shared);
    key(&machine.signed_in().await).await;
    *keychain.slow.lock().unwrap() = Duration::from_secs(2);
    let told = signed_out_meanwhile(&machine.session(role())).await.unwrap_err();
    assert!(matches!(*told, SessionError::NotSignedIn), "{told:?}");
    assert_eq!(machine.asked(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_sts_whose_credentials_are_over_is_not_asked_with_every_request() {
    let machine = Machine::new(memory);
    let session = machine.signed_in().await;
    for number in 0..100 {
        let over = machine.clock.now() - SignedDuration::from_secs(1);
        machine.sts.errors.lock().unwrap().push_back((200, credential_xml(number, over)));
    }
    for _ in 0..50 {
        let error = session.current_credential().await.unwrap_err();
        assert!(matches!(*error, SessionError::Exchange(_)), "{error:?}");
    }
    let (exchanges, _) = machine.asked();
    assert!(exchanges <= 2, "{exchanges} exchanges at once");
}

/// Returns an error with all its causes.
fn told(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(": {error}"));
        cause = error.source();
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_renewal_gives_up_before_those_who_wait_for_the_lock_do() {
    for issuer_is_slow in [true, false] {
        let machine = Machine::new(memory);
        machine.signed_in().await;
        machine.minutes_pass(120);
        let slow = if issuer_is_slow { &machine.issuer.delay } else { &machine.sts.delay };
        *slow.lock().unwrap() = Duration::from_secs(300);
        let begun = tokio::time::Instant::now();
        let slow_one = machine.session(role());
        let waiting = machine.session(role());
        let waits = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            waiting.current_credential().await
        });
        let error = slow_one.current_credential().await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(65), "{:?}", begun.elapsed());
        assert!(told(&*error).contains("the renewal had no answer within 60 s"), "{}", told(&*error));
        assert_eq!(error.retry(), Retry::Backoff);
        *machine.issuer.delay.lock().unwrap() = Duration::ZERO;
        *machine.sts.delay.lock().unwrap() = Duration::ZERO;
        waits.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_in_a_locked_keychain_is_not_no_sign_in() {
    let locking = Arc::new(MemoryKeychain::default());
    let shared = Arc::clone(&locking);
    let machine = Machine::new(move |folder| {
        let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
        Arc::new(ChainKeychain::new(vec![shared, file(folder)], clock))
    });
    key(&machine.signed_in().await).await;
    locking.set_trouble(Some(KeychainProblem::Locked));
    let session = machine.session(role());
    let error = session.current_credential().await.unwrap_err();
    assert!(
        matches!(&*error, SessionError::Keychain(error) if error.problem == KeychainProblem::Locked),
        "{error:?}"
    );
    session.status().await.unwrap_err();
    // A sign-in of now is kept elsewhere, and works although the locked store may hold a credential.
    session.sign_in(tokens(&*machine.clock, 2)).await.unwrap();
    assert_eq!(key(&session).await, "ASIA0002");
    assert_eq!(key(&machine.session(role())).await, "ASIA0002");
    assert!(session.logout().await.unwrap().was_signed_in);
    assert!(!session.logout().await.unwrap().was_signed_in);
}
