//! What AWS says when permission is refused: which policy it was, as far as the message tells.
//!
//! The words are the same at S3, STS, IAM and KMS: "… is not authorized to perform: ACTION on resource: ARN because …".

use super::{Check, Text, Who, text};

/// Returns the text of the policy that the message blames, if it blames one.
pub(crate) fn of(message: &str) -> Option<&'static Text> {
    let message = message.to_ascii_lowercase();
    if message.contains("kms:") || message.contains("ciphertext refers to") {
        return Some(&KMS);
    }
    PHRASES.iter().find(|(phrase, _)| message.contains(phrase)).map(|(_, text)| *text)
}

const PHRASES: &[(&str, &Text)] = &[
    ("explicit deny in a service control policy", &SCP),
    ("no service control policy allows", &SCP),
    ("explicit deny in a resource control policy", &RCP),
    ("no resource control policy allows", &RCP),
    ("explicit deny in a resource-based policy", &RESOURCE_DENY),
    ("explicit deny in an identity-based policy", &IDENTITY_DENY),
    ("explicit deny in a permissions boundary", &BOUNDARY),
    ("no permissions boundary allows", &BOUNDARY),
    ("explicit deny in a session policy", &SESSION),
    ("no session policy allows", &SESSION),
    ("explicit deny in a vpc endpoint policy", &ENDPOINT),
    ("no vpc endpoint policy allows", &ENDPOINT),
    ("no resource-based policy allows", &NO_RESOURCE),
    ("no identity-based policy allows", &NO_IDENTITY),
    ("with an explicit deny", &IDENTITY_DENY),
];

#[cfg(test)]
pub(super) const ALL: [&Text; 11] = [
    &KMS,
    &SCP,
    &RCP,
    &RESOURCE_DENY,
    &IDENTITY_DENY,
    &BOUNDARY,
    &SESSION,
    &ENDPOINT,
    &NO_RESOURCE,
    &NO_IDENTITY,
    &UNTOLD,
];

