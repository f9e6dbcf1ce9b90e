//! The documents of a role: who may take it, and what it may then do.
//!
//! Pure: from what is wanted to JSON. The trust policy always tests the audience: without that, every application of the
//! tenant that the provider ever takes could use the role. Permissions name buckets, prefixes and keys; characters that IAM
//! reads as a pattern are escaped (IAM User Guide, "Policy variables").

use std::collections::{BTreeMap, BTreeSet};

use pintail_core::name::Partition;
use serde_json::{Value, json};

use crate::setup::desired::{Access, AccountWish, People, PlaceWish};
use crate::setup::plan::Facts;

/// Stands for the client ID where the application is made first. No client ID of any issuer looks so: a space ends it.
pub(crate) const CLIENT_ID_TO_COME: &str = "{the client ID of the application}";

/// The most characters of a trust policy, white space not counted (IAM quota "Role trust policy length").
pub(crate) const TRUST_MAX_CHARS: usize = 2048;
/// The most characters of all inline policies of a role together, white space not counted.
pub(crate) const INLINE_MAX_CHARS: usize = 10_240;
/// The most characters of a managed policy, white space not counted.
pub(crate) const MANAGED_MAX_CHARS: usize = 6144;
/// The most managed policies of a role (IAM quota "Managed policies per role", as it is before anybody asks for more).
pub(crate) const MANAGED_MAX: usize = 10;

/// Google's issuer is known to every account; IAM asks not to add a provider for it (IAM User Guide, "Create an OpenID Connect
/// identity provider in IAM").
const BUILT_IN: &str = "accounts.google.com";

/// Something is longer than IAM takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} would have {actual}, more than the {limit} that IAM takes")]
pub(crate) struct TooLong {
    /// The document.
    pub(crate) what: String,
    /// How long it would be, with the unit.
    pub(crate) actual: String,
    /// The quota.
    pub(crate) limit: usize,
}

/// The permissions of a role, in the form that IAM has room for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Permissions {
    /// One policy that belongs to the role.
    Inline(Value),
    /// Several managed policies, because inline ones have less room.
    Managed(Vec<Value>),
}

/// Returns the issuer as IAM names providers and condition keys after it: without scheme.
pub(crate) fn issuer_name(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
}

/// Tells whether every account knows the issuer already.
pub(crate) fn is_built_in(facts: &Facts) -> bool {
    issuer_name(&facts.issuer) == BUILT_IN
}

/// Returns the ARN of the provider of an issuer.
pub(crate) fn provider_arn(partition: Partition, account: &str, issuer: &str) -> String {
    format!("arn:{partition}:iam::{account}:oidc-provider/{}", issuer_name(issuer))
}

/// Returns what the trust policy names as the one who vouches for people.
pub(crate) fn federated(partition: Partition, account: &str, facts: &Facts) -> String {
    if is_built_in(facts) { BUILT_IN.to_owned() } else { provider_arn(partition, account, &facts.issuer) }
}

/// Returns the client ID, or what stands for it.
pub(crate) fn client_id(facts: &Facts) -> String {
    facts.client_id.as_ref().map_or_else(|| CLIENT_ID_TO_COME.to_owned(), ToString::to_string)
}

/// Makes the trust policy.
///
/// `federated` and `client_id` are given as texts, so that files for other tools can put their own references there.
pub(crate) fn trust(wish: &AccountWish, issuer: &str, federated: &str, client_id: &str) -> Value {
    let name = issuer_name(issuer);
    let mut equals = serde_json::Map::new();
    equals.insert(format!("{name}:aud"), client_id.into());
    if let People::Subjects(subjects) = &wish.people {
        equals
            .insert(format!("{name}:sub"), one_or_list(subjects.iter().map(|text| literal(text)).collect()));
    }
    if wish.honest_session_names {
        equals.insert("sts:RoleSessionName".into(), format!("${{{name}:sub}}").into());
    }
    let mut conditions = serde_json::Map::new();
    conditions.insert("StringEquals".into(), equals.into());
    if wish.people == People::RolesClaim {
        conditions.insert("Bool".into(), json!({ "sts:RoleAuthorizedByIdp": "true" }));
    }
    if wish.require_mfa {
        conditions.insert("ForAnyValue:StringEquals".into(), json!({ format!("{name}:amr"): "mfa" }));
    }
    let mut statements = vec![json!({
        "Sid": "SignIn",
        "Effect": "Allow",
        "Principal": { "Federated": federated },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    })];
    if wish.session_tags {
        // A token with tags is refused altogether where the trust policy lacks these. They stand apart because the session's name
        // is no condition key of theirs (Service Authorization Reference, AWS STS), and a test of it would never hold.
        statements.push(json!({
            "Sid": "SessionTags",
            "Effect": "Allow",
            "Principal": { "Federated": federated },
            "Action": ["sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": { format!("{name}:aud"): client_id } },
        }));
    }
    document(statements)
}

