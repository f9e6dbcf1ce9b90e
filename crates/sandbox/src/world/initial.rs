//! The world a sandbox starts with: one tenant with eight people and two groups, one app registration, one AWS
//! account whose provider trusts the issuer, its roles, three buckets with a few files. What else leads in stands
//! in `samples`. An empty world leaves out what a set-up makes: app, provider, roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::account::{Account, AdminKey, Provider, Role, provider_name};
use super::directory::{App, Directory, Home, Platform, User};
use super::samples::{self, PUBLIC_BUCKET, SIGNED_PERSON, SIGNED_ROLE};
use super::storage::{Blob, Storage};
use super::tenant::{
    Assignment, DEFAULT_ACCESS, DirectoryRole, GRAPH_APP, GRAPH_TOOLS_APP, Grant, Group, Settings,
    USUAL_SCOPES,
};
use crate::issuer::keys::SigningKey;
use crate::options::{Options, StartError};
use crate::random::Ids;

const FULL_ROLE: &str = "PintailSandbox";
const READ_ONLY_ROLE: &str = "PintailReadOnly";
const CHAINED_ROLE: &str = "PintailProject";
const EXTERNAL_ID: &str = "pintail-project";

/// Who administers the tenant's apps.
pub(crate) const ADMIN_PERSON: &str = "hana@sandbox.example";
/// Who may register apps and administer those, and nothing else.
pub(crate) const DEVELOPER_PERSON: &str = "ivo@sandbox.example";
/// The group whose members the sample app is for.
pub(crate) const USERS_GROUP: &str = "S3 users";
/// The smaller one of the two groups.
pub(crate) const ADMINS_GROUP: &str = "S3 admins";

pub(super) fn directory(options: &Options, ids: &Ids) -> Result<Directory, StartError> {
    let tenant = options.tenant.clone().unwrap_or_else(|| ids.guid());
    let client_id = options.client_id.clone().unwrap_or_else(|| ids.guid());
    let elsewhere = format!("https://sts.windows.net/{}/", ids.guid());
    let person = |name: &str, username: &str| User::member(username, &ids.token(12), name, &ids.guid());

    let mut gina = person("Gina Guest", "gina@partner.example");
    gina.home = Home::Guest { identity_provider: elsewhere.clone() };
    let dave = person("Dave (not assigned)", "dave@sandbox.example");
    let mut erin = person("Erin (another tenant)", "erin@elsewhere.example");
    erin.home = Home::Elsewhere { identity_provider: elsewhere };
    let mut users = vec![
        person("Alice Admin", "alice@sandbox.example"),
        person("Bob Reader", "bob@sandbox.example"),
        gina,
        dave,
        erin,
        person("Fay (signed roles)", SIGNED_PERSON),
        person("Hana (administers the apps)", ADMIN_PERSON),
        person("Ivo (develops apps)", DEVELOPER_PERSON),
    ];
    users[6].directory_roles = vec![DirectoryRole::CloudApplicationAdministrator];
    users[7].directory_roles = vec![DirectoryRole::ApplicationDeveloper];

    let members = |wanted: &[usize]| wanted.iter().map(|at| users[*at].object_id.clone()).collect();
    let mut everybody = Group::security(&ids.guid(), USERS_GROUP);
    everybody.members = members(&[0, 1, 2, 5]);
    let mut few = Group::security(&ids.guid(), ADMINS_GROUP);
    few.members = members(&[0]);

    let mut directory = Directory {
        tenant,
        tenant_name: "Sandbox".into(),
        domain: "sandbox.example".into(),
        users,
        apps: Vec::new(),
        keys: vec![SigningKey::generate()?],
        app_keys: HashMap::new(),
        groups: vec![everybody, few],
        grants: Vec::new(),
        assignments: Vec::new(),
        claims_policies: Vec::new(),
        deleted: Vec::new(),
        settings: Settings::default(),
        unseen: HashMap::new(),
        pending: HashMap::new(),
        codes: HashMap::new(),
        refresh_tokens: HashMap::new(),
        access_tokens: HashMap::new(),
        device_codes: HashMap::new(),
        browser_sessions: HashMap::new(),
    };
    if !options.empty {
        directory.apps.push(sample_app(&client_id));
    }
    directory.apps.extend(microsofts_apps());
    if !options.empty {
        install_sample_app(&mut directory, ids, options.clock.now());
    }
    Ok(directory)
}

