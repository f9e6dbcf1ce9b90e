//! What S3's codes about objects, uploads, checksums, keys and bucket settings mean.

use super::{Check, Text, Who, text};

pub(super) const OBJECTS: &[(&[&str], Text)] = &[
    (
        &["NoSuchKey", "NotFound"],
        text(
            "s3-no-such-key",
            "there is no such object",
            "its key is misspelt (capitals count), or it was deleted",
            &["List what is there: `pintail ls BOOKMARK:{bucket}/`."],
            Who::You,
            &[Check::List, Check::Get],
        ),
    ),
    (
        &["NoSuchJob"],
        text(
            "s3-no-such-job",
            "there is no such batch job",
            "its ID is misspelt, it is in another region or account, or it ended more than 90 days ago",
            &["List the jobs: `pintail batch ls`; --region and --account say where to look."],
            Who::You,
            &[],
        ),
    ),
    (
        &["JobStatusException"],
        text(
            "s3-job-status",
            "the batch job is in no state in which this can be done",
            "it ended meanwhile, or it does not wait to be confirmed",
            &["Look at it: `pintail batch show ID`."],
            Who::You,
            &[],
        ),
    ),
    (
        &["NoSuchVersion"],
        text(
            "s3-no-such-version",
            "there is no such version of the object",
            "it was deleted for good, or the ID is of another object",
            &["List what is there: `pintail ls BOOKMARK:{bucket}/`."],
            Who::You,
            &[Check::List],
        ),
    ),
    (
        &["NoSuchUpload"],
        text(
            "s3-no-such-upload",
            "the upload in parts is not there any more",
            "it was finished or aborted meanwhile, by another run or by a rule of the bucket",
            &["Copy it again from the beginning."],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["InvalidPart", "InvalidPartOrder", "InvalidPartNumber"],
        text(
            "s3-invalid-part",
            "a part of the upload is missing or not the one that was sent",
            "the upload was put together with parts of another run, or a part was sent again meanwhile",
            &["Copy it again from the beginning."],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["EntityTooLarge"],
        text(
            "s3-too-large",
            "the object or the part is larger than S3 takes",
            "one request holds 5 GiB at most, a part as well; a service may have a lower limit",
            &["Upload it in parts: `pintail cp` does so by itself."],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["EntityTooSmall"],
        text(
            "s3-too-small",
            "a part of the upload is smaller than 5 MiB",
            "all parts but the last need that size",
            &["Use larger parts: `pintail cp` does so by itself."],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["KeyTooLongError", "KeyTooLong"],
        text(
            "s3-key-too-long",
            "the key is longer than 1024 bytes",
            "long folder names, or letters that take several bytes each",
            &["Choose a shorter key."],
            Who::You,
            &[],
        ),
    ),
    (
        &["MetadataTooLarge"],
        text(
            "s3-metadata-too-large",
            "the object's own headers are larger than S3 takes",
            "user metadata may have 2 KB in all",
            &["Send less metadata with the object."],
            Who::You,
            &[],
        ),
    ),
    (
        &["InvalidRange"],
        text(
            "s3-invalid-range",
            "the range lies outside the object",
            "the object is smaller than thought, or changed meanwhile",
            &["Look at its size and try again: `pintail stat BOOKMARK:{bucket}/KEY`."],
            Who::You,
            &[Check::Get],
        ),
    ),
    (
        &["PreconditionFailed"],
        text(
            "s3-precondition",
            "the condition of the request does not hold",
            "the object exists although it should not, or is not the version that was meant",
            &["Somebody changed the object meanwhile: look at it, then try again."],
            Who::You,
            &[],
        ),
    ),
    (
        &["ConditionalRequestConflict", "OperationAborted"],
        text(
            "s3-conflict",
            "somebody else is changing the same thing right now",
            "two writers at one key, or a bucket that is just being made or deleted",
            &["Try again in a moment."],
            Who::You,
            &[],
        ),
    ),
    (
        &["BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"],
        text(
            "s3-checksum",
            "the bytes that arrived are not those that were sent",
            "something on the way or in memory changed them, or the file changed while it was read",
            &["Copy it again. If it happens again, something between here and S3 changes bytes."],
            Who::You,
            &[Check::Checksum, Check::Proxy],
        ),
    ),
    (
        &["XAmzContentSHA256Mismatch", "MalformedTrailerError"],
        text(
            "s3-checksum-mode",
            "the digest in the signature does not fit the bytes that arrived",
            "a proxy changed the body, or the service does not know the newer checksums that the tool sends",
            &[
                "For other tools at services other than Amazon's: set request_checksum_calculation and response_checksum_validation to when_required.",
                "At Amazon S3 look at proxies between here and S3.",
            ],
            Who::You,
            &[Check::Checksum, Check::Proxy],
        ),
    ),
    (
        &["IncompleteBody"],
        text(
            "s3-incomplete-body",
            "fewer bytes arrived than were announced",
            "the connection broke, or the file became shorter while it was sent",
            &["Copy it again when nothing writes to it."],
            Who::You,
            &[Check::Proxy],
        ),
    ),
    (
        &["InvalidObjectState"],
        text(
            "s3-archived",
            "the object is archived (Glacier) and has to be restored before it can be read",
            "its storage class keeps it away from direct reading",
            &["Restore the object from its archive first."],
            Who::You,
            &[Check::Get],
        ),
    ),
    (
        &["RestoreAlreadyInProgress"],
        text(
            "s3-restoring",
            "the object is being restored from its archive already",
            "somebody asked for it before; it takes minutes to hours",
            &["Wait until it is there: `pintail stat BOOKMARK:{bucket}/KEY` shows it."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["InvalidStorageClass"],
        text(
            "s3-storage-class",
            "the service does not have this storage class",
            "a misspelt name, or a service other than Amazon's",
            &["Choose one that the service has, or none: `pintail config explain s3.storage.class`."],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["AccessControlListNotSupported"],
        text(
            "s3-no-acls",
            "the bucket takes no access control lists",
            "Object Ownership is set so (the default since 2023), and the tool sends an ACL",
            &[
                "Switch the ACL off in the tool (rclone: leave `acl` empty; aws: no --acl); the bucket's policy decides who may read.",
            ],
            Who::You,
            &[Check::Put],
        ),
    ),
    (
        &["KMS.DisabledException", "KMS.KMSDisabledException", "DisabledException"],
        text(
            "kms-disabled",
            "the key that encrypts the object is switched off",
            "somebody disabled it in KMS",
            &["Ask the admin to enable the key in KMS."],
            Who::AwsAdmin,
            &[Check::Kms],
        ),
    ),
    (
        &["KMS.NotFoundException", "KMS.KMSNotFoundException", "KMS.KeyNotFoundException"],
        text(
            "kms-not-found",
            "the key that is to encrypt the object is not there",
            "its ARN is wrong, or it is of another region or account",
            &[
                "Ask the admin to correct the key in the bucket's default encryption: it has to be in the bucket's region.",
            ],
            Who::AwsAdmin,
            &[Check::Kms],
        ),
    ),
    (
        &["KMS.InvalidStateException", "KMS.KMSInvalidStateException", "KMSInvalidStateException"],
        text(
            "kms-invalid-state",
            "the key that encrypts the object cannot be used in its state",
            "it waits for its deletion, for imported key material, or its store is away",
            &["Ask the admin to look at the key's state in KMS: a deletion that waits can be cancelled."],
            Who::AwsAdmin,
            &[Check::Kms],
        ),
    ),
    (
        &[
            "KMS.InvalidKeyUsageException",
            "KMS.KMSInvalidKeyUsageException",
            "KMS.UnsupportedOperationException",
        ],
        text(
            "kms-wrong-use",
            "the key is not one that encrypts objects",
            "a key for signatures, or one for another use",
            &["Ask the admin to choose a symmetric key for encryption."],
            Who::AwsAdmin,
            &[Check::Kms],
        ),
    ),
    (
        &["KMS.ThrottlingException", "KMS.LimitExceededException"],
        text(
            "kms-throttled",
            "KMS asks for fewer requests",
            "each object asks the key once, and many objects ask often",
            &["Wait a little, then try again; bucket keys make it rarer: ask the admin to switch them on."],
            Who::AwsAdmin,
            &[Check::Kms],
        ),
    ),
    (
        &["InvalidEncryptionAlgorithmError", "ServerSideEncryptionConfigurationNotFoundError"],
        text(
            "s3-encryption-setting",
            "the encryption that was asked for is not one that the bucket has",
            "a misspelt algorithm (AES256 and aws:kms exist), or a bucket without a setting",
            &["Leave the encryption to the bucket's default, or name AES256 or aws:kms."],
            Who::You,
            &[Check::Kms],
        ),
    ),
    (
        &[
            "NoSuchBucketPolicy",
            "NoSuchCORSConfiguration",
            "NoSuchLifecycleConfiguration",
            "NoSuchTagSet",
            "NoSuchWebsiteConfiguration",
            "ReplicationConfigurationNotFoundError",
            "NoSuchPublicAccessBlockConfiguration",
            "OwnershipControlsNotFoundError",
        ],
        text(
            "s3-no-such-setting",
            "the bucket does not have this setting",
            "nobody made one; this is an answer, not a fault",
            &["Nothing has to be done, unless the setting is wanted."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["MalformedPolicy"],
        text(
            "s3-malformed-policy",
            "the bucket policy is not valid",
            "a principal that does not exist, a resource of another bucket, or a fault in its grammar",
            &[
                "Correct the statement that the message names; `Resource` has to be this bucket and what is in it.",
            ],
            Who::AwsAdmin,
            &[Check::Permissions],
        ),
    ),
];
