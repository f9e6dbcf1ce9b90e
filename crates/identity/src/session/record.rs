//! What a session keeps in the keychain: the sign-in, and each credential bought with it.
//!
//! Both are JSON with a `version`. A newer version may be read, as far as its fields are known, and is never
//! written over: an older program next to a newer one works from memory. The formats and their rules are in
//! `docs/formats.md`, "session record".

use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::config::hash_of;
use crate::keychain::{EntryName, Keychain, KeychainError, SecretBytes};
use crate::sts::{AssumedRole, LearnedDuration, TokenFacts};

/// The version that is written.
pub const VERSION: u32 = 1;

/// A record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer program wrote it, and it must not be replaced.
    #[error("a newer version of this program wrote the record (format {version})")]
    Newer {
        /// The version found.
        version: u32,
    },
    /// It is not a record.
    #[error("the record is not in the form this program writes")]
    Unreadable,
}

/// The sign-in of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRecord {
    /// The format it was read in.
    pub version: u32,
    /// One more with every write.
    pub generation: u64,
    /// What the last ID token said.
    pub facts: TokenFacts,
    /// The person's name as the issuer tells it.
    pub person: Option<String>,
    /// The roles that the last ID token offered; empty where it did not say.
    pub offered_roles: Vec<String>,
    /// The newest refresh token, if the issuer gave one.
    pub refresh_token: Option<Secret>,
    /// When the person signed in.
    pub signed_in_at: Timestamp,
}

/// Stands for one sign-in of one person. It tells nothing about the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInMark(String);

impl SignInMark {
    /// Marks a credential that no sign-in bought.
    pub(crate) fn none() -> Self {
        Self(String::new())
    }
}

impl SignInRecord {
    /// Returns what credentials bought with this sign-in are known by: the same after every renewal, another one after
    /// every new sign-in.
    pub fn mark(&self) -> SignInMark {
        let signed_in_at = self.signed_in_at.to_string();
        SignInMark(hash_of(&[&self.facts.issuer, &self.facts.subject, &signed_in_at]))
    }
}

/// A credential bought with a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// The format it was read in.
    pub version: u32,
    /// One more with every write.
    pub generation: u64,
    /// The sign-in it was bought with: it must not be handed out under any other.
    pub sign_in: SignInMark,
    /// The credential.
    pub credential: Credential,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The session as AWS names it.
    pub assumed_role: Option<AssumedRole>,
    /// What was learned about the role's longest session.
    pub learned_duration: Option<LearnedDuration>,
}

/// A secret as it stands in a record. The record itself is a secret of the keychain.
pub(crate) struct Stored(pub(crate) Secret);

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// A time as it stands in a record: RFC 3339.
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom("not a time"))
    }
}

#[derive(Serialize, Deserialize)]
struct SignInText {
    version: u32,
    generation: u64,
    issuer: String,
    audience: Vec<String>,
    authorized_party: Option<String>,
    subject: String,
    id_token_expires_at: Time,
    person: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offered_roles: Vec<String>,
    refresh_token: Option<Stored>,
    signed_in_at: Time,
}

#[derive(Serialize, Deserialize)]
struct CredentialText {
    version: u32,
    generation: u64,
    sign_in: String,
    access_key_id: String,
    secret_access_key: Stored,
    session_token: Option<Stored>,
    expires_at: Option<Time>,
    issued_at: Time,
    assumed_role_arn: Option<String>,
    assumed_role_id: Option<String>,
    longest_duration_seconds: Option<u64>,
    longest_duration_learned_at: Option<Time>,
}

/// A record that can be kept in a keychain.
pub(crate) trait Record: Sized {
    fn version(&self) -> u32;
    fn generation(&self) -> u64;
    fn parse(bytes: &[u8]) -> Option<Self>;
    /// Writes the record in the present version, with this generation.
    fn text(&self, generation: u64) -> SecretBytes;
}

impl Record for SignInRecord {
    fn version(&self) -> u32 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text: SignInText = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            version: text.version,
            generation: text.generation,
            facts: TokenFacts {
                issuer: text.issuer,
                audience: text.audience,
                authorized_party: text.authorized_party,
                subject: text.subject,
                expires_at: text.id_token_expires_at.0,
            },
            person: text.person,
            offered_roles: text.offered_roles,
            refresh_token: text.refresh_token.map(|stored| stored.0),
            signed_in_at: text.signed_in_at.0,
        })
    }

    fn text(&self, generation: u64) -> SecretBytes {
        let facts = self.facts.clone();
        written(&SignInText {
            version: VERSION,
            generation,
            issuer: facts.issuer,
            audience: facts.audience,
            authorized_party: facts.authorized_party,
            subject: facts.subject,
            id_token_expires_at: Time(facts.expires_at),
            person: self.person.clone(),
            offered_roles: self.offered_roles.clone(),
            refresh_token: self.refresh_token.clone().map(Stored),
            signed_in_at: Time(self.signed_in_at),
        })
    }
}

