//! What it means that a sign-in failed: the issuer's errors, the browser's road, the token's flaws.

use pintail_identity::oidc::{
    AnswerRefusal, DeviceError, DriveError, IssuerError, PAGE_ONLY, SignInError, TokenRefusal,
};

use super::aadsts::{explain_aadsts, explain_oauth};
use super::store::network;
use super::{Exit, Explanation};
use crate::ops::Error;

/// Explains a sign-in that failed.
pub(super) fn explain(error: &Error, drive: &DriveError) -> Explanation {
    let mut explanation = Explanation::new(error, Exit::SignInNeeded, []);
    match drive {
        DriveError::SignIn(sign_in) => machine(&mut explanation, sign_in),
        DriveError::Http { source, .. } => {
            explanation.exit = Exit::Failed;
            explanation.next = network(source.kind, "the issuer");
        }
        DriveError::TimedOut { .. } => {
            explanation.causes.push("nothing came back from the browser".into());
            explanation
                .next
                .push("If the page showed an error, it never comes back here. Look for its number:".into());
            for number in PAGE_ONLY {
                if let Some(known) = explain_aadsts(*number) {
                    explanation.next.push(format!("AADSTS{number}, {}: {}", known.meaning, known.fix));
                }
            }
            explanation.next.push(
                "If the page ended on an address that did not load, the browser does not reach this machine: use --paste.".into(),
            );
        }
        DriveError::Redirect(_) => {
            explanation.exit = Exit::Failed;
            explanation
                .next
                .push("Try another way back: --paste takes the address that the browser ends on.".into());
        }
    }
    explanation
}

fn machine(explanation: &mut Explanation, error: &SignInError) {
    match error {
        SignInError::Issuer { source, .. } => issuer(explanation, source),
        SignInError::Device(device) => match device {
            DeviceError::NotOffered => {
                explanation.exit = Exit::Failed;
                explanation.next.push("Sign in with the browser: leave --device out.".into());
            }
            _ => explanation.next.push("Start again: `pintail login … --device`.".into()),
        },
        SignInError::Discovery(_) | SignInError::Keys(_) | SignInError::Status { .. } => {
            explanation.exit = Exit::Failed;
            explanation.next.push("Look at the bookmark's tenant or issuer: `pintail bookmark show`.".into());
        }
        SignInError::Token(refusal) => token(explanation, refusal),
        SignInError::Answer(AnswerRefusal::IssuerWrong(_) | AnswerRefusal::IssuerMissing) => {
            explanation.exit = Exit::Refused;
            explanation.next.push(
                "The answer came from another issuer than was asked: do not go on; tell your admin.".into(),
            );
        }
        SignInError::Answer(_) | SignInError::TooManyForeign { .. } => {
            explanation.next.push("Sign in again, and use the newest tab of the browser.".into());
        }
        SignInError::NoIdToken { renewal: false } => {
            explanation.exit = Exit::Refused;
            explanation
                .next
                .push("The issuer has to know the scope openid for this client: ask its admin.".into());
        }
        SignInError::NoIdToken { renewal: true } => {
            explanation
                .next
                .push("This issuer renews no ID tokens: sign in again when the credential ends.".into());
        }
        SignInError::OutOfOrder => {
            explanation.exit = Exit::Failed;
            explanation.next.push("This is a fault of Pintail: please report it.".into());
        }
    }
}

fn token(explanation: &mut Explanation, refusal: &TokenRefusal) {
    explanation.exit = Exit::Refused;
    explanation.next.push(match refusal {
        TokenRefusal::Expired { .. } | TokenRefusal::NotYetValid { .. } | TokenRefusal::IssuedInFuture { .. } => {
            explanation.exit = Exit::Failed;
            "Set this machine's clock: it differs from the issuer's by more than five minutes.".into()
        }
        TokenRefusal::AudienceWrong { .. }
        | TokenRefusal::AuthorizedPartyMissing { .. }
        | TokenRefusal::AuthorizedPartyWrong { .. } => {
            "Compare the bookmark's client ID with the app registration.".into()
        }
        TokenRefusal::IssuerWrong(_) | TokenRefusal::TenantWrong { .. } | TokenRefusal::TenantMissing => {
            "Compare the bookmark's tenant with the one that signs you in: `pintail bookmark show`.".into()
        }
        TokenRefusal::NonceWrong | TokenRefusal::NonceMissing => {
            "Sign in again. If it happens again, somebody plays back old answers: tell your admin.".into()
        }
        TokenRefusal::SubjectChanged | TokenRefusal::IssuerChanged { .. } => {
            explanation.exit = Exit::SignInNeeded;
            "The issuer renewed somebody else's sign-in: sign in again.".into()
        }
        _ => "The token was not believed and nothing was done with it. If the issuer is the right one, tell its admin.".into(),
    });
}

/// Adds what the issuer said and what mends it.
fn issuer(explanation: &mut Explanation, error: &IssuerError) {
    if let Some(description) = &error.description {
        explanation.causes.push(format!("the issuer says: {}", description.expose()));
    }
    let known = error.aadsts.and_then(explain_aadsts).or_else(|| explain_oauth(&error.error));
    if let Some(known) = known {
        explanation.causes.push(format!("{}; usually {}", known.meaning, known.cause));
        explanation.next.push(known.fix.to_owned());
    }
    let ids: Vec<String> = [
        ("correlation ID", &error.correlation_id),
        ("trace ID", &error.trace_id),
        ("time", &error.timestamp),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)))
    .collect();
    if !ids.is_empty() {
        explanation.next.push(format!("For the sign-in log: {}.", ids.join(", ")));
    }
}

/// Returns what mends an error of the issuer, if that is known.
pub(super) fn issuer_fix(error: &IssuerError) -> Option<String> {
    let known = error.aadsts.and_then(explain_aadsts).or_else(|| explain_oauth(&error.error))?;
    Some(known.fix.to_owned())
}
