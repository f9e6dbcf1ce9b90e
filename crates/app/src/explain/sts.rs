//! An exchange that failed, explained: what the token said beside the text of the refusal.

use pintail_core::connection::Connection;
use pintail_identity::sts::{ExchangeError, StsError, StsErrorKind};

use super::Exit;
use super::store::network;
use super::texts::{self, Known};

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
    let client = match &error.facts {
        Some(facts) => {
            let party = facts.authorized_party.as_ref().map(|azp| format!(", azp {azp}")).unwrap_or_default();
            causes.push(format!(
                "the token said: iss {}, aud {}{party}, sub {}, exp {}",
                facts.issuer,
                facts.audience.join(" "),
                facts.subject,
                facts.expires_at
            ));
            facts.authorized_party.clone().unwrap_or_else(|| facts.audience.join(" "))
        }
        None => String::new(),
    };
    if let Some(id) = &error.request_id {
        causes.push(format!("request {id}"));
    }
    let role = connection.and_then(Connection::first_role);
    let known = Known {
        account: role.map(|role| format!("account {}", role.account())),
        client: error.facts.is_some().then_some(client),
        issuer: error.facts.as_ref().map(|facts| facts.issuer.clone()),
        role: role.map(ToString::to_string),
        ..Known::default()
    };
    let text = texts::sts::of(error.kind, error.call, &error.message);
    Advice { exit: exit(error.kind), causes, next: known.next(text) }
}

/// How a run ends that STS refused for this.
fn exit(kind: StsErrorKind) -> Exit {
    use StsErrorKind as K;
    match kind {
        K::AccessDenied
        | K::InvalidToken
        | K::ProviderCertificate
        | K::RoleNotInToken
        | K::UnknownProvider
        | K::WrongAudience => Exit::Refused,
        K::CredentialExpired | K::SignInRejected | K::TokenExpired | K::UnknownKey => Exit::SignInNeeded,
        K::MalformedPolicy | K::RoleArnInvalid => Exit::Usage,
        K::ClockSkew
        | K::DurationTooLong
        | K::KeysUnreachable
        | K::PolicyTooLarge
        | K::ProviderUnreachable
        | K::RegionDisabled
        | K::RequestInvalid
        | K::ServerFailure
        | K::SessionNameInvalid
        | K::SignatureMismatch
        | K::Throttled
        | K::TokenTooLong
        | K::Unknown => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintail_identity::sts::StsCall;

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
