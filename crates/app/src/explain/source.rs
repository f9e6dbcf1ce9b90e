//! What it means that a way other than a web sign-in gave no credential.

use std::error::Error as StdError;
use std::sync::Arc;

use pintail_connect::NoCredential;
use pintail_core::credential::CredentialError;
use pintail_core::retry::Retry;
use pintail_core::seam::HttpError;
use pintail_identity::identity_center::{CenterError, PortalErrorKind};
use pintail_identity::source::ProviderError;
use pintail_identity::sts::{ExchangeError, PolicyError, StsError, StsErrorKind};

use super::store::network;
use super::{Exit, Explanation, sts};

/// Explains a way that led to no credential; `explanation` says "sign in" so far.
pub(super) fn explain(explanation: &mut Explanation, missing: &NoCredential) {
    let chain = chain(missing.source.as_ref());
    let next =
        find::<ProviderError>(&chain, |error| error.next.is_some()).and_then(|error| error.next.clone());
    let retry = match (missing.source.downcast_ref::<ProviderError>(), missing.source.downcast_ref()) {
        (Some(error), _) => error.retry,
        (None, Some(error)) => CenterError::retry(error),
        (None, None) => return,
    };
    if retry == Retry::AfterSignIn {
        // Some of them only say to sign in, which is said already and with the name of the bookmark.
        explanation.next.extend(next.filter(|text| !text.starts_with("Sign in")));
        return;
    }
    explanation.exit = Exit::Failed;
    explanation.next = next.into_iter().collect();
    if let Some(exchange) = find::<ExchangeError>(&chain, |_| true) {
        return exchange_advice(explanation, missing, exchange);
    }
    // The portal's own error stands for the whole of this one, so that it is no cause of its own.
    if let Some(CenterError::Portal(portal)) = find::<CenterError>(&chain, |_| true) {
        explanation.exit = match portal.kind {
            PortalErrorKind::NoAccess => Exit::Refused,
            PortalErrorKind::NotFound => Exit::NotFound,
            PortalErrorKind::RequestInvalid => Exit::Usage,
            _ => Exit::Failed,
        };
        explanation.next.push(format!("See what is assigned to you: `pintail roles {}`.", missing.name));
        return;
    }
    if find::<PolicyError>(&chain, |_| true).is_some() {
        explanation.exit = Exit::Usage;
        explanation.next.push("Narrow the session with fewer or shorter rules.".into());
        return;
    }
    if let (true, Some(http)) = (explanation.next.is_empty(), find::<HttpError>(&chain, |_| true)) {
        explanation.next = network(http.kind, "the service");
    }
}

fn exchange_advice(explanation: &mut Explanation, missing: &NoCredential, exchange: &ExchangeError) {
    let advice = sts::advise(exchange, Some(&missing.connection));
    explanation.causes.extend(advice.causes);
    let own = match exchange {
        ExchangeError::Refused(refusal) => of_signed(missing, refusal),
        _ => None,
    };
    let (exit, next) = own.unwrap_or((advice.exit, advice.next));
    explanation.exit = exit;
    explanation.next.extend(next);
}

/// Advice where a request was signed with keys: what to do about them is not what to do about a token.
fn of_signed(missing: &NoCredential, refusal: &StsError) -> Option<(Exit, Vec<String>)> {
    let name = &missing.name;
    let keys = missing.connection.way.long_term_key();
    Some(match (refusal.kind, keys) {
        (StsErrorKind::UnknownKey | StsErrorKind::SignatureMismatch, Some(_)) => (
            Exit::Refused,
            vec![
                format!("Give ID and secret of one access key: `pintail logout {name}`, then `pintail login {name}` asks for the secret."),
                "If they are right: is the key active, and does the region belong to its partition?".into(),
            ],
        ),
        (StsErrorKind::UnknownKey | StsErrorKind::SignatureMismatch, None) => (
            Exit::Refused,
            vec!["Look at where the credential comes from: its keys are wrong, or of another service.".into()],
        ),
        (StsErrorKind::CredentialExpired, _) => {
            (Exit::SignInNeeded, vec![format!("Sign in again: `pintail login {name}`.")])
        }
        (StsErrorKind::AccessDenied, _) => (
            Exit::Refused,
            vec![
                "Compare the role ARN letter by letter. AWS does not tell a missing role from a forbidden one.".into(),
                "The role's trust policy has to name this user or its account; the user needs the permission sts:AssumeRole.".into(),
                "If the role asks for them: give the bookmark --external-id and --mfa-serial.".into(),
            ],
        ),
        _ => return None,
    })
}

/// Returns an error and all its causes, taken out of what shares them.
fn chain<'a>(error: &'a (dyn StdError + Send + Sync + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut all: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(shared) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
            next = Some(shared.as_ref());
            continue;
        }
        all.push(error);
        next = match error.downcast_ref::<CredentialError>() {
            Some(error) => Some(error.source.as_ref()),
            None => error.source(),
        };
    }
    all
}

/// Finds the innermost error of a kind.
fn find<'a, T: StdError + 'static>(
    chain: &[&'a (dyn StdError + 'static)],
    fits: impl Fn(&T) -> bool,
) -> Option<&'a T> {
    chain.iter().rev().find_map(|error| {
        let found = error.downcast_ref::<T>().or_else(|| Some(error.downcast_ref::<Box<T>>()?.as_ref()));
        found.filter(|error| fits(error))
    })
}
