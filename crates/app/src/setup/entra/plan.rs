//! What would change in the tenant, and what in it looks nearly right.
//!
//! Pure: from what is wanted and what is there to a plan.

use pintail_core::name::BookmarkName;
use serde_json::{Map, Value, json};

use super::change::{Change, Undo, earlier};
use super::current::{EntraCurrent, FoundBy};
use super::{TAG, VISIBLE_TAG, notes, policy_name};
use crate::admin::graph::{
    Application, Assignment, DEFAULT_ROLE, GRAPH_APP_ID, Principal, PrincipalKind, ServicePrincipal,
};
use crate::setup::desired::{EntraWish, ExtraClaim};
use crate::setup::plan::{self, Kept, NearMiss, Plan, Reversal, Side, Step};

/// The audience of an application for the people of its own tenant.
const MY_ORG: &str = "AzureADMyOrg";
/// Delegated permissions of Microsoft Graph as every tenant has them, for where Graph does not list them (Graph permissions reference).
const SCOPE_IDS: [(&str, &str); 4] = [
    ("openid", "37f7f235-527c-4136-accd-4a02d197296e"),
    ("profile", "14dad69e-099b-42c9-810b-d002981feec1"),
    ("email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0"),
    ("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
];

/// Plans the tenant's side.
pub(crate) fn plan(wish: &EntraWish, bookmark: &BookmarkName, current: &EntraCurrent) -> Plan {
    let mut planner = Planner { wish, bookmark, current, plan: Plan::default() };
    planner.app();
    planner.principal();
    planner.consent();
    planner.claims();
    planner.people();
    planner.near_misses();
    planner.plan
}

struct Planner<'a> {
    wish: &'a EntraWish,
    bookmark: &'a BookmarkName,
    current: &'a EntraCurrent,
    plan: Plan,
}

/// What a step says.
struct Words<'a> {
    what: String,
    why: &'a str,
    undo: &'a str,
}

