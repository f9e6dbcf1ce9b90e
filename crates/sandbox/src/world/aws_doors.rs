//! More hands on the world: what an administrator of the AWS account changes behind a client's back.

use std::collections::BTreeSet;

use super::World;
use super::account::{ManagedPolicy, PolicyVersion, Provider, provider_name};
use crate::locked;
use crate::policy::Document;

impl World {
    /// Adds an OpenID Connect provider for an issuer, or replaces the one of that issuer, without IAM's checks of the
    /// address; returns its ARN.
    pub fn put_provider(&self, issuer: &str, client_ids: &[&str]) -> String {
        let now = self.core.clock.now();
        let mut account = locked(&self.core.account);
        let arn = format!("arn:aws:iam::{}:oidc-provider/{}", account.id, provider_name(issuer));
        let provider = Provider {
            url: issuer.to_owned(),
            client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
            thumbprints: Vec::new(),
            tags: Vec::new(),
            created: now,
        };
        account.providers.insert(arn.clone(), provider);
        arn
    }

    /// Removes a provider by its ARN; returns whether there was one.
    pub fn remove_provider(&self, arn: &str) -> bool {
        locked(&self.core.account).providers.remove(arn).is_some()
    }

    /// Returns the ARNs of all providers, in order.
    pub fn providers(&self) -> Vec<String> {
        locked(&self.core.account).providers.keys().cloned().collect()
    }

    /// Returns the client IDs that a provider takes.
    pub fn provider_client_ids(&self, arn: &str) -> Option<Vec<String>> {
        locked(&self.core.account).providers.get(arn).map(|provider| provider.client_ids.clone())
    }

    /// Replaces the client IDs that a provider takes; returns whether there is one.
    pub fn set_provider_client_ids(&self, arn: &str, client_ids: &[&str]) -> bool {
        let mut account = locked(&self.core.account);
        let Some(provider) = account.providers.get_mut(arn) else { return false };
        provider.client_ids = client_ids.iter().map(|id| (*id).to_owned()).collect();
        true
    }

    /// Returns the tags of a provider, or, where there is none of that ARN, of the role of that name.
    pub fn iam_tags(&self, provider_or_role: &str) -> Option<Vec<(String, String)>> {
        let account = locked(&self.core.account);
        let of_provider = account.providers.get(provider_or_role).map(|provider| provider.tags.clone());
        of_provider.or_else(|| account.roles.get(provider_or_role).map(|role| role.tags.clone()))
    }

    /// Removes a role with all its policies; returns whether there was one.
    pub fn remove_role(&self, name: &str) -> bool {
        locked(&self.core.account).roles.remove(name).is_some()
    }

    /// Returns the names of the account's roles, in order.
    pub fn roles(&self) -> Vec<String> {
        locked(&self.core.account).roles.keys().cloned().collect()
    }

    /// Adds a managed policy to the account, or a new default version to the one of that name; returns its ARN, or
    /// `None` when the document is none.
    pub fn put_policy(&self, name: &str, document: &str) -> Option<String> {
        Document::permission(document).ok()?;
        let now = self.core.clock.now();
        let id = self.core.ids.aws_id("ANPA", 17);
        let mut account = locked(&self.core.account);
        let arn = format!("arn:aws:iam::{}:policy/{name}", account.id);
        let policy = account.policies.entry(arn.clone()).or_insert_with(|| ManagedPolicy {
            name: name.to_owned(),
            id,
            path: "/".to_owned(),
            versions: Vec::new(),
            default: 0,
            last_number: 0,
            description: None,
            tags: Vec::new(),
            created: now,
            updated: now,
        });
        policy.last_number += 1;
        policy.default = policy.last_number;
        policy.updated = now;
        policy.versions.push(PolicyVersion {
            number: policy.last_number,
            document: document.to_owned(),
            created: now,
        });
        Some(arn)
    }

    /// Removes a managed policy of the account from wherever it is attached, and then itself.
    pub fn remove_policy(&self, arn: &str) -> bool {
        let mut account = locked(&self.core.account);
        for role in account.roles.values_mut() {
            role.attached_policies.remove(arn);
        }
        account.policies.remove(arn).is_some()
    }

    /// Replaces an inline policy of a role; returns whether role and document are good.
    pub fn put_role_policy(&self, role: &str, name: &str, document: &str) -> bool {
        if Document::permission(document).is_err() {
            return false;
        }
        let mut account = locked(&self.core.account);
        let Some(role) = account.roles.get_mut(role) else { return false };
        role.inline_policies.insert(name.to_owned(), document.to_owned());
        true
    }

    /// Replaces a role's trust policy without IAM's checks; returns whether there is such a role.
    pub fn set_trust_policy(&self, role: &str, document: &str) -> bool {
        let mut account = locked(&self.core.account);
        let Some(role) = account.roles.get_mut(role) else { return false };
        document.clone_into(&mut role.trust_policy);
        true
    }

    /// Attaches exactly these managed policies to a role; returns whether there is such a role.
    pub fn set_attached_policies(&self, role: &str, arns: &[&str]) -> bool {
        let mut account = locked(&self.core.account);
        let Some(role) = account.roles.get_mut(role) else { return false };
        role.attached_policies = arns.iter().map(|arn| (*arn).to_owned()).collect::<BTreeSet<_>>();
        true
    }

    /// Encrypts new objects of a bucket with a key of KMS, by its ARN, or with S3's own; returns whether there is such a
    /// bucket. Whoever writes then needs `kms:GenerateDataKey` on that ARN, whoever reads or uploads in parts
    /// `kms:Decrypt`; the key itself leaves that to IAM.
    pub fn set_bucket_kms_key(&self, bucket: &str, key_arn: Option<&str>) -> bool {
        let mut storage = locked(&self.core.storage);
        let Some(bucket) = storage.buckets.get_mut(bucket) else { return false };
        bucket.kms_key = key_arn.map(str::to_owned);
        true
    }

    /// Switches access control lists of a bucket off ("bucket owner enforced"), or on; returns whether there is such a
    /// bucket.
    pub fn enforce_bucket_owner(&self, bucket: &str, enforced: bool) -> bool {
        let mut storage = locked(&self.core.storage);
        let Some(bucket) = storage.buckets.get_mut(bucket) else { return false };
        bucket.owner_enforced = enforced;
        true
    }

    /// Returns a bucket's own policy, as written.
    pub fn bucket_policy(&self, bucket: &str) -> Option<String> {
        locked(&self.core.storage).buckets.get(bucket)?.policy.clone()
    }

    /// Gives the account an alias, or none.
    pub fn set_account_alias(&self, alias: Option<&str>) {
        locked(&self.core.account).alias = alias.map(str::to_owned);
    }

    /// Makes every change through IAM from now on unseen by so many calls of STS and S3, which is what IAM's eventual
    /// consistency looks like from outside.
    pub fn delay_iam(&self, calls: u32) {
        locked(&self.core.account).settle_calls = calls;
    }

    /// Makes an inline policy of a role disappear; returns whether there was one.
    pub fn remove_role_policy(&self, role: &str, name: &str) -> bool {
        let mut account = locked(&self.core.account);
        account.roles.get_mut(role).is_some_and(|role| role.inline_policies.remove(name).is_some())
    }
}
