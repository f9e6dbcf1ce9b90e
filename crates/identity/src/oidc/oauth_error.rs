//! An error that the issuer answered with, taken apart.
//!
//! Decisions hang on the OAuth `error` code only; Microsoft says that the AADSTS numbers may change. The numbers pick
//! an text in the app and name the handful of faults that pass by themselves. Descriptions are text of
//! others and may name a person: they are escaped, cut, and left out of `Debug`.

use http::StatusCode;
use pintail_core::retry::Retry;
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

use super::untrusted::{Personal, WORD_CHARS_MAX, printable};

/// AADSTS numbers of faults at Microsoft's side that pass by themselves.
const TRANSIENT: &[u32] = &[70012, 90006, 90024, 90033, 90055, 90090, 50033, 50087];

/// The longest description that is kept: more than any issuer writes, less than a screen.
const DESCRIPTION_CHARS_MAX: usize = 600;

/// An error of the issuer, from the token endpoint, the device endpoint or a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerError {
    /// The OAuth `error` code, made printable.
    pub error: String,
    /// The issuer's own words, escaped and cut, without the identifiers that follow below.
    pub description: Option<Personal>,
    /// Entra's number of the fault.
    pub aadsts: Option<u32>,
    /// Entra's `suberror`.
    pub suberror: Option<String>,
    /// Entra's name of the failed request, for its support.
    pub trace_id: Option<String>,
    /// Entra's name of the whole attempt, to look it up in the sign-in log.
    pub correlation_id: Option<String>,
    /// When it happened, in Entra's words.
    pub timestamp: Option<String>,
    /// What a new sign-in must bring (`claims`), to be sent along with it unchanged.
    pub claims: Option<Secret>,
    /// The HTTP status it came with; `None` when it came in a redirect.
    pub status: Option<StatusCode>,
}

