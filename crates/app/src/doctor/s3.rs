//! Looks at the data as the bookmark reaches it: who one is there, the bucket, a listing, a byte, and on request a scratch object.

use std::sync::Arc;

use pintail_connect::Connected;
use pintail_core::connection::Way;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};
use pintail_core::retry::Schedule;
use pintail_identity::sts::{ExchangeError, ExchangeSeams, StsErrorKind, caller_identity};
use pintail_store::object_store::{ByteRange, ChecksumChoice, Delete, Get, Head, List, ListBuckets, Put};
use pintail_store::{ErrorKind, Missing, Payload, StoreError};

use super::case::Case;
use super::exchange_facts::{self, Known};
use super::finding::{Finding, Level};
use super::network::Service;
use super::s3_facts::{self, Place};
use super::signed_in::explained;
use crate::ops::Error;

/// What is written to the scratch object.
const SCRATCH: &[u8] = b"pintail doctor wrote this and takes it out again";

/// Gets a credential and asks whose it is.
pub(super) async fn identity(case: &mut Case<'_>) -> Finding {
    let Some(name) = case.request.name.clone() else {
        return Finding::blocked("identity", "bookmark", Level::NotRun);
    };
    let access = match case.app.access(&name).await {
        Ok(access) => access,
        Err(error) => return explained("identity", Error::Connect(error), "nothing can be read"),
    };
    let credential = match access.ready().await {
        Ok(credential) => credential,
        Err(missing) => {
            let finding = explained("identity", Error::from(missing), "there is no credential to sign with");
            return finding;
        }
    };
    let Some(credential) = credential else { return Finding::ok("identity", "access is anonymous") };
    let connection = Arc::clone(&access.connection);
    case.connection = Some(connection.as_ref().clone());
    let has_sts = case.reached(Service::Sts).is_some_and(|reached| reached.outcome.is_ok())
        || connection.s3_endpoint.is_none();
    let endpoint = match pintail_connect::sts_endpoint(&connection) {
        Ok(endpoint) if has_sts => endpoint,
        _ => return Finding::ok("identity", "there is a credential; there is no STS to ask whose"),
    };
    let http = match case.app.http(&connection) {
        Ok(http) => http,
        Err(error) => return explained("identity", Error::Connect(error), "nothing can be asked"),
    };
    let clock = case.app.shared_clock();
    let seams = ExchangeSeams { http: http.as_ref(), clock: clock.as_ref(), random: case.app.random() };
    match caller_identity(seams, &endpoint, &credential, Schedule::INTERACTIVE).await {
        Ok(caller) => Finding::ok("identity", format!("AWS knows you as {}", caller.arn)),
        Err(ExchangeError::Refused(error))
            if matches!(error.kind, StsErrorKind::UnknownKey | StsErrorKind::CredentialExpired) =>
        {
            let name = case.name();
            let host = endpoint.url().host_str().unwrap_or_default().to_owned();
            match case.role_wanted() {
                Some(role) => exchange_facts::security_token(
                    &error,
                    &Known {
                        bookmark: &name,
                        role: &role,
                        region: connection.region.as_str(),
                        host: &host,
                        token: None,
                        iam_was_read: case.iam_was_read,
                    },
                ),
                None => Finding::broken(
                    "identity",
                    format!("AWS does not know the key: {}", error.message),
                    "it was deleted, is of another partition, or its secret half belongs to another key",
                    format!("Type it anew: `pintail login {name} --fresh`."),
                ),
            }
        }
        // Services that imitate STS often have no GetCallerIdentity.
        Err(_) if connection.s3_endpoint.is_some() => {
            Finding::ok("identity", "there is a credential; this STS does not say whose")
        }
        Err(error) => {
            Finding::info("identity", format!("there is a credential; whose it is was not told: {error}"))
        }
    }
}

