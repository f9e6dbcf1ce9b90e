//! Pure: what is wrong with a text that should be a role's ARN.
//!
//! STS says no more than "Request ARN is invalid"; the text itself tells which of the usual mistakes it was.

use pintail_core::name::RoleArn;

/// Returns what is wrong and what to write instead; `None` for the ARN of a role.
pub(crate) fn mistake(text: &str) -> Option<(&'static str, &'static str)> {
    if text.parse::<RoleArn>().is_ok() && text == text.trim() {
        return None;
    }
    let said = |what, next| Some((what, next));
    let trimmed = text.trim();
    if trimmed.parse::<RoleArn>().is_ok() {
        return said("it has spaces around it", "Copy the ARN without the spaces around it.");
    }
    if trimmed.chars().any(char::is_whitespace) {
        return said("it has a space in it", "Copy the ARN again: an ARN has no spaces.");
    }
    let parts: Vec<&str> = trimmed.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return said(
            "it is not an ARN",
            "Take the ARN from the role's page in IAM: arn:aws:iam::ACCOUNT:role/NAME; its name alone is not enough.",
        );
    };
    if arn != "arn" || !(partition == "aws" || partition.starts_with("aws-")) {
        return said("it does not begin with arn:aws", "Copy the whole ARN, from `arn:` on.");
    }
    if service == "sts" || resource.starts_with("assumed-role/") {
        return said(
            "it is the ARN of a session, not of its role",
            "Write arn:aws:iam::ACCOUNT:role/NAME in place of arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION.",
        );
    }
    if resource.starts_with("oidc-provider/") {
        return said(
            "it is the ARN of the identity provider",
            "Take the role's ARN: IAM > Roles, not Identity providers.",
        );
    }
    if resource.starts_with("user/") {
        return said(
            "it is the ARN of a user",
            "Take a role's ARN: only roles can be assumed with a sign-in.",
        );
    }
    if resource.starts_with("instance-profile/") {
        return said("it is the ARN of an instance profile", "Take the ARN of the role in it.");
    }
    if resource.starts_with("policy/") {
        return said("it is the ARN of a policy", "Take the ARN of the role that the policy is attached to.");
    }
    if service != "iam" || !region.is_empty() {
        return said("it is not an ARN of IAM", "It begins with arn:aws:iam:: and has no region.");
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return said("its account has not 12 digits", "Copy the ARN again: an account has 12 digits.");
    }
    said("it does not name a role", "It ends in :role/NAME.")
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn each_mistake_is_told_apart() {
        for (text, part) in [
            ("arn:aws:iam::123456789012:role/PintailS3", None),
            ("arn:aws-cn:iam::123456789012:role/path/S3", None),
            (" arn:aws:iam::123456789012:role/S3 ", Some("around")),
            ("arn:aws:iam::123456789012:role/My Role", Some("space in it")),
            ("PintailS3", Some("not an ARN")),
            ("arn:aws:sts::123456789012:assumed-role/S3/me", Some("session")),
            ("arn:aws:iam::123456789012:user/alice", Some("user")),
            ("arn:aws:iam::123456789012:oidc-provider/login.example/v2.0", Some("identity provider")),
            ("arn:aws:iam::123456789012:instance-profile/S3", Some("instance profile")),
            ("arn:aws:iam::123456789012:policy/S3", Some("policy")),
            ("arn:aws:iam::12345678901:role/S3", Some("12 digits")),
            ("arn:aws:s3:::bucket", Some("not an ARN of IAM")),
            ("arn:aws:iam::123456789012:group/S3", Some("not name a role")),
            ("urn:aws:iam::123456789012:role/S3", Some("begin with")),
        ] {
            let found = mistake(text).map(|(what, _)| what);
            match part {
                None => assert_eq!(found, None, "{text}"),
                Some(part) => assert!(found.is_some_and(|found| found.contains(part)), "{text}: {found:?}"),
            }
        }
    }
}
