//! The tenant: its people, its app registrations, its signing keys, and every sign-in under way.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::issuer::keys::SigningKey;
use crate::random::sha256;

/// Where a person's account lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the tenant.
    Member,
    /// In another tenant, and invited here.
    Guest {
        /// The home tenant's issuer.
        identity_provider: String,
    },
    /// In another tenant, and unknown here (AADSTS50020).
    Elsewhere {
        /// The home tenant's issuer.
        identity_provider: String,
    },
}

/// A person who may try to sign in.
#[derive(Clone)]
#[non_exhaustive]
pub struct User {
    /// The name typed on the sign-in page.
    pub username: String,
    /// The password typed beside it.
    pub password: String,
    /// The display name.
    pub name: String,
    /// The `email` claim's value.
    pub email: Option<String>,
    /// The directory object's GUID.
    pub object_id: String,
    /// Where the account lives.
    pub home: Home,
    /// Whether the person is assigned to apps that demand it (else AADSTS50105).
    pub assigned: bool,
    /// Whether the account may sign in (else AADSTS50057).
    pub enabled: bool,
    /// An AADSTS number by which policy refuses this person everywhere (53003, 50076, …).
    pub blocked_by: Option<u32>,
    /// More claims for this person's ID tokens: `groups`, `roles`, `amr`, AWS's claims, …
    pub claims: Map<String, Value>,
}

impl User {
    /// Returns an ordinary member of the tenant.
    pub fn member(username: &str, password: &str, name: &str, object_id: &str) -> User {
        User {
            username: username.into(),
            password: password.into(),
            name: name.into(),
            email: Some(username.into()),
            object_id: object_id.into(),
            home: Home::Member,
            assigned: true,
            enabled: true,
            blocked_by: None,
            claims: Map::new(),
        }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("username", &self.username)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// The platform a redirect URI is registered under. It decides whether a client counts as public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// "Mobile and desktop applications": public.
    Mobile,
    /// "Web": confidential.
    Web,
    /// "Single-page application": public, redeemed across origins only.
    Spa,
}

/// A certificate of a confidential app, by what the token endpoint needs of it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The SHA-256 thumbprint in URL-safe base64, as a client assertion names it in `x5t#S256`.
    pub thumbprint: String,
    /// The RSA public key in DER, as a `SubjectPublicKeyInfo` or PKCS#1.
    pub public_key_der: Vec<u8>,
}

/// An app registration.
#[derive(Clone)]
#[non_exhaustive]
pub struct App {
    /// The application (client) ID.
    pub client_id: String,
    /// The name shown on pages.
    pub name: String,
    /// Redirect URIs and the platform each stands under.
    pub redirect_uris: Vec<(Platform, String)>,
    /// "Allow public client flows": read only where no redirect URI is involved.
    pub public_client_flows: bool,
    /// Whether accounts of other tenants may sign in.
    pub multi_tenant: bool,
    /// "Assignment required" of the enterprise application.
    pub assignment_required: bool,
    /// Whether an admin has consented for everyone; if not, each person is asked once.
    pub admin_consent: bool,
    /// Client secrets.
    pub secrets: Vec<String>,
    /// Certificates for `private_key_jwt`.
    pub certificates: Vec<Certificate>,
}

impl App {
    /// Returns a registration without redirect URIs, consented to by the admin.
    pub fn new(client_id: &str, name: &str) -> App {
        App {
            client_id: client_id.into(),
            name: name.into(),
            redirect_uris: Vec::new(),
            public_client_flows: false,
            multi_tenant: false,
            assignment_required: true,
            admin_consent: true,
            secrets: Vec::new(),
            certificates: Vec::new(),
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where the answer of an authorize request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    FormPost,
    Fragment,
    Query,
}

/// A checked authorize request.
#[derive(Clone)]
pub(crate) struct AuthorizeRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) platform: Platform,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) login_hint: Option<String>,
    pub(crate) ask_consent: bool,
}

/// A PKCE challenge.
#[derive(Clone)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    pub(crate) sha256: bool,
}

/// What a sign-in page is for.
#[derive(Clone)]
pub(crate) enum Flow {
    Authorize(AuthorizeRequest),
    Device { device_code: String },
}

/// A page shown to a person who has not finished.
#[derive(Clone)]
pub(crate) struct PendingSignIn {
    pub(crate) flow: Flow,
    /// Set once the password was right.
    pub(crate) username: Option<String>,
}

/// An authorization code that was handed out.
#[derive(Clone)]
pub(crate) struct IssuedCode {
    pub(crate) request: AuthorizeRequest,
    pub(crate) username: String,
    pub(crate) expires: Timestamp,
    pub(crate) redeemed: bool,
}

/// A refresh token that was handed out.
#[derive(Clone)]
pub(crate) struct RefreshToken {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) scope: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) signed_in: Timestamp,
    pub(crate) used: Timestamp,
    pub(crate) revoked: bool,
}

/// How far a device sign-in got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceState {
    Pending,
    Approved { username: String },
    Declined,
    Redeemed,
}

/// A device sign-in.
#[derive(Clone)]
pub(crate) struct DeviceCode {
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) expires: Timestamp,
    pub(crate) last_poll: Option<Timestamp>,
    pub(crate) state: DeviceState,
}

/// The tenant and everything in it.
pub(crate) struct Directory {
    pub(crate) tenant: String,
    pub(crate) tenant_name: String,
    pub(crate) domain: String,
    pub(crate) users: Vec<User>,
    pub(crate) apps: Vec<App>,
    /// The first signs; all are published.
    pub(crate) keys: Vec<SigningKey>,
    /// (client ID, username) pairs that consented by themselves.
    pub(crate) consents: BTreeSet<(String, String)>,
    pub(crate) pending: HashMap<String, PendingSignIn>,
    pub(crate) codes: HashMap<String, IssuedCode>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// Graph access token to username and expiry.
    pub(crate) access_tokens: HashMap<String, (String, Timestamp)>,
    pub(crate) device_codes: HashMap<String, DeviceCode>,
    /// Browser session cookie to username.
    pub(crate) browser_sessions: HashMap<String, String>,
}

impl Directory {
    pub(crate) fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The pairwise subject: the same for one app and person, unlinkable between apps.
    pub(crate) fn subject(&self, client_id: &str, user: &User) -> String {
        let seed = format!("{}|{}|{}", self.tenant, client_id.to_ascii_lowercase(), user.object_id);
        URL_SAFE_NO_PAD.encode(sha256(seed.as_bytes()))
    }

    pub(crate) fn revoke(&mut self, username: &str) {
        self.browser_sessions.retain(|_, owner| !owner.eq_ignore_ascii_case(username));
        for token in self.refresh_tokens.values_mut() {
            token.revoked |= token.username.eq_ignore_ascii_case(username);
        }
    }
}
