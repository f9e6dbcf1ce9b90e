//! What an ID token says about itself, kept for diagnosis.
//!
//! CloudTrail does not log most refused exchanges, so the client's message is all an admin gets: every STS error carries
//! these facts. [`TokenFacts`] is what the token check hands over; [`MaskedTokenFacts`] is what may be shown.

use std::fmt;

use jiff::Timestamp;

/// The claims of a checked ID token that the exchange and its errors need.
///
/// Its `Debug` masks the subject, which identifies a person.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// `iss`.
    pub issuer: String,
    /// `aud`, in the token's order.
    pub audience: Vec<String>,
    /// `azp`, which STS compares with the provider's client list when it is present.
    pub authorized_party: Option<String>,
    /// `sub`.
    pub subject: String,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl TokenFacts {
    /// Returns the facts in the form that errors and screens may show.
    pub fn masked(&self) -> MaskedTokenFacts {
        MaskedTokenFacts {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            authorized_party: self.authorized_party.clone(),
            subject: masked(&self.subject),
            expires_at: self.expires_at,
        }
    }
}

impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.masked().fmt(f)
    }
}

/// Token facts without anything that identifies a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedTokenFacts {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `azp`.
    pub authorized_party: Option<String>,
    /// The last four characters of `sub`.
    pub subject: String,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// Hides all of a text but its last four characters, and all of a short one.
pub fn masked(text: &str) -> String {
    let length = text.chars().count();
    if length < 8 {
        "…".to_owned()
    } else {
        format!("…{}", text.chars().skip(length - 4).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_never_shown_whole() {
        let facts = TokenFacts {
            issuer: "https://issuer".into(),
            audience: vec!["client".into()],
            authorized_party: None,
            subject: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ".into(),
            expires_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(facts.masked().subject, "…btaQ");
        assert!(!format!("{facts:?}").contains("782b"));
        assert_eq!(masked("short"), "…");
    }
}
