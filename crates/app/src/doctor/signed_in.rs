//! Looks at the sign-in that is kept, and buys a short session with it.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::connection::SessionLength;
use pintail_core::retry::Schedule;
use pintail_core::seam::{HttpClient as _, HttpRequest};
use pintail_identity::oidc::TokenRefusal;
use pintail_identity::session::{SessionError, error::SignInOver};
use pintail_identity::sts::{
    DurationPlan, ExchangeError, ExchangeRequest, ExchangeSeams, TokenFacts, exchange, session_name,
};

use super::case::{Case, Discovered};
use super::exchange_facts::{self, Known};
use super::finding::{Finding, Level, Line};
use super::network::Service;
use super::token::{self, TokenAtHand};
use crate::explain;
use crate::ops::Error;

/// Fetches an ID token with the sign-in that is kept, and chooses the role.
pub(super) async fn sign_in(case: &mut Case<'_>) -> Vec<Finding> {
    match obtain(case).await {
        Ok(finding) => vec![finding],
        Err(error) => refused(case, error).await,
    }
}

/// Says why the issuer gives no token, and by which check that is told best.
async fn refused(case: &Case<'_>, refusal: Refused) -> Vec<Finding> {
    let Refused { error, is_over, unpublished } = refusal;
    let finding = explained("sign-in", error, "the sign-in that is kept gives no token any more");
    let Some(kid) = unpublished else {
        return vec![if is_over { finding.mended_by_sign_in() } else { finding }];
    };
    let jwks = case.discovered.as_ref().and_then(Discovered::jwks_uri);
    let own = match (&jwks, case.web()) {
        (Some(jwks), Some(web)) => own_keys(case, jwks, web.client_id.as_str()).await,
        _ => None,
    };
    let is_own = own.is_some_and(|keys| token::kids(&keys).any(|one| one == kid));
    let jwks = jwks.as_ref().map_or("the issuer's address", url::Url::as_str);
    let because = Finding { because: Some("signing-key"), ..finding };
    vec![because, token::unpublished_key(&kid, jwks, is_own)]
}

/// Fetches the keys that Entra publishes for one application, where AWS does not look.
async fn own_keys(case: &Case<'_>, jwks: &url::Url, client_id: &str) -> Option<serde_json::Value> {
    let mut url = jwks.clone();
    url.query_pairs_mut().append_pair("appid", client_id);
    let answer = case.transport().ok()?.send(HttpRequest::get(url)).await.ok()?;
    serde_json::from_slice(&answer.body).ok()
}

/// Why there is no token.
struct Refused {
    error: Error,
    is_over: bool,
    /// The key that signed a token, and that the issuer does not publish.
    unpublished: Option<String>,
}

/// Returns the key that a refused token names.
fn unpublished(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let boxed = error.downcast_ref::<Box<TokenRefusal>>().map(AsRef::as_ref);
        if let Some(TokenRefusal::KeyUnknown { kid }) = boxed.or_else(|| error.downcast_ref()) {
            return Some(kid.clone());
        }
        cause = error.source();
    }
    None
}

async fn obtain(case: &mut Case<'_>) -> Result<Finding, Refused> {
    let Some(name) = case.request.name.clone() else {
        return Ok(match &case.token {
            Some(_) => Finding::ok("sign-in", "a token was given"),
            None => {
                Finding::not_run("sign-in", "there is no bookmark", "Name one: `pintail doctor BOOKMARK`.")
            }
        });
    };
    let login = format!("Sign in: `pintail login {name}`, or `pintail doctor {name} --login`.");
    let identity = match case.app.identity(&name).await {
        Ok(identity) => identity,
        Err(error) => {
            return Ok(explained("sign-in", Error::Connect(error), "nothing can be signed in with it"));
        }
    };
    if case.token.is_some() {
        case.role = case.web().and_then(|web| web.roles.first().cloned());
        case.identity = Some(identity);
        return Ok(Finding::ok("sign-in", "a token was given"));
    }
    let session = match identity.any_session() {
        Ok(session) => session,
        Err(error) => return Ok(explained("sign-in", Error::Connect(error), "no session can be asked for")),
    };
    match session.session.id_token().await {
        Ok(given) => {
            match TokenAtHand::of_token(&given.token) {
                Ok(mut token) => {
                    token.person = given.person.clone().or(token.person);
                    case.token = Some(token);
                }
                Err(error) => {
                    let seen = format!("the issuer's ID token cannot be read: {error}");
                    return Ok(Finding::broken("sign-in", seen, "AWS cannot read it either", login));
                }
            }
            let offered = identity.roles().await.unwrap_or_default();
            case.role = case.app.choose_role(&identity, offered).ok();
            case.identity = Some(identity);
            let person = given.person.unwrap_or_else(|| "somebody without a name".into());
            Ok(Finding::ok("sign-in", format!("{person} is signed in, and the issuer gives a token")))
        }
        Err(SessionError::NotSignedIn) => {
            if let Some(failure) = &case.request.sign_in_failure {
                let means = "nobody is signed in, and this is why the sign-in just now failed";
                return Ok(Finding::broken("sign-in", failure.seen.clone(), means, failure.next.clone()));
            }
            Ok(Finding::not_run("sign-in", "nobody is signed in", login).mended_by_sign_in())
        }
        Err(error) => {
            let is_over = matches!(&error, SessionError::SignInAgain { why: SignInOver::Issuer(_) });
            let unpublished = unpublished(&error);
            let error = Error::from(session.missing(Arc::new(error)));
            Err(Refused { error, is_over, unpublished })
        }
    }
}

