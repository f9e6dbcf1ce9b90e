//! Errors of Entra, OAuth, Graph, STS, IAM and S3, found in text that was pasted from anywhere.
//!
//! A sign-in page, an address that a browser ended on, JSON, XML, the line of a command, a whole log: [`read`] finds what
//! they say and takes it apart into [`PastedError`]s, in order of appearance. It knows the forms, not the meanings: what a code is
//! about, and what to do, is said by the app. Forms are read leniently, because what people paste is cut off, wrapped and quoted.
//!
//! Secrets are taken out before anything is looked at, so that no value here holds one.

mod address;
mod document;
mod line;
mod named;
mod phrase;
mod word;

use std::ops::Range;

pub use self::named::{Ids, Named};
pub use self::phrase::{client, own};
use crate::redact::Redactor;

/// The most of a text that is looked at, in bytes: a log of a day.
pub const TEXT_SIZE_MAX: usize = 4 << 20;

/// How many errors are taken from one text.
const ERRORS_MAX: usize = 10_000;

/// The longest message that is kept, in characters.
const MESSAGE_MAX_CHARS: usize = 600;

/// Who answered with the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// A tool on the person's machine: it never came to an answer.
    Client,
    /// Microsoft Entra ID.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// AWS IAM.
    Iam,
    /// IAM Identity Center.
    IdentityCenter,
    /// An OpenID Connect issuer, which may be Entra.
    Issuer,
    /// AWS KMS.
    Kms,
    /// This program.
    Pintail,
    /// Amazon S3, or a service that speaks like it.
    S3,
    /// AWS STS.
    Sts,
}

impl Service {
    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "the client",
            Self::Entra => "Microsoft Entra ID",
            Self::Graph => "Microsoft Graph",
            Self::Iam => "AWS IAM",
            Self::IdentityCenter => "IAM Identity Center",
            Self::Issuer => "an OpenID Connect issuer",
            Self::Kms => "AWS KMS",
            Self::Pintail => "Pintail",
            Self::S3 => "S3",
            Self::Sts => "AWS STS",
        }
    }
}

/// One error, as far as the text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastedError {
    /// Who said it, where that can be told.
    pub service: Option<Service>,
    /// The call that failed, by its API name (`AssumeRoleWithWebIdentity`).
    pub operation: Option<String>,
    /// The code: a word, or a word with dots (`AccessDenied`, `invalid_grant`, `KMS.DisabledException`).
    pub code: Option<String>,
    /// Entra's number.
    pub aadsts: Option<u32>,
    /// Entra's second code of an OAuth error.
    pub suberror: Option<String>,
    /// The words that came with it, cut to a reasonable length.
    pub message: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What a ticket needs.
    pub ids: Ids,
    /// What the message names.
    pub named: Named,
}

/// An error and where it stands.
#[derive(Debug)]
struct Found {
    range: Range<usize>,
    /// How much the form tells: of two that overlap, the one that tells more leads.
    form: Form,
    error: PastedError,
}

/// The forms, from the most telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Document,
    Address,
    Line,
    Number,
    Phrase,
    Word,
}

/// Finds the errors of a text. `known` gives the code of an error that somebody can explain as it is written, whatever the
/// case of the word: running text is full of words, and only known ones are taken for codes there. Numbers of Entra come as `AADSTS50011`.
pub fn read(text: &str, known: &dyn Fn(&str) -> Option<&'static str>) -> Vec<PastedError> {
    let text = &text[..text.floor_char_boundary(TEXT_SIZE_MAX)];
    let text = &Redactor::of_secrets().text(text);
    let mut found = document::find(text);
    found.extend(address::find(text));
    found.extend(line::find(text));
    found.extend(word::numbers(text));
    found.extend(phrase::find(text));
    found.extend(word::codes(text, known));
    found.retain(|found| found.error.says_something());
    let mut errors = merged(found);
    errors.truncate(ERRORS_MAX);
    let starts: Vec<usize> = errors.iter().map(|found| found.range.start).collect();
    for (index, found) in errors.iter_mut().enumerate() {
        // What stands before the first error belongs to it, what stands between two to the one before.
        let from = if index == 0 { 0 } else { starts[index] };
        let to = starts.get(index + 1).copied().unwrap_or(text.len()).max(found.range.end);
        let surroundings = &text[from..to];
        found.error.ids.complete(named::ids(surroundings));
        found.error.named.complete(named::named(surroundings));
        found.error.complete();
    }
    errors.into_iter().map(|found| found.error).collect()
}

