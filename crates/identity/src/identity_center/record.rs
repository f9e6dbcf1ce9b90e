//! What is kept in the keychain of a sign-in at IAM Identity Center: the registrations of this program, and the token.
//!
//! JSON with a `version`, under the same rules as a session's records ([`session::record`](crate::session::record)): a newer
//! version is read as far as its fields are known and never written over. The formats are in `docs/formats.md`,
//! "Identity Center record".

use jiff::{SignedDuration, Timestamp};
use pintail_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::keychain::SecretBytes;
use crate::session::record::{Record, Stored, Time, VERSION, written};

/// A token with less life than this may be over when it arrives.
const RESERVE: SignedDuration = SignedDuration::from_secs(30);

/// Renewal starts a quarter of an hour before the end, as it does in botocore; of short tokens in their last third.
const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// This program, as it is registered with the sign-in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Secret,
    /// When the registration ends, some ninety days after it was made.
    pub(super) expires_at: Timestamp,
}

impl Client {
    /// Tells whether the registration lasts for another question.
    pub(super) fn works(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > RESERVE
    }
}

/// A registration, and what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientRecord {
    pub(super) version: u32,
    pub(super) generation: u64,
    pub(super) client: Client,
    pub(super) scopes: Vec<String>,
    /// The redirect address without its port, for the browser flow.
    pub(super) redirect_uri: Option<String>,
}

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenRecord {
    pub(super) version: u32,
    pub(super) generation: u64,
    pub(super) access_token: Secret,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) refresh_token: Option<Secret>,
    /// The registration the tokens were given to: only it can renew them.
    pub(super) client: Client,
    pub(super) signed_in_at: Timestamp,
}

impl TokenRecord {
    /// Tells whether the access token still works.
    pub(super) fn works(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > RESERVE.min(self.life() / 10)
    }

    /// Tells whether the access token works and is not yet to be renewed.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > MARGIN.min(self.life() / 3)
    }

    /// Tells whether it can be asked for another access token.
    pub(super) fn is_renewable(&self, now: Timestamp) -> bool {
        self.refresh_token.is_some() && self.client.works(now)
    }

    fn life(&self) -> SignedDuration {
        self.expires_at.duration_since(self.issued_at).max(SignedDuration::ZERO)
    }
}

#[derive(Serialize, Deserialize)]
struct ClientText {
    version: u32,
    generation: u64,
    client_id: String,
    client_secret: Stored,
    client_expires_at: Time,
    scopes: Vec<String>,
    redirect_uri: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TokenText {
    version: u32,
    generation: u64,
    access_token: Stored,
    issued_at: Time,
    expires_at: Time,
    refresh_token: Option<Stored>,
    client_id: String,
    client_secret: Stored,
    client_expires_at: Time,
    signed_in_at: Time,
}

impl Record for ClientRecord {
    fn version(&self) -> u32 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text: ClientText = serde_json::from_slice(bytes).ok()?;
        let expires_at = text.client_expires_at.0;
        Some(Self {
            version: text.version,
            generation: text.generation,
            client: Client { id: text.client_id, secret: text.client_secret.0, expires_at },
            scopes: text.scopes,
            redirect_uri: text.redirect_uri,
        })
    }

    fn text(&self, generation: u64) -> SecretBytes {
        written(&ClientText {
            version: VERSION,
            generation,
            client_id: self.client.id.clone(),
            client_secret: Stored(self.client.secret.clone()),
            client_expires_at: Time(self.client.expires_at),
            scopes: self.scopes.clone(),
            redirect_uri: self.redirect_uri.clone(),
        })
    }
}

