//! Pure: what a refusal of S3 tells of region, policy, key and account.

use pintail_core::seam::HttpErrorKind;
use pintail_store::{ErrorKind, Missing, StoreError};

use super::finding::{Finding, Line};

/// Who says no, as far as AWS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denier {
    /// No policy of the role allows it.
    Nobody,
    /// A policy of the role denies it.
    Role,
    /// The bucket's policy denies it.
    Bucket,
    /// The bucket's policy does not allow it, across accounts.
    BucketSilent,
    /// The session policy.
    Session,
    /// The permissions boundary.
    Boundary,
    /// The organization.
    Organization,
    /// The policy of a VPC endpoint.
    Endpoint,
    /// The key's policy, or the role's right to the key.
    Key,
    /// AWS does not say.
    Untold,
}

impl Denier {
    /// Reads the message of an AccessDenied.
    pub(crate) fn of(message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        let says = |text: &str| message.contains(text);
        if says("kms:") || says("kms key") || says("ciphertext refers") {
            Self::Key
        } else if says("service control policy") || says("resource control policy") {
            Self::Organization
        } else if says("permissions boundary") {
            Self::Boundary
        } else if says("session policy") {
            Self::Session
        } else if says("vpc endpoint policy") {
            Self::Endpoint
        } else if says("explicit deny in a resource-based policy") {
            Self::Bucket
        } else if says("no resource-based policy allows") {
            Self::BucketSilent
        } else if says("explicit deny in an identity-based policy") {
            Self::Role
        } else if says("no identity-based policy allows") {
            Self::Nobody
        } else {
            Self::Untold
        }
    }
}

/// What is known beside the error.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    /// The bookmark.
    pub(crate) bookmark: &'a str,
    /// The role, where there is one.
    pub(crate) role: &'a str,
    /// The bucket.
    pub(crate) bucket: &'a str,
    /// The beginning of the keys.
    pub(crate) prefix: &'a str,
    /// Where S3 is.
    pub(crate) host: &'a str,
    /// The action that was tried: `s3:ListBucket`.
    pub(crate) action: &'static str,
    /// The bookmark pays for requests where a bucket asks for it.
    pub(crate) requester_pays: bool,
}

/// Judges a call that failed.
pub(crate) fn failed(check: &'static str, error: &StoreError, place: &Place<'_>) -> Finding {
    let message = error.message().unwrap_or_default();
    let code = error.code().unwrap_or_default();
    let said = match (code, message.as_str()) {
        ("", "") => error.to_string(),
        (code, "") => format!("{error} ({code})"),
        (_, message) => format!("{error}: {message}"),
    };
    let Place { bookmark, role, bucket, prefix, host, action, .. } = *place;
    let resource = match action {
        "s3:ListBucket" => format!("arn:aws:s3:::{bucket}"),
        _ => format!("arn:aws:s3:::{bucket}/{prefix}*"),
    };
    let broken = |means: String, next: String| Finding::broken(check, said.clone(), means, next);
    let finding = match error.kind() {
        ErrorKind::NotFound(Missing::Bucket) => broken(
            format!(
                "there is no bucket {bucket} at {host}: it is misspelt, was deleted, or lives in another partition"
            ),
            format!(
                "Correct the path: `pintail bookmark edit {bookmark} --path BUCKET/FOLDER`; `pintail ls {bookmark}:/` lists what there is."
            ),
        ),
        ErrorKind::NotFound(_) => broken(
            format!("there is no such object in {bucket}"),
            format!("List what there is: `pintail ls {bookmark}:{bucket}/`."),
        ),
        ErrorKind::PermissionDenied => denied(check, &said, &Denier::of(&message), place, &resource),
        ErrorKind::WrongRegion { region } => broken(
            "the bucket lives in another region, and the endpoint does not lead there".into(),
            match region {
                Some(region) => format!(
                    "Give the bookmark the bucket's region: `pintail bookmark edit {bookmark} --region {region}`."
                ),
                None => format!(
                    "Give the bookmark the bucket's region: `pintail bookmark edit {bookmark} --region REGION`."
                ),
            },
        ),
        ErrorKind::ClockSkew => broken(
            "signatures are refused: this machine's clock is more than 15 min off".into(),
            "Set this machine's clock by the network: `sudo timedatectl set-ntp true`.".into(),
        ),
        ErrorKind::CredentialRefused | ErrorKind::Unauthenticated => broken(
            format!(
                "{host} does not take the credential: it is of another service or partition, or was taken back"
            ),
            format!("Look whether endpoint and STS belong together: `pintail bookmark show {bookmark}`."),
        ),
        ErrorKind::CredentialUnavailable { .. } => broken(
            "there is no credential to sign with".into(),
            format!("Sign in: `pintail login {bookmark}`."),
        ),
        ErrorKind::Archived => Finding::info(check, said.clone())
            .means("the object is archived and has to be restored before it is read"),
        ErrorKind::Unavailable | ErrorKind::Throttled { .. } => {
            broken("S3 is out of order or busy at the moment".into(), "Try again in a minute.".into())
        }
        ErrorKind::Transport(HttpErrorKind::Resolve | HttpErrorKind::Connect | HttpErrorKind::Timeout) => {
            broken(
                format!("{host} is not reached: the endpoint is wrong, or a firewall is in between"),
                format!("Correct the endpoint: `pintail bookmark edit {bookmark} --endpoint URL`."),
            )
        }
        ErrorKind::Transport(HttpErrorKind::Tls) => broken(
            "its certificate is not accepted".into(),
            format!("Look at the certificates: `pintail doctor {bookmark} --only tls`."),
        ),
        ErrorKind::Transport(_) | ErrorKind::BadAnswer => broken(
            format!("what answers at {host} does not speak S3"),
            format!("Correct the endpoint: `pintail bookmark edit {bookmark} --endpoint URL`."),
        ),
        ErrorKind::ReadOnly => Finding::info(check, "the bookmark is read-only: nothing is written"),
        _ => broken(
            "S3 does not do what is asked".into(),
            format!("Read what it means: `pintail explain {}`.", if code.is_empty() { "TEXT" } else { code }),
        ),
    };
    let mut evidence =
        vec![Line::new("asked", "allowed", format!("{action} on {resource} as {role}"), false)];
    if let Some(id) = error.request_id() {
        evidence.push(Line::new("request", "for AWS support", id, true));
    }
    finding.with(evidence)
}