/// Makes the permission policies.
///
/// # Errors
/// When they do not fit into what a role may have.
pub(crate) fn permissions(wish: &AccountWish) -> Result<Permissions, TooLong> {
    let statements = statements(wish);
    let whole = document(statements.clone());
    if characters(&whole) <= INLINE_MAX_CHARS {
        return Ok(Permissions::Inline(whole));
    }
    let room = MANAGED_MAX_CHARS - characters(&document(Vec::new()));
    // One character for the comma between two statements.
    let pieces: Vec<Value> = statements.into_iter().flat_map(|one| pieces(one, room - 1)).collect();
    let mut documents: Vec<Vec<Value>> = Vec::new();
    let mut left = 0;
    for piece in pieces {
        let size = characters(&piece) + 1;
        if size > left {
            documents.push(Vec::new());
            left = room;
        }
        left -= size.min(left);
        documents.last_mut().expect("one was just begun").push(piece);
    }
    if documents.len() > MANAGED_MAX {
        return Err(TooLong {
            what: format!("the permissions of role {}", wish.role),
            actual: format!("{} managed policies", documents.len()),
            limit: MANAGED_MAX,
        });
    }
    Ok(Permissions::Managed(documents.into_iter().map(document).collect()))
}

/// Checks that IAM has room for the documents of a role.
///
/// # Errors
/// When it has not, with the numbers.
pub(crate) fn check(wish: &AccountWish, facts: &Facts) -> Result<(), TooLong> {
    let account = wish.account.as_ref().map_or("123456789012", |account| account.as_str());
    // Entra's client IDs have as many characters as this one.
    let client_id = facts.client_id.as_ref().map_or("00000000-0000-0000-0000-000000000000", |id| id.as_str());
    let federated = federated(wish.partition, account, facts);
    let count = characters(&trust(wish, &facts.issuer, &federated, client_id));
    if count > TRUST_MAX_CHARS {
        let people = match &wish.people {
            People::Subjects(subjects) => format!(" with its {} subjects", subjects.len()),
            People::AppAssignment | People::RolesClaim => String::new(),
        };
        return Err(TooLong {
            what: format!("the trust policy of role {}{people}", wish.role),
            actual: format!("{count} characters"),
            limit: TRUST_MAX_CHARS,
        });
    }
    permissions(wish).map(|_| ())
}

/// Counts characters as IAM's quotas do: without white space outside of texts, which is how documents are sent.
pub(crate) fn characters(value: &Value) -> usize {
    value.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

fn document(statements: Vec<Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Listing goes on the bucket, and knows of prefixes; versions are seen, never removed.
const LIST: [&str; 2] = ["s3:ListBucket", "s3:ListBucketVersions"];
const READ: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];
const WRITE: [&str; 4] =
    ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];

fn statements(wish: &AccountWish) -> Vec<Value> {
    let partition = wish.partition;
    let mut statements = Vec::new();
    if wish.list_all_buckets {
        statements.push(allow("SeeBuckets", vec!["s3:ListAllMyBuckets"], vec!["*".into()]));
    }
    let all: BTreeSet<&str> = wish.places.iter().map(|place| place.bucket.as_str()).collect();
    let buckets = all.iter().map(|bucket| bucket_arn(partition, bucket)).collect();
    statements.push(allow("FindBuckets", vec!["s3:GetBucketLocation"], buckets));
    statements.extend(listing(wish));
    for (access, sid) in [(Access::Read, "Read"), (Access::ReadWrite, "ReadAndWrite")] {
        let objects: BTreeSet<String> =
            places(wish, access).flat_map(|place| objects(partition, place)).collect();
        let mut actions = READ.to_vec();
        if access == Access::ReadWrite {
            actions.extend(WRITE);
        }
        if !objects.is_empty() {
            statements.push(allow(sid, actions, objects.into_iter().collect()));
        }
    }
    statements.extend(keys(wish));
    statements
}

