//! What the role of a batch job needs: a trust policy and a permission policy, made for exactly this job.
//!
//! Pure: places in, documents out. Actions are those that the User Guide names ("Granting permissions for Batch Operations").

use pintail_core::name::{BucketName, KeyPrefix, Partition};
use serde_json::{Value, json};

/// Who takes the role.
const SERVICE: &str = "batchoperations.s3.amazonaws.com";

/// What the job does, as far as permissions depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// It reads the objects and writes copies below a place.
    Copy(BucketName, KeyPrefix),
    /// It replaces tags.
    Tag,
    /// It removes tags.
    DeleteTags,
    /// It has objects restored.
    Restore,
}

/// Where the job reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The objects it goes through.
    pub(crate) objects: (BucketName, KeyPrefix),
    /// Its list, or whatever begins with this.
    pub(crate) list: (BucketName, KeyPrefix),
    /// Its report, if there is one.
    pub(crate) report: Option<(BucketName, KeyPrefix)>,
    /// What it does.
    pub(crate) needs: Needs,
}

/// The two documents of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RolePolicies {
    /// Who may take it.
    pub(crate) trust: Value,
    /// What it may do.
    pub(crate) permissions: Value,
}

/// Makes the documents.
pub(crate) fn policies(places: &Places, partition: Partition) -> RolePolicies {
    let arn = |(bucket, prefix): &(BucketName, KeyPrefix)| {
        // A wildcard in a prefix would match more than itself; IAM has a way to say that it is meant as it stands.
        let prefix = prefix.as_str().replace('$', "${$}").replace('*', "${*}").replace('?', "${?}");
        format!("arn:{}:s3:::{bucket}/{prefix}*", partition.name())
    };
    let allow = |sid: &str, actions: &[&str], resource: String| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource });
    let objects = arn(&places.objects);
    let mut statements = match &places.needs {
        Needs::Copy(bucket, prefix) => vec![
            allow(
                "ReadObjects",
                &["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
                objects,
            ),
            allow(
                "WriteCopies",
                &["s3:PutObject", "s3:PutObjectTagging"],
                arn(&(bucket.clone(), prefix.clone())),
            ),
        ],
        Needs::Tag => {
            vec![allow("TagObjects", &["s3:PutObjectTagging", "s3:PutObjectVersionTagging"], objects)]
        }
        Needs::DeleteTags => {
            vec![allow("UntagObjects", &["s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"], objects)]
        }
        Needs::Restore => vec![allow("RestoreObjects", &["s3:RestoreObject"], objects)],
    };
    statements.push(allow("ReadList", &["s3:GetObject", "s3:GetObjectVersion"], arn(&places.list)));
    statements
        .extend(places.report.as_ref().map(|report| allow("WriteReport", &["s3:PutObject"], arn(report))));
    RolePolicies {
        trust: json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": SERVICE }, "Action": "sts:AssumeRole" }],
        }),
        permissions: json!({ "Version": "2012-10-17", "Statement": statements }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &str, prefix: &str) -> (BucketName, KeyPrefix) {
        (bucket.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn a_role_may_what_its_job_does_and_no_more() {
        let places = Places {
            objects: place("photos", "20?6/"),
            list: place("lists", "a/"),
            report: Some(place("reports", "")),
            needs: Needs::Copy("target".parse().unwrap(), "cold/".parse().unwrap()),
        };
        let made = policies(&places, Partition::China);
        let statements = made.permissions["Statement"].as_array().unwrap();
        let told: Vec<_> = statements
            .iter()
            .map(|one| (one["Sid"].as_str().unwrap(), one["Resource"].as_str().unwrap()))
            .collect();
        assert_eq!(
            told,
            [
                ("ReadObjects", "arn:aws-cn:s3:::photos/20${?}6/*"),
                ("WriteCopies", "arn:aws-cn:s3:::target/cold/*"),
                ("ReadList", "arn:aws-cn:s3:::lists/a/*"),
                ("WriteReport", "arn:aws-cn:s3:::reports/*"),
            ]
        );
        assert_eq!(made.trust["Statement"][0]["Principal"]["Service"], SERVICE);
        let bare = Places { report: None, needs: Needs::Restore, ..places };
        assert_eq!(policies(&bare, Partition::Aws).permissions["Statement"].as_array().unwrap().len(), 2);
    }
}
