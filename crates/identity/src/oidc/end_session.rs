//! Signing out: the address that ends the issuer's session in the browser.
//!
//! Pure. It ends the session only: Entra cannot revoke a refresh token, so whoever signs out must also delete what is
//! stored here. The ID token is never put into the address, although the specification allows it: addresses end up in
//! histories and logs.

use pintail_core::name::ClientId;
use url::Url;

use super::discovery::Metadata;
use super::untrusted::Personal;

/// What is known about the session to end.
#[derive(Clone, Debug, Default)]
pub struct SignOutOptions {
    /// Whose session: the claim `login_hint` of the ID token. Without it the issuer may ask which account to sign out.
    pub logout_hint: Option<Personal>,
    /// Where the browser goes afterwards; it must be registered at the issuer.
    pub post_logout_redirect: Option<Url>,
}

/// Builds the sign-out address; `None` when the issuer has none.
pub fn sign_out_url(metadata: &Metadata, client_id: &ClientId, options: &SignOutOptions) -> Option<Url> {
    let mut url = metadata.end_session_endpoint.clone()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", client_id.as_str());
        if let Some(hint) = &options.logout_hint {
            query.append_pair("logout_hint", hint.expose());
        }
        if let Some(redirect) = &options.post_logout_redirect {
            query.append_pair("post_logout_redirect_uri", redirect.as_str());
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::testing::{CLIENT, metadata};

    #[test]
    fn the_address_names_the_client_and_the_session_and_holds_no_token() {
        let client_id = CLIENT.parse().unwrap();
        let url = sign_out_url(&metadata(), &client_id, &SignOutOptions::default()).unwrap();
        assert!(url.path().ends_with("/oauth2/v2.0/logout"));
        assert_eq!(url.query(), Some("client_id=11111111-2222-3333-4444-555555555555"));
        let options = SignOutOptions {
            logout_hint: Some(Personal::new("opaque hint")),
            post_logout_redirect: Some("http://localhost/out".parse().unwrap()),
        };
        let url = sign_out_url(&metadata(), &client_id, &options).unwrap();
        let query = url.query().unwrap();
        assert!(query.contains("logout_hint=opaque+hint"));
        assert!(query.contains("post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Fout"));
        let without = Metadata { end_session_endpoint: None, ..metadata() };
        assert_eq!(sign_out_url(&without, &client_id, &options), None);
    }
}