impl std::fmt::Display for IssuerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the issuer answered {}", self.error)?;
        match self.aadsts {
            Some(number) => write!(f, " (AADSTS{number})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for IssuerError {}

impl IssuerError {
    /// Reads the error of a JSON answer; `None` when it is not an OAuth error.
    pub(crate) fn from_json(status: StatusCode, document: &Map<String, Value>) -> Option<Self> {
        let text = |member: &str| document.get(member).and_then(Value::as_str);
        let number = document
            .get("error_codes")
            .and_then(Value::as_array)
            .and_then(|codes| codes.first())
            .and_then(Value::as_u64)
            .and_then(|code| u32::try_from(code).ok());
        let word = |member: &str| text(member).map(|text| printable(text, WORD_CHARS_MAX));
        let mut error = Self::new(text("error")?, text("error_description"));
        error.status = Some(status);
        error.aadsts = number.or(error.aadsts);
        error.suberror = word("suberror");
        error.trace_id = word("trace_id").or(error.trace_id);
        error.correlation_id = word("correlation_id").or(error.correlation_id);
        error.timestamp = word("timestamp").or(error.timestamp);
        error.claims = text("claims").map(Secret::new);
        Some(error)
    }

    /// Makes an error of its two common parts; Entra's identifiers are taken out of the description.
    pub(crate) fn new(error: &str, description: Option<&str>) -> Self {
        let description = description.map(Description::take_apart).unwrap_or_default();
        Self {
            error: printable(error, WORD_CHARS_MAX),
            description: (!description.words.is_empty())
                .then(|| Personal::cut(&description.words, DESCRIPTION_CHARS_MAX)),
            aadsts: description.aadsts,
            suberror: None,
            trace_id: description.trace_id,
            correlation_id: description.correlation_id,
            timestamp: description.timestamp,
            claims: None,
            status: None,
        }
    }

    /// Tells what would have to change before the same request can succeed.
    pub fn retry(&self) -> Retry {
        let passes = self.aadsts.is_some_and(|number| TRANSIENT.contains(&number))
            || self.status.is_some_and(status_passes);
        match self.error.as_str() {
            _ if passes => Retry::Backoff,
            "temporarily_unavailable" | "server_error" | "slow_down" | "authorization_pending" => {
                Retry::Backoff
            }
            "invalid_grant"
            | "interaction_required"
            | "login_required"
            | "consent_required"
            | "account_selection_required"
            | "expired_token" => Retry::AfterSignIn,
            _ => Retry::Never,
        }
    }
}

/// Tells whether an HTTP status speaks of a fault that passes.
pub(super) fn status_passes(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// An `error_description` of Entra: `AADSTSnnn: words`, then lines or sentences with identifiers.
#[derive(Default)]
struct Description {
    words: String,
    aadsts: Option<u32>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    timestamp: Option<String>,
}

impl Description {
    fn take_apart(text: &str) -> Self {
        let aadsts = text.trim_start().strip_prefix("AADSTS").and_then(|rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse().ok()
        });
        let marks = ["Trace ID:", "Correlation ID:", "Timestamp:"];
        let after = |mark: &str| {
            let rest = &text[text.find(mark)? + mark.len()..];
            let next = marks.iter().filter_map(|mark| rest.find(mark)).min();
            let line = rest.find(['\r', '\n']);
            let end = next.into_iter().chain(line).min().unwrap_or(rest.len());
            let value = rest[..end].trim();
            (!value.is_empty()).then(|| printable(value, WORD_CHARS_MAX))
        };
        let words_end = marks.iter().filter_map(|mark| text.find(mark)).min();
        let words = if aadsts.is_some() { &text[..words_end.unwrap_or(text.len())] } else { text };
        Self {
            words: words.split_whitespace().collect::<Vec<_>>().join(" "),
            aadsts,
            trace_id: after("Trace ID:"),
            correlation_id: after("Correlation ID:"),
            timestamp: after("Timestamp:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(status: u16, body: &str) -> Option<IssuerError> {
        let Ok(Value::Object(document)) = serde_json::from_str(body) else { panic!("not an object") };
        IssuerError::from_json(StatusCode::from_u16(status).unwrap(), &document)
    }

    #[test]
    fn entras_error_is_taken_apart() {
        let error = parse(
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.\r\nTrace ID: 0a-1\r\nCorrelation ID: 0b-2\r\nTimestamp: 2026-11-23 12:00:00Z","error_codes":[70008],"timestamp":"2026-11-23 12:00:01Z","trace_id":"0a-9","correlation_id":"0b-9","suberror":"bad_token","claims":"{\"access_token\":1}","error_uri":"https://x"}"#,
        )
        .unwrap();
        assert_eq!(error.to_string(), "the issuer answered invalid_grant (AADSTS70008)");
        assert_eq!(
            error.description.as_ref().map(Personal::expose),
            Some(
                "AADSTS70008: The provided authorization code or refresh token has expired due to inactivity."
            )
        );
        assert_eq!(error.trace_id.as_deref(), Some("0a-9"));
        assert_eq!(error.correlation_id.as_deref(), Some("0b-9"));
        assert_eq!(error.timestamp.as_deref(), Some("2026-11-23 12:00:01Z"));
        assert_eq!(error.suberror.as_deref(), Some("bad_token"));
        assert!(error.claims.as_ref().is_some_and(|claims| claims.matches("{\"access_token\":1}")));
        assert_eq!(error.retry(), Retry::AfterSignIn);
    }

    #[test]
    fn identifiers_are_found_in_the_description_alone() {
        for between in ["\r\n", " "] {
            let text = [
                "AADSTS65004: User declined.",
                "Trace ID: t-1",
                "Correlation ID: c-1",
                "Timestamp: 2026-11-23 12:00:00Z",
            ]
            .join(between);
            let error = IssuerError::new("access_denied", Some(&text));
            assert_eq!(error.aadsts, Some(65004));
            assert_eq!(error.trace_id.as_deref(), Some("t-1"));
            assert_eq!(error.correlation_id.as_deref(), Some("c-1"));
            assert_eq!(error.timestamp.as_deref(), Some("2026-11-23 12:00:00Z"));
            assert_eq!(error.description.unwrap().expose(), "AADSTS65004: User declined.");
        }
        let plain = IssuerError::new("access_denied", Some("Trace ID: is part of what I say"));
        assert_eq!(plain.description.unwrap().expose(), "Trace ID: is part of what I say");
    }

    #[test]
    fn hostile_descriptions_are_escaped_cut_and_kept_out_of_debug() {
        let text = format!("ada@contoso.com \u{1b}[2J{}", "x".repeat(5000));
        let error = IssuerError::new("\u{202e}bad", Some(&text));
        assert_eq!(error.error, "\\u{202e}bad");
        let shown = error.description.as_ref().unwrap().expose();
        assert!(shown.starts_with("ada@contoso.com \\u{1b}[2J") && shown.chars().count() < 700);
        let debug = format!("{error:?} {error}");
        assert!(!debug.contains("ada") && !debug.contains('\u{1b}'), "{debug}");
    }

    #[test]
    fn the_verdict_follows_the_code_and_the_faults_that_pass() {
        for (status, body, verdict) in [
            (400, r#"{"error":"invalid_grant"}"#, Retry::AfterSignIn),
            (400, r#"{"error":"interaction_required","error_codes":[50076]}"#, Retry::AfterSignIn),
            (400, r#"{"error":"invalid_client","error_codes":[7000218]}"#, Retry::Never),
            (400, r#"{"error":"unauthorized_client"}"#, Retry::Never),
            (400, r#"{"error":"temporarily_unavailable"}"#, Retry::Backoff),
            (400, r#"{"error":"invalid_request","error_codes":[90033]}"#, Retry::Backoff),
            (400, r#"{"error":"invalid_grant","error_description":"AADSTS90055: slow"}"#, Retry::Backoff),
            (429, r#"{"error":"anything"}"#, Retry::Backoff),
            (503, r#"{"error":"invalid_grant"}"#, Retry::Backoff),
            (400, r#"{"error":"unheard_of","error_codes":[4294967296]}"#, Retry::Never),
        ] {
            assert_eq!(parse(status, body).unwrap().retry(), verdict, "{status} {body}");
        }
        assert_eq!(parse(400, r#"{"message":"no OAuth error"}"#), None);
        assert_eq!(parse(400, r#"{"error":{"code":1}}"#), None);
    }

    proptest! {
        #[test]
        fn no_description_makes_the_parser_panic(text in "(AADSTS[0-9]{0,12}|Trace ID:|Correlation ID:|Timestamp:|\\PC|[\r\n ]){0,20}") {
            let _ = IssuerError::new("e", Some(&text));
        }
    }
}
