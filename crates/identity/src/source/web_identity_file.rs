//! A token that somebody else keeps in a file (Kubernetes, CI runners), exchanged for a role's session.
//!
//! The file is read anew for each exchange, because its keeper renews it. The token is not verified here, STS does that;
//! it is only looked at, so that what is no token never leaves and errors can say what the token claims.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::Credential;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use serde_json::Value;

use super::assume_role::within;
use super::mfa::after;
use super::{Provider, ProviderContext, ProviderError, small_file};
use crate::sts::session_name::session_name;
use crate::sts::{DurationPlan, ExchangeRequest, StsEndpoint, TokenFacts, exchange};

/// The longest token that STS takes (API reference, `WebIdentityToken`).
const TOKEN_MAX_BYTES: u64 = 20_000;
/// How long after its end STS still takes a token.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What to exchange the token for.
#[derive(Clone, Debug)]
pub struct WebIdentityFileConfig {
    /// Where.
    pub endpoint: StsEndpoint,
    /// The role.
    pub role: RoleArn,
    /// The file that holds the token.
    pub token_file: PathBuf,
    /// The session's name; the token's subject made legal without.
    pub session_name: Option<SessionName>,
    /// How long the session is wished to live; `None` leaves it to the server. Halved down to an hour where the role does not
    /// allow as much.
    pub duration: Option<Duration>,
    /// The inline session policy.
    pub policy: Option<String>,
    /// The managed policies that bound the session.
    pub policy_arns: Vec<String>,
    /// How patiently to try again.
    pub schedule: Schedule,
}

/// Fetches a session of a role with the token in a file.
#[derive(Clone, Debug)]
pub struct WebIdentityFile {
    context: ProviderContext,
    config: WebIdentityFileConfig,
}

impl WebIdentityFile {
    /// Reads nothing yet.
    pub fn new(context: ProviderContext, config: WebIdentityFileConfig) -> Self {
        Self { context, config }
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let config = &self.config;
        let token = small_file::read("identity token", &config.token_file, TOKEN_MAX_BYTES).await?;
        let shown = format!("{:?}", config.token_file.display().to_string());
        let facts = look(&token).ok_or_else(|| {
            ProviderError::new(format!("{shown} holds no identity token (a JWT)"), Retry::Backoff)
        })?;
        let now = self.context.clock.now();
        if facts.expires_at.duration_since(now) < -SLACK {
            let what = format!("the identity token in {shown} ended at {}", facts.expires_at);
            return Err(ProviderError::new(what, Retry::Backoff)
                .with_next("Let the program that writes the token write a new one."));
        }
        let request = ExchangeRequest {
            endpoint: config.endpoint.clone(),
            role: config.role.clone(),
            session_name: session_name(config.session_name.as_ref(), None, &facts.subject),
            token,
            facts,
            duration: DurationPlan::new(config.duration, None, now),
            policy: config.policy.clone(),
            policy_arns: config.policy_arns.clone(),
            schedule: config.schedule,
        };
        let exchanged = within(&config.endpoint, exchange(self.context.sts(), &request)).await;
        exchanged.map(|exchanged| exchanged.credential).map_err(|error| {
            let what = format!("the token in {shown} gave no session of role {}", config.role);
            ProviderError::new(what, after(&error)).because(error)
        })
    }
}

impl Provider for WebIdentityFile {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }
}

/// Reads what a token says of itself; `None` for what is no token that STS could take.
fn look(token: &Secret) -> Option<TokenFacts> {
    let parts: Vec<&str> = token.expose().split('.').collect();
    let legal = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if parts.len() != 3 || !parts.iter().all(legal) {
        return None;
    }
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).ok()?).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => vec![],
    };
    let seconds = claims.get("exp").and_then(Value::as_f64)?;
    Some(TokenFacts {
        issuer: text("iss")?,
        audience,
        authorized_party: text("azp"),
        subject: text("sub")?,
        // Saturates: the range of times is smaller than that of numbers.
        expires_at: Timestamp::from_second(seconds as i64).ok()?,
    })
}

#[cfg(test)]
mod tests;
