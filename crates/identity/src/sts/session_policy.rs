//! A session narrowed below its role: read only, only some places, or a policy of the user's own.
//!
//! STS intersects the session policy with the role's, so a narrowed session can never do more than the role. Wildcard
//! characters in a bucket's prefix are escaped: `*` in a key must not widen what was meant to narrow.

use pintail_core::name::{BucketName, KeyPrefix, Partition};
use serde_json::{Value, json};

/// What a session may do in the places it may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// List and read.
    ReadOnly,
    /// List, read, write and delete.
    #[default]
    ReadWrite,
}

/// A bucket, or what lies under a prefix of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// The folder, with or without its last slash; empty for the whole bucket. A folder may have the empty name: `/` is
    /// what lies under it.
    pub prefix: KeyPrefix,
}

/// How a session is narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionScope {
    /// What may be done.
    pub access: Access,
    /// Where, if not everywhere the role reaches.
    pub only: Vec<Place>,
    /// A policy of the user's own (JSON), in place of the two above.
    pub policy: Option<String>,
    /// Managed policies whose permissions bound the session too.
    pub policy_arns: Vec<String>,
}

/// Why a session cannot be narrowed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A policy of one's own and a generated one exclude each other.
    #[error("a session policy of one's own cannot be combined with read-only or a list of places")]
    Both,
    /// A managed policy's name is not an ARN of the role's partition.
    #[error("{arn:?} is not the ARN of a managed policy in partition {partition}")]
    NotAPolicyArn {
        /// The name as given.
        arn: String,
        /// The partition of the role.
        partition: Partition,
    },
    /// The policy given is not a JSON object.
    #[error("the session policy is not a JSON object")]
    NotJson,
    /// STS takes ten managed policies at most.
    #[error("{count} managed policies are more than the {} that STS takes", SessionScope::POLICY_ARNS_MAX)]
    TooManyArns {
        /// How many were given.
        count: usize,
    },
    /// STS takes 2048 characters of policy and ARNs at most.
    #[error(
        "the session policy has {characters} characters with its ARNs, more than the {} that STS takes",
        SessionScope::CHARACTERS_MAX
    )]
    TooLong {
        /// The length.
        characters: usize,
    },
}

impl SessionScope {
    /// The most characters of inline policy and ARNs together (STS API reference, `Policy`).
    pub const CHARACTERS_MAX: usize = 2048;
    /// The most managed policies (STS API reference, `PolicyArns`).
    pub const POLICY_ARNS_MAX: usize = 10;

    /// Makes the inline policy, `None` when the session is not narrowed by one.
    ///
    /// # Errors
    /// When STS would not take it; each reason has its variant.
    pub fn inline_policy(&self, partition: Partition) -> Result<Option<String>, PolicyError> {
        self.check_arns(partition)?;
        let generated = self.access == Access::ReadOnly || !self.only.is_empty();
        let policy = match &self.policy {
            Some(_) if generated => return Err(PolicyError::Both),
            // Written anew without its white space, which counts too.
            Some(policy) => match serde_json::from_str::<Value>(policy) {
                Ok(value @ Value::Object(_)) => Some(value.to_string()),
                _ => return Err(PolicyError::NotJson),
            },
            None => generated.then(|| self.generated(partition).to_string()),
        };
        let arns: usize = self.policy_arns.iter().map(|arn| arn.chars().count()).sum();
        let characters = policy.as_ref().map_or(0, |policy| policy.chars().count()) + arns;
        if characters > Self::CHARACTERS_MAX {
            return Err(PolicyError::TooLong { characters });
        }
        Ok(policy)
    }

