//! Several keychains as one: the best that is there is written, and all are read.
//!
//! The same person signs in on the desktop today and over SSH tomorrow, where the desktop's store cannot be reached. Each write
//! therefore carries the time, moved above every copy it can see; the highest number wins a read, and older copies are removed
//! from every store that can be reached.

use std::sync::Arc;
use std::sync::Mutex;

use pintail_core::seam::{BoxFuture, Clock};
use zeroize::Zeroizing;

use super::{EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SecretBytes};

const MAGIC: &[u8; 3] = b"PTC";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 3 + 1 + 8;

/// Joins keychains, best first.
#[derive(Debug)]
pub struct ChainKeychain {
    stores: Vec<Arc<dyn Keychain>>,
    clock: Arc<dyn Clock>,
    /// Where the last entry read or written lies, by store; and the stores that could not be asked.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    holder: Option<KeychainKind>,
    unreachable: Vec<KeychainKind>,
    /// Stores that let a deadline pass. They are not waited for again, except to delete.
    silent: Vec<KeychainKind>,
}

/// An entry found in one of the stores.
struct Found {
    number: u64,
    store: usize,
    secret: SecretBytes,
}

impl ChainKeychain {
    /// Joins these stores, the best first.
    ///
    /// # Panics
    /// When there is none.
    pub fn new(stores: Vec<Arc<dyn Keychain>>, clock: Arc<dyn Clock>) -> Self {
        assert!(!stores.is_empty(), "a chain has at least one link");
        Self { stores, clock, seen: Mutex::default() }
    }

    /// Reads every store. An error counts only if no store has the entry: a store that cannot be asked must not hide
    /// what another one knows, and one that is locked or silent may have what no other one has.
    async fn find(&self, name: &EntryName) -> Result<Vec<Found>, KeychainError> {
        let mut found = Vec::new();
        let mut trouble = self.silence();
        for (store, keychain) in self.speaking() {
            match keychain.get(name).await {
                Ok(Some(bytes)) => match unframe(keychain.kind(), &bytes) {
                    Ok((number, secret)) => found.push(Found { number, store, secret }),
                    Err(error) => trouble = Some(worse(trouble, error)),
                },
                Ok(None) => {}
                Err(error) => {
                    self.note(&error);
                    if error.problem != KeychainProblem::Unavailable {
                        trouble = Some(worse(trouble, error));
                    }
                }
            }
        }
        found.sort_by_key(|entry| std::cmp::Reverse(entry.number));
        match trouble {
            // A newer program's entry is not overwritten by going round it.
            Some(error) if found.is_empty() || error.problem == KeychainProblem::NewerFormat => Err(error),
            _ => Ok(found),
        }
    }

    /// Returns the stores worth asking, with their places.
    fn speaking(&self) -> Vec<(usize, &Arc<dyn Keychain>)> {
        let seen = self.seen.lock().expect("no holder of this lock panics");
        self.stores.iter().enumerate().filter(|(_, store)| !seen.silent.contains(&store.kind())).collect()
    }

    /// Returns what is to be said of a store that is not asked any more.
    fn silence(&self) -> Option<KeychainError> {
        let seen = self.seen.lock().expect("no holder of this lock panics");
        seen.silent.first().map(|kind| KeychainError::new(*kind, KeychainProblem::TimedOut))
    }

    fn note(&self, error: &KeychainError) {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if error.problem == KeychainProblem::TimedOut && !seen.silent.contains(&error.kind) {
            seen.silent.push(error.kind);
        }
        if !seen.unreachable.contains(&error.kind) {
            tracing::debug!(%error, "going on without this keychain");
            seen.unreachable.push(error.kind);
        }
    }

    fn remember(&self, holder: Option<usize>) {
        let kind = holder.map(|store| self.stores[store].kind());
        self.seen.lock().expect("no holder of this lock panics").holder = kind;
    }
}

/// Tells whether a store is out of reach for this process: what concerns all stores goes on without it.
fn is_out_of_reach(error: &KeychainError) -> bool {
    matches!(
        error.problem,
        KeychainProblem::Unavailable | KeychainProblem::Locked | KeychainProblem::TimedOut
    )
}

fn worse(old: Option<KeychainError>, new: KeychainError) -> KeychainError {
    match old {
        Some(old) if old.problem == KeychainProblem::NewerFormat => old,
        // A store that works and holds something unreadable says more than one that does not answer.
        Some(old) if is_out_of_reach(&new) && !is_out_of_reach(&old) => old,
        _ => new,
    }
}