impl Record for CredentialRecord {
    fn version(&self) -> u32 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text: CredentialText = serde_json::from_slice(bytes).ok()?;
        let learned = text.longest_duration_seconds.zip(text.longest_duration_learned_at);
        Some(Self {
            version: text.version,
            generation: text.generation,
            sign_in: SignInMark(text.sign_in),
            credential: Credential {
                access_key_id: text.access_key_id,
                secret_access_key: text.secret_access_key.0,
                session_token: text.session_token.map(|stored| stored.0),
                expires_at: text.expires_at.map(|time| time.0),
            },
            issued_at: text.issued_at.0,
            assumed_role: text.assumed_role_arn.map(|arn| AssumedRole { arn, id: text.assumed_role_id }),
            learned_duration: learned
                .map(|(granted_seconds, at)| LearnedDuration { granted_seconds, learned_at: at.0 }),
        })
    }

    fn text(&self, generation: u64) -> SecretBytes {
        let role = self.assumed_role.as_ref();
        written(&CredentialText {
            version: VERSION,
            generation,
            sign_in: self.sign_in.0.clone(),
            access_key_id: self.credential.access_key_id.clone(),
            secret_access_key: Stored(self.credential.secret_access_key.clone()),
            session_token: self.credential.session_token.clone().map(Stored),
            expires_at: self.credential.expires_at.map(Time),
            issued_at: Time(self.issued_at),
            assumed_role_arn: role.map(|role| role.arn.clone()),
            assumed_role_id: role.and_then(|role| role.id.clone()),
            longest_duration_seconds: self.learned_duration.map(|learned| learned.granted_seconds),
            longest_duration_learned_at: self.learned_duration.map(|learned| Time(learned.learned_at)),
        })
    }
}

/// Writes a record's text as JSON.
pub(crate) fn written(text: &impl Serialize) -> SecretBytes {
    SecretBytes::new(serde_json::to_vec(text).expect("a record is texts and numbers"))
}

/// Why a record could not be read or written.
#[derive(Debug)]
pub(crate) enum StoreError {
    Keychain(KeychainError),
    Record(RecordError),
}

/// The records in a keychain.
#[derive(Clone, Debug)]
pub(crate) struct RecordStore(pub(crate) Arc<dyn Keychain>);

impl RecordStore {
    pub(crate) async fn read<R: Record>(&self, name: &EntryName) -> Result<Option<R>, StoreError> {
        let Some(bytes) = self.0.get(name).await.map_err(StoreError::Keychain)? else { return Ok(None) };
        R::parse(bytes.expose()).map(Some).ok_or_else(|| {
            StoreError::Record(match version_of(bytes.expose()) {
                Some(version) if version > VERSION => RecordError::Newer { version },
                _ => RecordError::Unreadable,
            })
        })
    }

    /// Writes a record with the next generation, unless a newer program's record stands there.
    pub(crate) async fn write<R: Record>(&self, name: &EntryName, record: &R) -> Result<(), StoreError> {
        let generation = match self.read::<R>(name).await {
            Ok(Some(old)) if old.version() > VERSION => {
                return Err(StoreError::Record(RecordError::Newer { version: old.version() }));
            }
            Ok(Some(old)) => old.generation().max(record.generation()) + 1,
            Err(error @ StoreError::Record(RecordError::Newer { .. })) => return Err(error),
            // What cannot be read is replaced: that is how it heals.
            Ok(None) | Err(_) => record.generation() + 1,
        };
        self.0.set(name, &record.text(generation)).await.map_err(StoreError::Keychain)
    }
}

