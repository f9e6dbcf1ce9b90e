//! What is known about an issuer, and the plain questions that teach it.
//!
//! Pure: requests and answers are values.

use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pintail_core::seam::{HttpRequest, HttpResponse};
use url::Url;

use super::super::authority::Authority;
use super::super::discovery::{Endpoint, Metadata};
use super::super::jwks::KeyCache;
use super::super::token::{Refused, read_document};
use super::error::SignInError;
use super::{Fetch, Replay};

/// What was learned about an issuer, worth keeping between sign-ins of one process.
#[derive(Clone, Debug, Default)]
pub struct KnownIssuer {
    pub(super) discovered: Option<(Authority, Metadata, Timestamp)>,
    pub(super) keys: KeyCache,
}

impl KnownIssuer {
    /// A discovery document older than this is read again.
    pub const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

    /// Returns the issuer's metadata, if it was ever read.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.discovered.as_ref().map(|(_, metadata, _)| metadata)
    }

    /// Returns the request for the discovery document.
    pub(in crate::oidc) fn question(authority: &Authority) -> Fetch {
        Fetch {
            request: get(authority.discovery_url()),
            endpoint: Endpoint::Discovery,
            replay: Replay::Always,
        }
    }

    /// Takes in the answer to [`question`](Self::question).
    pub(in crate::oidc) fn learn(
        &mut self,
        authority: &Authority,
        response: &HttpResponse,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let metadata = Metadata::parse(authority, success(Endpoint::Discovery, response)?)?;
        self.discovered = Some((authority.clone(), metadata, now));
        Ok(())
    }

    /// Returns what is still of use for `authority`.
    pub(in crate::oidc) fn fresh(self, authority: &Authority, now: Timestamp) -> Self {
        match &self.discovered {
            Some((known, _, _)) if known != authority => Self::default(),
            Some((_, _, read_at)) => {
                let age = now.duration_since(*read_at);
                if age.is_negative() || age >= Self::AGE_MAX {
                    Self { discovered: None, ..self }
                } else {
                    self
                }
            }
            // Whose the keys are is known from the document only.
            None => Self::default(),
        }
    }
}

/// Makes a GET request for JSON.
pub(super) fn get(url: Url) -> HttpRequest {
    let mut request = HttpRequest::get(url);
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// Returns the body of a successful answer. Entra explains an unknown tenant in the body of a failed one.
pub(super) fn success(endpoint: Endpoint, response: &HttpResponse) -> Result<&[u8], SignInError> {
    if response.status == StatusCode::OK {
        return Ok(&response.body);
    }
    let status = response.status;
    Err(match read_document(response) {
        Err(Refused::Issuer(source)) => SignInError::Issuer { endpoint, source },
        _ => SignInError::Status { endpoint, status },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::jwks::{KeyNeed, KeySet};
    use crate::oidc::testing::{ISSUER, NOON, TestKey, key_set, metadata};

    #[test]
    fn keys_are_of_use_only_to_the_authority_they_were_read_for() {
        let (noon, entra): (Timestamp, Authority) = (NOON.parse().unwrap(), ISSUER.parse().unwrap());
        let other: Authority = "https://idp.example".parse().unwrap();
        let discovered = Some((entra.clone(), metadata(), noon));
        let mut known = KnownIssuer { discovered, ..KnownIssuer::default() };
        known.keys.store(KeySet::parse(key_set(&[&TestKey::rsa("k1")]).as_bytes()).unwrap(), noon);
        let need = |known: &KnownIssuer, at| known.keys.need(Some("k1"), at);
        assert_eq!(need(&known.clone().fresh(&entra, noon), noon), KeyNeed::Ready);
        assert_eq!(need(&known.clone().fresh(&other, noon), noon), KeyNeed::Fetch);
        // The document is read again; if that fails, nothing tells any more whose the keys are.
        let later = noon + KnownIssuer::AGE_MAX;
        let aged = known.fresh(&entra, later);
        assert!(aged.metadata().is_none());
        assert_eq!(need(&aged.fresh(&other, noon), noon), KeyNeed::Fetch);
    }
}
