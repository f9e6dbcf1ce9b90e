//! Whose rights a job has: the role's that it was given, taken by the service itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::lists::Trouble;
use crate::authority::{Asking, Verdict, request_context, verdict};
use crate::clock::after;
use crate::locked;
use crate::policy::{Asker, Decision, Document, Request, decide};
use crate::world::Core;
use crate::world::account::{Actor, Principal, Session};

/// The service's name in trust policies.
const SERVICE: &str = "batchoperations.s3.amazonaws.com";

/// A job's role at work.
pub(super) struct Runner<'a> {
    pub(super) core: &'a Core,
    pub(super) now: Timestamp,
    principal: Principal,
}

impl<'a> Runner<'a> {
    /// Takes the role, if its trust policy lets the service.
    pub(super) fn take(
        core: &'a Core,
        role_arn: &str,
        job: &str,
        now: Timestamp,
    ) -> Result<Runner<'a>, Trouble> {
        let account = locked(&core.account);
        let refused = || {
            let text = format!("S3 Batch Operations cannot assume the role {role_arn}");
            Err(("RoleNotAssumable", text))
        };
        let Some(role) = account.roles.values().find(|role| role.arn == role_arn) else { return refused() };
        let context = request_context(now, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let request = Request {
            action: "sts:AssumeRole",
            resource: "",
            asker: Asker::Service(SERVICE),
            context: &context,
        };
        let trust = Document::trust(&role.trust_policy);
        if trust.map_or(Decision::Silent, |trust| decide([&trust], &request)) != Decision::Allow {
            return refused();
        }
        let session = Session {
            // Nothing signs with it: it never leaves the service.
            secret_access_key: String::new(),
            session_token: String::new(),
            expires: after(now, 3600),
            of: Actor::Role { arn: role.arn.clone(), name: role.name.clone() },
            user_id: format!("{}:s3-batch-operations_{job}", role.id),
            arn: format!("arn:aws:sts::{}:assumed-role/{}/s3-batch-operations_{job}", account.id, role.name),
            mfa_at: None,
            session_policies: Vec::new(),
            context: BTreeMap::new(),
            source_identity: None,
        };
        drop(account);
        Ok(Runner { core, now, principal: Principal::Session(Arc::new(session)) })
    }

    /// Whether the role may do something with an object.
    pub(super) fn may(&self, action: &str, bucket: &str, key: &str) -> bool {
        let resource = format!("arn:aws:s3:::{bucket}/{key}");
        let policy = locked(&self.core.storage).buckets.get(bucket).and_then(|bucket| bucket.policy.clone());
        let asking = Asking {
            principal: &self.principal,
            action,
            resource: &resource,
            now: self.now,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            more: Vec::new(),
            resource_policy: policy.as_deref(),
        };
        verdict(&locked(&self.core.account), &asking) == Verdict::Allowed
    }

    /// Reads an object that belongs to the job itself, with its entity tag.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Result<(Bytes, String), Trouble> {
        if !self.may("s3:GetObject", bucket, key) {
            let text = format!("The role is not allowed to read s3://{bucket}/{key} (s3:GetObject)");
            return Err(("ManifestAccessDenied", text));
        }
        let storage = locked(&self.core.storage);
        let found = storage.buckets.get(bucket).and_then(|bucket| bucket.current(key));
        let (_, blob) =
            found.ok_or_else(|| ("ManifestNotFound", format!("There is no s3://{bucket}/{key}")))?;
        Ok((blob.data.to_bytes(), blob.etag.clone()))
    }
}
