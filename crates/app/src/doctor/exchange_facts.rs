//! Pure: what STS's answer to the exchange means, told apart by what is known of token, role and endpoint.
//!
//! Where STS itself does not tell (a role that does not exist, a condition that fails), the findings of IAM do; without them
//! this says how to have them.

use pintail_core::name::{Partition, RoleArn};
use pintail_identity::sts::{StsCall, StsError, StsErrorKind};

use super::finding::{Finding, Line};
use super::token::TokenAtHand;

/// What is known beside the answer.
#[derive(Clone, Debug)]
pub(crate) struct Known<'a> {
    /// The bookmark.
    pub(crate) bookmark: &'a str,
    /// The role that was asked for.
    pub(crate) role: &'a RoleArn,
    /// The region that was asked.
    pub(crate) region: &'a str,
    /// The host that was asked.
    pub(crate) host: &'a str,
    /// The token that was sent.
    pub(crate) token: Option<&'a TokenAtHand>,
    /// Somebody could read IAM.
    pub(crate) iam_was_read: bool,
}

/// Judges whether role, region and endpoint belong together, before anything is asked.
pub(crate) fn partitions(
    role: &RoleArn,
    region: Partition,
    region_name: &str,
    bookmark: &str,
) -> Option<Finding> {
    if role.partition() == region {
        return None;
    }
    Some(
        Finding::broken(
            "sts",
            format!(
                "the role is of the partition {}, and the region {region_name} of {}",
                role.partition().name(),
                region.name()
            ),
            "a partition knows neither roles nor keys of another: STS answers \"Request ARN is invalid\", or \"The security token included in the request is invalid\"",
            format!(
                "Give the bookmark a region of the role's partition: `pintail bookmark edit {bookmark} --region {}`.",
                role.partition().default_region()
            ),
        )
        .with(vec![Line::same("partition", role.partition().name(), region.name())]),
    )
}

