//! The AWS account: identity providers, roles, users and their documents, and the credentials that exist.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::settling::Before;
use super::users::{AccessKey, IamUser, MfaDevice};

/// The name of the account's administrator, who stands outside the list of users.
pub(crate) const ADMIN_NAME: &str = "sandbox-admin";

/// The static key of the account's administrator.
#[derive(Clone)]
pub struct AdminKey {
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// An OpenID Connect provider of the account.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// The issuer's URL with its scheme.
    pub(crate) url: String,
    pub(crate) client_ids: Vec<String>,
    pub(crate) thumbprints: Vec<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) created: Timestamp,
}

impl Provider {
    /// The URL without its scheme: the tail of the ARN and the prefix of condition keys.
    pub(crate) fn name(&self) -> &str {
        provider_name(&self.url)
    }
}

/// Cuts the scheme off an issuer URL.
pub(crate) fn provider_name(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// A role and its documents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The stable ID, `AROA…`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The description.
    pub description: Option<String>,
    /// The trust policy as written.
    pub trust_policy: String,
    /// Inline permission policies by name.
    pub inline_policies: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    pub attached_policies: BTreeSet<String>,
    /// The longest session in seconds.
    pub max_session_s: u32,
    /// Tags in the order they were given.
    pub tags: Vec<(String, String)>,
    /// The ARN of a managed policy that bounds what the others give.
    pub permissions_boundary: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A managed policy of the account.
#[derive(Clone, Debug)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) path: String,
    /// Oldest first; never empty.
    pub(crate) versions: Vec<PolicyVersion>,
    /// The number of the version that counts.
    pub(crate) default: u32,
    /// Numbers are not used twice.
    pub(crate) last_number: u32,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl ManagedPolicy {
    /// The document of the version that counts.
    pub(crate) fn document(&self) -> Option<&str> {
        let version = self.versions.iter().find(|version| version.number == self.default)?;
        Some(&version.document)
    }
}

/// One version of a managed policy.
#[derive(Clone, Debug)]
pub(crate) struct PolicyVersion {
    pub(crate) number: u32,
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

/// The policies of AWS that this sandbox knows, with what they allow everywhere.
pub(crate) const AWS_MANAGED: [(&str, &str); 3] = [
    ("AdministratorAccess", r#""*""#),
    ("AmazonS3FullAccess", r#""s3:*""#),
    ("AmazonS3ReadOnlyAccess", r#"["s3:Get*","s3:List*","s3:Describe*"]"#),
];

/// Whose permissions a temporary credential has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Role { arn: String, name: String },
    User { name: String },
}

/// A temporary credential and what it stands for.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expires: Timestamp,
    pub(crate) of: Actor,
    /// `AROA…:session-name`, or a user's own `AIDA…`.
    pub(crate) user_id: String,
    /// `arn:aws:sts::…:assumed-role/ROLE/session-name`, or the user's own.
    pub(crate) arn: String,
    /// When the person behind it gave a one-time code to get this very credential.
    pub(crate) mfa_at: Option<Timestamp>,
    /// Policies given with the call: each must allow too.
    pub(crate) session_policies: Vec<String>,
    /// Condition keys that the session keeps: the provider's `aud`, `sub`, `amr`, principal tags.
    pub(crate) context: BTreeMap<String, Vec<String>>,
    pub(crate) source_identity: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("arn", &self.arn)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Who signed a request.
#[derive(Clone, Debug)]
pub(crate) enum Principal {
    /// The account's administrator: may do everything.
    Admin,
    /// Nobody: a request without a signature.
    Anonymous,
    Session(Arc<Session>),
    User(Arc<IamUser>),
}

/// The account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) admin: AdminKey,
    /// By ARN.
    pub(crate) providers: BTreeMap<String, Provider>,
    /// By name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Roles of the organisation's other accounts, by name.
    pub(crate) foreign_roles: BTreeMap<String, Role>,
    /// By ARN.
    pub(crate) policies: BTreeMap<String, ManagedPolicy>,
    /// By name.
    pub(crate) users: BTreeMap<String, IamUser>,
    /// Long-term keys of users, by access key ID.
    pub(crate) keys: BTreeMap<String, AccessKey>,
    /// By serial number, which is an ARN.
    pub(crate) mfa_devices: BTreeMap<String, MfaDevice>,
    /// By access key ID.
    pub(crate) sessions: HashMap<String, Arc<Session>>,
    pub(crate) disabled_regions: BTreeSet<String>,
    /// The account's alias, if it has one.
    pub(crate) alias: Option<String>,
    /// How many calls see an IAM change not yet; 0 sees everything at once.
    pub(crate) settle_calls: u32,
    /// How many calls of S3 a session is good for; without it, any number.
    pub(crate) session_calls_max: Option<u32>,
    /// How many it has made, by access key ID, while there is a limit.
    pub(crate) session_calls: HashMap<String, u32>,
    /// By name.
    pub(crate) roles_before: HashMap<String, Before<Role>>,
    /// By ARN.
    pub(crate) providers_before: HashMap<String, Before<Provider>>,
}

impl Account {
    /// Finds the owner and the secret of an access key.
    pub(crate) fn key(&self, access_key_id: &str) -> Option<(Principal, String)> {
        if access_key_id == self.admin.access_key_id {
            return Some((Principal::Admin, self.admin.secret_access_key.clone()));
        }
        if let Some(key) = self.keys.get(access_key_id) {
            let user = self.users.get(&key.user_name)?;
            return Some((Principal::User(Arc::new(user.clone())), key.secret_access_key.clone()));
        }
        let session = self.sessions.get(access_key_id)?;
        Some((Principal::Session(Arc::clone(session)), session.secret_access_key.clone()))
    }

    pub(crate) fn arn_of(&self, principal: &Principal) -> String {
        match principal {
            Principal::Admin => format!("arn:aws:iam::{}:user/{ADMIN_NAME}", self.id),
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Session(session) => session.arn.clone(),
            Principal::User(user) => user.arn.clone(),
        }
    }

    /// The identity policies of whoever asks: inline ones, then attached ones.
    pub(crate) fn identity_documents(&self, principal: &Principal) -> Vec<String> {
        match principal {
            Principal::Admin | Principal::Anonymous => Vec::new(),
            Principal::User(user) => self.user_documents(&user.name),
            Principal::Session(session) => match &session.of {
                Actor::Role { arn, .. } => self.role_documents(arn),
                Actor::User { name } => self.user_documents(name),
            },
        }
    }

    fn role_documents(&self, arn: &str) -> Vec<String> {
        let mut roles = self.roles_seen().chain(self.foreign_roles.values());
        let Some(role) = roles.find(|role| role.arn == arn) else { return Vec::new() };
        self.documents(&role.inline_policies, &role.attached_policies)
    }

    /// The document that bounds whoever asks, if there is one.
    pub(crate) fn boundary_document(&self, principal: &Principal) -> Option<String> {
        let Principal::Session(session) = principal else { return None };
        let Actor::Role { arn, .. } = &session.of else { return None };
        let boundary = self.roles_seen().find(|role| role.arn == *arn)?.permissions_boundary.clone()?;
        // A boundary that is gone allows nothing.
        Some(self.managed_document(&boundary).unwrap_or_else(|| r#"{"Statement":[]}"#.to_owned()))
    }

    fn user_documents(&self, name: &str) -> Vec<String> {
        if name == ADMIN_NAME {
            return self
                .managed_document("arn:aws:iam::aws:policy/AdministratorAccess")
                .into_iter()
                .collect();
        }
        let Some(user) = self.users.get(name) else { return Vec::new() };
        self.documents(&user.inline_policies, &user.attached_policies)
    }

    fn documents(&self, inline: &BTreeMap<String, String>, attached: &BTreeSet<String>) -> Vec<String> {
        let attached = attached.iter().filter_map(|arn| self.managed_document(arn));
        inline.values().cloned().chain(attached).collect()
    }

    /// The document of a managed policy: the account's own, or one of the few of AWS that the sandbox knows.
    pub(crate) fn managed_document(&self, arn: &str) -> Option<String> {
        let name = arn.strip_prefix("arn:aws:iam::aws:policy/");
        let known = AWS_MANAGED.iter().find(|(known, _)| Some(*known) == name);
        let Some((_, actions)) = known else {
            return self.policies.get(arn).and_then(ManagedPolicy::document).map(str::to_owned);
        };
        Some(format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#
        ))
    }

    /// Counts a call of S3 with a session's key; false when it was the session's last before this one.
    pub(crate) fn spend_call(&mut self, access_key_id: &str) -> bool {
        let Some(calls_max) = self.session_calls_max else { return true };
        if !self.sessions.contains_key(access_key_id) {
            return true;
        }
        let calls = self.session_calls.entry(access_key_id.to_owned()).or_default();
        *calls = calls.saturating_add(1);
        *calls <= calls_max
    }

    pub(crate) fn expire_sessions(&mut self, now: Timestamp) {
        for session in self.sessions.values_mut() {
            let mut ended = Session::clone(session);
            ended.expires = ended.expires.min(crate::clock::after(now, -1));
            *session = Arc::new(ended);
        }
    }
}
