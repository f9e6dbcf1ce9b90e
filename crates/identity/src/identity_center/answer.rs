//! Answers of the two services, taken apart with care.
//!
//! Pure: both speak JSON. What is kept was checked first: a token travels in a header and a name goes to a terminal, so
//! neither may hold more than it should.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pintail_core::seam::HttpResponse;
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

/// The largest answer that is accepted, in bytes: a page of a hundred accounts is a tenth of it.
pub(super) const ANSWER_BYTES_MAX: usize = 256 << 10;

/// The longest token or secret that is kept, in bytes. AWS's have some hundred to a few thousand; the three of one
/// record fit into every keychain.
pub(super) const SECRET_BYTES_MAX: usize = 16 << 10;

/// An answer without an error that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// What it gives was over when it came.
    #[error("the {what} ended at {expires_at}, before it came")]
    AlreadyOver {
        /// What was given.
        what: &'static str,
        /// Its end.
        expires_at: Timestamp,
    },
    /// A list goes on and on.
    #[error("the list of {what} has no end")]
    Endless {
        /// What is listed.
        what: &'static str,
    },
    /// An entry is missing, of the wrong type, too long, or holds what it must not hold.
    #[error("the answer has no usable \"{entry}\"")]
    Malformed {
        /// The entry's name.
        entry: &'static str,
    },
    /// It is not a JSON object.
    #[error("the answer is not a JSON object (HTTP status {})", .status.as_u16())]
    Unreadable {
        /// The status it came with.
        status: StatusCode,
    },
}

/// A JSON object of a service.
#[derive(Debug)]
pub(super) struct Document<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Document<'a> {
    /// Returns a text of visible ASCII characters, such as an identifier.
    pub(super) fn word(&self, entry: &'static str, bytes_max: usize) -> Result<&'a str, AnswerError> {
        self.optional_word(entry, bytes_max)?.ok_or(AnswerError::Malformed { entry })
    }

    /// Returns a secret of visible ASCII characters, which can travel in a header.
    pub(super) fn secret(&self, entry: &'static str) -> Result<Secret, AnswerError> {
        self.word(entry, SECRET_BYTES_MAX).map(Secret::new)
    }

    /// Returns a secret that need not be there.
    pub(super) fn optional_secret(&self, entry: &'static str) -> Result<Option<Secret>, AnswerError> {
        Ok(self.optional_word(entry, SECRET_BYTES_MAX)?.map(Secret::new))
    }

    fn optional_word(&self, entry: &'static str, bytes_max: usize) -> Result<Option<&'a str>, AnswerError> {
        match self.0.get(entry) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text))
                if text.len() <= bytes_max && text.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Ok(Some(text))
            }
            Some(_) => Err(AnswerError::Malformed { entry }),
        }
    }

    /// Returns the objects of a list; none when the list is missing.
    pub(super) fn objects(&self, entry: &'static str) -> Result<Vec<Document<'a>>, AnswerError> {
        let malformed = AnswerError::Malformed { entry };
        match self.0.get(entry) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_object().map(Document).ok_or_else(|| malformed.clone()))
                .collect(),
            Some(_) => Err(malformed),
        }
    }

    /// Returns an end that lies ahead, given in `unit`s since 1970.
    pub(super) fn end(
        &self,
        entry: &'static str,
        what: &'static str,
        unit: SignedDuration,
        now: Timestamp,
    ) -> Result<Timestamp, AnswerError> {
        let count = self.0.get(entry).and_then(Value::as_i64);
        let millis = count.and_then(|count| count.checked_mul(i64::try_from(unit.as_millis()).ok()?));
        let expires_at = millis
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .ok_or(AnswerError::Malformed { entry })?;
        still_ahead(expires_at, what, now)
    }
}

/// Passes on an end that has not come yet.
pub(super) fn still_ahead(
    expires_at: Timestamp,
    what: &'static str,
    now: Timestamp,
) -> Result<Timestamp, AnswerError> {
    if expires_at > now { Ok(expires_at) } else { Err(AnswerError::AlreadyOver { what, expires_at }) }
}

