//! Drives the calls over the HTTP seam: retries what time mends, shortens the wish for a long session, learns the time.
//!
//! It does not renew tokens: an answer that the ID token is over goes back to `session`, which has the means.

use std::time::Duration;

use http::StatusCode;
use http::header::{AGE, DATE};
use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{Clock, HttpClient, HttpError, HttpRequest, HttpResponse, Random};
use pintail_core::secret::Secret;

use super::answer::{self, AnswerError, AssumeRoleAnswer, AssumedRole, CallerIdentity};
use super::duration::{DurationPlan, LearnedDuration};
use super::endpoint::StsEndpoint;
use super::error::{StsCall, StsError, StsErrorKind};
use super::facts::TokenFacts;
use super::request::{self, AssumeDetails, RoleSession};

/// The doors to the outside that the calls need.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeSeams<'a> {
    /// The network.
    pub http: &'a dyn HttpClient,
    /// The time, which learns from the `Date` of every answer that no cache gave.
    pub clock: &'a dyn Clock,
    /// Chance, for the jitter of retries.
    pub random: &'a dyn Random,
}

/// What to exchange an ID token for.
#[derive(Clone, Debug)]
pub struct ExchangeRequest {
    /// Where.
    pub endpoint: StsEndpoint,
    /// The role.
    pub role: RoleArn,
    /// The session's name.
    pub session_name: SessionName,
    /// The ID token. Never the access token.
    pub token: Secret,
    /// What the token says, for errors.
    pub facts: TokenFacts,
    /// How long the session is to live.
    pub duration: DurationPlan,
    /// The inline session policy.
    pub policy: Option<String>,
    /// The managed policies that bound the session.
    pub policy_arns: Vec<String>,
    /// How patiently to try again.
    pub schedule: Schedule,
}

/// What to go on to from one role's session: a second role.
#[derive(Clone, Debug)]
pub struct ChainRequest {
    /// Where.
    pub endpoint: StsEndpoint,
    /// The second role.
    pub role: RoleArn,
    /// The session's name.
    pub session_name: SessionName,
    /// What the second role's owner asks to be told.
    pub external_id: Option<String>,
    /// How long the session is to live. AWS caps a chained session at one hour, and so does [`chain`].
    pub duration: Option<Duration>,
    /// The inline session policy.
    pub policy: Option<String>,
    /// The managed policies that bound the session.
    pub policy_arns: Vec<String>,
    /// How patiently to try again.
    pub schedule: Schedule,
}

/// What an exchange gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The credential.
    pub credential: Credential,
    /// When it was issued, by the clock that learned from the answer.
    pub issued_at: Timestamp,
    /// The session as AWS names it. SeaweedFS does not say.
    pub assumed_role: Option<AssumedRole>,
    /// The subject STS found in the token.
    pub subject: Option<String>,
    /// The audience STS found in the token.
    pub audience: Option<String>,
    /// The provider, opaque.
    pub provider: Option<String>,
    /// How full the space for policies and tags is, in per cent.
    pub packed_policy_size_percent: Option<u32>,
    /// The source identity the token set.
    pub source_identity: Option<String>,
    /// What to remember of the role's longest session, when a longer one was refused.
    pub learned_duration: Option<LearnedDuration>,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No answer came.
    #[error("STS could not be asked")]
    Http(#[source] HttpError),
    /// STS said no.
    #[error("STS refused")]
    Refused(#[source] StsError),
    /// STS said yes in a form that cannot be read.
    #[error("the answer of STS could not be used")]
    Unusable(#[source] AnswerError),
}

impl ExchangeError {
    /// Tells what would have to change.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Http(error) => error.retry(),
            Self::Refused(error) => error.retry(),
            Self::Unusable(_) => Retry::Never,
        }
    }

    /// Returns STS's refusal, if that is what it was.
    pub fn refusal(&self) -> Option<&StsError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Http(_) | Self::Unusable(_) => None,
        }
    }
}