/// Judges a refusal of the exchange.
pub(crate) fn refused(error: &StsError, known: &Known<'_>) -> Finding {
    use StsErrorKind as K;
    let (role, account) = (known.role, known.role.account());
    let token = known.token;
    let iss = token.and_then(|token| token.text("iss")).unwrap_or("the issuer").to_owned();
    let audience = token.map(TokenAtHand::audience_for_aws).unwrap_or_default();
    let subject = token.and_then(|token| token.text("sub")).unwrap_or_default();
    let provider = iss.split_once("://").map_or(iss.as_str(), |(_, rest)| rest).to_owned();
    let edit = |option: &str| format!("`pintail bookmark edit {} {option}`", known.bookmark);
    let says = if error.message.is_empty() {
        error.code.clone()
    } else {
        format!("{}: {}", error.code, error.message)
    };
    let seen = format!("STS refuses: {says}");
    let broken = |means: String, next: String| Finding::broken("exchange", seen.clone(), means, next);
    let finding = match error.kind {
        K::AccessDenied if says_no_role(&error.message) => broken(
            format!("the service has no role {role}"),
            format!("Take the ARN from the service's configuration: {}.", edit("--role-arn ARN")),
        ),
        K::AccessDenied if !is_amazons(error) => broken(
            format!("this service does not let a token of the issuer {iss}, the client ID {audience} and the subject {subject} into the role"),
            format!("Ask the service's admin to compare these three with its identity provider and the trust policy of {role}."),
        ),
        K::AccessDenied => broken(
            "the role's trust policy does not let this token in, or there is no such role; AWS says the same for both, and only IAM can tell".into(),
            if known.iam_was_read {
                "Ask your AWS admin for what stands above the role: a service or resource control policy of the organization; a role made seconds ago needs a moment.".into()
            } else {
                format!(
                    "Have IAM read: `pintail doctor {} --aws-profile ADMIN`, or send your AWS admin `pintail doctor {} --bundle FILE`.",
                    known.bookmark, known.bookmark
                )
            },
        ),
        K::UnknownProvider => broken(
            format!("the account {account} has no identity provider for exactly this issuer: {iss}"),
            format!("Ask your AWS admin: add an OpenID Connect provider with the URL {iss} and the audience {audience} to account {account}."),
        ),
        K::WrongAudience => broken(
            format!("the identity provider {provider} of account {account} does not list the client ID {audience}"),
            format!("Ask your AWS admin: `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:{}:iam::{account}:oidc-provider/{provider} --client-id {audience}`.", role.partition().name()),
        ),
        K::KeysUnreachable => broken(
            "AWS could not fetch the issuer's keys: the issuer is not reachable from the internet within 5 s, or the application signs with a key of its own".into(),
            format!("Make sure that AWS can reach {iss}/.well-known/openid-configuration; at Entra, look at the finding `signing-key`: `pintail doctor {} --only signing-key`.", known.bookmark),
        ),
        K::ProviderUnreachable => broken(
            "AWS could not reach the issuer".into(),
            format!("Try again in a minute; if it stays, make sure that {iss} can be reached from the internet."),
        ),
        K::ProviderCertificate => broken(
            "the issuer's certificate is of a private authority, and the provider's thumbprint is another one".into(),
            format!("Ask your AWS admin to put the thumbprint of the issuer's authority into the identity provider {provider} of account {account}."),
        ),
        K::InvalidToken => broken(
            "STS cannot use the token: its signature does not fit the issuer's keys, a claim is missing, or the service knows the issuer under another client ID".into(),
            format!("Sign in again: `pintail login {}`; if it stays, compare the issuer {iss} and the client ID {audience} with what the service was told.", known.bookmark),
        ),
        K::RoleNotInToken => broken(
            "the token lists the roles it is good for, and this one is not among them".into(),
            format!("Ask your Entra admin to add {role} to the claim https://aws.amazon.com/roles for you."),
        ),
        K::TokenExpired => broken(
            "the token is over for STS, although it was fetched a moment ago: one of the clocks is off".into(),
            "Set this machine's clock by the network: `sudo timedatectl set-ntp true`.".into(),
        ),
        K::SignInRejected => broken(
            "the issuer told AWS that the sign-in was taken back".into(),
            format!("Sign in again: `pintail login {}`.", known.bookmark),
        )
        .mended_by_sign_in(),
        K::RoleArnInvalid => broken(
            format!("{role} is not the ARN of a role that {} knows: another partition, or not a role", known.host),
            format!("Take the ARN from the role's page in IAM: {}.", edit("--role-arn ARN")),
        ),
        K::DurationTooLong => broken(
            "900 s is the shortest session there is; what answers is not AWS".into(),
            format!("Look at the address of STS: {}.", edit("--sts-endpoint URL")),
        ),
        K::SessionNameInvalid => broken(
            "the name of the session has characters or a length that STS does not take".into(),
            format!("Give the sessions a name of 2 to 64 letters, digits and _ + = , . @ -: {}.", edit("--session-name NAME")),
        ),
        K::TokenTooLong => broken(
            "the token is longer than STS takes".into(),
            "Ask your Entra admin to take the groups claim out of the app registration.".into(),
        ),
        K::MalformedPolicy => broken(
            "the session policy of the bookmark is no policy".into(),
            format!("Correct or remove it: {}.", edit("--policy FILE")),
        ),
        K::PolicyTooLarge => broken(
            "session policy and session tags do not fit together into what AWS packs".into(),
            format!("Narrow the sessions with less: {}; or ask your Entra admin for fewer tags in the token.", edit("--policy \"\"")),
        ),
        K::RegionDisabled => broken(
            format!("STS is not active in {} for account {account}", known.region),
            format!("Choose another region: {}; or ask your AWS admin to activate STS there.", edit("--region REGION")),
        ),
        K::Throttled => broken("too many requests at the moment".into(), "Try again in a minute.".into()),
        K::ServerFailure => broken("STS fails at the moment".into(), "Try again in a minute.".into()),
        K::ClockSkew | K::SignatureMismatch => broken(
            "something signs the request, which is not signed: a proxy, or a service that is not STS".into(),
            format!("Look at the address of STS: {}.", edit("--sts-endpoint URL")),
        ),
        K::UnknownKey | K::CredentialExpired => security_token(error, known),
        K::Unknown if error.code.is_empty() && error.message.is_empty() => broken(
            format!("what answers at {} does not speak STS", known.host),
            format!("Look at the address of STS: {}.", edit("--sts-endpoint URL")),
        ),
        K::RequestInvalid | K::Unknown => broken(
            "a service in the place of STS says something that AWS does not".into(),
            format!("Read what it means: `pintail explain {}`.", if error.code.is_empty() { "TEXT" } else { &error.code }),
        ),
    };
    finding.with(evidence(error, known))
}

/// Tells whether a refusal is in Amazon's own words, which never say more.
fn is_amazons(error: &StsError) -> bool {
    error.message.is_empty() || error.message.starts_with("Not authorized")
}

/// Tells whether a service says what Amazon's does not: that there is no such role.
fn says_no_role(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["role not found", "no such role", "role does not exist"].iter().any(|words| message.contains(words))
}

/// Judges "The security token included in the request is invalid": it never is about the client ID.
pub(crate) fn security_token(error: &StsError, known: &Known<'_>) -> Finding {
    let check = if error.call == StsCall::AssumeRoleWithWebIdentity { "exchange" } else { "identity" };
    let says = if error.message.is_empty() {
        error.code.clone()
    } else {
        format!("{}: {}", error.code, error.message)
    };
    let seen = format!("STS refuses: {says}");
    if error.kind == StsErrorKind::CredentialExpired {
        return Finding::broken(
            check,
            seen,
            "the session is over",
            format!("Sign in again: `pintail login {}`.", known.bookmark),
        );
    }
    if known.host == "sts.amazonaws.com" && !known.region.starts_with("us-") {
        return Finding::broken(
            check,
            seen,
            format!(
                "sessions of the global endpoint sts.amazonaws.com do not work in regions that have to be enabled, such as {}",
                known.region
            ),
            format!(
                "Use the region's own STS: `pintail bookmark edit {} --sts-endpoint \"\"`.",
                known.bookmark
            ),
        );
    }
    Finding::broken(
        check,
        seen,
        "the key that signed is not known here: the session was deleted, or belongs to another partition; the client ID has nothing to do with it (that is \"Incorrect token audience\")",
        format!(
            "Buy a new session: `pintail logout {}`, then `pintail login {}`.",
            known.bookmark, known.bookmark
        ),
    )
}

