//! What to do about policies: documents that are none, questions that cannot be asked, denials, and what nobody should write.

use pintail_core::policy::lint::Finding;
use pintail_core::policy::trust::{Cargo, TokenFault, TrustReason};
use pintail_core::policy::{Kind, Reason};

use super::{Exit, Explanation};
use crate::ops::Error;
use crate::ops::policy::PolicyError;

/// Explains why policies could not be asked.
pub(super) fn explain(whole: &Error, error: &PolicyError) -> Explanation {
    let (exit, next) = match error {
        PolicyError::Document { source, .. } => (
            Exit::Failed,
            format!("Correct the document; IAM would refuse it with \"MalformedPolicyDocument: {}\".", source.iam_message()),
        ),
        PolicyError::Claims { .. } => (
            Exit::Failed,
            "Give a JSON object with the claims of an ID token, such as {\"sub\": …, \"aud\": …}; `--token FILE` takes the token itself."
                .to_owned(),
        ),
        PolicyError::Token { .. } => (
            Exit::Failed,
            "Give a file with the ID token as the issuer sends it, or its claims with --token-claims.".to_owned(),
        ),
        PolicyError::TokenTyped => (
            Exit::Usage,
            "Put the token into a file, or give it on standard input: `--token -`. What stands on a command line is seen by others: let this token end before you trust it again."
                .to_owned(),
        ),
        PolicyError::Caller(_) => (
            Exit::Usage,
            "Write --principal arn:aws:iam::ACCOUNT:role/NAME, arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, arn:aws:iam::ACCOUNT:user/NAME or \"*\"."
                .to_owned(),
        ),
        PolicyError::Context(_) => {
            (Exit::Usage, "Write a key with its service or provider, as in --context aws:SourceVpce=vpce-1.".to_owned())
        }
        PolicyError::Action(_) => {
            (Exit::Usage, "Ask for each action by its whole name; --action can be given several times.".to_owned())
        }
        PolicyError::Resource(_) => {
            (Exit::Usage, "Write s3://bucket/key, or arn:aws:s3:::bucket/key.".to_owned())
        }
        PolicyError::Provider { .. } => (
            Exit::Usage,
            "Name the provider: --provider arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH.".to_owned(),
        ),
        PolicyError::NobodyNamed => (Exit::Usage, "Name who asks with --principal.".to_owned()),
        PolicyError::Text { .. } => (Exit::Failed, "Save the file as UTF-8.".to_owned()),
        PolicyError::StdinTwice => (Exit::Usage, "Put all but one into files.".to_owned()),
        PolicyError::Cases { .. } => {
            (Exit::Usage, "Correct the file; docs/formats.md describes files of cases.".to_owned())
        }
    };
    Explanation::new(whole, exit, [next])
}

/// Says what lets a token in that a trust policy does not admit.
pub(crate) fn not_admitted(reason: &TrustReason, faults: &[TokenFault]) -> Option<String> {
    let advice = match reason {
        TrustReason::Admitted(_) => faults.first().map(fault)?,
        TrustReason::Denied { .. } => "Correct the lines of the statement that denies, or ask for a token that it does not name.".into(),
        TrustReason::NotAdmitted => {
            "Correct what is marked with \"no\", in the policy or at the issuer; `pintail policy lint` finds usual slips.".into()
        }
        TrustReason::Carries { action, cargo } => {
            let what = match cargo {
                Cargo::Tags => "session tags",
                Cargo::SourceIdentity => "a source identity",
            };
            format!("Add \"{action}\" to the actions of the statement, or take {what} out of the token at the issuer.")
        }
    };
    Some(advice)
}

fn fault(fault: &TokenFault) -> String {
    match fault {
        TokenFault::OtherIssuer { .. } => {
            "Register a provider for the token's issuer exactly as it is written, in the account of the role."
                .into()
        }
        TokenFault::SeveralAudiences => "Ask for a token with one audience.".into(),
        TokenFault::RoleNotListed { role } => {
            format!(
                "Have the issuer list {role} in the claim https://aws.amazon.com/roles, or leave the claim out."
            )
        }
        TokenFault::OtherAccount { role, .. } => {
            format!("Register the provider in account {role} as well, and name that one in the trust policy.")
        }
    }
}

