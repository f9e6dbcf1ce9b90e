//! Why a profile of the AWS configuration cannot be used.

use std::fmt;

use super::resolve::CHAIN_MAX;
use crate::command_line::CommandLineError;
use crate::name::NameError;
use crate::retry::Retry;

/// Why a profile cannot be used. No message shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such profile.
    #[error("the AWS configuration has no profile {name:?}; it has {}", Known(.known))]
    UnknownProfile {
        /// The name.
        name: String,
        /// The names of those that are there.
        known: Vec<String>,
    },
    /// The profile has a role and nothing to get it with.
    #[error("the AWS profile {profile:?} has role_arn but neither source_profile nor credential_source")]
    NoRoleSource {
        /// The profile.
        profile: String,
    },
    /// The profile names two ways to get its role.
    #[error("the AWS profile {profile:?} has both source_profile and credential_source")]
    TwoRoleSources {
        /// The profile.
        profile: String,
    },
    /// The source does not exist.
    #[error("the AWS profile {profile:?} has the source_profile {source_profile:?}, which is not there")]
    UnknownSourceProfile {
        /// The profile.
        profile: String,
        /// Its source.
        source_profile: String,
    },
    /// The sources lead back to where they came from.
    #[error("the source_profile of AWS profiles goes in a circle: {}", chain.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" -> "))]
    Circle {
        /// The profiles in their order; the last one stands in the list twice.
        chain: Vec<String>,
    },
    /// More roles behind one another than anybody has.
    #[error("more than {CHAIN_MAX} AWS profiles are chained by source_profile, from {profile:?}")]
    ChainTooLong {
        /// The first profile.
        profile: String,
    },
    /// The profile has a token file but no role.
    #[error("the AWS profile {profile:?} has web_identity_token_file but no role_arn")]
    NoRole {
        /// The profile.
        profile: String,
    },
    /// Something is missing for Identity Center.
    #[error("the AWS profile {profile:?} uses IAM Identity Center but lacks {}", missing.join(", "))]
    IncompleteIdentityCenter {
        /// The profile.
        profile: String,
        /// The keys that are missing.
        missing: Vec<&'static str>,
    },
    /// The profile refers to a section that is not there.
    #[error("the AWS profile {profile:?} refers to [{kind} {name}], which is not there", name = name.escape_debug())]
    UnknownSection {
        /// The profile.
        profile: String,
        /// `sso-session` or `services`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Profile and `sso-session` say different things.
    #[error("the AWS profile {profile:?} and its sso-session {session:?} have different values of {key:?}")]
    Contradiction {
        /// The profile.
        profile: String,
        /// The session.
        session: String,
        /// The key.
        key: String,
    },
    /// Half of a pair of keys is missing.
    #[error("the AWS profile {profile:?} has aws_access_key_id but no aws_secret_access_key")]
    NoSecretKey {
        /// The profile.
        profile: String,
    },
    /// A sign-in of `aws login`, whose key only the AWS command line has.
    #[error(
        "the AWS profile {profile:?} signs in with \"aws login\", which only the AWS command line can renew; \
         a credential_process with \"aws configure export-credentials --format process\" hands it on"
    )]
    LoginSession {
        /// The profile.
        profile: String,
    },
    /// The command line of `credential_process` cannot be split.
    #[error("credential_process of the AWS profile {profile:?} cannot be read")]
    Process {
        /// The profile.
        profile: String,
        /// Why.
        #[source]
        source: CommandLineError,
    },
    /// A value is not a name of its kind.
    #[error("{key} of the AWS profile {profile:?} cannot be used")]
    Name {
        /// The profile.
        profile: String,
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: NameError,
    },
    /// A value is none of those that its key takes.
    #[error("{key} of the AWS profile {profile:?} is {text:?}; it has to be {expected}")]
    Value {
        /// The profile.
        profile: String,
        /// The key.
        key: &'static str,
        /// The value.
        text: String,
        /// What is taken.
        expected: &'static str,
    },
    /// The profile names no way to credentials.
    #[error("the AWS profile {profile:?} says nothing about where credentials come from")]
    NoCredentials {
        /// The profile.
        profile: String,
    },
}

impl ResolveError {
    /// Says what would have to change: the configuration.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Shows names of profiles, as many as a person reads.
struct Known<'a>(&'a [String]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 20;
        if self.0.is_empty() {
            return f.write_str("none at all");
        }
        for (at, name) in self.0.iter().take(SHOWN_MAX).enumerate() {
            write!(f, "{}{name:?}", if at == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