fn sample_app(client_id: &str) -> App {
    let mut app = App::new(client_id, "Pintail");
    app.redirect_uris = [
        "http://localhost",
        "x-cyberduck-action://oauth",
        "x-mountainduck-action://oauth",
        "pintail://oauth",
    ]
    .map(|uri| (Platform::Mobile, uri.to_owned()))
    .to_vec();
    app.public_client_flows = true;
    app.assignment_required = true;
    app
}

/// Lets the members of one group use the sample app, with an admin's consent.
fn install_sample_app(directory: &mut Directory, ids: &Ids, now: Timestamp) {
    let principal = |app: &App| app.service_principal_id.clone().unwrap_or_default();
    let resource = principal(&directory.apps[0]);
    let graph = directory.app(GRAPH_APP).map(principal).unwrap_or_default();
    directory.grants.push(Grant::new(&resource, None, &graph, USUAL_SCOPES));
    directory.assignments.push(Assignment {
        id: ids.token(24),
        principal: directory.groups[0].object_id.clone(),
        resource,
        role: DEFAULT_ACCESS.into(),
        created: now,
    });
}

/// Apps that Microsoft registered in a tenant of its own and that exist in every other.
fn microsofts_apps() -> [App; 2] {
    let app = |client_id: &str, name: &str| {
        let mut app = App::new(client_id, name);
        app.object_id = None;
        app.multi_tenant = true;
        app.admin_consent = false;
        app
    };
    let graph = app(GRAPH_APP, "Microsoft Graph");
    let mut tools = app(GRAPH_TOOLS_APP, "Microsoft Graph Command Line Tools");
    tools.redirect_uris =
        ["http://localhost", "https://login.microsoftonline.com/common/oauth2/nativeclient"]
            .map(|uri| (Platform::Mobile, uri.to_owned()))
            .to_vec();
    tools.public_client_flows = true;
    [graph, tools]
}

/// An account with nothing in it but its administrator's key.
fn bare_account(options: &Options, ids: &Ids) -> Account {
    let random = ids.bytes(5).iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let id = options.account_id.clone().unwrap_or_else(|| format!("{:012}", random % 1_000_000_000_000));
    Account {
        admin: AdminKey { access_key_id: ids.aws_id("AKIA", 16), secret_access_key: ids.secret(30) },
        providers: BTreeMap::new(),
        roles: BTreeMap::new(),
        foreign_roles: BTreeMap::new(),
        policies: BTreeMap::new(),
        users: BTreeMap::new(),
        keys: BTreeMap::new(),
        mfa_devices: BTreeMap::new(),
        sessions: HashMap::new(),
        disabled_regions: BTreeSet::new(),
        alias: None,
        settle_calls: 0,
        session_calls_max: None,
        session_calls: HashMap::new(),
        roles_before: HashMap::new(),
        providers_before: HashMap::new(),
        id,
    }
}