/// Returns what was sent, as far as it may be shown.
fn evidence(error: &StsError, known: &Known<'_>) -> Vec<Line> {
    let sent = |what: &str, actual: &str| Line::new(what, "", actual, true);
    let mut lines = vec![sent("role", known.role.as_str()), sent("asked", known.host)];
    if let Some(token) = known.token {
        for claim in ["iss", "aud", "azp", "sub"] {
            let value = token.list(claim).join(" ");
            if !value.is_empty() {
                lines.push(sent(&format!("token {claim}"), &value));
            }
        }
    }
    if let Some(id) = &error.request_id {
        lines.push(sent("request", id));
    }
    lines
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::finding::Level;
    use super::*;

    fn refusal(call: StsCall, code: &str, message: &str) -> StsError {
        let body = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r1</RequestId></ErrorResponse>"
        );
        StsError::read(call, StatusCode::BAD_REQUEST, body.as_bytes(), None)
    }

    #[test]
    fn every_row_has_its_own_cause() {
        let role: RoleArn = "arn:aws:iam::123456789012:role/S3".parse().unwrap();
        let token =
            TokenAtHand::of_claims(r#"{"iss":"https://login.example/t/v2.0","aud":"client-1","sub":"s"}"#)
                .unwrap();
        let known = Known {
            bookmark: "lab",
            role: &role,
            region: "eu-central-1",
            host: "sts.eu-central-1.amazonaws.com",
            token: Some(&token),
            iam_was_read: false,
        };
        let mut causes = std::collections::BTreeSet::new();
        for (code, message, part) in [
            ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", "only IAM can tell"),
            ("AccessDenied", "role not found: S3", "has no role"),
            ("AccessDenied", "trust policy validation failed", "the subject s into the role"),
            ("", "", "does not speak STS"),
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x",
                "no identity provider for exactly this issuer: https://login.example/t/v2.0",
            ),
            ("InvalidIdentityToken", "Incorrect token audience", "does not list the client ID client-1"),
            (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider",
                "fetch the issuer's keys",
            ),
            (
                "InvalidIdentityToken",
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
                "thumbprint",
            ),
            ("InvalidIdentityToken", "The ID Token provided is not a valid JWT", "cannot use the token"),
            ("InvalidIdentityToken", "Requested role is not listed", "roles it is good for"),
            ("ExpiredTokenException", "Token expired", "clocks"),
            ("IDPRejectedClaim", "rejected", "taken back"),
            ("IDPCommunicationError", "away", "could not reach the issuer"),
            ("ValidationError", "Request ARN is invalid", "not the ARN of a role"),
            (
                "ValidationError",
                "1 validation error detected: Value at 'roleSessionName' failed",
                "name of the session",
            ),
            ("ValidationError", "Value at 'webIdentityToken' failed: length 20000", "longer than STS"),
            ("MalformedPolicyDocument", "bad", "no policy"),
            ("PackedPolicyTooLarge", "110 percent", "packs"),
            ("RegionDisabledException", "STS is not activated", "not active in eu-central-1"),
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
                "client ID has nothing to do with it",
            ),
            ("Throttling", "Rate exceeded", "too many requests"),
        ] {
            let finding = refused(&refusal(StsCall::AssumeRoleWithWebIdentity, code, message), &known);
            assert_eq!(finding.level, Level::Broken, "{code}");
            assert!(finding.means.contains(part), "{message}: {}", finding.means);
            assert!(!finding.next.is_empty(), "{message}");
            assert!(causes.insert(finding.means), "{message}: another row says the same");
        }
        let read = Known { iam_was_read: true, ..known.clone() };
        let denied = refusal(StsCall::AssumeRoleWithWebIdentity, "AccessDenied", "Not authorized");
        assert!(refused(&denied, &read).next.contains("control policy"));
        let global = Known { host: "sts.amazonaws.com", ..known };
        let key = refusal(StsCall::GetCallerIdentity, "InvalidClientTokenId", "invalid");
        let finding = security_token(&key, &global);
        assert!(finding.check == "identity" && finding.means.contains("global endpoint"), "{finding:?}");
    }

    #[test]
    fn partitions_that_do_not_fit_are_seen_before_anything_is_asked() {
        let role: RoleArn = "arn:aws-cn:iam::123456789012:role/S3".parse().unwrap();
        let finding = partitions(&role, Partition::Aws, "eu-central-1", "lab").unwrap();
        assert!(
            finding.means.contains("Request ARN is invalid") && finding.next.contains("cn-north-1"),
            "{finding:?}"
        );
        assert_eq!(partitions(&role, Partition::China, "cn-north-1", "lab"), None);
    }
}
