//! What STS's refusals mean: the link between the sign-in and the role.

use pintail_core::connection::Connection;
use pintail_identity::sts::{ExchangeError, StsCall, StsError, StsErrorKind};

use super::Exit;
use super::store::network;

/// Advice for an exchange that failed, with what the token said as further causes.
pub(super) struct Advice {
    pub(super) exit: Exit,
    pub(super) causes: Vec<String>,
    pub(super) next: Vec<String>,
}

/// Explains an exchange that failed. The connection is that of the bookmark in use, where it is known.
pub(super) fn advise(error: &ExchangeError, connection: Option<&Connection>) -> Advice {
    match error {
        ExchangeError::Http(error) => {
            Advice { exit: Exit::Failed, causes: Vec::new(), next: network(error.kind, "STS") }
        }
        ExchangeError::Unusable(_) => Advice {
            exit: Exit::Failed,
            causes: Vec::new(),
            next: vec![
                "Look at the bookmark's --sts-endpoint: what answers there does not speak STS.".into(),
            ],
        },
        ExchangeError::Refused(error) => refused(error, connection),
    }
}

fn refused(error: &StsError, connection: Option<&Connection>) -> Advice {
    let mut causes = Vec::new();
    if !error.message.is_empty() {
        causes.push(format!("STS says: {}", error.message));
    }
    let (issuer, audience) = match &error.facts {
        Some(facts) => {
            let party = facts.authorized_party.as_ref().map(|azp| format!(", azp {azp}")).unwrap_or_default();
            causes.push(format!(
                "the token said: iss {}, aud {}{party}, sub {}, exp {}",
                facts.issuer,
                facts.audience.join(" "),
                facts.subject,
                facts.expires_at
            ));
            let client = facts.authorized_party.clone().unwrap_or_else(|| facts.audience.join(" "));
            (facts.issuer.clone(), client)
        }
        None => ("the issuer".into(), "the client ID".into()),
    };
    if let Some(id) = &error.request_id {
        causes.push(format!("request {id}"));
    }
    let role = connection.and_then(Connection::first_role);
    let account =
        role.map_or_else(|| "the role's account".to_owned(), |role| format!("account {}", role.account()));
    let role = role.map_or_else(|| "the role".to_owned(), ToString::to_string);
    let (exit, next) = advice(error, &issuer, &audience, &role, &account);
    Advice { exit, causes, next }
}