/// Puts an error into a finding, with the words that commands use.
pub(super) fn explained(check: &'static str, error: Error, means: &str) -> Finding {
    let (seen, next) = words(&error);
    Finding::broken(check, seen, means, next)
}

/// Returns what happened, with its causes, and what to do.
pub(super) fn words(error: &Error) -> (String, String) {
    let said = explain::explain(error);
    let causes: Vec<String> = said.causes.into_iter().filter(|cause| !cause.is_empty()).collect();
    let seen = std::iter::once(said.message).chain(causes).collect::<Vec<_>>().join(": ");
    // Advice that the issuer's code gives stands last, and says more than "sign in".
    (seen, said.next.into_iter().next_back().unwrap_or_else(|| "Try again in a minute.".into()))
}

/// Returns the person's name that a session may bear. Where the role takes the subject only, none.
fn name_giver<'a>(case: &Case<'_>, token: &'a TokenAtHand) -> Option<&'a str> {
    let by_subject = case.connection.as_ref().is_some_and(|connection| connection.wish.named_by_subject);
    token.person.as_deref().filter(|_| !by_subject)
}

/// Judges the name that the session will have.
pub(super) fn session_name(case: &mut Case<'_>) -> Finding {
    let Some(token) = &case.token else {
        return Finding::blocked("session-name", "sign-in", Level::NotRun);
    };
    let wished = case.connection.as_ref().and_then(|connection| connection.wish.name.as_ref());
    let subject = token.text("sub").unwrap_or_default();
    let person = name_giver(case, token);
    let name = session_name::session_name(wished, person, subject).to_string();
    let source = match (wished, person) {
        (Some(_), _) => "the bookmark",
        (None, Some(_)) => "the token",
        (None, None) => "the token's subject",
    };
    let finding = match (wished, person) {
        (None, Some(person)) if person != name => Finding::info(
            "session-name",
            format!("the session will be called {name}"),
        )
        .means(
            "AWS does not take the person's name as it is; other programs fail with a ValidationError here",
        ),
        _ => Finding::ok("session-name", format!("the session will be called {name}, from {source}")),
    };
    case.session_name = Some(name);
    finding
}

/// Judges whether STS is there and fits the role.
pub(super) async fn sts(case: &mut Case<'_>) -> Finding {
    let Some(connection) = case.connection.clone() else {
        return Finding::blocked("sts", "bookmark", Level::Broken);
    };
    if let Some(role) = case.role_wanted() {
        let region = &connection.region;
        if let Some(finding) =
            exchange_facts::partitions(&role, region.partition(), region.as_str(), &case.name())
        {
            return finding;
        }
    }
    case.reach().await;
    let Some(reached) = case.reached(Service::Sts) else {
        return match pintail_connect::sts_endpoint(&connection) {
            Ok(endpoint) => Finding::ok("sts", format!("STS is at {}", endpoint.url())),
            Err(error) => explained("sts", Error::Connect(error), "there is no STS to ask"),
        };
    };
    if let Some(blocked) = reached.blocked_by() {
        return Finding::blocked("sts", blocked, Level::Broken);
    }
    match &reached.outcome {
        Ok(_) => Finding::ok("sts", format!("STS answers at {}", reached.host)),
        Err(failed) => Finding::broken(
            "sts",
            failed.text.clone(),
            "STS is not reached: its address is wrong, or a firewall is in between",
            format!(
                "Correct the address, or have {} let through: `pintail bookmark edit {} --sts-endpoint URL`.",
                reached.host,
                case.name()
            ),
        ),
    }
}

/// What one exchange brought.
struct Bought {
    granted: Option<u64>,
}