/// Exchanges an ID token for a credential.
///
/// Passing trouble is retried by the request's schedule; a duration that the role does not allow is shortened at once.
///
/// # Errors
/// When STS refuses, cannot be reached, or answers nonsense. Nothing is kept either way.
pub async fn exchange(
    seams: ExchangeSeams<'_>,
    request: &ExchangeRequest,
) -> Result<Exchanged, ExchangeError> {
    let mut plan = request.duration;
    let call = StsCall::AssumeRoleWithWebIdentity;
    loop {
        let session = RoleSession {
            role: &request.role,
            name: &request.session_name,
            duration: plan.asked(),
            policy: request.policy.as_deref(),
            policy_arns: &request.policy_arns,
        };
        let text =
            |_: Timestamp| request::assume_role_with_web_identity(&request.endpoint, session, &request.token);
        match send(seams, call, request.schedule, Some(&request.facts), text).await {
            Err(ExchangeError::Refused(error))
                if error.kind == StsErrorKind::DurationTooLong && plan.too_long() =>
            {
                tracing::debug!(
                    next = ?plan.asked(),
                    "the role allows shorter sessions only"
                );
            }
            Err(error) => return Err(error),
            Ok(response) => {
                let answer = answer::assume_role(&response.body).map_err(ExchangeError::Unusable)?;
                let now = seams.clock.now();
                return exchanged(answer, now, plan.granted(now));
            }
        }
    }
}

/// Goes on from one role's session into another role.
///
/// # Errors
/// As [`exchange`].
pub async fn chain(
    seams: ExchangeSeams<'_>,
    first: &Credential,
    request: &ChainRequest,
) -> Result<Exchanged, ExchangeError> {
    let session = RoleSession {
        role: &request.role,
        name: &request.session_name,
        duration: request
            .duration
            .map(|wish| wish.clamp(DurationPlan::SHORTEST, DurationPlan::ALWAYS_ALLOWED)),
        policy: request.policy.as_deref(),
        policy_arns: &request.policy_arns,
    };
    let details = AssumeDetails { external_id: request.external_id.as_deref(), ..AssumeDetails::default() };
    let text = |now| request::assume_role(&request.endpoint, session, details, first, now);
    let response = send(seams, StsCall::AssumeRole, request.schedule, None, text).await?;
    let answer = answer::assume_role(&response.body).map_err(ExchangeError::Unusable)?;
    exchanged(answer, seams.clock.now(), None)
}

/// Asks who a credential belongs to.
///
/// # Errors
/// As [`exchange`].
pub async fn caller_identity(
    seams: ExchangeSeams<'_>,
    endpoint: &StsEndpoint,
    credential: &Credential,
    schedule: Schedule,
) -> Result<CallerIdentity, ExchangeError> {
    let text = |now| request::get_caller_identity(endpoint, credential, now);
    let response = send(seams, StsCall::GetCallerIdentity, schedule, None, text).await?;
    answer::caller_identity(&response.body).map_err(ExchangeError::Unusable)
}

/// Makes the result of an answer. One that is over already would be asked for again with every request.
pub(super) fn exchanged(
    answer: AssumeRoleAnswer,
    issued_at: Timestamp,
    learned: Option<LearnedDuration>,
) -> Result<Exchanged, ExchangeError> {
    if let Some(expires_at) = answer.credential.expires_at.filter(|end| *end <= issued_at) {
        return Err(ExchangeError::Unusable(AnswerError::AlreadyOver { expires_at }));
    }
    Ok(Exchanged {
        credential: answer.credential,
        issued_at,
        assumed_role: answer.assumed_role,
        subject: answer.subject,
        audience: answer.audience,
        provider: answer.provider,
        packed_policy_size_percent: answer.packed_policy_size_percent,
        source_identity: answer.source_identity,
        learned_duration: learned,
    })
}