fn advice(error: &StsError, issuer: &str, audience: &str, role: &str, account: &str) -> (Exit, Vec<String>) {
    use StsErrorKind as K;
    let provider = issuer.trim_start_matches("https://").trim_start_matches("http://");
    match error.kind {
        K::AccessDenied if error.call == StsCall::AssumeRole => (
            Exit::Refused,
            vec![
                format!("Ask the owner of the second role to let {role} assume it, with the external ID of the bookmark."),
                "The first role needs the permission sts:AssumeRole on the second.".into(),
            ],
        ),
        K::AccessDenied => (
            Exit::Refused,
            vec![
                format!("Compare the role ARN letter by letter: {role}. AWS does not tell a missing role from a forbidden one."),
                format!("In the role's trust policy: Principal.Federated names the provider {provider} of {account}, and Action is sts:AssumeRoleWithWebIdentity."),
                format!("Its condition `{provider}:aud` equals {audience}; a condition on `:sub` equals the token's whole `sub`; conditions on groups, roles, tid or oid never match."),
                "If the token carries AWS tags, the trust policy needs sts:TagSession as well. A role made seconds ago needs a moment.".into(),
            ],
        ),
        K::UnknownProvider => (
            Exit::Refused,
            vec![
                format!("In IAM of {account}, add an OpenID Connect provider with exactly this URL: {issuer}"),
                "Near misses: the v1 issuer (sts.windows.net), a slash at the end, another case, another account.".into(),
            ],
        ),
        K::WrongAudience => (
            Exit::Refused,
            vec![format!("In IAM of {account}, add the client ID {audience} to the audiences of the provider {provider}.")],
        ),
        K::InvalidToken => (
            Exit::Refused,
            vec![
                "Sign in again: `pintail login`.".into(),
                format!("If it stays, compare issuer and client ID with the provider in IAM of {account}: some services name a wrong audience or a bad signature no better."),
            ],
        ),
        K::RoleNotInToken => (
            Exit::Refused,
            vec![format!("The token lists the roles it is good for (https://aws.amazon.com/roles); ask your admin to add {role} for you.")],
        ),
        K::KeysUnreachable | K::ProviderUnreachable => (
            Exit::Failed,
            vec![
                "Try again in a minute: STS could not fetch the issuer's keys.".into(),
                "If it stays: an app with its own signing key (mapped claims) publishes it where STS does not look; use acceptMappedClaims instead.".into(),
            ],
        ),
        K::ProviderCertificate => (
            Exit::Refused,
            vec!["Put the thumbprint of the issuer's certificate authority into the IAM provider.".into()],
        ),
        K::TokenExpired => (
            Exit::SignInNeeded,
            vec!["Sign in again: `pintail login`.".into(), "Set this machine's clock if it is more than five minutes off.".into()],
        ),
        K::SignInRejected => (Exit::SignInNeeded, vec!["The issuer took the sign-in back. Sign in again: `pintail login`.".into()]),
        K::RoleArnInvalid => {
            (Exit::Usage, vec![format!("Correct the role ARN: {role}. It is a role's, not a user's or a session's, and of the same partition.")])
        }
        K::DurationTooLong => (Exit::Failed, vec!["Leave --duration out of the bookmark, or ask for the role's maximum to be raised.".into()]),
        K::SessionNameInvalid => (Exit::Failed, vec!["Give the bookmark a --session-name of 2 to 64 letters, digits and _ + = , . @ -".into()]),
        K::TokenTooLong => (Exit::Failed, vec!["Ask your admin to send fewer claims: groups make tokens long.".into()]),
        K::MalformedPolicy => (Exit::Usage, vec!["Correct the session policy of the bookmark (--policy).".into()]),
        K::PolicyTooLarge => (Exit::Failed, vec!["Shorten the session policy, or ask for fewer tags in the token.".into()]),
        K::RegionDisabled => (Exit::Failed, vec!["Give the bookmark a region whose STS is active in the account, or `--sts-endpoint global`.".into()]),
        K::Throttled | K::ServerFailure => (Exit::Failed, vec!["Try again in a minute.".into()]),
        K::ClockSkew | K::SignatureMismatch => (Exit::Failed, vec!["Set this machine's clock, then try again.".into()]),
        K::CredentialExpired | K::UnknownKey => (
            Exit::SignInNeeded,
            vec!["Sign in again: `pintail login`.".into(), "Look whether the region of the bookmark belongs to the role's partition.".into()],
        ),
        K::RequestInvalid | K::Unknown => (Exit::Failed, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str, message: &str) -> Advice {
        let body = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        let facts = pintail_identity::sts::TokenFacts {
            issuer: "https://login.microsoftonline.com/GUID/v2.0".into(),
            audience: vec!["client-1".into()],
            authorized_party: None,
            subject: "a-subject-that-is-long".into(),
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let status = if code == "AccessDenied" { 403 } else { 400 };
        let status = http::StatusCode::from_u16(status).unwrap();
        let error = StsError::read(StsCall::AssumeRoleWithWebIdentity, status, body.as_bytes(), Some(&facts));
        advise(&ExchangeError::Refused(error), None)
    }

    /// The table of causes in AWS's own words: each has its own advice and shows what the token said.
    #[test]
    fn every_row_has_its_own_advice() {
        for (code, message, exit, advice) in [
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x",
                Exit::Refused,
                "add an OpenID Connect provider",
            ),
            ("InvalidIdentityToken", "Incorrect token audience", Exit::Refused, "add the client ID client-1"),
            (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider",
                Exit::Failed,
                "Try again in a minute",
            ),
            ("ExpiredTokenException", "Token expired", Exit::SignInNeeded, "Sign in again"),
            ("IDPRejectedClaim", "rejected", Exit::SignInNeeded, "took the sign-in back"),
            ("IDPCommunicationError", "could not be reached", Exit::Failed, "Try again in a minute"),
            (
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                Exit::Refused,
                "letter by letter",
            ),
            ("ValidationError", "Request ARN is invalid", Exit::Usage, "Correct the role ARN"),
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                Exit::Failed,
                "--duration",
            ),
            ("MalformedPolicyDocument", "policy", Exit::Usage, "--policy"),
            ("PackedPolicyTooLarge", "105%", Exit::Failed, "Shorten the session policy"),
            (
                "RegionDisabledException",
                "STS is not activated in this region",
                Exit::Failed,
                "--sts-endpoint global",
            ),
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
                Exit::SignInNeeded,
                "partition",
            ),
            ("Throttling", "Rate exceeded", Exit::Failed, "Try again"),
        ] {
            let said = read(code, message);
            assert_eq!(said.exit, exit, "{code}: {message}");
            assert!(said.next.join(" ").contains(advice), "{code}: {:?}", said.next);
            let causes = said.causes.join(" ");
            assert!(causes.contains("aud client-1") && causes.contains("sub …long"), "{causes}");
        }
    }
}