impl Planner<'_> {
    fn step(&mut self, id: &str, words: Words<'_>, change: Change) {
        self.plan.steps.push(Step {
            id: format!("entra.{id}"),
            side: Side::Entra,
            what: words.what,
            why: words.why.to_owned(),
            undo: words.undo.to_owned(),
            change: plan::Change::Entra(change),
        });
    }

    fn keep(&mut self, what: String) {
        self.plan.kept.push(Kept { side: Side::Entra, what });
    }

    fn miss(&mut self, seen: String, means: &str, next: &str) {
        let (means, next) = (means.to_owned(), next.to_owned());
        self.plan.near_misses.push(NearMiss { side: Side::Entra, seen, means, next });
    }

    fn scopes(&self) -> Vec<&'static str> {
        let mut scopes = vec!["openid", "profile", "offline_access"];
        if self.wish.claims.contains(&ExtraClaim::Email) {
            scopes.push("email");
        }
        scopes
    }

    fn app(&mut self) {
        match &self.current.app {
            None => {
                let what = format!(
                    "register the application {:?} with {} under \"Mobile and desktop applications\"",
                    self.wish.app_name,
                    self.wish.redirects.join(", ")
                );
                let words = Words {
                    what,
                    why: "it is what people sign in to, without a secret; its client ID is what AWS trusts",
                    undo: "the application is deleted (Entra keeps it among the deleted ones for 30 days)",
                };
                let body = self.app_body();
                self.step("app", words, Change::CreateApp { body });
            }
            Some((app, found)) => {
                let (patch, before, whats) = self.app_changes(app, *found);
                if whats.is_empty() {
                    self.keep(format!("application {:?} ({})", app.name(), app.app_id()));
                    return;
                }
                let words = Words {
                    what: format!("change the application {:?}: {}", app.name(), whats.join("; ")),
                    why: "without it the sign-in does not work as wanted",
                    undo: "the application gets its earlier values back",
                };
                let change = Change::UpdateApp {
                    id: app.id(),
                    patch: Value::Object(patch),
                    before: Value::Object(before),
                };
                self.step("app", words, change);
            }
        }
    }

    fn app_body(&self) -> Value {
        let access: Vec<Value> = self
            .scopes()
            .into_iter()
            .filter_map(|scope| {
                let usual = SCOPE_IDS.iter().find(|(name, _)| *name == scope).map(|(_, id)| (*id).to_owned());
                let id = self.current.graph.scope_id(scope).or(usual)?;
                Some(json!({ "id": id, "type": "Scope" }))
            })
            .collect();
        let mut api = json!({ "requestedAccessTokenVersion": 2 });
        if !self.wish.aws_claims.is_empty() {
            api["acceptMappedClaims"] = true.into();
        }
        let mut body = json!({
            "displayName": self.wish.app_name,
            "signInAudience": MY_ORG,
            "publicClient": { "redirectUris": self.wish.redirects },
            "isFallbackPublicClient": self.wish.device_code,
            "requiredResourceAccess": [{ "resourceAppId": GRAPH_APP_ID, "resourceAccess": access }],
            "api": api,
            "tags": [TAG],
            "notes": notes(self.bookmark),
        });
        let claims = self.optional_claims();
        if !claims.is_empty() {
            body["optionalClaims"] = json!({ "idToken": claims.into_iter().map(claim).collect::<Vec<_>>() });
        }
        if self.wish.claims.contains(&ExtraClaim::Groups) {
            body["groupMembershipClaims"] = APPLICATION_GROUPS.into();
        }
        body
    }

    /// Groups are asked for by another property.
    fn optional_claims(&self) -> Vec<&'static str> {
        let claims = self.wish.claims.iter().filter(|claim| **claim != ExtraClaim::Groups);
        claims.map(|claim| claim.name()).collect()
    }

    /// Returns what an application gets, what it had of that, and the same in words.
    fn app_changes(
        &self,
        app: &Application,
        found: FoundBy,
    ) -> (Map<String, Value>, Map<String, Value>, Vec<String>) {
        let (wish, ours) = (self.wish, found == FoundBy::Mark);
        let (mut patch, mut before, mut whats) = (Map::new(), Map::new(), Vec::new());
        let mut set = |key: &str, value: Value, had: Value, what: String| {
            patch.insert(key.to_owned(), value);
            before.insert(key.to_owned(), had);
            whats.push(what);
        };
        let of = |key: &str| app.0.get(key).cloned().unwrap_or(Value::Null);
        if ours && app.name() != wish.app_name {
            set(
                "displayName",
                wish.app_name.as_str().into(),
                of("displayName"),
                format!("call it {:?}", wish.app_name),
            );
        }
        if ours && app.audience() != MY_ORG {
            set("signInAudience", MY_ORG.into(), of("signInAudience"), "for this tenant only".to_owned());
        }
        let public = app.redirects("publicClient");
        let missing: Vec<_> = wish.redirects.iter().filter(|uri| !public.contains(uri)).cloned().collect();
        if !missing.is_empty() {
            for platform in ["web", "spa"] {
                let there = app.redirects(platform);
                let left: Vec<_> = there.iter().filter(|uri| !missing.contains(uri)).collect();
                if left.len() < there.len() {
                    let what = format!(
                        "take {} from the platform {}",
                        listed(&there, &missing),
                        platform_name(platform)
                    );
                    set(platform, json!({ "redirectUris": left }), json!({ "redirectUris": there }), what);
                }
            }
            let all: Vec<_> = public.iter().chain(&missing).collect();
            let what = format!("add {} under \"Mobile and desktop applications\"", missing.join(", "));
            set("publicClient", json!({ "redirectUris": all }), json!({ "redirectUris": public }), what);
        }
        if app.allows_device_code() != wish.device_code && (ours || wish.device_code) {
            let what = if wish.device_code { "allow" } else { "no longer allow" };
            let what = format!("{what} public client flows, which device codes need");
            set("isFallbackPublicClient", wish.device_code.into(), of("isFallbackPublicClient"), what);
        }
        let known = app.optional_claims();
        let lacking: Vec<_> = self
            .optional_claims()
            .into_iter()
            .filter(|claim| !known.iter().any(|known| known == claim))
            .collect();
        if !lacking.is_empty() {
            let mut claims = match of("optionalClaims") {
                Value::Object(claims) => Value::Object(claims),
                _ => json!({}),
            };
            let mut token = claims.get("idToken").and_then(Value::as_array).cloned().unwrap_or_default();
            token.extend(lacking.iter().map(|name| claim(name)));
            claims["idToken"] = token.into();
            let what = format!("put {} into the ID token", lacking.join(", "));
            set("optionalClaims", claims, of("optionalClaims"), what);
        }
        if wish.claims.contains(&ExtraClaim::Groups) && app.group_claims().is_none() {
            let what = "put the assigned groups into the token".to_owned();
            set("groupMembershipClaims", APPLICATION_GROUPS.into(), of("groupMembershipClaims"), what);
        }
        if !wish.aws_claims.is_empty() && !app.accepts_mapped_claims() {
            let had = app.0.pointer("/api/acceptMappedClaims").cloned().unwrap_or(Value::Null);
            let what = "accept claims of a policy without a signing key of its own".to_owned();
            set("api", json!({ "acceptMappedClaims": true }), json!({ "acceptMappedClaims": had }), what);
        }
        (patch, before, whats)
    }

    fn principal(&mut self) {
        let Some(principal) = &self.current.principal else {
            let required = self.wish.assignment_required;
            let who = if required {
                "only those who are assigned may use it"
            } else {
                "everybody in the tenant may use it"
            };
            let words = Words {
                what: format!("make it an enterprise application of the tenant; {who}"),
                why: "without it nobody can be assigned or consented for",
                undo: "the enterprise application is deleted",
            };
            let tags = vec![VISIBLE_TAG.to_owned(), TAG.to_owned()];
            return self.step(
                "principal",
                words,
                Change::CreatePrincipal { assignment_required: required, tags },
            );
        };
        let (patch, whats) = self.principal_changes(principal);
        if whats.is_empty() {
            let required = if principal.assignment_required() { ", assignment required" } else { "" };
            return self.keep(format!("enterprise application{required}"));
        }
        let words = Words {
            what: format!("change the enterprise application: {}", whats.join("; ")),
            why: "it decides who may sign in",
            undo: "the enterprise application gets its earlier values back",
        };
        let patch = Value::Object(patch);
        let before = earlier(principal, &patch);
        self.step("principal", words, Change::UpdatePrincipal { id: principal.id(), patch, before });
    }

    fn principal_changes(&self, principal: &ServicePrincipal) -> (Map<String, Value>, Vec<&'static str>) {
        let (mut patch, mut whats) = (Map::new(), Vec::new());
        if !principal.is_enabled() {
            patch.insert("accountEnabled".to_owned(), true.into());
            whats.push("switch it on again");
        }
        if principal.assignment_required() != self.wish.assignment_required {
            patch.insert("appRoleAssignmentRequired".to_owned(), self.wish.assignment_required.into());
            whats.push(if self.wish.assignment_required {
                "only those who are assigned may use it"
            } else {
                "everybody in the tenant may use it"
            });
        }
        (patch, whats)
    }

    fn consent(&mut self) {
        let wanted = self.scopes();
        let (why, undo) =
            ("then nobody is asked, also where people may not consent for themselves", "the consent");
        match &self.current.grant {
            None => {
                let scope = wanted.join(" ");
                let words = Words {
                    what: format!("consent for everybody to {}", wanted.join(", ")),
                    why,
                    undo: &format!("{undo} is taken back"),
                };
                self.step("consent", words, Change::Consent { scope });
            }
            Some(grant) => {
                let lacking: Vec<_> = wanted
                    .iter()
                    .filter(|scope| !grant.scopes.iter().any(|known| known == **scope))
                    .copied()
                    .collect();
                if lacking.is_empty() {
                    return self.keep("consent for everybody".to_owned());
                }
                let before = grant.scopes.join(" ");
                let scope = [before.as_str(), &lacking.join(" ")].join(" ").trim().to_owned();
                let words = Words {
                    what: format!("consent for everybody to {} as well", lacking.join(", ")),
                    why,
                    undo: &format!("{undo} is narrowed again"),
                };
                self.step("consent", words, Change::WidenConsent { id: grant.id.clone(), scope, before });
            }
        }
    }

    fn claims(&mut self) {
        if self.wish.aws_claims.is_empty() {
            return;
        }
        let (name, definition) = (policy_name(self.bookmark), self.claims_definition());
        let same = |other: &str| {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok();
            read(other).is_some() && read(other) == read(&definition)
        };
        let tags: Vec<_> = self.wish.aws_claims.keys().cloned().collect();
        match &self.current.own_policy {
            None => {
                let words = Words {
                    what: format!("make a claims policy that fills the session tags {}", tags.join(", ")),
                    why: "AWS takes tags out of the token only under names of its own",
                    undo: "the policy is deleted",
                };
                let change = Change::CreateClaims { name: name.clone(), definition: definition.clone() };
                self.step("claims", words, change);
            }
            Some(policy) if !same(&policy.definition) => {
                let words = Words {
                    what: format!("have the claims policy fill the session tags {}", tags.join(", ")),
                    why: "the tags that are wanted are others than those it fills",
                    undo: "the policy says again what it said",
                };
                let before = policy.definition.clone();
                let change =
                    Change::UpdateClaims { id: policy.id.clone(), definition: definition.clone(), before };
                self.step("claims", words, change);
            }
            Some(_) => self.keep(format!("claims policy for the session tags {}", tags.join(", "))),
        }
        if self.current.linked_policies.iter().any(|policy| policy.name == name) {
            return self.keep("claims policy of the application".to_owned());
        }
        if let Some(other) = self.current.linked_policies.first() {
            self.miss(
                format!("the claims policy {:?} is linked to the application", other.name),
                "an application has one claims policy, and this one does not fill the wanted tags",
                "add the tags to that policy, or unlink it in Entra, and run the setup again",
            );
            return;
        }
        let words = Words {
            what: "link the claims policy to the application".to_owned(),
            why: "a policy fills the claims of applications that it is linked to",
            undo: "the policy is unlinked",
        };
        self.step("claims.link", words, Change::LinkClaims { name });
    }

    fn claims_definition(&self) -> String {
        let schema: Vec<_> = self
            .wish
            .aws_claims
            .iter()
            .map(|(tag, attribute)| {
                let claim = format!("https://aws.amazon.com/tags/principal_tags/{tag}");
                json!({ "Source": "user", "ID": attribute, "JwtClaimType": claim })
            })
            .collect();
        json!({ "ClaimsMappingPolicy": { "Version": 1, "IncludeBasicClaimSet": "true", "ClaimsSchema": schema } })
            .to_string()
    }

    fn people(&mut self) {
        let role = role_for(self.current);
        for somebody in &self.current.people {
            let word = somebody.kind.word();
            if self.current.assignments.iter().any(|there| there.principal_id == somebody.id) {
                self.keep(format!("{word} {} is assigned", somebody.name));
                continue;
            }
            self.plan.steps.push(assign_step(somebody, &role));
        }
        for other in &self.current.assignments {
            if !self.current.people.iter().any(|wanted| wanted.id == other.principal_id) {
                let word = other.principal_type.to_lowercase();
                self.keep(format!("{word} {} is assigned as well", other.principal_name));
            }
        }
    }

    fn near_misses(&mut self) {
        for unfound in &self.current.unfound {
            let word = unfound.kind.word();
            if unfound.several.is_empty() {
                let next = format!("write the name as the portal shows it, or the {word}'s object ID");
                self.miss(
                    format!("no {word} is called {:?}", unfound.name),
                    "nobody can be assigned under that name",
                    &next,
                );
            } else {
                let ids: Vec<_> = unfound.several.iter().map(|one| one.id.as_str()).collect();
                let next = format!("write the object ID of the one that is meant: {}", ids.join(", "));
                self.miss(
                    format!("{} {word}s are called {:?}", ids.len(), unfound.name),
                    "it is not clear which of them is meant",
                    &next,
                );
            }
        }
        for other in &self.current.same_name {
            self.miss(
                format!("another application is called {:?} ({})", other.name(), other.app_id()),
                "people and roles may hold the client ID of the wrong one",
                "give one of them another name, or delete the one that nobody uses",
            );
        }
        let Some((app, _)) = &self.current.app else { return };
        self.near_misses_of(app);
        let Some(principal) = &self.current.principal else { return };
        if principal.has_own_signing_key() {
            self.miss(
                "the application signs its tokens with a key of its own".to_owned(),
                "AWS looks for keys at the tenant's usual place and does not find this one",
                "remove the signing key (SAML single sign-on of the enterprise application) and let `acceptMappedClaims` do",
            );
        }
    }

    fn near_misses_of(&mut self, app: &Application) {
        let public = app.redirects("publicClient");
        for (platform, code) in [("web", "AADSTS7000218"), ("spa", "AADSTS9002327")] {
            for uri in app.redirects(platform) {
                if self.wish.redirects.contains(&uri) && !public.contains(&uri) {
                    self.miss(
                        format!("{uri} is registered under {}", platform_name(platform)),
                        &format!("the sign-in ends with {code}: that platform is not for programs on people's machines"),
                        "let the setup move it to \"Mobile and desktop applications\"",
                    );
                }
            }
        }
        if public.iter().any(|uri| uri.starts_with("http://127.0.0.1"))
            && !public.iter().any(|uri| uri.starts_with("http://localhost"))
        {
            self.miss(
                "a redirect address begins with http://127.0.0.1".to_owned(),
                "Entra leaves the port open for localhost only: with a port chosen by chance the sign-in ends with AADSTS50011",
                "register http://localhost beside it",
            );
        }
        if app.audience() != MY_ORG {
            self.miss(
                format!("the application is for {}", audience_name(&app.audience())),
                "people of other tenants can sign in to it; through `common` their tokens have another issuer, which AWS does not trust",
                "change \"Supported account types\" to this tenant only, and give people the tenant's own addresses, never `common`",
            );
        }
        if app.access_token_version() != Some(2) {
            self.miss(
                "the application's API asks for access tokens of version 1".to_owned(),
                "their issuer is sts.windows.net; AWS is given the ID token, which is of version 2 all the same",
                "set `requestedAccessTokenVersion` to 2 if another tool sends access tokens to AWS",
            );
        }
        if app.credentials() > 0 {
            self.miss(
                "the application has a secret or certificate".to_owned(),
                "a program on people's machines keeps no secret, and none is needed for this sign-in",
                "delete it under \"Certificates & secrets\" if nothing else uses it",
            );
        }
        if self.wish.aws_claims.is_empty()
            && !self.current.linked_policies.is_empty()
            && !app.accepts_mapped_claims()
        {
            self.miss(
                "a claims policy is linked, and the application does not accept mapped claims".to_owned(),
                "every sign-in ends with AADSTS50146",
                "set `acceptMappedClaims` to true in the application's manifest, or unlink the policy",
            );
        }
    }
}

