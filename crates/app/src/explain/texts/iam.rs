//! What IAM's refusals mean to whoever sets up provider, role and policies.

use super::{Check, Text, Who, text};

/// Returns the text of a code of IAM; the message tells apart what shares a code.
pub(crate) fn of(code: &str, message: &str) -> Option<&'static Text> {
    let message = message.to_ascii_lowercase();
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let fits = |words: &str| words.is_empty() || words.split('|').any(|word| message.contains(word));
    ALL.iter().find(|(codes, words, _)| codes.contains(&code) && fits(words)).map(|(_, _, text)| text)
}

/// Codes without `Exception`, words of the message (one of those between bars, or any where there are none), and the text.
pub(crate) const ALL: &[(&[&str], &str, Text)] = &[
    (
        &["AccessDenied"],
        "",
        text(
            "iam-access-denied",
            "whoever sets this up lacks a permission of IAM",
            "the admin's own role or user may not change IAM, or a policy of the organization forbids it",
            &["Ask for the permission {action}, or have somebody run it who has it."],
            Who::AwsAdmin,
            &[Check::Identity],
        ),
    ),
    (
        &["NoSuchEntity"],
        "openidconnect|oidc-provider",
        text(
            "iam-no-such-provider",
            "the account has no such OpenID Connect provider",
            "it was never made there, or its ARN differs by a slash or a letter",
            &["List them: `aws iam list-open-id-connect-providers`, and compare letter by letter."],
            Who::AwsAdmin,
            &[Check::Provider],
        ),
    ),
    (
        &["NoSuchEntity"],
        "role",
        text(
            "iam-no-such-role",
            "the account has no such role",
            "the name is misspelt (capitals count), or it is another account",
            &[
                "Compare the role's name and the account: `aws sts get-caller-identity` shows which one answers.",
            ],
            Who::AwsAdmin,
            &[Check::Role],
        ),
    ),
    (
        &["NoSuchEntity"],
        "",
        text(
            "iam-no-such-entity",
            "the account has no such policy, user or the like",
            "the name is misspelt (capitals count), or it is another account",
            &["Compare the name and the account: `aws sts get-caller-identity` shows which one answers."],
            Who::AwsAdmin,
            &[Check::Identity],
        ),
    ),
    (
        &["EntityAlreadyExists"],
        "provider",
        text(
            "iam-provider-exists",
            "the account has a provider for this issuer already",
            "somebody made it before; an issuer has one per account",
            &[
                "Use the one that is there, and add the client ID to its audiences: `aws iam add-client-id-to-open-id-connect-provider`.",
            ],
            Who::AwsAdmin,
            &[Check::Provider],
        ),
    ),
    (
        &["EntityAlreadyExists"],
        "",
        text(
            "iam-exists",
            "the account has something of this name already",
            "it was made before, perhaps by a run that was interrupted",
            &["Change the one that is there, or choose another name."],
            Who::AwsAdmin,
            &[Check::Role],
        ),
    ),
    (
        &["LimitExceeded"],
        "aclsizepertrustpolicy|trust policy|assumerolepolicy",
        text(
            "iam-trust-policy-too-long",
            "the trust policy is longer than the account allows",
            "2048 characters unless the quota was raised; long lists of `sub` fill it",
            &[
                "Choose people by the app's assignments or by groups in place of a list, or ask AWS to raise the quota (to 4096).",
            ],
            Who::AwsAdmin,
            &[Check::Trust],
        ),
    ),
    (
        &["LimitExceeded"],
        "",
        text(
            "iam-limit",
            "a quota of IAM is reached",
            "an account has at most 100 providers, a provider 100 client IDs, a role 10 policies attached (unless raised)",
            &["Remove what is not used, or ask AWS to raise the quota that the message names."],
            Who::AwsAdmin,
            &[Check::Provider, Check::Role],
        ),
    ),
    (
        &["MalformedPolicyDocument"],
        "principal|federated",
        text(
            "iam-invalid-principal",
            "the trust policy names somebody who is not there",
            "Principal.Federated is not the ARN of a provider of this account, or the provider was deleted",
            &[
                "Set Principal.Federated to the provider's ARN: arn:aws:iam::ACCOUNT:oidc-provider/login.microsoftonline.com/TENANT/v2.0, without https://.",
            ],
            Who::AwsAdmin,
            &[Check::Trust, Check::Provider],
        ),
    ),
    (
        &["MalformedPolicyDocument"],
        "",
        text(
            "iam-malformed-policy",
            "the policy is not valid",
            "a fault in its grammar: a trust policy has no Resource, a permission policy no Principal, keys and operators have to exist",
            &["Correct what the message names."],
            Who::AwsAdmin,
            &[Check::Trust, Check::Permissions],
        ),
    ),
    (
        &["OpenIdIdpCommunicationError"],
        "",
        text(
            "iam-issuer-unreachable",
            "IAM could not reach the issuer to set up the provider",
            "the URL is wrong, or the issuer cannot be reached from AWS",
            &[
                "Open URL/.well-known/openid-configuration in a browser; it has to answer from the whole internet, with a certificate that is trusted.",
            ],
            Who::AwsAdmin,
            &[Check::Discovery],
        ),
    ),
    (
        &["InvalidInput"],
        "",
        text(
            "iam-invalid-input",
            "IAM does not take one of the values",
            "a provider's URL without https:// or with a query, a session duration outside 3600 to 43200, a name with blanks",
            &["Correct the value that the message names."],
            Who::AwsAdmin,
            &[Check::Provider, Check::Role],
        ),
    ),
    (
        &["DeleteConflict"],
        "",
        text(
            "iam-delete-conflict",
            "it cannot be deleted while something hangs on it",
            "policies are attached to the role, or it is in an instance profile",
            &["Detach and delete its policies first, then the role."],
            Who::AwsAdmin,
            &[Check::Role],
        ),
    ),
    (
        &["ConcurrentModification", "EntityTemporarilyUnmodifiable"],
        "",
        text(
            "iam-concurrent",
            "somebody else is changing the same thing right now",
            "two runs at the same time, or a change that is still spreading",
            &["Try again in a moment."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["UnmodifiableEntity"],
        "",
        text(
            "iam-unmodifiable",
            "the role belongs to a service of AWS and cannot be changed",
            "roles of services and of IAM Identity Center (AWSReservedSSO_…) are made and changed by them",
            &["Make a role of your own; those of Identity Center are changed by their permission set."],
            Who::AwsAdmin,
            &[Check::Role],
        ),
    ),
];