    fn check_arns(&self, partition: Partition) -> Result<(), PolicyError> {
        let count = self.policy_arns.len();
        if count > Self::POLICY_ARNS_MAX {
            return Err(PolicyError::TooManyArns { count });
        }
        let beginning = format!("arn:{partition}:iam::");
        for arn in &self.policy_arns {
            let rest = arn.strip_prefix(&beginning).and_then(|rest| rest.split_once(":policy/"));
            let good = rest.is_some_and(|(account, name)| {
                let owner =
                    account == "aws" || (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
                owner && !name.is_empty()
            });
            if !good {
                return Err(PolicyError::NotAPolicyArn { arn: arn.clone(), partition });
            }
        }
        Ok(())
    }

    fn generated(&self, partition: Partition) -> Value {
        let objects = match self.access {
            Access::ReadOnly => READ_OBJECT.to_vec(),
            Access::ReadWrite => [READ_OBJECT, WRITE_OBJECT].concat(),
        };
        let mut statements = Vec::new();
        if self.only.is_empty() {
            statements.push(json!({ "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*" }));
        } else {
            let arn = |rest: &str| format!("arn:{partition}:s3:::{rest}");
            let mut keys = Vec::new();
            for place in &self.only {
                let bucket = place.bucket.as_str();
                // A folder's listing asks for `folder/…`; `folder` alone would also show `folder-of-others`.
                let prefix = place.prefix.as_str();
                let folder = prefix.strip_suffix('/').unwrap_or(prefix);
                if prefix.is_empty() {
                    keys.push(arn(&format!("{bucket}/*")));
                    statements.push(json!({ "Effect": "Allow", "Action": LIST, "Resource": arn(bucket) }));
                } else {
                    let folder = escaped(folder);
                    if !folder.is_empty() {
                        keys.push(arn(&format!("{bucket}/{folder}")));
                    }
                    keys.push(arn(&format!("{bucket}/{folder}/*")));
                    statements.push(json!({
                        "Effect": "Allow", "Action": LIST, "Resource": arn(bucket),
                        "Condition": { "StringLike": { "s3:prefix": format!("{folder}/*") } },
                    }));
                }
                statements.push(
                    json!({ "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": arn(bucket) }),
                );
            }
            statements.push(json!({ "Effect": "Allow", "Action": objects, "Resource": keys }));
        }
        // A session policy bounds KMS as well: without this, objects under a customer key could not be read.
        let key_actions: &[&str] = match self.access {
            Access::ReadOnly => &["kms:Decrypt"],
            Access::ReadWrite => &["kms:Decrypt", "kms:GenerateDataKey"],
        };
        statements.push(json!({
            "Effect": "Allow", "Action": key_actions, "Resource": "*",
            "Condition": { "StringLike": { "kms:ViaService": "s3.*" } },
        }));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

const LIST: &[&str] = &["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"];
const READ_OBJECT: &[&str] = &["s3:GetObject*", "s3:ListMultipartUploadParts"];
const WRITE_OBJECT: &[&str] = &[
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
];

/// Escapes what IAM would read as a wildcard or a variable (IAM User Guide, "Policy variables").
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '?' | '$' => {
                escaped.push_str("${");
                escaped.push(c);
                escaped.push('}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &str, prefix: &str) -> Place {
        Place { bucket: bucket.parse().unwrap(), prefix: prefix.parse().unwrap() }
    }

    fn statements(scope: &SessionScope) -> Vec<Value> {
        let policy = scope.inline_policy(Partition::Aws).unwrap().unwrap();
        let value: Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(value["Version"], "2012-10-17");
        value["Statement"].as_array().unwrap().clone()
    }

    fn actions(statements: &[Value]) -> String {
        statements.iter().map(|statement| statement["Action"].to_string()).collect()
    }

    #[test]
    fn a_session_that_is_not_narrowed_has_no_policy() {
        assert_eq!(SessionScope::default().inline_policy(Partition::Aws), Ok(None));
    }

    #[test]
    fn read_only_gets_and_lists_and_nothing_else() {
        let scope = SessionScope { access: Access::ReadOnly, ..SessionScope::default() };
        let all = actions(&statements(&scope));
        assert_eq!(all, r#"["s3:Get*","s3:List*"]["kms:Decrypt"]"#);
        let scope = SessionScope { only: vec![place("data", "in/")], ..scope };
        let all = actions(&statements(&scope));
        for word in ["Put", "Delete", "Abort", "GenerateDataKey"] {
            assert!(!all.contains(word), "{word} in {all}");
        }
    }

    #[test]
    fn a_place_is_listed_under_its_prefix_and_written_under_it() {
        for prefix in ["team/a", "team/a/"] {
            let scope = SessionScope { only: vec![place("data", prefix)], ..SessionScope::default() };
            let statements = statements(&scope);
            assert_eq!(statements[0]["Resource"], "arn:aws:s3:::data");
            assert_eq!(statements[0]["Condition"]["StringLike"]["s3:prefix"], "team/a/*");
            assert_eq!(
                statements[2]["Resource"],
                json!(["arn:aws:s3:::data/team/a", "arn:aws:s3:::data/team/a/*"])
            );
            assert!(actions(&statements).contains("s3:AbortMultipartUpload"));
        }
    }

    #[test]
    fn a_whole_bucket_has_no_prefix_condition_and_partitions_are_kept() {
        let scope = SessionScope { only: vec![place("data", "")], ..SessionScope::default() };
        let policy = scope.inline_policy(Partition::China).unwrap().unwrap();
        assert!(policy.contains("arn:aws-cn:s3:::data/*"));
        assert!(!policy.contains("s3:prefix") && !policy.contains("arn:aws:"));
    }

    #[test]
    fn slashes_narrow_too() {
        for (prefix, listed, keys) in [
            ("/", "/*", json!(["arn:aws:s3:::data//*"])),
            ("//", "//*", json!(["arn:aws:s3:::data//", "arn:aws:s3:::data///*"])),
            ("a//", "a//*", json!(["arn:aws:s3:::data/a/", "arn:aws:s3:::data/a//*"])),
        ] {
            let scope = SessionScope { only: vec![place("data", prefix)], ..SessionScope::default() };
            let statements = statements(&scope);
            assert_eq!(statements[0]["Condition"]["StringLike"]["s3:prefix"], listed, "{prefix}");
            assert_eq!(statements[2]["Resource"], keys, "{prefix}");
        }
    }

    #[test]
    fn wildcards_in_a_prefix_stay_letters() {
        let scope = SessionScope { only: vec![place("data", "a*b?c$d")], ..SessionScope::default() };
        let policy = scope.inline_policy(Partition::Aws).unwrap().unwrap();
        assert!(policy.contains("a${*}b${?}c${$}d/*"), "{policy}");
    }

    #[test]
    fn what_sts_would_refuse_is_refused_here() {
        let check = |scope: SessionScope| scope.inline_policy(Partition::Aws).unwrap_err().to_string();
        let many =
            (0..30).map(|n| place(&format!("bucket-{n}"), "some/rather/long/prefix/of/keys")).collect();
        assert!(check(SessionScope { only: many, ..SessionScope::default() }).contains("more than the 2048"));
        let arns = vec!["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned(); 11];
        assert!(check(SessionScope { policy_arns: arns, ..SessionScope::default() }).contains("11 managed"));
        let arns = vec!["arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned()];
        assert!(
            check(SessionScope { policy_arns: arns, ..SessionScope::default() }).contains("partition aws")
        );
        let own = Some("[]".to_owned());
        assert!(check(SessionScope { policy: own, ..SessionScope::default() }).contains("JSON"));
        let own = Some(r#"{"Version":"2012-10-17"}"#.to_owned());
        let both = SessionScope { policy: own, access: Access::ReadOnly, ..SessionScope::default() };
        assert!(check(both).contains("combined"));
    }

    #[test]
    fn a_policy_of_ones_own_loses_its_white_space() {
        let own = Some("{ \"Version\" : \"2012-10-17\",\n  \"Statement\" : [] }".to_owned());
        let scope = SessionScope { policy: own, ..SessionScope::default() };
        let policy = scope.inline_policy(Partition::Aws).unwrap().unwrap();
        assert_eq!(policy, r#"{"Version":"2012-10-17","Statement":[]}"#);
    }
}
