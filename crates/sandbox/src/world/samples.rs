//! The other ways in that a sandbox starts with: a user with a key and a device for one-time codes, roles for
//! machines, an organisation with an access portal, a person whose roles the issuer signs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::{Account, Role};
use super::center::{Assignment, Center, PortalAccount};
use super::users::{AccessKey, IamUser, MfaDevice, SEED_BYTES};
use crate::random::Ids;

pub(crate) const KEY_USER: &str = "alice-keys";
pub(crate) const USER_ROLE: &str = "PintailForUsers";
pub(crate) const MFA_ROLE: &str = "PintailWithMfa";
pub(crate) const SIGNED_ROLE: &str = "PintailSigned";
pub(crate) const INSTANCE_ROLE: &str = "PintailInstance";
pub(crate) const TASK_ROLE: &str = "PintailTask";
pub(crate) const PUBLIC_BUCKET: &str = "pintail-public";
pub(crate) const SIGNED_PERSON: &str = "fay@sandbox.example";

/// The claim by which an issuer says itself which roles somebody may have.
pub(super) const ROLES_CLAIM: &str = "https://aws.amazon.com/roles";

const FULL_SET: &str = "PintailFull";
const READ_SET: &str = "PintailRead";

/// Adds a user and the roles that are not for web identities alone. `provider` is the issuer's ARN, and its
/// name without the scheme; `audience` the app's client ID.
pub(super) fn fill_account(
    account: &mut Account,
    ids: &Ids,
    now: Timestamp,
    provider: (&str, &str),
    audience: &str,
) {
    let user_arn = format!("arn:aws:iam::{}:user/{KEY_USER}", account.id);
    let root = format!("arn:aws:iam::{}:root", account.id);
    let own =
        allow(&json!(["s3:*", "sts:AssumeRole", "iam:GetUser", "iam:*AccessKey*", "iam:ListMFADevices"]));
    account.users.insert(
        KEY_USER.to_owned(),
        IamUser {
            name: KEY_USER.to_owned(),
            path: "/".to_owned(),
            id: ids.aws_id("AIDA", 17),
            arn: user_arn.clone(),
            inline_policies: BTreeMap::from([("own".to_owned(), own)]),
            attached_policies: BTreeSet::new(),
            created: now,
        },
    );
    account.keys.insert(
        ids.aws_id("AKIA", 16),
        AccessKey { user_name: KEY_USER.to_owned(), secret_access_key: ids.secret(30), created: now },
    );
    let mut device = MfaDevice::new(ids.bytes(SEED_BYTES));
    device.owner = Some((KEY_USER.to_owned(), now));
    account.mfa_devices.insert(format!("arn:aws:iam::{}:mfa/{KEY_USER}", account.id), device);

    let by = |principal: Value, action: &str, condition: Value| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition}]})
        .to_string()
    };
    let (provider_arn, provider_name) = provider;
    let roles = [
        (USER_ROLE, by(json!({"AWS": user_arn}), "sts:AssumeRole", json!({})), json!("s3:*"), 43_200),
        (
            MFA_ROLE,
            by(
                json!({"AWS": root}),
                "sts:AssumeRole",
                json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            ),
            json!("s3:*"),
            3600,
        ),
        (
            SIGNED_ROLE,
            by(
                json!({"Federated": provider_arn}),
                "sts:AssumeRoleWithWebIdentity",
                json!({
                    "StringEquals": {format!("{provider_name}:aud"): audience},
                    "Bool": {"sts:RoleAuthorizedByIdp": "true"},
                }),
            ),
            json!(["s3:Get*", "s3:List*", "s3:PutObject"]),
            3600,
        ),
        (
            INSTANCE_ROLE,
            by(json!({"Service": "ec2.amazonaws.com"}), "sts:AssumeRole", json!({})),
            json!("s3:*"),
            43_200,
        ),
        (
            TASK_ROLE,
            by(json!({"Service": "pods.eks.amazonaws.com"}), "sts:AssumeRole", json!({})),
            json!(["s3:Get*", "s3:List*"]),
            43_200,
        ),
    ];
    let id = account.id.clone();
    for (name, trust, actions, longest) in roles {
        let role = role(ids, now, (&id, "/", name), trust, &actions, longest);
        account.roles.insert(name.to_owned(), role);
    }
}

/// Makes the organisation: two accounts, two permission sets, and who has them.
pub(super) fn center(account: &mut Account, ids: &Ids, now: Timestamp) -> Center {
    let other = format!(
        "{:012}",
        (account.id.parse::<u64>().unwrap_or_default() + 111_111_111_111) % 1_000_000_000_000
    );
    let mut center = Center {
        accounts: vec![
            PortalAccount {
                id: account.id.clone(),
                name: "Sandbox".into(),
                email: "aws@sandbox.example".into(),
            },
            PortalAccount {
                id: other.clone(),
                name: "Archive".into(),
                email: "archive@sandbox.example".into(),
            },
        ],
        ..Center::default()
    };
    let sets = [
        (account.id.clone(), FULL_SET, json!("s3:*"), &["alice@sandbox.example"][..]),
        (
            account.id.clone(),
            READ_SET,
            json!(["s3:Get*", "s3:List*"]),
            &["alice@sandbox.example", "bob@sandbox.example"][..],
        ),
        (other.clone(), READ_SET, json!(["s3:Get*", "s3:List*"]), &["alice@sandbox.example"][..]),
    ];
    for (home, set, actions, people) in sets {
        let role_name = format!("AWSReservedSSO_{set}_{}", ids.hex(8));
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::{home}:saml-provider/AWSSSO_{}_DO_NOT_DELETE", ids.hex(8))},
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        }]});
        let path = "/aws-reserved/sso.amazonaws.com/";
        let role = role(ids, now, (&home, path, &role_name), trust.to_string(), &actions, 43_200);
        if home == account.id {
            account.roles.insert(role_name.clone(), role);
        } else {
            account.foreign_roles.insert(role_name.clone(), role);
        }
        center.assignments.extend(people.iter().map(|person| Assignment {
            username: (*person).to_owned(),
            account_id: home.clone(),
            permission_set: set.to_owned(),
            role_name: role_name.clone(),
        }));
    }
    center
}

/// The policy of the public sample bucket: everybody may list and read, nobody may write by it.
pub(super) fn public_policy() -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [format!("arn:aws:s3:::{PUBLIC_BUCKET}"), format!("arn:aws:s3:::{PUBLIC_BUCKET}/*")],
    }]})
    .to_string()
}

fn allow(actions: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
        .to_string()
}

/// `place` is account, path and name.
fn role(
    ids: &Ids,
    now: Timestamp,
    place: (&str, &str, &str),
    trust_policy: String,
    actions: &Value,
    max_session_s: u32,
) -> Role {
    let (account_id, path, name) = place;
    Role {
        name: name.to_owned(),
        path: path.to_owned(),
        id: ids.aws_id("AROA", 17),
        arn: format!("arn:aws:iam::{account_id}:role{path}{name}"),
        description: None,
        trust_policy,
        inline_policies: BTreeMap::from([("s3".to_owned(), allow(actions))]),
        attached_policies: BTreeSet::new(),
        max_session_s,
        tags: Vec::new(),
        permissions_boundary: None,
        created: now,
    }
}
