//! What comes back from the browser: an address with a code or an error in it.
//!
//! Pure, and strict about what it believes: an answer counts only with the `state` of the attempt that waits, compared
//! in constant time. It takes the address in every shape it may arrive in: as a whole, as the target of a request, as
//! a query alone, or as a person pastes it.

use std::borrow::Cow;

use pintail_core::secret::Secret;
use zeroize::Zeroizing;

use super::super::authority::{IssuerMismatch, IssuerRule};
use super::super::oauth_error::IssuerError;

/// A longer address is refused unread: Entra's codes have about 1,500 characters.
pub(super) const ADDRESS_BYTES_MAX: usize = 16 * 1024;

/// The `state` of the attempt that waits, by which its answer is known.
#[derive(Clone, Debug)]
pub struct Expected(Secret);

/// Whose answer an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This attempt's, with a code.
    Ours,
    /// This attempt's, with an error.
    OursRefused,
    /// Another attempt's, or made up.
    Foreign,
    /// Nobody's: it holds no answer.
    Nobodys,
}

impl Expected {
    /// Expects answers with this `state`.
    pub fn new(state: Secret) -> Self {
        Self(state)
    }

    /// Returns the `state`.
    pub(in crate::oidc) fn state(&self) -> &Secret {
        &self.0
    }

    /// Tells whose answer an address is.
    pub fn judge(&self, address: &str) -> Whose {
        match Answer::parse(address) {
            Ok(Answer { state: Some(state), outcome, .. }) if self.0 == state => match outcome {
                Ok(_) => Whose::Ours,
                Err(_) => Whose::OursRefused,
            },
            Ok(Answer { state: Some(_), .. }) => Whose::Foreign,
            _ => Whose::Nobodys,
        }
    }
}

/// Why an address was refused as an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRefusal {
    /// It holds neither a code nor an error.
    #[error("the address holds no answer to a sign-in")]
    NoAnswer,
    /// It holds a parameter twice, so that two readers may see two answers.
    #[error("the address holds \"{parameter}\" twice")]
    Twice {
        /// The parameter's name.
        parameter: &'static str,
    },
    /// It is longer than any issuer's.
    #[error("the address has {size_bytes} bytes")]
    TooLong {
        /// Its size.
        size_bytes: usize,
    },
    /// It belongs to another attempt, or to none.
    #[error("the answer belongs to another sign-in")]
    StateWrong,
    /// The issuer promised to name itself (RFC 9207) and did not.
    #[error("the answer does not name its issuer, which this issuer promises to do")]
    IssuerMissing,
    /// It names another issuer: two issuers' sign-ins are being mixed up.
    #[error("the answer is another issuer's")]
    IssuerWrong(#[from] IssuerMismatch),
    /// The issuer, or the person there, said no.
    #[error("the sign-in was refused")]
    Refused(#[source] Box<IssuerError>),
}

/// An answer taken apart, nothing of it believed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(in crate::oidc) state: Option<Secret>,
    issuer: Option<String>,
    outcome: Result<Secret, Box<IssuerError>>,
}

