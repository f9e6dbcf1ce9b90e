//! What a sandbox tells about itself: addresses, names, and the people and keys one may play with.

use serde::Serialize;

use crate::locked;
use crate::world::account::Account;
use crate::world::samples::{KEY_USER, MFA_ROLE, PUBLIC_BUCKET, SIGNED_ROLE, USER_ROLE};
use crate::world::users::base32;
use crate::world::{AdminKey, Core};

/// What a client needs to know to use a sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The v2 issuer, as in tokens.
    pub issuer: String,
    /// The tenant's GUID.
    pub tenant: String,
    /// The client ID of the app registration.
    pub client_id: String,
    /// The role with full access to S3, for Alice and Gina.
    pub role_arn: String,
    /// The default region.
    pub region: String,
    /// Where S3 listens, path-style.
    pub s3_endpoint: String,
    /// Where STS listens.
    pub sts_endpoint: String,
    /// Where IAM listens.
    pub iam_endpoint: String,
    /// Where Graph listens; `/v1.0` is below it.
    pub graph_endpoint: String,
    /// Where Identity Center's sign-in listens: `RegisterClient`, `StartDeviceAuthorization`, `CreateToken`, `/authorize`.
    pub sso_oidc_endpoint: String,
    /// Where the access portal's API listens: accounts, roles, credentials.
    pub sso_portal_endpoint: String,
    /// The start URL of the access portal, as profiles name it.
    pub sso_start_url: String,
    /// The base of the instance metadata service, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub metadata_endpoint: String,
    /// Where a container fetches its credentials.
    pub container: ContainerDoor,
    /// The console's federation endpoint.
    pub federation_endpoint: String,
    /// A bucket that everybody may list and read; empty without sample buckets.
    pub public_bucket: String,
    /// A user of the account with a long-term key and a device for one-time codes.
    pub key_user: KeyUser,
    /// The people of this world.
    pub users: Vec<Person>,
    /// The role that may only read, for everybody the app lets in. Not part of the JSON form.
    #[serde(skip)]
    pub read_only_role_arn: String,
    /// The role that a session of `role_arn` may assume, with external ID `pintail-project` or none. Not part of the JSON form.
    #[serde(skip)]
    pub chained_role_arn: String,
    /// The role that `key_user` may assume as it is. Not part of the JSON form.
    #[serde(skip)]
    pub user_role_arn: String,
    /// The role that users of the account may assume with a one-time code. Not part of the JSON form.
    #[serde(skip)]
    pub mfa_role_arn: String,
    /// The role that demands to be named in a token; Fay's names it and the read-only one. Not part of the JSON form.
    #[serde(skip)]
    pub signed_role_arn: String,
    /// The account's administrator key. Not part of the JSON form.
    #[serde(skip)]
    pub admin: AdminKey,
}

/// One of the people of the world, as told to whoever wants to play them.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct Person {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: String,
    /// The display name.
    pub name: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The container's endpoint and the proof it asks for.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct ContainerDoor {
    /// The address, for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub endpoint: String,
    /// What must stand in `Authorization` there, for `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub token: String,
}

impl std::fmt::Debug for ContainerDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContainerDoor").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A user of the account who holds a long-term key.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct KeyUser {
    /// The user's name.
    pub name: String,
    /// The user's ARN.
    pub arn: String,
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The serial number of the user's device for one-time codes.
    pub mfa_serial: String,
    /// The device's secret in base32, as an authenticator app takes it.
    pub mfa_seed: String,
}

impl std::fmt::Debug for KeyUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyUser")
            .field("name", &self.name)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Writes the summary of a sandbox whose signed AWS services stand at `aws_base`.
pub(crate) fn summarize(core: &Core, aws_base: &str) -> Summary {
    let public = locked(&core.storage).buckets.contains_key(PUBLIC_BUCKET);
    let directory = locked(&core.directory);
    let account = locked(&core.account);
    let role_arn = |name: &str| account.roles.get(name).map(|role| role.arn.clone()).unwrap_or_default();
    Summary {
        issuer: core.issuer(&directory.tenant),
        tenant: directory.tenant.clone(),
        client_id: directory.apps[0].client_id.clone(),
        role_arn: role_arn("PintailSandbox"),
        region: core.region().to_owned(),
        s3_endpoint: aws_base.to_owned(),
        sts_endpoint: aws_base.to_owned(),
        iam_endpoint: aws_base.to_owned(),
        graph_endpoint: format!("{}/graph", core.authority),
        sso_oidc_endpoint: core.doors.clone(),
        sso_portal_endpoint: core.doors.clone(),
        sso_start_url: format!("{}/start", core.doors),
        metadata_endpoint: core.doors.clone(),
        container: ContainerDoor {
            endpoint: format!("{}/v1/credentials", core.doors),
            token: locked(&core.machine).container_token.clone(),
        },
        federation_endpoint: format!("{}/federation", core.doors),
        public_bucket: if public { PUBLIC_BUCKET.to_owned() } else { String::new() },
        key_user: key_user(&account),
        users: directory
            .users
            .iter()
            .map(|user| Person {
                username: user.username.clone(),
                password: user.password.clone(),
                name: user.name.clone(),
            })
            .collect(),
        read_only_role_arn: role_arn("PintailReadOnly"),
        chained_role_arn: role_arn("PintailProject"),
        user_role_arn: role_arn(USER_ROLE),
        mfa_role_arn: role_arn(MFA_ROLE),
        signed_role_arn: role_arn(SIGNED_ROLE),
        admin: account.admin.clone(),
    }
}

fn key_user(account: &Account) -> KeyUser {
    let key = account.keys.iter().find(|(_, key)| key.user_name == KEY_USER);
    let device = account
        .mfa_devices
        .iter()
        .find(|(_, device)| device.owner.as_ref().is_some_and(|(owner, _)| owner == KEY_USER));
    KeyUser {
        name: KEY_USER.to_owned(),
        arn: account.users.get(KEY_USER).map(|user| user.arn.clone()).unwrap_or_default(),
        access_key_id: key.map(|(id, _)| id.clone()).unwrap_or_default(),
        secret_access_key: key.map(|(_, key)| key.secret_access_key.clone()).unwrap_or_default(),
        mfa_serial: device.map(|(serial, _)| serial.clone()).unwrap_or_default(),
        mfa_seed: device.map(|(_, device)| base32(&device.seed)).unwrap_or_default(),
    }
}