/// Says what lets a request through that policies do not allow.
pub(crate) fn not_allowed(reason: &Reason) -> Option<String> {
    let text = match reason {
        Reason::Allowed(_) => return None,
        Reason::Denied(_) => "Narrow the statement that denies; no other statement can allow what it denies.",
        Reason::NothingAllows(kind) => match kind {
            Kind::Identity | Kind::Trust => {
                "Add a statement that allows it, or correct what is marked with \"no\"."
            }
            Kind::Resource => "Have the owner of the resource allow it in its policy.",
            Kind::Boundary => "Have the boundary allow it as well.",
            Kind::Session => "Ask for a session that allows it as well.",
            Kind::Scp => "Have the organization allow it, on every level.",
            Kind::Rcp => return None,
        },
    };
    Some(text.to_owned())
}

/// Says what to write in place of what was found.
pub(crate) fn instead(finding: &Finding) -> String {
    match finding {
        Finding::NoAudience { prefix } => {
            format!("Add \"StringEquals\": {{\"{prefix}:aud\": \"CLIENT-ID\"}} to the statement.")
        }
        Finding::ForAllValuesAllows { key, .. } => {
            format!("Use ForAnyValue:, or add \"Null\": {{\"{key}\": \"false\"}}.")
        }
        Finding::PlainWildcard { .. } => "Use StringLike, or write the character as ${*} or ${?} where it is meant.".into(),
        Finding::NeedsQuantifier { operator, .. } => format!("Write ForAnyValue:{operator}."),
        Finding::KeyCase { prefix, .. } | Finding::KeyAddress { prefix, .. } => {
            format!("Begin the key with {prefix}:")
        }
        Finding::KeyProvider { prefix, .. } => {
            format!("Begin the key with {prefix}: or name the other provider as the principal.")
        }
        Finding::NeverFilled { .. } => {
            "Choose people by aud, sub or amr, by session tags (aws:RequestTag/…), or by the roles that the token lists (sts:RoleAuthorizedByIdp)."
                .into()
        }
        Finding::ProviderArn { .. } => "Take the ARN from `aws iam list-open-id-connect-providers`.".into(),
        Finding::OtherAccount { account, .. } => format!("Register the provider in account {account}, and name that one."),
        Finding::NotWebIdentity => "Write \"sts:AssumeRoleWithWebIdentity\".".into(),
        Finding::NotSts(_) => "Give permissions in a policy of their own, which is attached to the role.".into(),
        Finding::EveryPrincipal => "Name who is meant, or add a condition that nobody else can meet.".into(),
        Finding::PartlyWildPrincipal(_) => {
            "Name the account, and test aws:PrincipalArn with ArnLike in a condition.".into()
        }
        Finding::TooLong { .. } => "Shorten it, or divide it among several policies.".into(),
        Finding::PlainVariable(_) => "Write \"Version\": \"2012-10-17\" at the top.".into(),
        Finding::OtherKind { .. } => "Correct the value, or use an operator for texts.".into(),
        Finding::Empty(_) => "Fill it, or take it out.".into(),
        Finding::BucketAction { .. } => "Add the bucket itself to the resources: arn:aws:s3:::BUCKET.".into(),
        Finding::ObjectAction { .. } => "Add the objects to the resources: arn:aws:s3:::BUCKET/*.".into(),
        Finding::NoResource { .. } => "Put it into a statement of its own with \"Resource\": \"*\".".into(),
        Finding::UnknownAction { instead: Some(name), .. } => format!("Write \"s3:{name}\"."),
        Finding::UnknownAction { instead: None, .. } => {
            "Look it up in the Service Authorization Reference, Amazon S3.".into()
        }
        Finding::Everything { .. } => "Name the actions, and the buckets or prefixes.".into(),
        Finding::AllowsTheRest(_) => "Name what is allowed, or use the Not form with Deny.".into(),
    }
}
