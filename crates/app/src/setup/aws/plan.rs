//! What would change in an account.
//!
//! Pure: a plan is a value. A role that exists is never silently widened: statements of its trust policy for other principals stay, those for this
//! issuer are replaced as the wish has them, and the step shows both documents.

use pintail_core::sign::Payload;
use serde_json::Value;

use super::change::{Change, Managed};
use super::current::AwsCurrent;
use super::difference::same_policy;
use super::near_miss::{self, federated_of};
use super::policies::{self, Permissions, client_id, federated, is_built_in, provider_arn};
use crate::admin::iam::Tags;
use crate::setup::desired::AccountWish;
use crate::setup::plan::{self as shared, Facts, Kept, Plan, Side, Step};

/// The tag of everything that a setup makes; its value is the name of the bookmark.
pub(crate) const MARK: &str = "pintail:setup";
/// The inline policy of a role that a setup writes.
pub(crate) const INLINE_POLICY: &str = "pintail-places";

/// Makes the plan of an account. `mark` is the name of the bookmark.
///
/// The wish is one whose documents IAM has room for, which [`read`](super::read) checked.
pub(crate) fn plan(wish: &AccountWish, facts: &Facts, current: &AwsCurrent, mark: &str) -> Plan {
    let mut planner = Planner { wish, facts, current, mark, plan: Plan::default() };
    planner.provider();
    planner.role();
    planner.permissions();
    planner.plan.near_misses = near_miss::all(wish, facts, current);
    planner.plan
}

/// Returns the managed policies that a role is to have, where its permissions do not fit into an inline one.
pub(crate) fn managed(wish: &AccountWish, account: &str, documents: &[Value], tags: &Tags) -> Vec<Managed> {
    let one = |(number, document): (usize, &Value)| {
        // The name follows the content, so that a policy is never changed under those who use it.
        let name = format!("{}-places-{number}-{}", wish.role, fingerprint(document));
        Managed {
            role: wish.role.clone(),
            arn: format!("arn:{}:iam::{account}:policy{}{name}", wish.partition, wish.role_path),
            name,
            path: wish.role_path.clone(),
            document: document.clone(),
            tags: tags.clone(),
        }
    };
    (1..).zip(documents).map(one).collect()
}

/// Returns what people read about a role in the console.
pub(crate) fn description(facts: &Facts) -> String {
    let name = policies::issuer_name(&facts.issuer);
    let host = name.split('/').next().unwrap_or_default();
    format!("Amazon S3 for people who sign in at {host}; set up with Pintail")
}

/// Returns the tags of everything that a setup makes.
pub(crate) fn tags(mark: &str) -> Tags {
    Tags::from([(MARK.to_owned(), mark.to_owned())])
}

fn fingerprint(document: &Value) -> String {
    let Payload::Sha256(hash) = Payload::of(document.to_string().as_bytes()) else { return String::new() };
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

struct Planner<'a> {
    wish: &'a AccountWish,
    facts: &'a Facts,
    current: &'a AwsCurrent,
    mark: &'a str,
    plan: Plan,
}