pub(super) fn account(
    options: &Options,
    directory: &mut Directory,
    ids: &Ids,
    authority: &str,
    now: Timestamp,
) -> Account {
    let mut account = bare_account(options, ids);
    if options.empty {
        return account;
    }
    let id = account.id.clone();
    let url = format!("{authority}/{}/v2.0", directory.tenant);
    let name = provider_name(&url);
    let provider_arn = format!("arn:aws:iam::{id}:oidc-provider/{name}");
    let client_id = directory.apps[0].client_id.clone();
    let full_access: Vec<String> = directory
        .users
        .iter()
        .filter(|user| user.name.starts_with("Alice") || matches!(user.home, Home::Guest { .. }))
        .map(|user| directory.subject(&client_id, user))
        .collect();

    let role = |name: &str, trust: serde_json::Value, permissions: serde_json::Value, max_session_s| Role {
        name: name.into(),
        path: "/".into(),
        id: ids.aws_id("AROA", 17),
        arn: format!("arn:aws:iam::{id}:role/{name}"),
        description: None,
        trust_policy: trust.to_string(),
        inline_policies: BTreeMap::from([("s3".to_owned(), permissions.to_string())]),
        attached_policies: BTreeSet::new(),
        max_session_s,
        tags: Vec::new(),
        permissions_boundary: None,
        created: now,
    };
    let web_identity = |condition: serde_json::Value| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {"StringEquals": condition},
        }]})
    };
    let allow = |actions: serde_json::Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let roles = [
        role(
            FULL_ROLE,
            web_identity(json!({format!("{name}:aud"): client_id, format!("{name}:sub"): full_access})),
            allow(json!(["s3:*", "sts:AssumeRole"])),
            43_200,
        ),
        role(
            READ_ONLY_ROLE,
            web_identity(json!({format!("{name}:aud"): client_id})),
            allow(json!(["s3:Get*", "s3:List*"])),
            3600,
        ),
        role(
            CHAINED_ROLE,
            json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{id}:role/{FULL_ROLE}")},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEqualsIfExists": {"sts:ExternalId": EXTERNAL_ID}},
            }]}),
            allow(json!("s3:*")),
            43_200,
        ),
    ];

    account.providers.insert(
        provider_arn.clone(),
        Provider {
            url: url.clone(),
            client_ids: vec![client_id.clone()],
            thumbprints: Vec::new(),
            tags: Vec::new(),
            created: now,
        },
    );
    account.roles = roles.into_iter().map(|role| (role.name.clone(), role)).collect();
    samples::fill_account(&mut account, ids, now, (&provider_arn, name), &client_id);
    let granted = json!([account.roles[READ_ONLY_ROLE].arn, account.roles[SIGNED_ROLE].arn]);
    if let Some(fay) = directory.users.iter_mut().find(|user| user.username == SIGNED_PERSON) {
        fay.claims.insert(samples::ROLES_CLAIM.to_owned(), granted);
    }
    account
}

pub(super) fn storage(options: &Options, now: Timestamp, ids: &Ids) -> Storage {
    let mut storage = Storage::default();
    if !options.samples {
        return storage;
    }
    let home = &options.regions[0];
    storage.create("pintail-demo", home, now);
    storage.create("pintail-archive", options.regions.get(1).unwrap_or(home), now);
    storage.create(PUBLIC_BUCKET, home, now);
    if let Some(bucket) = storage.buckets.get_mut(PUBLIC_BUCKET) {
        bucket.policy = Some(samples::public_policy());
    }
    let samples: [(&str, &str, &'static [u8]); 9] = [
        ("pintail-demo", "readme.txt", b"Welcome to the Pintail sandbox.\n"),
        ("pintail-demo", "reports/2025/summary.csv", b"month,visits\n2025-01,17\n2025-02,23\n"),
        ("pintail-demo", "reports/2026/summary.csv", b"month,visits\n2026-01,41\n"),
        ("pintail-demo", "photos/", b""),
        ("pintail-demo", "photos/pond at dawn.txt", b"A pintail on still water.\n"),
        ("pintail-demo", "odd names/\u{e4}rger + 100% #1?.txt", b"percent, plus, hash, question mark\n"),
        ("pintail-demo", "odd names/double//slash", b"two slashes\n"),
        ("pintail-archive", "2024/old.txt", b"old\n"),
        (PUBLIC_BUCKET, "hello.txt", b"Everybody may read this.\n"),
    ];
    for (bucket, key, data) in samples {
        if let Some(bucket) = storage.buckets.get_mut(bucket) {
            bucket.put(key, Blob::plain(Bytes::from_static(data)), now, ids.token(24));
        }
    }
    storage
}
