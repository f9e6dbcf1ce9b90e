//! Sessions bought with a signature: `AssumeRole` from any credential, and `GetSessionToken` from keys that do not end.
//!
//! The code of an MFA device is good for one call. A call that carries one is sent once: neither passing trouble nor a
//! duration that is too long makes it go out again with the same code.

use std::time::Duration;

use pintail_core::credential::Credential;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::Schedule;

use super::answer;
use super::duration::DurationPlan;
use super::endpoint::StsEndpoint;
use super::error::{StsCall, StsErrorKind};
use super::exchange::{ExchangeError, ExchangeSeams, Exchanged, exchanged, send};
use super::request::{self, AssumeDetails, MfaProof, RoleSession};

/// A role to go into from keys or another session.
#[derive(Clone, Debug)]
pub struct AssumeRoleRequest {
    /// Where.
    pub endpoint: StsEndpoint,
    /// The role.
    pub role: RoleArn,
    /// The session's name.
    pub session_name: SessionName,
    /// What the role's owner asks to be told.
    pub external_id: Option<String>,
    /// How long the session is wished to live; `None` leaves it to the server. Halved down to an hour where the role, or a
    /// chain of roles, does not allow as much.
    pub duration: Option<Duration>,
    /// The inline session policy.
    pub policy: Option<String>,
    /// The managed policies that bound the session.
    pub policy_arns: Vec<String>,
    /// The name that stays with everything done in the session. The grammar is that of session names.
    pub source_identity: Option<SessionName>,
    /// The session's tags, as keys and values.
    pub tags: Vec<(String, String)>,
    /// How patiently to try again.
    pub schedule: Schedule,
}

/// A session of the user that owns a pair of keys.
#[derive(Clone, Debug)]
pub struct SessionTokenRequest {
    /// Where.
    pub endpoint: StsEndpoint,
    /// How long the session is to live, from 900 s to 36 h; `None` leaves it to the server (12 h).
    pub duration: Option<Duration>,
    /// How patiently to try again.
    pub schedule: Schedule,
}

/// Goes into a role.
///
/// # Errors
/// When STS refuses, cannot be reached, or answers nonsense. Nothing is kept either way.
pub async fn assume_role(
    seams: ExchangeSeams<'_>,
    base: &Credential,
    request: &AssumeRoleRequest,
    mfa: Option<&MfaProof>,
) -> Result<Exchanged, ExchangeError> {
    let mut plan = DurationPlan::new(request.duration, None, seams.clock.now());
    let details = AssumeDetails {
        external_id: request.external_id.as_deref(),
        source_identity: request.source_identity.as_ref().map(SessionName::as_str),
        tags: &request.tags,
        mfa,
    };
    loop {
        let session = RoleSession {
            role: &request.role,
            name: &request.session_name,
            duration: plan.asked(),
            policy: request.policy.as_deref(),
            policy_arns: &request.policy_arns,
        };
        let text = |now| request::assume_role(&request.endpoint, session, details, base, now);
        match send(seams, StsCall::AssumeRole, attempts(request.schedule, mfa), None, text).await {
            Err(ExchangeError::Refused(error))
                if mfa.is_none() && error.kind == StsErrorKind::DurationTooLong && plan.too_long() =>
            {
                tracing::debug!(next = ?plan.asked(), "the role allows shorter sessions only");
            }
            Err(error) => return Err(error),
            Ok(response) => {
                let answer = answer::assume_role(&response.body).map_err(ExchangeError::Unusable)?;
                return exchanged(answer, seams.clock.now(), None);
            }
        }
    }
}

/// Buys a session of the keys' own user.
///
/// # Errors
/// As [`assume_role`].
pub async fn session_token(
    seams: ExchangeSeams<'_>,
    base: &Credential,
    request: &SessionTokenRequest,
    mfa: Option<&MfaProof>,
) -> Result<Exchanged, ExchangeError> {
    let text = |now| request::get_session_token(&request.endpoint, request.duration, mfa, base, now);
    let schedule = attempts(request.schedule, mfa);
    let response = send(seams, StsCall::GetSessionToken, schedule, None, text).await?;
    let answer = answer::assume_role(&response.body).map_err(ExchangeError::Unusable)?;
    exchanged(answer, seams.clock.now(), None)
}

/// A code is spent with the first request that carries it, whether its answer came or not.
fn attempts(schedule: Schedule, mfa: Option<&MfaProof>) -> Schedule {
    Schedule { attempts_max: if mfa.is_some() { 1 } else { schedule.attempts_max }, ..schedule }
}
