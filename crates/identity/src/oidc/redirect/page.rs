//! The pages that a browser sees after its redirect.
//!
//! Static: nothing of a request is repeated in an answer, there is no script, nothing is loaded, nothing is kept.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The person is signed in.
    SignedIn,
    /// They are not.
    Failed,
    /// The answer arrived, and how it ended is not known here.
    Arrived,
    /// The answer is not this attempt's.
    Foreign,
    /// There is nothing at this address.
    NothingHere,
    /// Only GET is answered.
    WrongMethod,
    /// The request was made under another host's name.
    WrongHost,
}

impl Page {
    fn status(self) -> StatusCode {
        match self {
            Self::SignedIn | Self::Arrived => StatusCode::OK,
            Self::Failed | Self::Foreign => StatusCode::BAD_REQUEST,
            Self::NothingHere => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::WrongHost => StatusCode::FORBIDDEN,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("Signed in", "You can close this page and go back to Pintail."),
            Self::Failed => {
                ("Not signed in", "Go back to where you started: Pintail says there what went wrong.")
            }
            Self::Arrived => {
                ("Almost there", "Go back to where you started: Pintail finishes the sign-in there.")
            }
            Self::Foreign => (
                "Not this sign-in",
                "This page belongs to a sign-in that Pintail is not waiting for. Use the page that opened last.",
            ),
            Self::NothingHere => ("Nothing here", "This address only takes the end of a sign-in."),
            Self::WrongMethod => ("Nothing here", "This address only takes the end of a sign-in, by GET."),
            Self::WrongHost => ("Nothing here", "This address was reached under a name that is not its own."),
        }
    }

    /// Makes the whole answer.
    pub(super) fn response(self) -> Response<String> {
        let (title, text) = self.words();
        let mark = if matches!(self, Self::SignedIn | Self::Arrived) { "#2f7d4f" } else { "#9a4b2f" };
        // The empty icon keeps browsers from asking for /favicon.ico, and the policy keeps them from loading it.
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
             <title>{title} – Pintail</title><style>\
             body{{margin:0;min-height:100vh;display:grid;place-items:center;font:1.125rem/1.5 system-ui,sans-serif}}\
             main{{max-width:28rem;margin:2rem;padding:0 0 0 1.25rem;border-left:.375rem solid {mark}}}\
             h1{{margin:0 0 .5rem;font-size:1.75rem}}p{{margin:0}}\
             </style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
        );
        let mut response = Response::new(html);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let fixed: [(HeaderName, &'static str); 6] = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self == Self::WrongMethod {
            headers.insert(http::header::ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_static_and_locked_down() {
        for page in [
            Page::SignedIn,
            Page::Failed,
            Page::Arrived,
            Page::Foreign,
            Page::NothingHere,
            Page::WrongMethod,
            Page::WrongHost,
        ] {
            let response = page.response();
            let headers = response.headers();
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"));
            assert!(
                !headers.contains_key(http::header::LOCATION)
                    && !headers.contains_key(http::header::SET_COOKIE)
            );
            let html = response.body();
            assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
        }
    }
}