/// Connects, finds out which bucket is meant, and looks whether it is there.
pub(super) async fn bucket(case: &mut Case<'_>) -> Finding {
    if let Some(blocked) = case.reached(Service::S3).and_then(super::network::Reached::blocked_by) {
        return Finding::blocked("bucket", blocked, Level::Broken);
    }
    let connected = match connected(case).await {
        Ok(connected) => connected,
        Err(finding) => return finding,
    };
    let place = super::iam::place(case);
    let (bucket, prefix): (BucketName, KeyPrefix) = match place {
        Some((bucket, prefix)) => match (bucket.parse(), prefix.parse()) {
            (Ok(bucket), Ok(prefix)) => (bucket, prefix),
            (Err(error), _) | (_, Err(error)) => {
                return Finding::broken(
                    "bucket",
                    error.to_string(),
                    "the path of the bookmark begins with no bucket's name",
                    format!("Correct it: `pintail bookmark edit {} --path BUCKET/FOLDER`.", case.name()),
                );
            }
        },
        None => match any_bucket(case, &connected).await {
            Ok(bucket) => (bucket, KeyPrefix::all()),
            Err(finding) => return finding,
        },
    };
    let head = connected.store.head_bucket(&bucket).await;
    case.bucket = Some((bucket.clone(), prefix));
    match head {
        Ok(info) => match (&info.region, &case.connection) {
            (Some(region), Some(connection))
                if *region != connection.region && connection.s3_endpoint.is_none() =>
            {
                Finding::info(
                    "bucket",
                    format!("{bucket} lives in {region}, and the bookmark says {}", connection.region),
                )
                .means("requests are led there; the first of each run takes longer")
                .next(format!("Name the region: `pintail bookmark edit {} --region {region}`.", case.name()))
            }
            _ => Finding::ok("bucket", format!("{bucket} is there")),
        },
        // HEAD says no more than 403: the listing tells whether that matters.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied) => {
            Finding::info("bucket", format!("{bucket} is there, or is somebody else's: S3 does not say"))
                .means("the listing tells more")
        }
        Err(error) => failed(case, "bucket", &error, "s3:ListBucket"),
    }
}

async fn connected(case: &Case<'_>) -> Result<Arc<Connected>, Finding> {
    let name =
        case.request.name.as_ref().ok_or_else(|| Finding::blocked("bucket", "bookmark", Level::NotRun))?;
    case.app
        .connect_to(name)
        .await
        .map_err(|error| explained("bucket", Error::Connect(error), "S3 cannot be asked"))
}

async fn any_bucket(case: &Case<'_>, connected: &Connected) -> Result<BucketName, Finding> {
    let one = ListBuckets { max: Some(1), ..ListBuckets::default() };
    let name = case.name();
    let say = format!("Say which: `pintail doctor {name} --place BUCKET/FOLDER`.");
    match connected.store.list_buckets(&one).await {
        Ok(page) => page.buckets.into_iter().next().map(|bucket| bucket.name).ok_or_else(|| {
            Finding::not_run("bucket", "the account has no bucket, and the bookmark names none", say)
        }),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied) => Err(Finding::not_run(
            "bucket",
            "the bookmark names no bucket, and the role may not list buckets",
            say,
        )),
        Err(error) => Err(failed(case, "bucket", &error, "s3:ListAllMyBuckets")),
    }
}

fn failed(case: &Case<'_>, check: &'static str, error: &StoreError, action: &'static str) -> Finding {
    let name = case.name();
    let role = case.role_wanted().map_or_else(|| "the one who signs".to_owned(), |role| role.to_string());
    let bucket = case.bucket.as_ref().map(|(bucket, _)| bucket.to_string()).unwrap_or_default();
    let prefix = case.bucket.as_ref().map(|(_, prefix)| prefix.to_string()).unwrap_or_default();
    let host = case.reached(Service::S3).map_or_else(|| "S3".to_owned(), |reached| reached.host.clone());
    let requester_pays = case.connection.as_ref().is_some_and(|connection| connection.requester_pays);
    let place = Place {
        bookmark: &name,
        role: &role,
        bucket: &bucket,
        prefix: &prefix,
        host: &host,
        action,
        requester_pays,
    };
    s3_facts::failed(check, error, &place)
}

/// Lists one object.
pub(super) async fn list(case: &mut Case<'_>) -> Finding {
    let Some((bucket, prefix)) = case.bucket.clone() else {
        return Finding::blocked("list", "bucket", Level::NotRun);
    };
    let connected = match connected(case).await {
        Ok(connected) => connected,
        Err(finding) => return finding,
    };
    let options = List { prefix: prefix.clone(), max: Some(1), ..List::default() };
    match connected.store.list(&bucket, &options).await {
        Ok(page) => {
            case.first_object = page.objects.into_iter().next().map(|object| object.key);
            Finding::ok("list", format!("{bucket}/{prefix} can be listed"))
        }
        Err(error) => failed(case, "list", &error, "s3:ListBucket"),
    }
}