/// An application with roles of its own takes assignments to those only: ID, and name in words.
fn role_for(current: &EntraCurrent) -> (String, String) {
    let roles = current.app.as_ref().map(|(app, _)| app.user_roles()).unwrap_or_default();
    match roles.into_iter().next() {
        None => (DEFAULT_ROLE.to_owned(), String::new()),
        Some((id, name)) => (id, format!(" with its role {name:?}")),
    }
}

fn assign_step(somebody: &Principal, role: &(String, String)) -> Step {
    let why = match somebody.kind {
        PrincipalKind::Group => {
            "its direct members may sign in then (needs Entra ID P1; groups inside it do not count)"
        }
        PrincipalKind::User => "they may sign in then",
    };
    Step {
        id: format!("entra.assign.{}", somebody.id),
        side: Side::Entra,
        what: format!("assign the {} {}{}", somebody.kind.word(), somebody.name, role.1),
        why: why.to_owned(),
        undo: "the assignment is taken back".to_owned(),
        change: plan::Change::Entra(Change::Assign { principal: somebody.clone(), role: role.0.clone() }),
    }
}

/// Plans one more assignment; `None` where it is there.
pub(crate) fn grant(current: &EntraCurrent, somebody: &Principal) -> Option<Step> {
    let there = current.assignments.iter().any(|assignment| assignment.principal_id == somebody.id);
    (!there).then(|| assign_step(somebody, &role_for(current)))
}

