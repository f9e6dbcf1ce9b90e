//! What it means that a sign-in failed: the issuer's errors, the browser's road, the token's flaws.

use pintail_core::pasted::own as said;
use pintail_identity::oidc::{
    AnswerRefusal, DeviceError, DriveError, IssuerError, PAGE_ONLY, Personal, SignInError, TokenRefusal,
};

use super::store::network;
use super::texts::{self, Known, Text};
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
                if let Some(text) = texts::entra::text(*number) {
                    let next = Known::default().next(&text).join(" ");
                    explanation.next.push(format!("AADSTS{number}, {}: {next}", text.meaning));
                }
            }
            let last = texts::own::of(said::TIMED_OUT).and_then(|text| text.next.last());
            explanation.next.extend(last.map(|&next| next.to_owned()));
        }
        DriveError::Redirect(_) => {
            explanation.exit = Exit::Failed;
            explanation.next.extend(own(said::LISTEN));
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
    let text = match refusal {
        TokenRefusal::Expired { .. }
        | TokenRefusal::NotYetValid { .. }
        | TokenRefusal::IssuedInFuture { .. } => {
            explanation.exit = Exit::Failed;
            texts::own::TOKEN_TIME
        }
        TokenRefusal::AudienceWrong { .. }
        | TokenRefusal::AuthorizedPartyMissing { .. }
        | TokenRefusal::AuthorizedPartyWrong { .. } => texts::own::TOKEN_AUDIENCE,
        TokenRefusal::IssuerWrong(_) | TokenRefusal::TenantWrong { .. } | TokenRefusal::TenantMissing => {
            texts::own::TOKEN_ISSUER
        }
        TokenRefusal::NonceWrong | TokenRefusal::NonceMissing => texts::own::TOKEN_NONCE,
        TokenRefusal::SubjectChanged | TokenRefusal::IssuerChanged { .. } => {
            explanation.exit = Exit::SignInNeeded;
            explanation.next.push("The issuer renewed somebody else's sign-in: sign in again.".into());
            return;
        }
        _ => texts::own::TOKEN_SIGNATURE,
    };
    explanation.next.extend(Known::default().next(&text));
}

/// What to do about something that this program says of itself.
fn own(code: &str) -> Vec<String> {
    texts::own::of(code).map(|text| Known::default().next(text)).unwrap_or_default()
}

/// The text of an error of the issuer: by Entra's number, else by the code of OAuth.
fn text_of(error: &IssuerError) -> Option<Text> {
    let words = error.description.as_ref().map(Personal::expose).unwrap_or_default();
    let by_number = error.aadsts.and_then(|number| texts::entra::text_of(number, words));
    by_number.or_else(|| texts::oauth::of(&error.error).copied())
}

/// Adds what the issuer said and what mends it.
fn issuer(explanation: &mut Explanation, error: &IssuerError) {
    if let Some(description) = &error.description {
        explanation.causes.push(format!("the issuer says: {}", description.expose()));
    }
    if let Some(text) = text_of(error) {
        explanation.causes.push(format!("{}; usually {}", text.meaning, text.cause));
        explanation.next.extend(Known::default().next(&text));
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
    Some(Known::default().next(&text_of(error)?).join(" "))
}