/// Reads the JSON object of an answer, whatever its status.
pub(super) fn object(response: &HttpResponse) -> Result<Map<String, Value>, AnswerError> {
    match serde_json::from_slice(&response.body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(AnswerError::Unreadable { status: response.status }),
    }
}

/// Returns the name of the exception that an answer of either service bears, without the word `Exception`.
///
/// It stands in a header (`UnauthorizedException:http://…`) or in the body's `__type` (`com.amazonaws…#UnauthorizedException`).
pub(super) fn exception(response: &HttpResponse, object: Option<&Map<String, Value>>) -> Option<String> {
    let header = response.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let in_body = || object?.get("__type").or_else(|| object?.get("code"))?.as_str();
    let name = header.or_else(in_body)?;
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default();
    let name = name.strip_suffix("Exception").unwrap_or(name);
    // Whatever else stands there is no name that anything could be decided by.
    let good = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use serde_json::json;

    #[test]
    fn exceptions_are_found_wherever_they_stand() {
        let response = |header: Option<&str>, body: &str| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("x-amzn-ErrorType", header.parse().unwrap());
            }
            HttpResponse { status: StatusCode::BAD_REQUEST, headers, body: body.to_owned().into() }
        };
        for (header, body, expected) in [
            (Some("UnauthorizedException:http://internal.amazon.com/coral/x/"), "{}", Some("Unauthorized")),
            (Some("SlowDownException"), r#"{"__type":"Other"}"#, Some("SlowDown")),
            (
                None,
                r#"{"__type":"com.amazonaws.switchboard.portal#ForbiddenException","message":"No access"}"#,
                Some("Forbidden"),
            ),
            (None, r#"{"code":"ResourceNotFoundException"}"#, Some("ResourceNotFound")),
            (None, r#"{"__type":"\u001b[2J"}"#, None),
            (Some("Exception"), "{}", None),
            (None, "not JSON", None),
        ] {
            let response = response(header, body);
            let object = object(&response).ok();
            assert_eq!(exception(&response, object.as_ref()).as_deref(), expected, "{header:?} {body}");
        }
    }

    #[test]
    fn entries_are_kept_only_when_they_are_what_they_should_be() {
        let long = "a".repeat(SECRET_BYTES_MAX + 1);
        let value = json!({ "a": "token-1._~+/=", "b": "", "c": null, "d": 1, "e": "line\nbreak", "f": "ümlaut", "g": long,
            "list": [{}, {}], "numbers": [1] });
        let document = Document(value.as_object().unwrap());
        assert!(document.secret("a").unwrap().matches("token-1._~+/="));
        for entry in ["b", "c", "missing"] {
            assert_eq!(document.optional_secret(entry), Ok(None));
            assert_eq!(document.secret(entry), Err(AnswerError::Malformed { entry }));
        }
        for entry in ["d", "e", "f", "g"] {
            assert_eq!(document.optional_secret(entry), Err(AnswerError::Malformed { entry }));
        }
        assert_eq!(document.objects("list").unwrap().len(), 2);
        assert!(document.objects("missing").unwrap().is_empty());
        assert!(document.objects("numbers").is_err() && document.objects("a").is_err());
    }

    #[test]
    fn ends_lie_ahead_in_the_unit_the_service_uses() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let value = json!({ "seconds": 1_795_438_800, "millis": 1_795_438_800_000_i64, "text": "1795438800", "huge": i64::MAX, "past": 0 });
        let document = Document(value.as_object().unwrap());
        let end = |entry, unit| document.end(entry, "token", unit, now);
        let one_o_clock: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
        assert_eq!(end("seconds", SignedDuration::from_secs(1)), Ok(one_o_clock));
        assert_eq!(end("millis", SignedDuration::from_millis(1)), Ok(one_o_clock));
        // Seconds taken for milliseconds are of January 1970.
        assert!(matches!(
            end("seconds", SignedDuration::from_millis(1)),
            Err(AnswerError::AlreadyOver { .. })
        ));
        assert!(matches!(end("past", SignedDuration::from_secs(1)), Err(AnswerError::AlreadyOver { .. })));
        for entry in ["text", "huge", "missing"] {
            assert_eq!(end(entry, SignedDuration::from_secs(1)), Err(AnswerError::Malformed { entry }));
        }
    }
}