fn frame(number: u64, secret: &SecretBytes) -> SecretBytes {
    let framed = Zeroizing::new([&MAGIC[..], &[VERSION], &number.to_be_bytes(), secret.expose()].concat());
    SecretBytes::new(framed.to_vec())
}

fn unframe(kind: KeychainKind, bytes: &SecretBytes) -> Result<(u64, SecretBytes), KeychainError> {
    match bytes.expose().split_at_checked(HEADER_BYTES) {
        Some((head, secret)) if head[..3] == *MAGIC && head[3] == VERSION => {
            let number = head[4..].try_into().map(u64::from_be_bytes);
            Ok((number.expect("eight bytes are left of the header"), SecretBytes::new(secret)))
        }
        Some((head, _)) if head[..3] == *MAGIC && head[3] > VERSION => {
            Err(KeychainError::new(kind, KeychainProblem::NewerFormat))
        }
        _ => Err(KeychainError::new(kind, KeychainProblem::Damaged)),
    }
}

impl Keychain for ChainKeychain {
    fn kind(&self) -> KeychainKind {
        KeychainKind::Chain
    }

    fn holder(&self) -> KeychainKind {
        let seen = self.seen.lock().expect("no holder of this lock panics");
        seen.holder.unwrap_or(KeychainKind::Chain)
    }

