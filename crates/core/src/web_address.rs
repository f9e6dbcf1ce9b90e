//! Addresses that this program may be sent to: `http` or `https`, a host, and nobody's name or password.

use url::Url;

/// A text that is no such address. What may be a secret in it is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is no http or https address without a user or password")]
pub struct WebAddressError {
    /// The text as it may be shown.
    pub shown: String,
}

/// Parses an address. White space around it does not count.
///
/// # Errors
/// When it has another scheme, no host, a user or a password.
pub fn parse(text: &str) -> Result<Url, WebAddressError> {
    let text = text.trim();
    let good = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    };
    Url::parse(text).ok().filter(good).ok_or_else(|| WebAddressError { shown: shown(text) })
}

/// Returns a text that should have been an address as an error may show it: not at all where it may hold a password, which
/// stands before an `@`, and else no more than its beginning.
pub fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    if text.contains('@') { "…".to_owned() } else { text.chars().take(SHOWN_CHARS_MAX).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_pass_and_no_password_is_repeated() {
        for (text, good) in [
            ("https://s3.example.com", true),
            (" http://[::1]:9000/a?b ", true),
            ("ftp://x.example", false),
            ("s3.example.com", false),
            ("localhost:8333", false),
            ("https://", false),
            ("", false),
            ("https://hunter2@x.example", false),
            ("https://u:hunter2@x.example", false),
            ("https://:hunter2@x.example", false),
            // Not even an address, and still one with a password.
            ("https://u:hunter2@", false),
            ("u:hunter2@x.example", false),
        ] {
            let read = parse(text);
            assert_eq!(read.is_ok(), good, "{text}");
            assert!(!read.is_err_and(|error| error.to_string().contains("hunter2")), "{text}");
        }
    }
}
