//! The name a session carries into CloudTrail: the person, when the token tells.

use pintail_core::name::SessionName;

/// What stands when neither a name nor a subject makes a legal session name.
const FALLBACK: &str = "pintail";

/// Chooses the session name: the configured one, else the person's name made legal, else the subject, else `pintail`.
///
/// `person` is `preferred_username` (or what the issuer has instead). The name is chosen by the client, so audits may
/// rely on it only where the trust policy binds it.
pub fn session_name(configured: Option<&SessionName>, person: Option<&str>, subject: &str) -> SessionName {
    configured
        .cloned()
        .or_else(|| person.and_then(SessionName::made_legal))
        // As it is, wherever it can be: trust policies compare it with the token's letter by letter.
        .or_else(|| subject.parse().ok())
        .or_else(|| SessionName::made_legal(subject))
        .unwrap_or_else(|| FALLBACK.parse().expect("the fallback is a legal session name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_name_that_is_legal_wins() {
        let fixed: SessionName = "batch-job".parse().unwrap();
        for (configured, person, subject, expected) in [
            (Some(&fixed), Some("alice@contoso.com"), "sub-1", "batch-job"),
            (None, Some("alice@contoso.com"), "sub-1", "alice@contoso.com"),
            (None, Some("ann_fabrikam.com#EXT#@contoso.com"), "sub-1", "ann_fabrikam.com-EXT-@contoso.com"),
            (None, Some("é"), "auth0|5f7c", "auth0-5f7c"),
            (None, None, "sub-1", "sub-1"),
            (None, None, "-sub_2-", "-sub_2-"),
            (None, None, "", "pintail"),
            (None, Some(" "), "ü", "pintail"),
        ] {
            assert_eq!(session_name(configured, person, subject).as_str(), expected);
        }
    }
}