impl Record for TokenRecord {
    fn version(&self) -> u32 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text: TokenText = serde_json::from_slice(bytes).ok()?;
        let travels = |secret: &Secret| secret.expose().bytes().all(|b| b.is_ascii_graphic());
        // The token goes into a header as it stands.
        Some(text).filter(|text| travels(&text.access_token.0)).map(|text| Self {
            version: text.version,
            generation: text.generation,
            access_token: text.access_token.0,
            issued_at: text.issued_at.0,
            expires_at: text.expires_at.0,
            refresh_token: text.refresh_token.map(|stored| stored.0),
            client: Client {
                id: text.client_id,
                secret: text.client_secret.0,
                expires_at: text.client_expires_at.0,
            },
            signed_in_at: text.signed_in_at.0,
        })
    }

    fn text(&self, generation: u64) -> SecretBytes {
        written(&TokenText {
            version: VERSION,
            generation,
            access_token: Stored(self.access_token.clone()),
            issued_at: Time(self.issued_at),
            expires_at: Time(self.expires_at),
            refresh_token: self.refresh_token.clone().map(Stored),
            client_id: self.client.id.clone(),
            client_secret: Stored(self.client.secret.clone()),
            client_expires_at: Time(self.client.expires_at),
            signed_in_at: Time(self.signed_in_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn token() -> TokenRecord {
        TokenRecord {
            version: VERSION,
            generation: 1,
            access_token: Secret::new("hunter2-access"),
            issued_at: at("2026-11-23T12:00:00Z"),
            expires_at: at("2026-11-23T13:00:00Z"),
            refresh_token: Some(Secret::new("hunter2-refresh")),
            client: Client {
                id: "client".into(),
                secret: Secret::new("hunter2-client"),
                expires_at: at("2027-02-21T12:00:00Z"),
            },
            signed_in_at: at("2026-11-23T12:00:00Z"),
        }
    }

    #[test]
    fn the_first_format_stays_readable() {
        let text = br#"{"version":1,"generation":7,"access_token":"a","issued_at":"2026-11-23T12:00:00Z","expires_at":"2026-11-23T13:00:00Z",
            "refresh_token":null,"client_id":"c","client_secret":"s","client_expires_at":"2027-02-21T12:00:00Z","signed_in_at":"2026-11-23T12:00:00Z"}"#;
        let record = TokenRecord::parse(text).unwrap();
        assert_eq!((record.generation, record.refresh_token, record.client.id.as_str()), (7, None, "c"));
        let text = br#"{"version":1,"generation":2,"client_id":"c","client_secret":"s","client_expires_at":"2027-02-21T12:00:00Z",
            "scopes":["sso:account:access"],"redirect_uri":"http://127.0.0.1/oauth/callback"}"#;
        assert_eq!(ClientRecord::parse(text).unwrap().scopes, ["sso:account:access"]);
    }

    #[test]
    fn records_come_back_as_they_went_and_show_no_secret() {
        let text = token().text(4);
        assert_eq!(TokenRecord::parse(text.expose()), Some(TokenRecord { generation: 4, ..token() }));
        let client = ClientRecord {
            version: VERSION,
            generation: 1,
            client: token().client,
            scopes: vec!["a".into()],
            redirect_uri: None,
        };
        assert_eq!(ClientRecord::parse(client.text(1).expose()), Some(client.clone()));
        assert!(!format!("{:?} {client:?}", token()).contains("hunter2"));
        let mut folded = token();
        folded.access_token = Secret::new("a\r\nb");
        assert_eq!(TokenRecord::parse(folded.text(1).expose()), None);
    }

    #[test]
    fn a_token_is_renewed_in_its_last_quarter_of_an_hour_and_short_ones_in_their_last_third() {
        let record = token();
        for (time, fresh, works) in [
            ("2026-11-23T12:44:59Z", true, true),
            ("2026-11-23T12:45:00Z", false, true),
            ("2026-11-23T12:59:29Z", false, true),
            ("2026-11-23T12:59:30Z", false, false),
            ("2026-11-23T14:00:00Z", false, false),
        ] {
            assert_eq!((record.is_fresh(at(time)), record.works(at(time))), (fresh, works), "{time}");
        }
        let short = TokenRecord { expires_at: at("2026-11-23T12:01:00Z"), ..token() };
        assert!(short.is_fresh(at("2026-11-23T12:00:39Z")) && !short.is_fresh(at("2026-11-23T12:00:40Z")));
        assert!(short.works(at("2026-11-23T12:00:53Z")) && !short.works(at("2026-11-23T12:00:54Z")));
        assert!(token().is_renewable(at("2026-12-23T12:00:00Z")));
        assert!(!token().is_renewable(at("2027-02-21T12:00:00Z")));
        assert!(!TokenRecord { refresh_token: None, ..token() }.is_renewable(at("2026-11-23T12:00:00Z")));
    }
}