/// Plans to take assignments back.
pub(crate) fn revoke(current: &EntraCurrent, is_meant: impl Fn(&Assignment) -> bool) -> Vec<Step> {
    let meant = current.assignments.iter().filter(|assignment| is_meant(assignment));
    let step = |assignment: &Assignment| Step {
        id: format!("entra.unassign.{}", assignment.principal_id),
        side: Side::Entra,
        what: format!(
            "take the assignment of the {} {} back",
            assignment.principal_type.to_lowercase(),
            assignment.principal_name
        ),
        why: "they may not sign in any more; a session at AWS that runs goes on to its end".to_owned(),
        undo: "they are assigned again".to_owned(),
        change: plan::Change::Entra(Change::Unassign { assignment: assignment.clone() }),
    };
    meant.map(step).collect()
}

/// Only groups that are assigned to the application: there are never too many of them for a token.
const APPLICATION_GROUPS: &str = "ApplicationGroup";

fn claim(name: &str) -> Value {
    json!({ "name": name, "source": null, "essential": false, "additionalProperties": [] })
}

fn listed(there: &[String], wanted: &[String]) -> String {
    let both: Vec<_> = there.iter().filter(|uri| wanted.contains(uri)).map(String::as_str).collect();
    both.join(", ")
}

fn platform_name(platform: &str) -> &'static str {
    match platform {
        "web" => "Web",
        _ => "Single-page application",
    }
}

