//! The actions that exist, of the services that a policy for S3 names; of other services only that they exist.

/// Services whose actions are not looked at.
const OTHER_SERVICES: [&str; 22] = [
    "athena",
    "autoscaling",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "cognito-identity",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "glue",
    "lambda",
    "logs",
    "organizations",
    "rds",
    "s3-object-lambda",
    "s3express",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
];

const S3: &str = "AbortMultipartUpload AssociateAccessGrantsIdentityCenter BypassGovernanceRetention \
CreateAccessGrant CreateAccessGrantsInstance CreateAccessGrantsLocation CreateAccessPoint CreateBucket CreateJob \
DeleteAccessGrant DeleteAccessPoint DeleteAccessPointPolicy DeleteBucket DeleteBucketPolicy DeleteBucketWebsite \
DeleteObject DeleteObjectTagging DeleteObjectVersion DeleteObjectVersionTagging DescribeJob GetAccelerateConfiguration \
GetAccessGrant GetAccessGrantsInstance GetAccessPoint GetAccessPointPolicy GetAccessPointPolicyStatus \
GetAccountPublicAccessBlock GetAnalyticsConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging \
GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy \
GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning \
GetBucketWebsite GetDataAccess GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration \
GetLifecycleConfiguration GetMetricsConfiguration GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold \
GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes \
GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent GetReplicationConfiguration \
InitiateReplication ListAccessGrants ListAccessGrantsInstances ListAccessGrantsLocations ListAccessPoints \
ListAllMyBuckets ListBucket ListBucketMultipartUploads ListBucketVersions ListCallerAccessGrants ListJobs \
ListMultipartUploadParts ListMultiRegionAccessPoints ListTagsForResource ObjectOwnerOverrideToBucketOwner \
PutAccelerateConfiguration PutAccessPointPolicy PutAccountPublicAccessBlock PutAnalyticsConfiguration PutBucketAcl \
PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration PutBucketOwnershipControls \
PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning \
PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration \
PutLifecycleConfiguration PutMetricsConfiguration PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention \
PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging PutReplicationConfiguration ReplicateDelete \
ReplicateObject ReplicateTags RestoreObject TagResource UntagResource UpdateJobPriority UpdateJobStatus";

const STS: &str = "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage \
GetAccessKeyInfo GetCallerIdentity GetFederationToken GetServiceBearerToken GetSessionToken SetContext SetSourceIdentity \
TagSession";

const KMS: &str = "CancelKeyDeletion CreateAlias CreateGrant CreateKey Decrypt DeleteAlias DescribeKey DisableKey \
EnableKey Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext \
GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom GetKeyPolicy GetKeyRotationStatus GetPublicKey ListAliases \
ListGrants ListKeyPolicies ListKeys ListResourceTags PutKeyPolicy ReEncryptFrom ReEncryptTo RetireGrant RevokeGrant \
ScheduleKeyDeletion Sign TagResource UntagResource UpdateAlias Verify VerifyMac";

/// What an action's text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    NoAction,
    NoService,
}

/// Looks an action up, wildcards included; case does not matter.
pub(super) fn look_up(action: &str) -> Known {
    if action == "*" {
        return Known::Yes;
    }
    let Some((service, name)) = action.split_once(':') else { return Known::NoAction };
    let actions = match service.to_ascii_lowercase().as_str() {
        "s3" => S3,
        "sts" => STS,
        "kms" => KMS,
        "iam" | "access-analyzer" => return Known::Yes,
        other if OTHER_SERVICES.contains(&other) => return Known::Yes,
        _ => return Known::NoService,
    };
    let pattern = name.to_ascii_lowercase();
    let fits = |one: &str| crate::policy::matches_pattern(&pattern, &one.to_ascii_lowercase());
    if actions.split_whitespace().any(fits) { Known::Yes } else { Known::NoAction }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_exist_or_not() {
        for (action, known) in [
            ("*", Known::Yes),
            ("s3:GetObject", Known::Yes),
            ("S3:getobject", Known::Yes),
            ("s3:Get*", Known::Yes),
            ("s3:GetObjects", Known::NoAction),
            ("s3:Fetch*", Known::NoAction),
            ("kms:GenerateDataKey*", Known::Yes),
            ("s4:GetObject", Known::NoService),
            ("GetObject", Known::NoAction),
        ] {
            assert_eq!(look_up(action), known, "{action}");
        }
    }
}
