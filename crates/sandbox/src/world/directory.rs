//! The tenant: its people, its app registrations, its signing keys, and every sign-in under way.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::tenant::{Assignment, ClaimsPolicy, DirectoryRole, Grant, Group, Settings};
use crate::issuer::keys::SigningKey;
use crate::random::{guid_of, sha256};

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
    /// What the person may administer in the tenant.
    pub directory_roles: Vec<DirectoryRole>,
    /// Whether the account may sign in (else AADSTS50057).
    pub enabled: bool,
    /// Whether the person signs in with a second factor, as the optional claim `amr` tells.
    pub mfa: bool,
    /// What else the directory knows of the person, by the names that claims mapping policies use: `department`,
    /// `employeeid`, `jobtitle`, …
    pub attributes: BTreeMap<String, String>,
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
            directory_roles: Vec::new(),
            mfa: true,
            attributes: BTreeMap::new(),
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

/// An app registration and its enterprise application.
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
    /// "Assignment required" of the enterprise application: who is assigned neither by name nor by a group
    /// is refused (AADSTS50105).
    pub assignment_required: bool,
    /// Whether an admin has consented for everyone to whatever the app asks for. If not, the delegated
    /// permission grants decide, and each person is asked for what they do not cover.
    pub admin_consent: bool,
    /// Client secrets.
    pub secrets: Vec<String>,
    /// Certificates for `private_key_jwt`.
    pub certificates: Vec<Certificate>,
    /// The GUID of the application object; `None` for an app that is registered in another tenant, as
    /// Microsoft's own are.
    pub object_id: Option<String>,
    /// The GUID of the service principal; without one nobody can sign in (AADSTS700016).
    pub service_principal_id: Option<String>,
    /// Whether sign-in is switched on at the enterprise application (else AADSTS7000112).
    pub enabled: bool,
    /// Object IDs of the owners.
    pub owners: Vec<String>,
    /// What else the application object says, by Graph's names: `tags`, `notes`, `optionalClaims`, `api`, …
    pub registration: Map<String, Value>,
    /// What else the service principal says, by Graph's names: `tags`, `notes`, …
    pub enterprise: Map<String, Value>,
}

impl App {
    /// Returns a registration of this tenant without redirect URIs, consented to by the admin, open to everybody
    /// in the tenant, with a service principal.
    pub fn new(client_id: &str, name: &str) -> App {
        App {
            client_id: client_id.into(),
            name: name.into(),
            redirect_uris: Vec::new(),
            public_client_flows: false,
            multi_tenant: false,
            assignment_required: false,
            admin_consent: true,
            secrets: Vec::new(),
            certificates: Vec::new(),
            object_id: Some(guid_of(&format!("application {client_id}"))),
            service_principal_id: Some(guid_of(&format!("service principal {client_id}"))),
            enabled: true,
            owners: Vec::new(),
            registration: Map::new(),
            enterprise: Map::new(),
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

/// A Graph access token that was handed out.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) username: String,
    pub(crate) client_id: String,
    pub(crate) expires: Timestamp,
    /// Short names, as in `scp`.
    pub(crate) scopes: Vec<String>,
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
    /// Signing keys that belong to one app, by client ID. They are published for that app alone.
    pub(crate) app_keys: HashMap<String, SigningKey>,
    pub(crate) groups: Vec<Group>,
    /// Who consented to what.
    pub(crate) grants: Vec<Grant>,
    /// Who may use the apps that demand it.
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) claims_policies: Vec<ClaimsPolicy>,
    /// Applications that were deleted and could be brought back.
    pub(crate) deleted: Vec<App>,
    pub(crate) settings: Settings,
    /// Objects that are not everywhere yet: by object ID, how many more requests do not find them.
    pub(crate) unseen: HashMap<String, u32>,
    pub(crate) pending: HashMap<String, PendingSignIn>,
    pub(crate) codes: HashMap<String, IssuedCode>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    pub(crate) access_tokens: HashMap<String, AccessToken>,
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