/// Makes one of finds that overlap: the most telling one leads, the others add what it does not say.
fn merged(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| (found.range.start, found.form, std::cmp::Reverse(found.range.end)));
    let mut merged: Vec<Found> = Vec::new();
    for next in found {
        let Some(last) = merged.last_mut().filter(|last| next.range.start < last.range.end) else {
            merged.push(next);
            continue;
        };
        let end = last.range.end.max(next.range.end);
        if next.form < last.form {
            let weaker = std::mem::replace(&mut last.error, next.error);
            last.form = next.form;
            last.error.add(weaker);
        } else {
            last.error.add(next.error);
        }
        last.range.end = end;
    }
    merged
}

impl PastedError {
    /// Tells whether there is anything to go by.
    fn says_something(&self) -> bool {
        self.code.is_some() || self.aadsts.is_some() || self.status.is_some() || self.message.is_some()
    }

    /// Takes over what is not known yet.
    fn add(&mut self, other: Self) {
        // A word that is a code of another kind says nothing about this one.
        let same = self.code.is_none() || other.code.is_none() || self.code == other.code;
        self.aadsts = self.aadsts.or(other.aadsts);
        if other.aadsts.is_some() && self.service.is_none_or(|service| service == Service::Issuer) {
            self.service = Some(Service::Entra);
        }
        if same {
            self.service = self.service.or(other.service);
            self.operation = self.operation.take().or(other.operation);
            self.code = self.code.take().or(other.code);
            self.status = self.status.or(other.status);
        }
        self.suberror = self.suberror.take().or(other.suberror);
        self.message = self.message.take().or(other.message);
        self.ids.complete(other.ids);
        self.named.complete(other.named);
    }

    /// Draws conclusions: who answers such calls, what a status in place of a code means.
    fn complete(&mut self) {
        if let Some(status) = self.code.as_deref().and_then(|code| code.parse::<u16>().ok()) {
            // What the command line of AWS shows for an answer without a body.
            if (100..600).contains(&status) {
                self.status = Some(status);
                self.code = None;
            }
        }
        if self.operation.is_none()
            && let Some((service, operation)) =
                self.named.action.as_deref().and_then(|action| action.split_once(':'))
            && service == "sts"
        {
            self.operation = Some(operation.to_owned());
        }
        self.service = self
            .service
            .or_else(|| self.aadsts.map(|_| Service::Entra))
            .or_else(|| self.operation.as_deref().and_then(service_of_operation))
            .or_else(|| self.named.action.as_deref().and_then(service_of_action));
        if let Some(message) = &mut self.message {
            *message = clean(message);
        }
    }
}

/// How far around an error its line is looked at, in bytes: a line can be a whole log.
const REACH: usize = 1200;

/// The rest of a line from a place on, within reach.
fn line_from(text: &str, at: usize) -> &str {
    let rest = &text[at..text.floor_char_boundary((at + REACH).min(text.len()))];
    &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
}

/// Where the line of a place begins, within reach.
fn line_start(text: &str, at: usize) -> usize {
    let reached = text.ceil_char_boundary(at.saturating_sub(REACH));
    text[reached..at].rfind(['\n', '\r']).map_or(reached, |end| reached + end + 1)
}

/// Takes line ends and long runs of blanks out of a message, and cuts it.
fn clean(message: &str) -> String {
    let mut words: Vec<&str> = message.split_whitespace().collect();
    if words.last() == Some(&"-") {
        words.pop();
    }
    let text = words.join(" ");
    match text.char_indices().nth(MESSAGE_MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Tells whose call it is.
pub fn service_of_operation(operation: &str) -> Option<Service> {
    let has = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    Some(match operation {
        "AssumeRole"
        | "AssumeRoleWithWebIdentity"
        | "AssumeRoleWithSAML"
        | "GetCallerIdentity"
        | "GetSessionToken"
        | "GetFederationToken"
        | "DecodeAuthorizationMessage" => Service::Sts,
        "GetRoleCredentials"
        | "ListAccounts"
        | "ListAccountRoles"
        | "CreateToken"
        | "RegisterClient"
        | "StartDeviceAuthorization" => Service::IdentityCenter,
        "Decrypt" | "Encrypt" | "DescribeKey" | "GenerateDataKey" | "ReEncrypt" => Service::Kms,
        _ if has(&["Object", "Bucket", "Multipart", "UploadPart", "ListParts"]) => Service::S3,
        _ if has(&[
            "OpenIDConnectProvider",
            "Role",
            "Policy",
            "Policies",
            "AccessKey",
            "User",
            "InstanceProfile",
        ]) =>
        {
            Service::Iam
        }
        _ => return None,
    })
}

fn service_of_action(action: &str) -> Option<Service> {
    Some(match action.split_once(':')?.0 {
        "s3" | "s3express" => Service::S3,
        "sts" => Service::Sts,
        "iam" => Service::Iam,
        "kms" => Service::S3,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
