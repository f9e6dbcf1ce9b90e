//! The actions of Amazon S3 that policies for people's data name, what each is done to, and what others are mistaken for them.
//!
//! Source: Service Authorization Reference, Amazon S3. Actions for access points, batch jobs, Storage Lens, Access Grants and the like are
//! known by the nouns in them, and not listed one by one.

use super::super::pattern::{Case, Pattern};

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Bucket,
    Object,
    Nothing,
}

const OBJECT: [&str; 34] = [
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
];

const BUCKET: [&str; 53] = [
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucket",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutReplicationConfiguration",
];

/// Configurations of buckets that the list above leaves out, and actions whose resource is an account or a thing with an ARN of its own.
const MORE: [&str; 6] = [
    "PutIntelligentTieringConfiguration",
    "PutMetricsConfiguration",
    "GetDataAccess",
    "ListCallerAccessGrants",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
];

const NOTHING: [&str; 3] = ["ListAllMyBuckets", "GetAccountPublicAccessBlock", "PutAccountPublicAccessBlock"];

/// Nouns of the parts of S3 that are known as a whole.
const FAMILIES: [&str; 8] =
    ["AccessPoint", "AccessGrant", "Job", "StorageLens", "MultiRegion", "Tag", "Resource", "AssociateAccess"];

/// What the names of actions begin with.
const VERBS: [&str; 7] = ["create", "delete", "describe", "get", "list", "put", "update"];

/// Calls of S3 whose action has another name.
const CALLS: [(&str, &str); 24] = [
    ("HeadObject", "GetObject"),
    ("HeadBucket", "ListBucket"),
    ("ListObjects", "ListBucket"),
    ("ListObjectsV2", "ListBucket"),
    ("ListObject", "ListBucket"),
    ("ListBuckets", "ListAllMyBuckets"),
    ("ListObjectVersions", "ListBucketVersions"),
    ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("ListParts", "ListMultipartUploadParts"),
    ("CopyObject", "PutObject"),
    ("PostObject", "PutObject"),
    ("UploadPart", "PutObject"),
    ("UploadPartCopy", "PutObject"),
    ("CreateMultipartUpload", "PutObject"),
    ("CompleteMultipartUpload", "PutObject"),
    ("DeleteObjects", "DeleteObject"),
    ("SelectObjectContent", "GetObject"),
    ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("GetBucketLifecycle", "GetLifecycleConfiguration"),
    ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("GetBucketReplication", "GetReplicationConfiguration"),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("PutBucketEncryption", "PutEncryptionConfiguration"),
];

fn all() -> impl Iterator<Item = &'static str> {
    OBJECT.into_iter().chain(BUCKET).chain(MORE).chain(NOTHING)
}

/// Returns what an action is done to, where it is listed.
pub(super) fn of(name: &str) -> Option<Of> {
    let is_in = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    match () {
        () if is_in(&OBJECT) => Some(Of::Object),
        () if is_in(&BUCKET) => Some(Of::Bucket),
        () if is_in(&NOTHING) => Some(Of::Nothing),
        () => None,
    }
}

/// Whether S3 has an action of this name, or one that the pattern stands for. A pattern that begins with one of S3's verbs may stand for
/// one that is not listed.
pub(super) fn known(name: &str) -> bool {
    let pattern = Pattern::wild(name);
    let lower = name.to_lowercase();
    let verb = || VERBS.iter().any(|verb| lower.starts_with(verb));
    all().any(|known| pattern.matches(known, Case::Ignored))
        || FAMILIES.iter().any(|family| lower.contains(&family.to_lowercase()))
        || pattern.is_wild() && verb()
}

/// Returns the action that is probably meant: that of the call of this name, or one that is a slip away.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    if let Some((_, action)) = CALLS.iter().find(|(call, _)| call.eq_ignore_ascii_case(name)) {
        return Some(action);
    }
    let lower = name.to_lowercase();
    let nearest = all().map(|known| (distance(&lower, &known.to_lowercase()), known)).min()?;
    (nearest.0 <= 2).then_some(nearest.1)
}

/// How many letters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (index, d) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_and_slips_are_understood() {
        for name in [
            "GetObject",
            "getobject",
            "Get*",
            "*",
            "ListBucket*",
            "Put?bject",
            "CreateAccessPoint",
            "GetJobTagging",
            "Create*",
        ] {
            assert!(known(name), "{name}");
        }
        for (name, expected) in [
            ("HeadObject", Some("GetObject")),
            ("ListObjectsV2", Some("ListBucket")),
            ("GetObjects", Some("GetObject")),
            ("PutObjet", Some("PutObject")),
            ("GetBucketCor", Some("GetBucketCORS")),
            ("Fly", None),
        ] {
            assert!(!known(name), "{name}");
            assert_eq!(meant(name), expected, "{name}");
        }
        assert!(!known("Fetch*"));
        assert_eq!(of("listbucket"), Some(Of::Bucket));
    }
}
