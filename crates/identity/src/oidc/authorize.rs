//! The authorization request: the address that the browser opens.
//!
//! Pure: settings in, address out. Always the code flow with PKCE S256, `state` and `nonce`; the answer is
//! [`redirect`](super::redirect)'s. The address holds no secret that would let its reader redeem a code, but it does
//! hold `state`: show it to the person, do not log it.

use std::fmt;

use pintail_core::name::ClientId;
use pintail_core::secret::Secret;
use url::Url;

use super::pkce::Verifier;
use super::untrusted::{Personal, WORD_CHARS_MAX, printable};

/// The scopes of a sign-in, `openid` always among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// A text that is no scope (RFC 6749 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a scope")]
pub struct ScopeError {
    /// The text as given, made printable.
    pub text: String,
}

impl Default for Scopes {
    /// What a sign-in needs: an ID token, names to show, and a refresh token.
    fn default() -> Self {
        Self(["openid", "profile", "offline_access"].map(str::to_owned).into())
    }
}

impl Scopes {
    /// Takes over a list, as a profile has it; `openid` is added when missing, since without it there is no ID token.
    pub fn new<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut all = vec!["openid".to_owned()];
        for scope in scopes.into_iter().flat_map(str::split_whitespace) {
            if !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                return Err(ScopeError { text: printable(scope, WORD_CHARS_MAX) });
            }
            if !all.iter().any(|known| known == scope) {
                all.push(scope.to_owned());
            }
        }
        Ok(Self(all))
    }

    /// Adds `email`, for trust policies that look at the address.
    #[must_use]
    pub fn with_email(mut self) -> Self {
        if !self.contains("email") {
            self.0.push("email".to_owned());
        }
        self
    }

    /// Tells whether a scope is in the list.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known == scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What the issuer is asked to do before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Ask for consent again. Some issuers give a refresh token only then (OpenID Connect Core 11).
    Consent,
    /// Have the person prove who they are again.
    Login,
    /// Do not show a page: answer or fail at once.
    None,
    /// Let the person choose an account. The login hint is left out then: Entra refuses the two together.
    SelectAccount,
}

impl Prompt {
    fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Login => "login",
            Self::None => "none",
            Self::SelectAccount => "select_account",
        }
    }
}

/// What a person or profile may set about a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInOptions {
    /// The scopes.
    pub scopes: Scopes,
    /// What to ask the person; `None` leaves it to the issuer.
    pub prompt: Option<Prompt>,
    /// Who is expected to sign in: best the claim `login_hint` of an earlier token, else a user name.
    pub login_hint: Option<Personal>,
    /// The domain whose sign-in page to go to at once.
    pub domain_hint: Option<String>,
    /// The `claims` that an earlier [`IssuerError`](super::IssuerError) asked for, unchanged.
    pub claims: Option<Secret>,
}

/// The values that make one attempt its own.
pub(super) struct Attempt<'a> {
    pub(super) redirect_uri: &'a str,
    pub(super) state: &'a Secret,
    pub(super) nonce: &'a Secret,
    pub(super) verifier: &'a Verifier,
}

/// Builds the address for the browser.
pub(super) fn authorize_url(
    endpoint: &Url,
    client_id: &ClientId,
    options: &SignInOptions,
    attempt: &Attempt<'_>,
) -> Url {
    let mut url = endpoint.clone();
    let login_hint = options.login_hint.as_ref().filter(|_| options.prompt != Some(Prompt::SelectAccount));
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", client_id.as_str())
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", attempt.redirect_uri)
            .append_pair("scope", &options.scopes.to_string())
            .append_pair("state", attempt.state.expose())
            .append_pair("nonce", attempt.nonce.expose())
            .append_pair("code_challenge", &attempt.verifier.challenge())
            .append_pair("code_challenge_method", "S256");
        let optional = [
            ("prompt", options.prompt.map(Prompt::name)),
            ("login_hint", login_hint.map(Personal::expose)),
            ("domain_hint", options.domain_hint.as_deref()),
            ("claims", options.claims.as_ref().map(Secret::expose)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use pintail_core::seam::SeededRandom;

    fn url(options: &SignInOptions) -> HashMap<String, String> {
        let random = SeededRandom::new(1);
        let (state, nonce) = (Secret::new("the-state"), Secret::new("the-nonce"));
        let attempt = Attempt {
            redirect_uri: "http://localhost:4711/",
            state: &state,
            nonce: &nonce,
            verifier: &Verifier::new(&random),
        };
        let endpoint = "https://idp.example/authorize?policy=p1".parse().unwrap();
        let url = authorize_url(&endpoint, &"client".parse().unwrap(), options, &attempt);
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let map: HashMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(map.len(), pairs.len(), "no parameter twice");
        map
    }

    #[test]
    fn the_request_has_everything_it_needs_and_nothing_else() {
        let sent = url(&SignInOptions::default());
        for (name, value) in [
            ("policy", "p1"),
            ("client_id", "client"),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", "http://localhost:4711/"),
            ("scope", "openid profile offline_access"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(sent["code_challenge"].len(), 43);
        assert_eq!(sent.len(), 10);
    }

    #[test]
    fn a_login_hint_and_the_choice_of_an_account_are_not_combined() {
        let mut options = SignInOptions {
            login_hint: Some(Personal::new("ada@contoso.com")),
            domain_hint: Some("contoso.com".into()),
            prompt: Some(Prompt::Login),
            ..SignInOptions::default()
        };
        let sent = url(&options);
        assert_eq!((sent["prompt"].as_str(), sent["login_hint"].as_str()), ("login", "ada@contoso.com"));
        assert_eq!(sent["domain_hint"], "contoso.com");
        options.prompt = Some(Prompt::SelectAccount);
        let sent = url(&options);
        assert_eq!(sent["prompt"], "select_account");
        assert!(!sent.contains_key("login_hint"));
        assert!(!format!("{options:?}").contains("ada"));
    }

    #[test]
    fn scopes_keep_their_order_and_always_ask_for_an_id_token() {
        let scopes = |list: &[&str]| Scopes::new(list.iter().copied()).map(|scopes| scopes.to_string());
        assert_eq!(scopes(&["openid", "offline_access"]).unwrap(), "openid offline_access");
        assert_eq!(scopes(&["profile offline_access", "profile"]).unwrap(), "openid profile offline_access");
        assert_eq!(scopes(&[]).unwrap(), "openid");
        assert!(scopes(&["a\"b"]).is_err());
        assert_eq!(
            Scopes::default().with_email().with_email().to_string(),
            "openid profile offline_access email"
        );
    }
}
