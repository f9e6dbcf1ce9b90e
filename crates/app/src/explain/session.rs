//! What it means that there is no credential: nobody signed in, the sign-in is over, or the exchange is refused.

use pintail_connect::NoCredential;
use pintail_identity::keychain::KeychainProblem;
use pintail_identity::session::{SessionError, TokenSourceError, error::SignInOver};

use super::texts::{self, Known};
use super::{Exit, Explanation, sign_in, source, sts};
use crate::ops::Error;

/// Explains an operation that failed for want of a credential.
pub(super) fn explain(error: &Error, missing: &NoCredential) -> Explanation {
    let connection = Some(missing.connection.as_ref());
    let login = format!("Sign in: `pintail login {}`.", missing.name);
    let mut explanation = Explanation::new(error, Exit::SignInNeeded, [login]);
    let Some(session) = missing.source.downcast_ref::<SessionError>() else {
        source::explain(&mut explanation, missing);
        return explanation;
    };
    match session {
        SessionError::NotSignedIn | SessionError::Record(_) => {}
        SessionError::SignInAgain { why: SignInOver::Sts(exchange) } => {
            let advice = sts::advise(exchange, connection);
            explanation.causes.extend(advice.causes);
        }
        SessionError::SignInAgain { why: SignInOver::Issuer(tokens) } => {
            if let Some(advice) = issuer_advice(tokens) {
                explanation.next.push(advice);
            }
        }
        SessionError::Exchange(exchange) => {
            let advice = sts::advise(exchange, connection);
            explanation.exit = advice.exit;
            explanation.causes.extend(advice.causes);
            explanation.next = advice.next;
        }
        SessionError::Tokens(tokens) => {
            explanation.exit = Exit::Failed;
            explanation.next = vec!["Try again in a moment; the issuer could not be asked.".into()];
            explanation.next.extend(issuer_advice(tokens));
        }
        SessionError::Policy(_) => {
            explanation.exit = Exit::Usage;
            explanation.next = vec!["Narrow the session with fewer or shorter rules.".into()];
        }
        SessionError::Keychain(keychain) => {
            explanation.exit = Exit::Failed;
            explanation.next = keychain_advice(&keychain.problem);
        }
        SessionError::Lock(_) => {
            explanation.exit = Exit::Failed;
            explanation.next =
                vec!["Another pintail may be renewing the credential: try again in a moment.".into()];
        }
        SessionError::Interrupted => {
            explanation.exit = Exit::Failed;
            explanation.next = Vec::new();
        }
    }
    // Advice that does not know the bookmark gets its name, so that it can be typed as it stands.
    for next in &mut explanation.next {
        *next = next.replace("`pintail login`", &format!("`pintail login {}`", missing.name));
        *next =
            next.replace("pintail bookmark edit NAME", &format!("pintail bookmark edit {}", missing.name));
    }
    explanation
}

/// Explains a keychain that failed outside a session.
pub(super) fn explain_keychain(error: &Error) -> Explanation {
    let next = match error {
        Error::Connect(pintail_connect::Error::Keychain(keychain)) => keychain_advice(&keychain.problem),
        _ => Vec::new(),
    };
    Explanation::new(error, Exit::Failed, next)
}

fn keychain_advice(_problem: &KeychainProblem) -> Vec<String> {
    let text = texts::own::of(pintail_core::pasted::own::KEYCHAIN);
    text.map(|text| Known::default().next(text)).unwrap_or_default()
}

/// What the issuer said, explained, if it said something that has an explanation.
fn issuer_advice(error: &TokenSourceError) -> Option<String> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<pintail_identity::oidc::IssuerError>() {
            return sign_in::issuer_fix(error);
        }
        cause = error.source();
    }
    None
}