impl Planner<'_> {
    fn account(&self) -> &str {
        self.current.account.as_str()
    }

    fn side(&self) -> Side {
        Side::Aws { account: self.account().to_owned() }
    }

    fn step(&mut self, id: &str, what: String, why: &str, undo: String, change: Change) {
        self.plan.steps.push(Step {
            id: format!("aws.{}.{id}", self.account()),
            side: self.side(),
            what,
            why: why.to_owned(),
            undo,
            change: shared::Change::Aws(change),
        });
    }

    fn keep(&mut self, what: String) {
        let side = self.side();
        self.plan.kept.push(Kept { side, what });
    }

    fn provider(&mut self) {
        let facts = self.facts;
        if is_built_in(facts) {
            return self.keep("Google as an identity provider, which every account knows".into());
        }
        let arn = provider_arn(self.wish.partition, self.account(), &facts.issuer);
        let client_id = client_id(facts);
        let shown =
            facts.client_id.as_ref().map_or("the application's client ID", |id| id.as_str()).to_owned();
        match self.current.providers.iter().find(|provider| provider.arn == arn) {
            None => self.step(
                "provider",
                format!("make the identity provider {} for {shown}", facts.issuer),
                "STS takes tokens of issuers that the account knows, for the client IDs listed there",
                "the identity provider is deleted".into(),
                Change::CreateProvider {
                    arn,
                    issuer: facts.issuer.clone(),
                    client_id,
                    tags: tags(self.mark),
                },
            ),
            Some(provider) if provider.client_ids.contains(&client_id) => {
                self.keep(format!("identity provider {} takes {shown}", facts.issuer));
            }
            Some(_) => self.step(
                "client-id",
                format!("have the identity provider {} take {shown}", facts.issuer),
                "without it STS answers \"Incorrect token audience\"",
                "the client ID is taken off the identity provider".into(),
                Change::AddClientId { arn, client_id },
            ),
        }
    }

    fn role(&mut self) {
        let (wish, facts) = (self.wish, self.facts);
        let federated = federated(wish.partition, self.account(), facts);
        let trust = policies::trust(wish, &facts.issuer, &federated, &client_id(facts));
        let name = wish.role.clone();
        let Some(role) = &self.current.role else {
            return self.step(
                "role",
                format!("make the role {name} for sessions of up to {}", hours(wish.session_s)),
                "its trust policy admits tokens of the issuer for this application only",
                "the role is deleted with its policies".into(),
                Change::CreateRole {
                    role: name,
                    path: wish.role_path.clone(),
                    trust,
                    max_session_s: wish.session_s,
                    description: description(facts),
                    tags: tags(self.mark),
                },
            );
        };
        let to = merged(&self.current.trust, &trust, &federated);
        if same_policy(&self.current.trust, &to) {
            self.keep(format!("role {name} trusts who it should"));
        } else {
            let whose = if role.tags.contains_key(MARK) {
                String::new()
            } else {
                ", which was not made by a setup".to_owned()
            };
            self.step(
                "trust",
                format!("replace the trust policy of the role {name}{whose}"),
                "it does not admit exactly those who are wished for; statements for other principals stay",
                "the earlier trust policy is put back".into(),
                Change::SetTrust { role: name.clone(), from: self.current.trust.clone(), to },
            );
        }
        let (from, to) = (role.max_session_s, wish.session_s);
        if from == to {
            self.keep(format!("role {name} gives sessions of up to {}", hours(to)));
        } else {
            self.step(
                "session",
                format!(
                    "let the role {name} give sessions of up to {} in place of {}",
                    hours(to),
                    hours(from)
                ),
                "STS refuses a longer session than the role allows",
                format!("back to {}", hours(from)),
                Change::SetSession { role: name, from, to },
            );
        }
    }

    fn permissions(&mut self) {
        // The wish was checked when the account was read; a plan without the role's permissions would be no plan.
        let Ok(permissions) = policies::permissions(self.wish) else { return };
        let role = self.wish.role.clone();
        match &permissions {
            Permissions::Inline(document) => self.inline(&role, document),
            Permissions::Managed(documents) => {
                for managed in managed(self.wish, self.account(), documents, &tags(self.mark)) {
                    self.managed(managed);
                }
            }
        }
        self.obsolete(&role, &permissions);
    }

    fn inline(&mut self, role: &str, document: &Value) {
        let from = self.current.inline.get(INLINE_POLICY).cloned();
        if from.as_ref().is_some_and(|from| same_policy(from, document)) {
            return self
                .keep(format!("role {role} reaches the places it should, by its policy {INLINE_POLICY}"));
        }
        let what = match &from {
            None => format!("give the role {role} the policy {INLINE_POLICY}: {}", places(self.wish)),
            Some(_) => format!("change the policy {INLINE_POLICY} of the role {role}: {}", places(self.wish)),
        };
        let undo = if from.is_some() { "the earlier policy is put back" } else { "the policy is deleted" };
        self.step(
            "permissions",
            what,
            "the role can do this in S3 and nothing else",
            undo.into(),
            Change::PutPolicy {
                role: role.to_owned(),
                policy: INLINE_POLICY.into(),
                from,
                to: document.clone(),
            },
        );
    }

    fn managed(&mut self, managed: Managed) {
        let held = self.current.managed.get(&managed.arn);
        if held.is_some_and(|held| same_policy(held, &managed.document)) {
            return self.keep(format!("role {} has the policy {}", managed.role, managed.name));
        }
        self.step(
            &format!("policy.{}", managed.name),
            format!("make the policy {} and attach it to the role {}", managed.name, managed.role),
            "the places have more text than a role's inline policies may have",
            "the policy is detached and deleted".into(),
            Change::AddManaged(managed),
        );
    }

    /// What an earlier setup gave in a form that is not used any more.
    fn obsolete(&mut self, role: &str, permissions: &Permissions) {
        if let (Permissions::Managed(_), Some(from)) = (permissions, self.current.inline.get(INLINE_POLICY)) {
            self.step(
                "permissions",
                format!("remove the policy {INLINE_POLICY} of the role {role}"),
                "managed policies take its place",
                "the policy is put back".into(),
                Change::DropPolicy {
                    role: role.to_owned(),
                    policy: INLINE_POLICY.into(),
                    from: from.clone(),
                },
            );
        }
        let wanted = match permissions {
            Permissions::Inline(_) => Vec::new(),
            Permissions::Managed(documents) => {
                managed(self.wish, self.account(), documents, &tags(self.mark))
            }
        };
        let beginning = format!("{role}-places-");
        let gone: Vec<Managed> = self
            .current
            .attached
            .iter()
            .filter(|policy| policy.name.starts_with(&beginning))
            .filter(|policy| wanted.iter().all(|wanted| wanted.arn != policy.arn))
            .filter_map(|policy| {
                Some(Managed {
                    role: role.to_owned(),
                    arn: policy.arn.clone(),
                    name: policy.name.clone(),
                    path: self.wish.role_path.clone(),
                    document: self.current.managed.get(&policy.arn)?.clone(),
                    tags: tags(self.mark),
                })
            })
            .collect();
        for managed in gone {
            self.step(
                &format!("policy.{}", managed.name),
                format!("detach and remove the policy {} of an earlier setup", managed.name),
                "the places are others now",
                "the policy is made and attached again".into(),
                Change::DropManaged(managed),
            );
        }
    }
}

/// Puts the wished statement in the place of those that trust the same issuer, and leaves the others alone.
pub(super) fn merged(found: &Value, wished: &Value, federated: &str) -> Value {
    let others: Vec<Value> = near_miss::statements(found)
        .filter(|statement| !federated_of(statement).iter().any(|principal| principal == federated))
        .map(|statement| Value::Object(statement.clone()))
        .collect();
    let mut merged = wished.clone();
    if let Some(Value::Array(statements)) = merged.get_mut("Statement") {
        statements.extend(others);
    }
    merged
}

/// Says what a role reaches.
fn places(wish: &AccountWish) -> String {
    let one = |place: &crate::setup::desired::PlaceWish| {
        let how = match place.access {
            crate::setup::desired::Access::Read => "read",
            crate::setup::desired::Access::ReadWrite => "read and write",
        };
        format!("{how} {}", place.address())
    };
    wish.places.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Says a length in hours where it is whole ones.
fn hours(seconds: u32) -> String {
    match (seconds / 3600, seconds % 3600, seconds % 60) {
        (1, 0, _) => "1 hour".to_owned(),
        (hours, 0, _) => format!("{hours} hours"),
        (_, _, 0) => format!("{} minutes", seconds / 60),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests;