fn audience_name(audience: &str) -> String {
    match audience {
        "AzureADMultipleOrgs" => "every tenant".to_owned(),
        "AzureADandPersonalMicrosoftAccount" => "every tenant and personal accounts".to_owned(),
        "PersonalMicrosoftAccount" => "personal accounts".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Plans taking away what bears our mark. What was there before is told as kept.
pub(crate) fn removal(bookmark: &BookmarkName, current: &EntraCurrent) -> (Vec<Reversal>, Vec<Kept>) {
    let (mut reversals, mut kept) = (Vec::new(), Vec::new());
    let mut reverse = |id: &str, what: String, undo: Undo| {
        let undo = plan::Undo::Entra(undo);
        reversals.push(Reversal { id: format!("entra.{id}"), side: Side::Entra, what, undo });
    };
    if let Some(policy) = &current.own_policy {
        if let Some(principal) = &current.principal {
            let undo = Undo::UnlinkClaims { app_id: principal.app_id(), name: policy.name.clone() };
            reverse("claims.link", format!("unlink the claims policy {:?}", policy.name), undo);
        }
        let undo = Undo::DeleteClaims { name: policy.name.clone() };
        reverse("claims", format!("delete the claims policy {:?}", policy.name), undo);
    }
    match &current.app {
        Some((app, FoundBy::Mark)) => {
            let what = format!(
                "delete the application {:?} ({}) with its assignments and its consent; Entra keeps it among the deleted ones \
                 for 30 days",
                app.name(),
                app.app_id()
            );
            reverse("app", what, Undo::DeleteApp { notes: notes(bookmark) });
        }
        Some((app, FoundBy::Name)) => kept.push(Kept {
            side: Side::Entra,
            what: format!("application {:?} ({}), which no setup made", app.name(), app.app_id()),
        }),
        None => {}
    }
    (reversals, kept)
}

#[cfg(test)]
mod tests;