/// Listing of whole buckets, and of each bucket's prefixes.
///
/// Unfinished uploads are listed for whole buckets only: IAM offers no condition on the prefix for them, and their names would
/// tell what lies in the other prefixes.
fn listing(wish: &AccountWish) -> Vec<Value> {
    let mut statements = Vec::new();
    for (access, sid) in [(Access::Read, "ListToRead"), (Access::ReadWrite, "ListToWrite")] {
        let whole: BTreeSet<String> = places(wish, access)
            .filter(|place| place.prefix.as_str().is_empty())
            .map(|place| bucket_arn(wish.partition, place.bucket.as_str()))
            .collect();
        let mut actions = LIST.to_vec();
        if access == Access::ReadWrite {
            actions.push("s3:ListBucketMultipartUploads");
        }
        if !whole.is_empty() {
            statements.push(allow(sid, actions, whole.into_iter().collect()));
        }
    }
    let mut prefixes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for place in wish.places.iter().filter(|place| !place.prefix.as_str().is_empty()) {
        // A folder's listing asks for `folder/…`; `folder` alone would also show `folder-of-others`.
        let pattern = format!("{}/*", escaped(folder(place)));
        prefixes.entry(place.bucket.as_str()).or_default().insert(pattern);
    }
    for (number, (bucket, patterns)) in (1..).zip(prefixes) {
        let mut statement =
            allow(&format!("ListPrefixes{number}"), LIST.to_vec(), vec![bucket_arn(wish.partition, bucket)]);
        let patterns = one_or_list(patterns.into_iter().collect());
        statement["Condition"] = json!({ "StringLike": { "s3:prefix": patterns } });
        statements.push(statement);
    }
    statements
}

/// The keys of KMS, through S3 in the key's own region only.
fn keys(wish: &AccountWish) -> Vec<Value> {
    let mut keys: BTreeMap<&str, Access> = BTreeMap::new();
    for place in &wish.places {
        if let Some(key) = &place.kms_key {
            let access = keys.entry(key).or_insert(place.access);
            if place.access == Access::ReadWrite {
                *access = Access::ReadWrite;
            }
        }
    }
    let one = |(number, (key, access)): (u32, (&str, Access))| {
        let mut actions = vec!["kms:Decrypt"];
        if access == Access::ReadWrite {
            actions.push("kms:GenerateDataKey");
        }
        let region = key.split(':').nth(3).unwrap_or_default();
        let service = format!("s3.{region}.{}", wish.partition.dns_suffix());
        let mut statement = allow(&format!("Key{number}"), actions, vec![key.to_owned()]);
        statement["Condition"] = json!({ "StringEquals": { "kms:ViaService": service } });
        statement
    };
    (1..).zip(keys).map(one).collect()
}

fn places(wish: &AccountWish, access: Access) -> impl Iterator<Item = &PlaceWish> {
    wish.places.iter().filter(move |place| place.access == access)
}

fn folder(place: &PlaceWish) -> &str {
    let prefix = place.prefix.as_str();
    prefix.strip_suffix('/').unwrap_or(prefix)
}

/// The keys of a place. A prefix without a slash at its end may be an object as well as a folder.
fn objects(partition: Partition, place: &PlaceWish) -> Vec<String> {
    let bucket = bucket_arn(partition, place.bucket.as_str());
    let prefix = place.prefix.as_str();
    if prefix.is_empty() {
        return vec![format!("{bucket}/*")];
    }
    let folder = escaped(folder(place));
    let mut keys = vec![format!("{bucket}/{folder}/*")];
    if !prefix.ends_with('/') {
        keys.insert(0, format!("{bucket}/{folder}"));
    }
    keys
}

fn bucket_arn(partition: Partition, bucket: &str) -> String {
    format!("arn:{partition}:s3:::{bucket}")
}

fn allow(sid: &str, actions: Vec<&str>, resources: Vec<String>) -> Value {
    let actions = one_or_list(actions.into_iter().map(str::to_owned).collect());
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": one_or_list(resources) })
}

/// IAM hands back one text where a list of one was sent; written so at once, documents compare more easily.
fn one_or_list(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => texts.remove(0).into(),
        _ => texts.into(),
    }
}

/// Escapes what IAM would read as a pattern or a variable.
fn escaped(text: &str) -> String {
    escape(text, &['*', '?', '$'])
}

/// Escapes what IAM would read as a variable where no patterns are read.
fn literal(text: &str) -> String {
    escape(text, &['$'])
}

fn escape(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.extend(['$', '{', c, '}']);
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Halves the longest list of a statement until every piece fits.
fn pieces(statement: Value, room: usize) -> Vec<Value> {
    if characters(&statement) <= room {
        return vec![statement];
    }
    let paths = ["/Resource", "/Condition/StringLike/s3:prefix"];
    let length = |path: &&str| statement.pointer(path).and_then(Value::as_array).map_or(0, Vec::len);
    let Some(path) = paths.into_iter().max_by_key(length).filter(|path| length(path) > 1) else {
        return vec![statement];
    };
    let list = statement.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let (first, second) = list.split_at(list.len() / 2);
    let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
    let half = |part: &[Value], mark: char| {
        let mut half = statement.clone();
        half["Sid"] = format!("{sid}{mark}").into();
        if let Some(place) = half.pointer_mut(path) {
            *place = if part.len() == 1 { part[0].clone() } else { part.into() };
        }
        pieces(half, room)
    };
    [half(first, 'a'), half(second, 'b')].concat()
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
