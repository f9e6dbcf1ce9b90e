//! A credential for another program.

use std::io;

use pintail_core::name::AccountId;
use pintail_core::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::render::Output;
use crate::cli::render::text::harmless_words;
use crate::explain::{Exit, Explanation};
use crate::ops::credentials::Lent;

/// What `credential_process` asks for. The names and the version are AWS's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

/// Writes the credential, secret included: this is what was asked for.
pub(in crate::cli) fn credential(output: &Output, lent: &Lent) -> io::Result<()> {
    let credential = &lent.credential;
    let document = Document {
        version: 1,
        access_key_id: &credential.access_key_id,
        secret_access_key: credential.secret_access_key.expose(),
        session_token: credential.session_token.as_ref().map(Secret::expose),
        // Without a fraction of a second: not every reader of these takes one.
        expiration: credential.expires_at.map(|end| end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        account_id: lent.account.as_ref().map(AccountId::as_str),
    };
    let mut text = Zeroizing::new(serde_json::to_vec(&document).map_err(io::Error::other)?);
    text.push(b'\n');
    output.bytes(&text)
}

/// Says in one line without colours what went wrong and what to do, and returns how the run ends.
pub(in crate::cli) fn one_line(output: &Output, explanation: &Explanation) -> Exit {
    output.insist(&format!("pintail: {}", harmless_words(&sentence(explanation))));
    explanation.exit
}

/// What happened, the nearest cause, and the likeliest help.
fn sentence(explanation: &Explanation) -> String {
    let mut text = explanation.message.clone();
    if let Some(cause) = explanation.causes.first() {
        text.push_str(&format!(" ({cause})"));
    }
    if let Some(next) = explanation.next.first() {
        text.push_str(&format!(". {next}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_sentence_and_its_help() {
        let mut explanation = Explanation {
            message: "bookmark lab has no credential".into(),
            causes: vec!["nobody is signed in".into(), "deeper".into()],
            next: vec!["Sign in: `pintail login lab`.".into(), "Or else.".into()],
            exit: Exit::SignInNeeded,
        };
        let expected = "bookmark lab has no credential (nobody is signed in). Sign in: `pintail login lab`.";
        assert_eq!(sentence(&explanation), expected);
        explanation.causes.clear();
        explanation.next.clear();
        assert_eq!(sentence(&explanation), "bookmark lab has no credential");
    }
}
