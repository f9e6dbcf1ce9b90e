//! What a session is of: a sign-in, a role, and the doors to the outside.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::Schedule;
use pintail_core::seam::{Clock, HttpClient, Random};

use super::lock::LockOptions;
use super::token_source::TokenSource;
use crate::keychain::{EntryName, Keychain};
use crate::sts::{DurationPlan, SessionScope, StsEndpoint};

/// The service name of our entries in keychains.
pub const SERVICE: &str = "pintail";

/// Names a sign-in. Two people at one issuer and client are told apart by the label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignInIdentity {
    /// The issuer, exactly as its tokens write it.
    pub issuer: String,
    /// The client ID.
    pub client_id: String,
    /// What the user calls this sign-in; empty for the only one.
    pub label: String,
}

impl SignInIdentity {
    /// Returns the short name that stands for this sign-in in keychains and lock files. It tells nothing about the person.
    pub fn key(&self) -> String {
        hash_of(&[&self.issuer, &self.client_id, &self.label])
    }

    pub(super) fn sign_in_entry(&self) -> EntryName {
        EntryName::new(SERVICE, format!("sign-in/{}", self.key()))
    }

    /// The beginning of the accounts of all credentials bought with this sign-in.
    pub(super) fn credential_accounts(&self) -> String {
        format!("credential/{}/", self.key())
    }
}

/// The second hop of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextRole {
    /// The role.
    pub role: RoleArn,
    /// What its owner asks to be told.
    pub external_id: Option<String>,
}

/// What the sign-in is exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleConfig {
    /// The STS to ask.
    pub endpoint: StsEndpoint,
    /// The role.
    pub role: RoleArn,
    /// The session's name, if the person's own is not wanted.
    pub session_name: Option<SessionName>,
    /// The session without a name of its own is named after the token's subject, as a trust policy can demand.
    pub named_by_subject: bool,
    /// How long a credential is wished to live; `None` leaves it to the server.
    pub duration: Option<Duration>,
    /// How the session is narrowed.
    pub scope: SessionScope,
    /// A role to go on to from there; its session lives an hour at most.
    pub next: Option<NextRole>,
}

impl RoleConfig {
    /// A session of a role, as long as it allows and not narrowed.
    pub fn new(endpoint: StsEndpoint, role: RoleArn) -> Self {
        Self {
            endpoint,
            role,
            session_name: None,
            named_by_subject: false,
            duration: Some(DurationPlan::LONGEST),
            scope: SessionScope::default(),
            next: None,
        }
    }

    /// Returns the role whose session is handed out.
    pub fn final_role(&self) -> &RoleArn {
        self.next.as_ref().map_or(&self.role, |next| &next.role)
    }

    /// Tells apart everything that makes a different credential: a narrowed session must never be handed out for a wide one.
    fn key(&self) -> String {
        let next = self.next.as_ref();
        let scope = format!("{:?}", self.scope);
        hash_of(&[
            self.endpoint.url().as_str(),
            self.role.as_str(),
            self.session_name.as_ref().map_or("", SessionName::as_str),
            if self.named_by_subject { "subject" } else { "" },
            &scope,
            &self.duration.map_or(0, |wish| wish.as_secs()).to_string(),
            next.map_or("", |next| next.role.as_str()),
            next.and_then(|next| next.external_id.as_deref()).unwrap_or_default(),
        ])
    }

    pub(super) fn entry(&self, identity: &SignInIdentity) -> EntryName {
        EntryName::new(SERVICE, format!("{}{}", identity.credential_accounts(), self.key()))
    }
}

/// How patiently a session works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionOptions {
    /// For calls to STS.
    pub schedule: Schedule,
    /// For the lock shared with other processes.
    pub lock: LockOptions,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { schedule: Schedule::INTERACTIVE, lock: LockOptions::default() }
    }
}

/// What a session works with.
#[derive(Clone, Debug)]
pub struct SessionContext {
    /// The network.
    pub http: Arc<dyn HttpClient>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter and names of temporary files.
    pub random: Arc<dyn Random>,
    /// Where sign-in and credentials are kept.
    pub keychain: Arc<dyn Keychain>,
    /// Where ID tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The folder of the locks, shared by all processes of this user that share the keychain.
    pub lock_folder: PathBuf,
}

pub(crate) fn hash_of(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::{Access, EndpointChoice};

    #[test]
    fn everything_that_makes_another_credential_makes_another_entry() {
        let endpoint = StsEndpoint::new(&EndpointChoice::Regional, &"eu-west-1".parse().unwrap()).unwrap();
        let role: RoleArn = "arn:aws:iam::123456789012:role/A".parse().unwrap();
        let one = RoleConfig::new(endpoint, role.clone());
        let read_only = SessionScope { access: Access::ReadOnly, ..SessionScope::default() };
        let mut keys = vec![
            one.key(),
            RoleConfig { scope: read_only, ..one.clone() }.key(),
            RoleConfig { session_name: Some("batch".parse().unwrap()), ..one.clone() }.key(),
            RoleConfig { named_by_subject: true, ..one.clone() }.key(),
            RoleConfig { duration: Some(Duration::from_secs(900)), ..one.clone() }.key(),
            RoleConfig { next: Some(NextRole { role, external_id: None }), ..one.clone() }.key(),
        ];
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
        assert_eq!(one.key(), one.clone().key());
    }

    #[test]
    fn people_are_told_apart_and_not_named() {
        let of = |label: &str| SignInIdentity {
            issuer: "https://issuer".into(),
            client_id: "client".into(),
            label: label.into(),
        };
        assert_ne!(of("alice").key(), of("bob").key());
        assert!(!of("alice").sign_in_entry().account().contains("alice"));
    }
}