impl Answer {
    /// Reads an address, or the part of one that holds the answer.
    pub(crate) fn parse(text: &str) -> Result<Self, AnswerRefusal> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(AnswerRefusal::TooLong { size_bytes: text.len() });
        }
        let text = pasted(text);
        let (before_fragment, fragment) = split(&text, '#');
        let (path, query) = split(before_fragment, '?');
        let bare =
            if query.is_none() && path.contains('=') && !path.contains(':') { Some(path) } else { None };
        let mut refusal = AnswerRefusal::NoAnswer;
        for part in [query, bare, fragment].into_iter().flatten() {
            match Self::parse_parameters(part) {
                Err(AnswerRefusal::NoAnswer) => {}
                Err(other) => refusal = other,
                Ok(answer) => return Ok(answer),
            }
        }
        Err(refusal)
    }

    fn parse_parameters(query: &str) -> Result<Self, AnswerRefusal> {
        let one = |parameter: &'static str| {
            let mut values = url::form_urlencoded::parse(query.as_bytes())
                .filter(|(name, value)| name == parameter && !value.is_empty())
                .map(|(_, value)| value);
            let first = values.next();
            if values.next().is_some() { Err(AnswerRefusal::Twice { parameter }) } else { Ok(first) }
        };
        let (code, error) = (one("code")?, one("error")?);
        let description = one("error_description")?;
        let outcome = match (code, error) {
            (_, Some(error)) => Err(Box::new(IssuerError::new(&error, description.as_deref()))),
            (Some(code), None) => Ok(Secret::new(code)),
            (None, None) => return Err(AnswerRefusal::NoAnswer),
        };
        Ok(Self { state: one("state")?.map(Secret::new), issuer: one("iss")?.map(Cow::into_owned), outcome })
    }

    /// Returns the code of an answer to this attempt, for an authorization server that has no issuer name to check.
    pub(crate) fn code_of(self, expected: &Expected) -> Result<Secret, AnswerRefusal> {
        if self.state.as_ref() != Some(&expected.0) {
            return Err(AnswerRefusal::StateWrong);
        }
        self.outcome.map_err(AnswerRefusal::Refused)
    }

    /// Checks the answer against the attempt and returns its code.
    pub(in crate::oidc) fn accept(
        self,
        expected: &Expected,
        issuer: &IssuerRule,
        names_issuer: bool,
    ) -> Result<Secret, AnswerRefusal> {
        if self.state.as_ref() != Some(&expected.0) {
            return Err(AnswerRefusal::StateWrong);
        }
        match &self.issuer {
            Some(seen) => issuer.check_answer(seen)?,
            None if names_issuer => return Err(AnswerRefusal::IssuerMissing),
            None => {}
        }
        self.outcome.map_err(AnswerRefusal::Refused)
    }
}

