//! More hands on the world: users with keys and one-time codes, signed roles, and who may be what in the
//! access portal.

use serde_json::json;

use super::World;
use super::center::Assignment;
use super::samples::ROLES_CLAIM;
use crate::locked;
use crate::policy::Document;

impl World {
    /// Returns the code that the device shows, or, when that was used up, the next one if the service
    /// takes it already; `None` for an unknown device or when the window's codes are all used.
    pub fn mfa_code(&self, serial: &str) -> Option<String> {
        let now = self.core.clock.now();
        locked(&self.core.account).mfa_devices.get(serial)?.next_code(now)
    }

    /// Returns the access key IDs of a user.
    pub fn access_keys(&self, user_name: &str) -> Vec<String> {
        let account = locked(&self.core.account);
        let own = account.keys.iter().filter(|(_, key)| key.user_name == user_name);
        own.map(|(id, _)| id.clone()).collect()
    }

    /// Deletes an access key; returns whether there was one.
    pub fn delete_access_key(&self, access_key_id: &str) -> bool {
        locked(&self.core.account).keys.remove(access_key_id).is_some()
    }

    /// Lets the issuer sign for somebody which roles they may have: only these, by exact ARN. An empty list
    /// signs that there is none. Returns whether there is such a person.
    pub fn sign_roles(&self, username: &str, role_arns: &[&str]) -> bool {
        self.set_roles_claim(username, Some(json!(role_arns)))
    }

    /// As [`World::sign_roles`], with the claim as one text and `;` between the ARNs.
    pub fn sign_roles_as_text(&self, username: &str, role_arns: &[&str]) -> bool {
        self.set_roles_claim(username, Some(json!(role_arns.join(";"))))
    }

    /// Takes the claim about roles out of somebody's tokens.
    pub fn unsign_roles(&self, username: &str) -> bool {
        self.set_roles_claim(username, None)
    }

    fn set_roles_claim(&self, username: &str, value: Option<serde_json::Value>) -> bool {
        let mut directory = locked(&self.core.directory);
        let found = directory.users.iter_mut().find(|user| user.username.eq_ignore_ascii_case(username));
        let Some(user) = found else { return false };
        match value {
            Some(value) => user.claims.insert(ROLES_CLAIM.to_owned(), value),
            None => user.claims.remove(ROLES_CLAIM),
        };
        true
    }

    /// Gives somebody a permission set in an account of the portal. Anyone else's role for that set is
    /// shared; returns whether the set exists in that account.
    pub fn assign(&self, username: &str, account_id: &str, permission_set: &str) -> bool {
        let mut center = locked(&self.core.center);
        let known = center
            .assignments
            .iter()
            .find(|one| one.account_id == account_id && one.permission_set == permission_set)
            .map(|one| one.role_name.clone());
        let Some(role_name) = known else { return false };
        center.assignments.push(Assignment {
            username: username.to_owned(),
            account_id: account_id.to_owned(),
            permission_set: permission_set.to_owned(),
            role_name,
        });
        true
    }

    /// Takes everything that was assigned to somebody away.
    pub fn unassign(&self, username: &str) {
        let mut center = locked(&self.core.center);
        center.assignments.retain(|one| !one.username.eq_ignore_ascii_case(username));
    }

    /// Returns the IDs of the accounts in which somebody has a permission set, in the portal's order.
    pub fn portal_accounts(&self, username: &str) -> Vec<String> {
        let center = locked(&self.core.center);
        center.accounts_of(username).into_iter().map(|account| account.id.clone()).collect()
    }

    /// Ends every Identity Center sign-in of somebody, as an admin's "end active sessions" does.
    pub fn end_portal_sessions(&self, username: &str) {
        locked(&self.core.center).revoke(username);
    }

    /// Makes every client registration expire now.
    pub fn expire_client_registrations(&self) {
        let now = self.core.clock.now();
        for client in locked(&self.core.center).clients.values_mut() {
            client.expires = client.expires.min(now);
        }
    }

    /// Writes a bucket's policy, or takes it away; returns whether bucket and policy are good.
    pub fn set_bucket_policy(&self, bucket: &str, policy: Option<&str>) -> bool {
        if policy.is_some_and(|text| Document::bucket(text).is_err()) {
            return false;
        }
        let mut storage = locked(&self.core.storage);
        storage.buckets.get_mut(bucket).map(|bucket| bucket.policy = policy.map(str::to_owned)).is_some()
    }

    /// Lets the instance metadata service answer without a token too, as version 1 did.
    pub fn allow_metadata_v1(&self, allowed: bool) {
        locked(&self.core.machine).metadata_v1 = allowed;
    }

    /// Takes the role away from the machine, or gives it back: without one there is nothing to fetch.
    pub fn set_instance_role(&self, attached: bool) {
        locked(&self.core.machine).has_role = attached;
    }
}