async fn buy(case: &Case<'_>, duration: Duration) -> Result<Bought, ExchangeError> {
    let (Some(identity), Some(connection), Some(role), Some(token)) =
        (&case.identity, &case.connection, case.role_wanted(), &case.token)
    else {
        unreachable!("the caller has looked");
    };
    let endpoint = pintail_connect::sts_endpoint(connection).expect("the check `sts` has made it");
    let facts = TokenFacts {
        issuer: token.text("iss").unwrap_or_default().to_owned(),
        audience: token.list("aud"),
        authorized_party: token.text("azp").map(str::to_owned),
        subject: token.text("sub").unwrap_or_default().to_owned(),
        expires_at: case.app.now(),
    };
    let scope = pintail_connect::session_scope(connection);
    let wished = connection.wish.name.as_ref();
    let request = ExchangeRequest {
        endpoint,
        policy: scope.inline_policy(role.partition()).ok().flatten(),
        policy_arns: scope.policy_arns,
        role,
        session_name: session_name::session_name(wished, name_giver(case, token), &facts.subject),
        token: token.secret.clone().expect("the caller has looked"),
        facts,
        duration: DurationPlan::new(Some(duration), None, case.app.now()),
        schedule: Schedule::INTERACTIVE,
    };
    let clock = case.app.shared_clock();
    let seams =
        ExchangeSeams { http: identity.http.as_ref(), clock: clock.as_ref(), random: case.app.random() };
    let exchanged = exchange(seams, &request).await?;
    Ok(Bought { granted: exchanged.learned_duration.map(|learned| learned.granted_seconds) })
}

/// Buys the shortest session there is.
pub(super) async fn exchange_check(case: &Case<'_>) -> Finding {
    let Some(token) = &case.token else { return Finding::blocked("exchange", "sign-in", Level::NotRun) };
    if token.secret.is_none() {
        return Finding::not_run(
            "exchange",
            "only the claims of the token are at hand",
            "Give the whole token: `--token FILE`.",
        );
    }
    let (Some(role), Some(connection)) = (case.role_wanted(), &case.connection) else {
        return Finding::broken(
            "exchange",
            "no role is chosen",
            "the bookmark names several roles or none, and none was chosen",
            format!("Choose one: `pintail roles {}`.", case.name()),
        );
    };
    let host = case.reached(Service::Sts).map(|reached| reached.host.clone());
    let host = host.unwrap_or_else(|| "STS".into());
    match buy(case, DurationPlan::SHORTEST).await {
        Ok(_) => Finding::ok("exchange", format!("STS gives a session of {role}")),
        Err(ExchangeError::Refused(error)) => {
            let name = case.name();
            let known = Known {
                bookmark: &name,
                role: &role,
                region: connection.region.as_str(),
                host: &host,
                token: Some(token),
                iam_was_read: case.iam_was_read,
            };
            exchange_facts::refused(&error, &known)
        }
        Err(ExchangeError::Http(error)) => Finding::broken(
            "exchange",
            super::local::with_causes(&error),
            "STS is reached, but did not answer the exchange",
            "Try again in a minute; if it stays, look for a firewall or a proxy that cuts long requests.",
        ),
        Err(ExchangeError::Unusable(error)) => Finding::broken(
            "exchange",
            format!("what answers at {host} does not speak STS: {error}"),
            "the address of STS is wrong",
            format!("Correct it: `pintail bookmark edit {} --sts-endpoint URL`.", case.name()),
        ),
    }
}

/// Compares how long sessions last with how long they are asked for.
pub(super) async fn duration(case: &Case<'_>) -> Finding {
    let Some(connection) = &case.connection else {
        return Finding::blocked("duration", "exchange", Level::NotRun);
    };
    let wished = match connection.wish.length {
        SessionLength::Exactly(wished) => wished,
        SessionLength::Longest => return Finding::ok("duration", "sessions last as long as the role allows"),
        SessionLength::Service => {
            return Finding::ok("duration", "sessions last as long as the service gives");
        }
    };
    match buy(case, wished).await {
        Ok(bought) => {
            let granted = bought.granted.unwrap_or(wished.as_secs());
            let line = Line::new(
                "session, in seconds",
                wished.as_secs().to_string(),
                granted.to_string(),
                granted >= wished.as_secs(),
            );
            if line.holds {
                return Finding::ok("duration", format!("sessions last {granted} s, as asked"));
            }
            Finding::warning(
                "duration",
                format!("sessions last {granted} s, and {} s are asked for", wished.as_secs()),
                "the role's MaxSessionDuration is shorter; other programs fail with \"The requested DurationSeconds exceeds the MaxSessionDuration set for this role\"",
                format!("Ask for less: `pintail bookmark edit {} --duration {granted}`; or ask your AWS admin to raise the role's MaxSessionDuration.", case.name()),
            )
            .with(vec![line])
        }
        Err(error) => {
            Finding::info("duration", format!("could not be tried: {}", super::local::with_causes(&error)))
        }
    }
}
