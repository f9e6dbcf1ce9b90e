//! What a sandbox tells about itself: addresses, names, and the people and keys one may play with.

use serde::Serialize;

use crate::locked;
use crate::world::account::Account;
use crate::world::initial::{ADMIN_PERSON, ADMINS_GROUP, DEVELOPER_PERSON, USERS_GROUP};
use crate::world::samples::{KEY_USER, MFA_ROLE, PUBLIC_BUCKET, SIGNED_ROLE, USER_ROLE};
use crate::world::users::base32;
use crate::world::{AdminKey, Core, User};

/// What a client needs to know to use a sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The v2 issuer, as in tokens.
    pub issuer: String,
    /// The tenant's GUID.
    pub tenant: String,
    /// The client ID of the app registration; empty in an empty world, as are the ARNs below and `key_user`.
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
    /// Who may set things up, in an empty world alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<EmptyCloud>,
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
    /// The number of the AWS account. Not part of the JSON form.
    #[serde(skip)]
    pub account_id: String,
    /// The user name of whoever administers the tenant's apps (Cloud Application Administrator); the password
    /// stands in `users`. Not part of the JSON form.
    #[serde(skip)]
    pub admin_person: String,
    /// The user name of whoever may register apps and administer those alone (Application Developer). Not part of
    /// the JSON form.
    #[serde(skip)]
    pub developer_person: String,
    /// The security group that the sample app is assigned to: Alice, Bob, Gina and Fay. Not part of the JSON form.
    #[serde(skip)]
    pub users_group: String,
    /// A smaller security group: Alice. Not part of the JSON form.
    #[serde(skip)]
    pub admins_group: String,
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

/// What a set-up starts with where nothing is set up yet.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct EmptyCloud {
    /// Who administers the tenant's apps (Cloud Application Administrator).
    pub admin_person: Person,
    /// Who may register apps and administer those alone (Application Developer).
    pub developer_person: Person,
    /// The number of the AWS account.
    pub account_id: String,
    /// The access key ID of the account's administrator.
    pub aws_access_key_id: String,
    /// The secret access key of the account's administrator.
    pub aws_secret_access_key: String,
}

impl std::fmt::Debug for EmptyCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmptyCloud")
            .field("admin_person", &self.admin_person)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
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
    let person = |user: &User| Person {
        username: user.username.clone(),
        password: user.password.clone(),
        name: user.name.clone(),
    };
    let empty = || {
        Some(EmptyCloud {
            admin_person: person(directory.user(ADMIN_PERSON)?),
            developer_person: person(directory.user(DEVELOPER_PERSON)?),
            account_id: account.id.clone(),
            aws_access_key_id: account.admin.access_key_id.clone(),
            aws_secret_access_key: account.admin.secret_access_key.clone(),
        })
    };
    let is_empty = directory.apps.iter().all(|app| app.object_id.is_none());
    let role_arn = |name: &str| account.roles.get(name).map(|role| role.arn.clone()).unwrap_or_default();
    Summary {
        issuer: core.issuer(&directory.tenant),
        tenant: directory.tenant.clone(),
        client_id: directory
            .apps
            .iter()
            .find(|app| app.object_id.is_some())
            .map(|app| app.client_id.clone())
            .unwrap_or_default(),
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
        users: directory.users.iter().map(person).collect(),
        empty: if is_empty { empty() } else { None },
        read_only_role_arn: role_arn("PintailReadOnly"),
        chained_role_arn: role_arn("PintailProject"),
        user_role_arn: role_arn(USER_ROLE),
        mfa_role_arn: role_arn(MFA_ROLE),
        signed_role_arn: role_arn(SIGNED_ROLE),
        admin: account.admin.clone(),
        account_id: account.id.clone(),
        admin_person: ADMIN_PERSON.to_owned(),
        developer_person: DEVELOPER_PERSON.to_owned(),
        users_group: USERS_GROUP.to_owned(),
        admins_group: ADMINS_GROUP.to_owned(),
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
