//! What STS is asked for: a role, or a session of the keys' own user, narrowed as the bookmark says.

use std::time::Duration;

use pintail_core::connection::{Connection, SessionLength};
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::{Retry, Schedule};
use pintail_identity::source::{
    AssumeRoleConfig, ProviderError, SessionToken, SessionTokenConfig, WebIdentityFileConfig, assume_role,
};
use pintail_identity::sts::{DurationPlan, StsEndpoint};

use super::{because, refused};
use crate::identity::{scope, sts_endpoint};

/// A role as somebody names it.
pub(super) struct RoleWish {
    pub(super) role: RoleArn,
    pub(super) external_id: Option<String>,
    pub(super) session_name: Option<SessionName>,
    pub(super) duration: Option<Duration>,
}

/// Finds the STS of a connection.
pub(super) fn sts(connection: &Connection) -> Result<StsEndpoint, ProviderError> {
    let failed = |error| because(refused("the STS endpoint cannot be used", Retry::Never), error);
    sts_endpoint(connection).map_err(failed)
}

/// Says how long a session of a role to ask for. With a one-time code there is one attempt, so that a length which the role
/// may not allow is not tried; a session bought with a role's session lives an hour at most.
pub(super) fn role_duration(connection: &Connection, one_attempt: bool) -> Option<Duration> {
    match connection.wish.length {
        SessionLength::Longest => (!one_attempt).then_some(DurationPlan::LONGEST),
        SessionLength::Service => None,
        SessionLength::Exactly(duration) => Some(duration),
    }
}

/// Puts together what is said when asking for a role. Only the last role of a way is narrowed: a narrowed one on the way there
/// might not be allowed to go on.
pub(super) fn request(
    connection: &Connection,
    wish: RoleWish,
    last: bool,
    now: jiff::Timestamp,
) -> Result<AssumeRoleConfig, ProviderError> {
    let (policy, policy_arns) = if last { narrowing(connection, &wish.role)? } else { (None, Vec::new()) };
    Ok(AssumeRoleConfig {
        endpoint: sts(connection)?,
        session_name: wish.session_name.unwrap_or_else(|| assume_role::session_name_at(now)),
        role: wish.role,
        external_id: wish.external_id,
        duration: wish.duration,
        policy,
        policy_arns,
        source_identity: None,
        tags: if last { connection.wish.tags.clone() } else { Vec::new() },
        schedule: Schedule::INTERACTIVE,
    })
}

/// Puts together what is said when exchanging a token file for a role.
pub(super) fn token_file_request(
    connection: &Connection,
    wish: RoleWish,
    token_file: std::path::PathBuf,
    last: bool,
) -> Result<WebIdentityFileConfig, ProviderError> {
    let (policy, policy_arns) = if last { narrowing(connection, &wish.role)? } else { (None, Vec::new()) };
    Ok(WebIdentityFileConfig {
        endpoint: sts(connection)?,
        role: wish.role,
        token_file,
        session_name: wish.session_name,
        duration: wish.duration,
        policy,
        policy_arns,
        schedule: Schedule::INTERACTIVE,
    })
}

/// Puts together what is said when asking for a session of the keys' own user.
pub(super) fn session_token_request(connection: &Connection) -> Result<SessionTokenConfig, ProviderError> {
    Ok(SessionTokenConfig {
        endpoint: sts(connection)?,
        duration: match connection.wish.length {
            SessionLength::Longest => Some(SessionToken::LONGEST),
            SessionLength::Service => None,
            SessionLength::Exactly(duration) => Some(duration),
        },
        schedule: Schedule::INTERACTIVE,
    })
}

fn narrowing(
    connection: &Connection,
    role: &RoleArn,
) -> Result<(Option<String>, Vec<String>), ProviderError> {
    let scope = scope(connection);
    let policy = scope.inline_policy(role.partition());
    let policy =
        policy.map_err(|error| because(refused("the session cannot be narrowed so", Retry::Never), error))?;
    Ok((policy, scope.policy_arns))
}