/// Reads one byte of the object that was listed.
pub(super) async fn get(case: &Case<'_>) -> Finding {
    let (Some((bucket, _)), Some(key)) = (&case.bucket, &case.first_object) else {
        return Finding::info("get", "there is no object to read");
    };
    let connected = match connected(case).await {
        Ok(connected) => connected,
        Err(finding) => return finding,
    };
    let range = Some(ByteRange::Slice { offset: 0, length_bytes: 1 });
    let options = Get { range, unchecked: true, ..Get::default() };
    match connected.store.get(bucket, key, &options).await {
        Ok(got) => {
            let kept = if got.info.checksum.is_some() { ", with a checksum" } else { "" };
            Finding::ok("get", format!("an object can be read{kept}"))
        }
        // An empty object has no first byte.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidRange) => {
            Finding::ok("get", "an empty object can be read")
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(Missing::Bucket)) => {
            failed(case, "get", &error, "s3:GetObject")
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => {
            Finding::info("get", "the object went meanwhile")
        }
        Err(error) => failed(case, "get", &error, "s3:GetObject"),
    }
}

/// Writes a scratch object, reads it and takes it out again.
pub(super) async fn write(case: &mut Case<'_>) -> Finding {
    let Some((bucket, prefix)) = case.bucket.clone() else {
        return Finding::blocked("write", "bucket", Level::NotRun);
    };
    let connected = match connected(case).await {
        Ok(connected) => connected,
        Err(finding) => return finding,
    };
    if connected.read_only {
        return Finding::info("write", "the bookmark is read-only: nothing is written");
    }
    let mut number = [0; 8];
    case.app.random().fill(&mut number);
    let key = format!("{prefix}.pintail-doctor-{:016x}", u64::from_le_bytes(number));
    let Ok(key) = key.parse::<ObjectKey>() else {
        return Finding::info("write", "the folder's name leaves no room for a scratch object");
    };
    let payload = Payload::from_bytes(SCRATCH);
    let options = Put { checksum: ChecksumChoice::Default, ..Put::default() };
    if let Err(error) = connected.store.put(&bucket, &key, payload, &options).await {
        return failed(case, "write", &error, "s3:PutObject");
    }
    let read = connected.store.head(&bucket, &key, &Head::default()).await;
    let deleted = connected.store.delete(&bucket, &key, &Delete::default()).await;
    if let Ok(info) = &read {
        case.written_checksum = Some(info.checksum.as_ref().map(|checksum| checksum.algorithm().name()));
    }
    match (read, deleted) {
        (Ok(info), Ok(_)) if info.size_bytes == SCRATCH.len() as u64 => {
            Finding::ok("write", "an object can be written, read and deleted")
        }
        (Ok(info), Ok(_)) => Finding::broken(
            "write",
            format!("{} bytes were written, and {} came back", SCRATCH.len(), info.size_bytes),
            "something between here and S3 changes what is sent",
            "Look for a proxy that changes uploads, then run `pintail doctor --write` again.",
        ),
        (Err(error), _) => failed(case, "write", &error, "s3:GetObject"),
        (_, Err(error)) => {
            let mut finding = failed(case, "write", &error, "s3:DeleteObject");
            finding.means = format!("{}; the object {key} stays in {bucket}", finding.means);
            finding
        }
    }
}

/// Judges whether the service keeps checksums.
pub(super) fn checksums(case: &Case<'_>) -> Finding {
    match case.written_checksum {
        Some(Some(algorithm @ "CRC64NVME")) => Finding::ok(
            "checksums",
            format!("the service keeps a checksum of the whole object ({algorithm})"),
        ),
        Some(Some(algorithm)) => {
            Finding::info("checksums", format!("the service keeps {algorithm}, and not CRC64NVME"))
                .means("an upload in parts has no checksum of the whole object there")
        }
        Some(None) => Finding::info("checksums", "the service does not keep a checksum of what is written")
            .means("uploads are checked while they are sent, and not when they are read again"),
        None => Finding::not_run(
            "checksums",
            "nothing was written",
            "Let a scratch object be written: `--write`.",
        ),
    }
}

/// Tells whether the way in leads through a session of ours.
pub(super) fn is_web(case: &Case<'_>) -> bool {
    case.connection.as_ref().is_some_and(|connection| matches!(connection.way, Way::WebIdentity(_)))
}