/// Sends until an answer of 200 or an error that time does not mend. `text` is made anew for each attempt: signatures
/// age.
pub(super) async fn send(
    seams: ExchangeSeams<'_>,
    call: StsCall,
    schedule: Schedule,
    facts: Option<&TokenFacts>,
    text: impl Fn(Timestamp) -> HttpRequest + Send,
) -> Result<HttpResponse, ExchangeError> {
    let mut failed = 0;
    loop {
        let error = match seams.http.send(text(seams.clock.now())).await {
            Ok(response) => {
                if let Some(server_now) = date_of(&response) {
                    seams.clock.observe(server_now);
                }
                if response.status == StatusCode::OK {
                    return Ok(response);
                }
                ExchangeError::Refused(StsError::read(call, response.status, &response.body, facts))
            }
            Err(error) => ExchangeError::Http(error),
        };
        failed += 1;
        let delay = match error.retry() {
            verdict @ (Retry::Backoff | Retry::After(_)) => schedule.delay(verdict, failed, seams.random),
            Retry::Never | Retry::AfterRenewal | Retry::AfterSignIn => None,
        };
        let Some(delay) = delay else { return Err(error) };
        tracing::debug!(call = call.name(), failed, "trying again");
        tokio::time::sleep(delay).await;
    }
}