pub(crate) const NO_IDENTITY: Text = text(
    "denied-no-identity-policy",
    "no policy of the role (or user) allows the action",
    "the permissions of the role lack the action, or name another bucket or prefix",
    &[
        "Ask for the permission {action} on {bucket} in a policy of {role}; `pintail whoami` shows the role that was refused.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions, Check::Identity],
);

/// Permission is refused, and nothing tells by whom.
pub(crate) const UNTOLD: Text = text(
    "aws-access-denied",
    "AWS refuses the action to whoever asked",
    "at AssumeRoleWithWebIdentity the trust policy of the role; at S3 the permissions of the role, the bucket's policy or the key that encrypts it; at IAM the admin's own permissions",
    &[
        "Paste the whole message with `pintail explain`: the call and the words beside the code tell which of these it is.",
        "See whether there is a session at all, and as which role: `pintail whoami`.",
    ],
    Who::AwsAdmin,
    &[Check::Exchange, Check::Trust, Check::Permissions],
);

const NO_RESOURCE: Text = text(
    "denied-no-resource-policy",
    "no policy of the bucket (or role, or key) allows the action to this caller",
    "the caller is of another account, where both sides have to allow it",
    &[
        "Ask the owner of {bucket} to allow {action} to {role} in its policy; across accounts the role's own permission is not enough.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions, Check::Identity],
);

const IDENTITY_DENY: Text = text(
    "denied-identity-deny",
    "a policy of the role (or user) forbids the action",
    "a statement with Effect Deny applies: no permission elsewhere helps against it",
    &[
        "Ask the admin which Deny in the policies of {role} meets {action}; a condition in it (address, time, MFA, tag) often is what can be met.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions],
);

const RESOURCE_DENY: Text = text(
    "denied-resource-deny",
    "the policy of the bucket (or role, or key) forbids the action",
    "a Deny in it: often for requests from outside a network or VPC, without TLS, without encryption, or by others than listed",
    &[
        "Ask the owner of {bucket} which Deny in its policy meets {action}; from the company's network or VPN it may work.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions, Check::Proxy],
);

const SCP: Text = text(
    "denied-scp",
    "a service control policy of the organization forbids the action",
    "the organization does not allow it in this account or region, whatever the account's own policies say",
    &[
        "Ask the admin of the AWS organization: the account's own admin cannot allow it. A region that is allowed may help.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions, Check::Region],
);

const RCP: Text = text(
    "denied-rcp",
    "a resource control policy of the organization forbids the action on this resource",
    "the organization that owns the bucket or role lets in only certain identities or networks",
    &["Ask the admin of the organization that owns {bucket}: the bucket's own policy cannot allow it."],
    Who::AwsAdmin,
    &[Check::Permissions],
);

const BOUNDARY: Text = text(
    "denied-boundary",
    "the permissions boundary of the role (or user) does not let the action through",
    "a boundary is the most that its policies can allow, and the action lies outside",
    &["Ask the admin to add {action} to the permissions boundary of {role}, not only to its policies."],
    Who::AwsAdmin,
    &[Check::Permissions],
);

const SESSION: Text = text(
    "denied-session-policy",
    "the session is narrower than its role",
    "it was asked for with a session policy: a bookmark with --read-only, --only or --policy, or a tool that does the same",
    &[
        "Use a bookmark without --read-only, --only and --policy, or widen them: `pintail bookmark show` shows what is asked for.",
    ],
    Who::You,
    &[Check::Identity, Check::Permissions],
);

const ENDPOINT: Text = text(
    "denied-endpoint-policy",
    "the VPC endpoint that the request went through does not let the action through",
    "the endpoint's policy names certain buckets, accounts or actions",
    &["Ask the admin of the network to allow {action} on {bucket} in the policy of the VPC endpoint."],
    Who::NetworkAdmin,
    &[Check::Proxy, Check::Permissions],
);

pub(crate) const KMS: Text = text(
    "denied-kms",
    "the object is encrypted with a key that the role may not use",
    "the bucket encrypts with KMS, and the role lacks kms:Decrypt (to read) or kms:GenerateDataKey (to write), or the key's policy does not admit it",
    &[
        "Ask for kms:Decrypt and kms:GenerateDataKey on the bucket's key for {role}.",
        "The key's policy has to admit it as well; for a key of another account both sides are needed.",
    ],
    Who::AwsAdmin,
    &[Check::Kms],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_that_is_blamed_is_told() {
        let whole = |why: &str| {
            format!(
                "User: arn:aws:sts::123456789012:assumed-role/R/s is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/k\" {why}"
            )
        };
        for (why, id) in [
            ("because no identity-based policy allows the s3:PutObject action", "denied-no-identity-policy"),
            ("because no resource-based policy allows the s3:PutObject action", "denied-no-resource-policy"),
            ("because no session policy allows the s3:PutObject action", "denied-session-policy"),
            ("because no permissions boundary allows the s3:PutObject action", "denied-boundary"),
            ("with an explicit deny in a service control policy", "denied-scp"),
            ("with an explicit deny in a resource control policy", "denied-rcp"),
            ("with an explicit deny in a resource-based policy", "denied-resource-deny"),
            ("with an explicit deny in an identity-based policy", "denied-identity-deny"),
            ("with an explicit deny in a VPC endpoint policy", "denied-endpoint-policy"),
            ("with an explicit deny", "denied-identity-deny"),
        ] {
            assert_eq!(of(&whole(why)).map(|text| text.id), Some(id), "{why}");
        }
        assert_eq!(
            of(
                "… is not authorized to perform: kms:GenerateDataKey on resource: arn:x because no identity-based policy allows"
            ),
            Some(&KMS)
        );
        assert_eq!(of("Access Denied"), None);
    }
}