fn denied(check: &'static str, said: &str, denier: &Denier, place: &Place<'_>, resource: &str) -> Finding {
    let Place { bucket, role, action, bookmark, .. } = *place;
    let ask = |what: String| format!("Ask your AWS admin: {what}.");
    let (means, next) = match denier {
        Denier::Nobody => (
            format!("no permission policy of the role allows {action} there"),
            ask(format!("allow {action} on {resource} in a policy of {role}")),
        ),
        Denier::Role => (
            format!("a permission policy of the role denies {action} there"),
            ask(format!("look for a statement with Deny and {action} in the policies of {role}")),
        ),
        Denier::Bucket => (
            format!("the bucket's own policy denies {action} to this role"),
            ask(format!("look for a statement with Deny and {action} in the bucket policy of {bucket}")),
        ),
        Denier::BucketSilent => (
            "the bucket belongs to another account, and its policy does not let this role in".into(),
            ask(format!("the owner of {bucket} has to allow {action} to {role} in the bucket policy")),
        ),
        Denier::Session => (
            "the bookmark narrows its sessions, and this lies outside".into(),
            format!(
                "Look at --only, --policy and --read-only of the bookmark: `pintail bookmark show {bookmark}`."
            ),
        ),
        Denier::Boundary => (
            "the permissions boundary of the role does not allow it".into(),
            ask(format!("allow {action} on {resource} in the boundary of {role}")),
        ),
        Denier::Organization => (
            "a control policy of the organization denies it".into(),
            ask(format!("look for a service or resource control policy that denies {action}")),
        ),
        Denier::Endpoint => (
            "the policy of the VPC endpoint does not allow it".into(),
            ask(format!("allow {action} on {resource} in the policy of the VPC endpoint")),
        ),
        Denier::Key => (
            "the object is encrypted with a KMS key that this role may not use".into(),
            ask(format!(
                "allow {} on the key of {bucket}, in the key's policy or in a policy of {role}",
                if action == "s3:PutObject" { "kms:GenerateDataKey" } else { "kms:Decrypt" }
            )),
        ),
        Denier::Untold if !place.requester_pays && check != "write" => (
            format!(
                "{action} is not allowed there; a missing permission, a bucket policy, or a bucket whose requesters pay look the same"
            ),
            ask(format!(
                "allow {action} on {resource} in a policy of {role}; if the bucket lets requesters pay, `pintail bookmark edit {bookmark} --requester-pays`"
            )),
        ),
        Denier::Untold => (
            format!("{action} is not allowed there"),
            ask(format!("allow {action} on {resource} in a policy of {role}")),
        ),
    };
    Finding::broken(check, said, means, next)
}

#[cfg(test)]
mod tests {
    use super::Denier;

    #[test]
    fn aws_says_who_denies() {
        for (message, denier) in [
            (
                "User: x is not authorized to perform: s3:ListBucket on resource: y because no identity-based policy allows the s3:ListBucket action",
                Denier::Nobody,
            ),
            ("… with an explicit deny in an identity-based policy", Denier::Role),
            ("… with an explicit deny in a resource-based policy", Denier::Bucket),
            ("… because no resource-based policy allows the s3:GetObject action", Denier::BucketSilent),
            ("… because no session policy allows the s3:PutObject action", Denier::Session),
            ("… because no permissions boundary allows the s3:PutObject action", Denier::Boundary),
            ("… with an explicit deny in a service control policy", Denier::Organization),
            ("… with an explicit deny in a resource control policy", Denier::Organization),
            ("… because no VPC endpoint policy allows the s3:GetObject action", Denier::Endpoint),
            (
                "User: x is not authorized to perform: kms:Decrypt on resource: y because no identity-based policy allows",
                Denier::Key,
            ),
            ("Access Denied", Denier::Untold),
        ] {
            assert_eq!(Denier::of(message), denier, "{message}");
        }
    }
}