/// Returns when the answer was made, unless a cache kept it since.
fn date_of(response: &HttpResponse) -> Option<Timestamp> {
    if response.headers.contains_key(AGE) {
        return None;
    }
    let text = response.headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::endpoint::EndpointChoice;
    use http::{HeaderMap, HeaderValue};
    use pintail_core::seam::{CorrectedClock, HttpErrorKind, ManualClock, ScriptedHttp, SeededRandom};

    const YES: &str = "<R><Credentials><AccessKeyId>ASIANEW</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2026-11-23T13:00:00Z</Expiration></Credentials></R>";

    fn no(code: &str, message: &str) -> String {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    }

    struct Bench {
        http: ScriptedHttp,
        clock: CorrectedClock<ManualClock>,
        random: SeededRandom,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                http: ScriptedHttp::default(),
                clock: CorrectedClock::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap())),
                random: SeededRandom::new(1),
            }
        }

        fn seams(&self) -> ExchangeSeams<'_> {
            ExchangeSeams { http: &self.http, clock: &self.clock, random: &self.random }
        }

        fn durations(&self) -> Vec<String> {
            let read = |request: &HttpRequest| {
                let fields = url::form_urlencoded::parse(&request.body).into_owned();
                fields.into_iter().find(|(name, _)| name == "DurationSeconds").unwrap().1
            };
            self.http.requests().iter().map(read).collect()
        }
    }

    fn wanted() -> ExchangeRequest {
        ExchangeRequest {
            endpoint: StsEndpoint::new(&EndpointChoice::Regional, &"eu-central-1".parse().unwrap()).unwrap(),
            role: "arn:aws:iam::123456789012:role/S3Reader".parse().unwrap(),
            session_name: "alice".parse().unwrap(),
            token: Secret::new("the-id-token"),
            facts: TokenFacts {
                issuer: "https://issuer".into(),
                audience: vec!["client".into()],
                authorized_party: None,
                subject: "a-subject".into(),
                expires_at: Timestamp::UNIX_EPOCH,
            },
            duration: DurationPlan::new(Some(DurationPlan::LONGEST), None, Timestamp::UNIX_EPOCH),
            policy: None,
            policy_arns: vec![],
            schedule: Schedule::INTERACTIVE,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn passing_trouble_is_waited_out() {
        let bench = Bench::new();
        bench.http.fail(HttpErrorKind::Timeout);
        bench.http.answer(400, no("InvalidIdentityToken", "Couldn't retrieve verification key"));
        bench.http.answer(400, no("IDPCommunicationError", ""));
        bench.http.answer(200, YES);
        let exchanged = exchange(bench.seams(), &wanted()).await.unwrap();
        assert_eq!(exchanged.credential.access_key_id, "ASIANEW");
        assert_eq!(bench.http.requests().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_that_stays_ends_the_attempts() {
        let bench = Bench::new();
        for _ in 0..5 {
            bench.http.answer(400, no("IDPCommunicationError", "unreachable"));
        }
        let error = exchange(bench.seams(), &wanted()).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().kind, StsErrorKind::ProviderUnreachable);
        assert_eq!(error.retry(), Retry::Backoff);
    }

    #[tokio::test(start_paused = true)]
    async fn what_time_does_not_mend_is_said_at_once() {
        for (code, retry) in [
            ("AccessDenied", Retry::Never),
            ("ExpiredTokenException", Retry::AfterRenewal),
            ("IDPRejectedClaim", Retry::AfterSignIn),
        ] {
            let bench = Bench::new();
            bench.http.answer(403, no(code, ""));
            let error = exchange(bench.seams(), &wanted()).await.unwrap_err();
            assert_eq!(error.retry(), retry, "{code}");
            assert_eq!(bench.http.requests().len(), 1);
            let shown = format!("{error:?}");
            assert!(!shown.contains("the-id-token") && !shown.contains("a-subject"), "{shown}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_duration_falls_to_what_the_role_allows_and_is_learned() {
        let bench = Bench::new();
        let too_long = no(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        );
        bench.http.answer(400, too_long.clone());
        bench.http.answer(400, too_long);
        bench.http.answer(200, YES);
        let exchanged = exchange(bench.seams(), &wanted()).await.unwrap();
        assert_eq!(bench.durations(), ["43200", "21600", "10800"]);
        assert_eq!(exchanged.learned_duration.unwrap().granted_seconds, 10_800);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_learns_from_refusals_too() {
        let bench = Bench::new();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Mon, 23 Nov 2026 12:20:00 GMT"));
        bench.http.answer_with(400, headers, no("ExpiredTokenException", ""));
        exchange(bench.seams(), &wanted()).await.unwrap_err();
        assert_eq!(bench.clock.now().to_string(), "2026-11-23T12:20:00Z");

        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Mon, 23 Nov 2026 09:00:00 GMT"));
        headers.insert(AGE, HeaderValue::from_static("12000"));
        bench.http.answer_with(400, headers, no("ExpiredTokenException", ""));
        exchange(bench.seams(), &wanted()).await.unwrap_err();
        assert_eq!(bench.clock.now().to_string(), "2026-11-23T12:20:00Z", "a cache tells no time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_is_over_when_it_comes_is_no_credential() {
        for late in ["2026-11-23T13:00:00Z", "2026-11-24T12:00:00Z"] {
            let bench = Bench::new();
            bench.clock.observe(late.parse().unwrap());
            bench.http.answer(200, YES);
            let error = exchange(bench.seams(), &wanted()).await.unwrap_err();
            assert!(matches!(error, ExchangeError::Unusable(AnswerError::AlreadyOver { .. })), "{error:?}");
            assert_eq!((error.retry(), bench.http.requests().len()), (Retry::Never, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_chained_session_is_capped_at_an_hour() {
        let bench = Bench::new();
        bench.http.answer(200, YES);
        let first = Credential {
            access_key_id: "ASIAFIRST".into(),
            secret_access_key: Secret::new("s"),
            session_token: None,
            expires_at: None,
        };
        let wanted = wanted();
        let request = ChainRequest {
            endpoint: wanted.endpoint,
            role: wanted.role,
            session_name: wanted.session_name,
            external_id: Some("e".into()),
            duration: Some(DurationPlan::LONGEST),
            policy: None,
            policy_arns: vec![],
            schedule: Schedule::INTERACTIVE,
        };
        chain(bench.seams(), &first, &request).await.unwrap();
        assert_eq!(bench.durations(), ["3600"]);
        bench.http.answer(200, "<html>");
        let error = caller_identity(bench.seams(), &request.endpoint, &first, Schedule::INTERACTIVE).await;
        assert!(matches!(error, Err(ExchangeError::Unusable(AnswerError::Unreadable))));
    }
}