fn version_of(bytes: &[u8]) -> Option<u32> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    u32::try_from(value.get("version")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::MemoryKeychain;
    use proptest::prelude::*;

    fn sign_in() -> SignInRecord {
        SignInRecord {
            version: VERSION,
            generation: 1,
            facts: TokenFacts {
                issuer: "https://issuer".into(),
                audience: vec!["client".into()],
                authorized_party: None,
                subject: "subject".into(),
                expires_at: "2026-11-23T13:00:00Z".parse().unwrap(),
            },
            person: Some("alice@contoso.com".into()),
            offered_roles: vec!["arn:aws:iam::123456789012:role/A".into()],
            refresh_token: Some(Secret::new("0.AREFRESH")),
            signed_in_at: "2026-11-23T12:00:00Z".parse().unwrap(),
        }
    }

    fn credential() -> CredentialRecord {
        CredentialRecord {
            version: VERSION,
            generation: 1,
            sign_in: sign_in().mark(),
            credential: Credential {
                access_key_id: "ASIA".into(),
                secret_access_key: Secret::new("secret"),
                session_token: Some(Secret::new("token")),
                expires_at: Some("2026-11-23T13:00:00Z".parse().unwrap()),
            },
            issued_at: "2026-11-23T12:00:00Z".parse().unwrap(),
            assumed_role: Some(AssumedRole { arn: "arn".into(), id: None }),
            learned_duration: Some(LearnedDuration {
                granted_seconds: 3600,
                learned_at: "2026-11-23T12:00:00Z".parse().unwrap(),
            }),
        }
    }

    fn store() -> (RecordStore, EntryName) {
        (RecordStore(Arc::new(MemoryKeychain::default())), EntryName::new("pintail", "a"))
    }

    #[tokio::test]
    async fn records_come_back_and_count_their_writes() {
        let (store, name) = store();
        for expected in 2..5 {
            store.write(&name, &sign_in()).await.unwrap();
            let found: SignInRecord = store.read(&name).await.unwrap().unwrap();
            assert_eq!(found, SignInRecord { generation: expected, ..sign_in() });
        }
        let name = EntryName::new("pintail", "b");
        store.write(&name, &credential()).await.unwrap();
        let found: CredentialRecord = store.read(&name).await.unwrap().unwrap();
        assert_eq!(found, CredentialRecord { generation: 2, ..credential() });
    }

    #[test]
    fn the_first_format_stays_readable() {
        let text = r#"{"version":1,"generation":7,"issuer":"https://issuer","audience":["client"],"authorized_party":null,
            "subject":"s","id_token_expires_at":"2026-11-23T13:00:00Z","person":null,"refresh_token":"r","signed_in_at":"2026-11-23T12:00:00Z"}"#;
        let record = SignInRecord::parse(text.as_bytes()).unwrap();
        assert_eq!((record.generation, record.refresh_token), (7, Some(Secret::new("r"))));
        let text = r#"{"version":1,"generation":7,"sign_in":"0a","access_key_id":"A","secret_access_key":"S","issued_at":"2026-11-23T12:00:00Z"}"#;
        let record = CredentialRecord::parse(text.as_bytes()).unwrap();
        assert_eq!(record.credential.expires_at, None);
    }

    #[test]
    fn a_mark_outlives_renewals_and_no_other_sign_in_has_it() {
        let mark = sign_in().mark();
        let mut renewed = SignInRecord { generation: 9, refresh_token: None, person: None, ..sign_in() };
        renewed.facts.expires_at = "2026-11-23T19:00:00Z".parse().unwrap();
        assert_eq!(renewed.mark(), mark);
        let mut other = sign_in();
        other.facts.subject = "another".into();
        assert_ne!(other.mark(), mark);
        let later = SignInRecord { signed_in_at: "2026-11-23T12:00:01Z".parse().unwrap(), ..sign_in() };
        assert_ne!(later.mark(), mark);
        assert!(!format!("{mark:?}").contains("subject"));
    }

    #[tokio::test]
    async fn a_newer_record_is_read_and_never_replaced() {
        let (store, name) = store();
        let text = String::from_utf8(sign_in().text(3).expose().to_vec()).unwrap();
        let known = text.replace("\"version\":1", "\"version\":2,\"more\":[1]");
        store.0.set(&name, &SecretBytes::new(known.clone())).await.unwrap();
        let found: SignInRecord = store.read(&name).await.unwrap().unwrap();
        assert_eq!((found.version, found.refresh_token), (2, Some(Secret::new("0.AREFRESH"))));
        let unknown = "{\"version\":9}".to_owned();
        for text in [known, unknown] {
            store.0.set(&name, &SecretBytes::new(text.clone())).await.unwrap();
            let error = store.write(&name, &sign_in()).await.unwrap_err();
            assert!(matches!(error, StoreError::Record(RecordError::Newer { .. })), "{error:?}");
            assert_eq!(store.0.get(&name).await.unwrap().unwrap().expose(), text.as_bytes());
        }
    }

    #[tokio::test]
    async fn rubbish_is_said_and_then_replaced() {
        let (store, name) = store();
        store.0.set(&name, &SecretBytes::new("rubbish")).await.unwrap();
        let error = store.read::<SignInRecord>(&name).await.unwrap_err();
        assert!(matches!(error, StoreError::Record(RecordError::Unreadable)));
        store.write(&name, &sign_in()).await.unwrap();
        assert!(store.read::<SignInRecord>(&name).await.unwrap().is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SignInRecord::parse(&bytes);
            let _ = CredentialRecord::parse(&bytes);
        }
    }
}