/// Undoes what a paste adds: white space and line breaks anywhere, quotes or angle brackets around.
fn pasted(text: &str) -> Zeroizing<String> {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    Zeroizing::new(text.trim_matches(is_around).chars().filter(|c| !c.is_whitespace()).collect())
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authority::Authority;
    use crate::oidc::testing::{GUID, ISSUER};
    use proptest::prelude::*;

    fn expected() -> Expected {
        Expected::new(Secret::new("the-state"))
    }

    fn accept(address: &str, names_issuer: bool) -> Result<String, AnswerRefusal> {
        let rule = Authority::issuer(ISSUER).unwrap().resolve(ISSUER).unwrap();
        let code = Answer::parse(address)?.accept(&expected(), &rule, names_issuer)?;
        Ok(code.expose().to_owned())
    }

    #[test]
    fn an_answer_is_read_in_every_shape_it_arrives_in() {
        for address in [
            "http://localhost:4711/?code=the%2Bcode&state=the-state&session_state=x",
            "/?state=the-state&code=the%2Bcode",
            "?code=the%2Bcode&state=the-state",
            "code=the%2Bcode&state=the-state",
            "x-cyberduck-action:oauth?code=the%2Bcode&state=the-state",
            "x-cyberduck-action://oauth?code=the%2Bcode&state=the-state",
            "pintail://oauth/?code=the%2Bcode&state=the-state#",
            "https://login.microsoftonline.com/common/oauth2/nativeclient#code=the%2Bcode&state=the-state",
            "http://localhost/?code=the%2Bcode&state=the-state#_=_",
            "  \"http://localhost:1/?code=the%2Bcode\n  &state=the-state\"\r\n",
            "<http://localhost:1/?code=the%2Bcode&state=the-state>",
        ] {
            assert_eq!(accept(address, false).unwrap(), "the+code", "{address}");
            assert_eq!(expected().judge(address), Whose::Ours);
        }
    }

    #[test]
    fn what_is_no_answer_is_told_apart_from_a_foreign_one() {
        for nothing in [
            "",
            "/",
            "/favicon.ico",
            "http://localhost:1/",
            "?state=the-state",
            "?code=&state=the-state",
            "hello",
            "code",
            "http://localhost:1/?a=b#c",
        ] {
            assert_eq!(Answer::parse(nothing).unwrap_err(), AnswerRefusal::NoAnswer, "{nothing}");
            assert_eq!(expected().judge(nothing), Whose::Nobodys);
        }
        for foreign in
            ["?code=c&state=other", "?code=c&state=the-statex", "?code=c&state=THE-STATE", "?error=e&state=x"]
        {
            assert_eq!(accept(foreign, false).unwrap_err(), AnswerRefusal::StateWrong, "{foreign}");
            assert_eq!(expected().judge(foreign), Whose::Foreign);
        }
        assert_eq!(accept("?code=c", false).unwrap_err(), AnswerRefusal::StateWrong);
        assert_eq!(expected().judge("?code=c"), Whose::Nobodys);
        let long = format!("?code={}&state=the-state", "x".repeat(ADDRESS_BYTES_MAX));
        assert!(matches!(Answer::parse(&long), Err(AnswerRefusal::TooLong { .. })));
    }

    #[test]
    fn two_answers_in_one_address_are_none() {
        for (address, parameter) in [
            ("?code=a&code=b&state=the-state", "code"),
            ("?code=a&state=the-state&state=other", "state"),
            ("?code=a&state=the-state&iss=a&iss=b", "iss"),
            ("?error=a&error=a&state=the-state", "error"),
        ] {
            assert_eq!(Answer::parse(address).unwrap_err(), AnswerRefusal::Twice { parameter });
        }
    }

    #[test]
    fn a_refusal_keeps_the_issuers_reason() {
        let address = "/?error=access_denied&error_description=AADSTS65004%3a+The+user+declined.%0d%0aTrace+ID%3a+t-1%0d%0aCorrelation+ID%3a+c-1%0d%0aTimestamp%3a+2026-11-23+12%3a00%3a00Z&state=the-state&code=ignored";
        let AnswerRefusal::Refused(error) = accept(address, false).unwrap_err() else { panic!("accepted") };
        assert_eq!((error.error.as_str(), error.aadsts), ("access_denied", Some(65004)));
        assert_eq!(error.correlation_id.as_deref(), Some("c-1"));
        assert_eq!(expected().judge(address), Whose::OursRefused);
        let foreign = address.replace("the-state", "other");
        assert_eq!(accept(&foreign, false).unwrap_err(), AnswerRefusal::StateWrong);
    }

    #[test]
    fn the_issuer_in_an_answer_is_checked_and_demanded_where_promised() {
        let with = |iss: &str| format!("?code=c&state=the-state&iss={iss}");
        let issuer: String = url::form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
        assert!(accept(&with(&issuer), true).is_ok());
        let other = issuer.replace(GUID, "00000000-0000-4000-8000-00000000000b");
        assert!(matches!(accept(&with(&other), false), Err(AnswerRefusal::IssuerWrong(_))));
        assert!(matches!(accept(&with(&format!("{issuer}%2F")), false), Err(AnswerRefusal::IssuerWrong(_))));
        assert_eq!(accept("?code=c&state=the-state", true).unwrap_err(), AnswerRefusal::IssuerMissing);
        let refused = "?error=e&state=the-state&iss=https%3A%2F%2Fevil.example";
        assert!(matches!(accept(refused, false), Err(AnswerRefusal::IssuerWrong(_))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,300}") {
            let _ = expected().judge(&text);
        }

        #[test]
        fn any_code_comes_through_unchanged(code in "\\PC{1,100}") {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("code", &code).append_pair("state", "the-state").finish();
            prop_assert_eq!(accept(&format!("http://localhost:1/?{query}"), false).unwrap(), code);
        }

        #[test]
        fn no_other_state_is_ours(state in "[a-zA-Z0-9_-]{1,50}") {
            prop_assume!(state != "the-state");
            let address = format!("?code=c&state={state}");
            prop_assert_eq!(expected().judge(&address), Whose::Foreign);
        }

        #[test]
        fn debug_of_an_answer_shows_neither_code_nor_state(code in "[a-z]{20}", state in "[A-Z]{20}") {
            let debug = format!("{:?}", Answer::parse(&format!("?code={code}&state={state}")).unwrap());
            prop_assert!(!debug.contains(&code) && !debug.contains(&state));
        }
    }
}