    fn unreachable(&self) -> Vec<KeychainKind> {
        self.seen.lock().expect("no holder of this lock panics").unreachable.clone()
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        Box::pin(async {
            let newest = self.find(name).await?.into_iter().next();
            self.remember(newest.as_ref().map(|entry| entry.store));
            Ok(newest.map(|entry| entry.secret))
        })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            let number = match self.find(name).await {
                Ok(found) => found.first().map_or(0, |entry| entry.number),
                Err(error) if error.problem == KeychainProblem::NewerFormat => return Err(error),
                // What cannot be read is replaced: that is how a damaged entry heals.
                Err(_) => 0,
            };
            // Copies that cannot be seen now are older, as far as the clock can tell.
            let now_ms = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
            let framed = frame(now_ms.max(number.saturating_add(1)), secret);
            let mut trouble = None;
            for (store, keychain) in self.speaking() {
                match keychain.set(name, &framed).await {
                    Ok(()) => {
                        self.remember(Some(store));
                        // The copies elsewhere are older; one that stays loses every read by its number.
                        for (other, keychain) in self.speaking() {
                            if other != store
                                && let Err(error) = keychain.delete(name).await
                            {
                                self.note(&error);
                            }
                        }
                        return Ok(());
                    }
                    Err(error) => {
                        self.note(&error);
                        trouble = Some(error);
                    }
                }
            }
            Err(trouble.unwrap_or_else(|| KeychainError::new(KeychainKind::Chain, KeychainProblem::TimedOut)))
        })
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            let mut trouble = None;
            for keychain in &self.stores {
                if let Err(error) = keychain.delete(name).await {
                    self.note(&error);
                    if !is_out_of_reach(&error) {
                        trouble = Some(error);
                    }
                }
            }
            self.remember(None);
            trouble.map_or(Ok(()), Err)
        })
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        Box::pin(async move {
            let mut accounts = Vec::new();
            for (_, keychain) in self.speaking() {
                match keychain.list(service).await {
                    Ok(more) => accounts.extend(more),
                    Err(error) if is_out_of_reach(&error) => self.note(&error),
                    Err(error) => return Err(error),
                }
            }
            accounts.sort();
            accounts.dedup();
            Ok(accounts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::{FileKeychain, MemoryKeychain};
    use jiff::{SignedDuration, Timestamp};
    use pintail_core::seam::ManualClock;

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
    }

    fn pair() -> (Arc<MemoryKeychain>, Arc<MemoryKeychain>, ChainKeychain) {
        let (best, second) = (Arc::new(MemoryKeychain::default()), Arc::new(MemoryKeychain::default()));
        let stores: Vec<Arc<dyn Keychain>> =
            vec![Arc::<MemoryKeychain>::clone(&best), Arc::<MemoryKeychain>::clone(&second)];
        (best, second, ChainKeychain::new(stores, clock()))
    }

    fn name() -> EntryName {
        EntryName::new("pintail", "sign-in")
    }

    async fn text(keychain: &dyn Keychain) -> Option<String> {
        let secret = keychain.get(&name()).await.unwrap()?;
        Some(String::from_utf8(secret.expose().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn conforms_whoever_answers() {
        let (best, _second, chain) = pair();
        crate::keychain::conformance::all(&chain).await;
        best.set_trouble(Some(KeychainProblem::Unavailable));
        crate::keychain::conformance::all(&chain).await;
        assert_eq!(chain.unreachable(), [KeychainKind::Memory]);
    }

    #[tokio::test]
    async fn the_newest_copy_wins_wherever_it_lies() {
        let (best, second) = (Arc::new(MemoryKeychain::default()), Arc::new(MemoryKeychain::default()));
        let (stores, clock): (Vec<Arc<dyn Keychain>>, _) =
            (vec![Arc::<MemoryKeychain>::clone(&best), Arc::<MemoryKeychain>::clone(&second)], clock());
        let chain = ChainKeychain::new(stores, Arc::<ManualClock>::clone(&clock));
        for _ in 0..5 {
            chain.set(&name(), &SecretBytes::new("on the desktop")).await.unwrap();
        }
        clock.advance(SignedDuration::from_secs(60));
        best.set_trouble(Some(KeychainProblem::Unavailable));
        assert_eq!(text(&chain).await, None);
        chain.set(&name(), &SecretBytes::new("over ssh")).await.unwrap();
        best.set_trouble(None);
        assert_eq!(text(&chain).await.as_deref(), Some("over ssh"));
        chain.set(&name(), &SecretBytes::new("back")).await.unwrap();
        assert_eq!(text(&*second).await, None, "the older copy is gone");
        chain.delete(&name()).await.unwrap();
        assert_eq!(text(&chain).await, None);
    }

    #[tokio::test]
    async fn a_store_that_let_a_deadline_pass_is_not_waited_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let mute = Arc::new(MemoryKeychain::default());
        let file = FileKeychain::new(folder.path().join("a"), folder.path().join("b"));
        let chain = ChainKeychain::new(vec![Arc::<MemoryKeychain>::clone(&mute), Arc::new(file)], clock());
        mute.set_trouble(Some(KeychainProblem::TimedOut));
        for _ in 0..2 {
            let error = chain.get(&name()).await.unwrap_err();
            assert_eq!((error.kind, error.problem), (KeychainKind::Memory, KeychainProblem::TimedOut));
        }
        // It would take the entry, if it were asked.
        mute.set_trouble(None);
        chain.set(&name(), &SecretBytes::new("x")).await.unwrap();
        assert_eq!(chain.holder(), KeychainKind::EncryptedFile);
        assert_eq!(text(&chain).await.as_deref(), Some("x"));
        assert_eq!(chain.unreachable(), [KeychainKind::Memory]);
    }

    #[tokio::test]
    async fn a_locked_store_is_no_empty_one() {
        let (best, _second, chain) = pair();
        chain.set(&name(), &SecretBytes::new("x")).await.unwrap();
        best.set_trouble(Some(KeychainProblem::Locked));
        assert_eq!(chain.get(&name()).await.unwrap_err().problem, KeychainProblem::Locked);
        // Another store takes what is new, and then answers.
        chain.set(&name(), &SecretBytes::new("y")).await.unwrap();
        assert_eq!(text(&chain).await.as_deref(), Some("y"));
        chain.delete(&name()).await.unwrap();
        best.set_trouble(Some(KeychainProblem::Unavailable));
        assert_eq!(text(&chain).await, None, "a store that is not there has nothing");
    }

    #[tokio::test]
    async fn a_full_store_hands_on_and_a_broken_one_is_no_empty_one() {
        let (best, second, chain) = pair();
        best.set_trouble(Some(KeychainProblem::TooLarge));
        chain.set(&name(), &SecretBytes::new("x")).await.unwrap();
        assert_eq!(text(&chain).await.as_deref(), Some("x"));
        second.set_trouble(Some(KeychainProblem::Damaged));
        assert_eq!(chain.get(&name()).await.unwrap_err().problem, KeychainProblem::Damaged);
    }

    #[tokio::test]
    async fn the_file_at_the_end_of_the_chain_keeps_what_nobody_else_takes() {
        let folder = tempfile::tempdir().unwrap();
        let best = Arc::new(MemoryKeychain::default());
        best.set_trouble(Some(KeychainProblem::Unavailable));
        let file = FileKeychain::new(folder.path().join("a"), folder.path().join("b"));
        let chain = ChainKeychain::new(vec![best, Arc::new(file)], clock());
        crate::keychain::conformance::all(&chain).await;
        chain.set(&name(), &SecretBytes::new("x")).await.unwrap();
        assert_eq!(chain.holder(), KeychainKind::EncryptedFile);
    }
}
