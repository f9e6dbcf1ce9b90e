//! Answers for errors that were pasted from anywhere: what it is, why, what to do, and who has to do it.
//!
//! Pure: a text in, answers out. The reading is done in `core`, the texts are those of our own failures; here the two meet.

mod classify;
#[cfg(test)]
mod tests;

use pintail_core::pasted::{self, Named, PastedError, Service};

use super::texts::{Known, Text, entra};
pub(crate) use classify::known_code;

/// What is to be said about one error.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its name, for programs: the text's, or `AADSTS` and the number, or `unknown`.
    pub(crate) id: String,
    /// The code, as people know it.
    pub(crate) title: String,
    /// What was read.
    pub(crate) error: PastedError,
    /// What it means, where that is known.
    pub(crate) text: Option<Text>,
    /// The text is about this very code, not only about the kind of error around it.
    pub(crate) exact: bool,
    /// What to do, filled in.
    pub(crate) next: Vec<String>,
    /// Where its maker explains it.
    pub(crate) look_up: Option<String>,
    /// How often it was met.
    pub(crate) times: usize,
}

/// Finds the errors of a text and answers each distinct one, in order of appearance.
pub(crate) fn answers(text: &str) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for error in pasted::read(text, &known_code) {
        let answer = answer(error);
        match answers.iter_mut().find(|other| is_same(other, &answer)) {
            Some(same) => same.times += 1,
            None => answers.push(answer),
        }
    }
    answers
}

/// Tells whether two answers are about the same: the rest of what they name adds nothing.
fn is_same(one: &Answer, other: &Answer) -> bool {
    let differ =
        |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
    one.id == other.id
        && (one.id != "unknown" || one.title == other.title)
        && !differ(&one.error.named.action, &other.error.named.action)
        && !differ(&one.error.named.bucket, &other.error.named.bucket)
        && !differ(&one.error.named.role_arn, &other.error.named.role_arn)
        && !differ(&one.error.named.client_id, &other.error.named.client_id)
}

fn answer(error: PastedError) -> Answer {
    let text = classify::text(&error);
    let exact = match error.aadsts {
        Some(number) => entra::text(number).is_some(),
        None => text.is_some(),
    };
    let id = match (error.aadsts, &text) {
        (Some(number), _) => format!("AADSTS{number}"),
        (None, Some(text)) => text.id.to_owned(),
        (None, None) => "unknown".to_owned(),
    };
    let status = error.status.map(|status| format!("status {status}"));
    let title = match error.aadsts {
        Some(number) => format!("AADSTS{number}"),
        None => error.code.clone().or(status).unwrap_or_else(|| "an error".to_owned()),
    };
    let known = known(&error.named);
    let next = text.as_ref().map(|text| known.next(text)).unwrap_or_default();
    let look_up = look_up(&error, exact);
    Answer { id, title, error, text, exact, next, look_up, times: 1 }
}

fn known(named: &Named) -> Known {
    // The GUID of an issuer of Entra is the tenant's.
    let of_issuer =
        named.issuer.as_deref().and_then(|issuer| issuer.strip_prefix("https://login.microsoftonline.com/"));
    Known {
        account: named.account.as_ref().map(|account| format!("account {account}")),
        action: named.action.clone(),
        bucket: named.bucket.clone(),
        client: named.client_id.clone(),
        issuer: named.issuer.clone(),
        redirect: named.redirect.clone(),
        region: named.region.clone(),
        role: named.role_arn.clone(),
        tenant: named.tenant.clone().or_else(|| Some(of_issuer?.split('/').next()?.to_owned())),
        whom: None,
    }
}

/// The page of the maker: for Entra's numbers always, for others where nothing is known here.
fn look_up(error: &PastedError, exact: bool) -> Option<String> {
    if let Some(number) = error.aadsts {
        return Some(entra::look_up(number));
    }
    if exact {
        return None;
    }
    let page = match error.service {
        Some(Service::S3) => "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
        Some(Service::Iam) => "https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html",
        Some(Service::Kms) => "https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html",
        Some(Service::Sts) => "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
        Some(Service::Graph) => "https://learn.microsoft.com/graph/errors",
        Some(Service::Entra) => "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
        _ => return None,
    };
    Some(page.to_owned())
}
