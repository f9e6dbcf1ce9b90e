//! A POSIX shell script for both clouds: `az` for the tenant, `aws` for the accounts.
//!
//! Pure: a wish in, a script out. It looks before it writes, so that it can be run again, and stops where something of the same name belongs to others. The
//! tenant's half sends the same bodies to Microsoft Graph as `pintail setup` itself, through `az rest`.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::parts::{EntraParts, GRAPH_APP_ID, is_guid};
use super::shell::{comment, quoted, spliced};
use super::{Account, Print, PrintedFile};
use crate::setup::aws::policies::{self, Permissions, issuer_name};
use crate::setup::aws::{INLINE_POLICY, MARK};
use crate::setup::desired::{CredentialFrom, EntraWish, ME};

/// Stands for the provider's ARN until it is a variable.
const PROVIDER: &str = "{provider}";
/// Stands for the client ID until it is a variable.
const CLIENT: &str = "{client}";

const HEAD: &str = r#"set -eu

fail() { printf '%s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is needed and was not found"; }
# What was just made is not known everywhere at once.
patiently() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 12 ] || fail "gave up after $tries attempts: $1 $2 $3"
    sleep 5
  done
}
"#;

const GRAPH_HEAD: &str = r#"need az
# One value of an answer of Microsoft Graph; empty where there is none.
look() { # URL QUERY
  found=$(az rest --method GET --url "$1" --query "$2" --output tsv)
  [ "$found" = None ] || printf '%s' "$found"
}
send() { # METHOD URL BODY
  az rest --method "$1" --url "$2" --headers Content-Type=application/json --body "$3" --output none
}
"#;

pub(super) fn file(print: &Print<'_>) -> PrintedFile {
    let mut text = String::from("#!/bin/sh\n");
    let _ = writeln!(text, "# Sets up Amazon S3 for people who sign in at {}.", comment(&print.facts.issuer));
    text.push_str("# Written by `pintail setup --print cli`. Running it again changes nothing.\n");
    text.push_str(HEAD);
    match (print.desired.issuer.entra(), &print.entra, &print.facts.client_id) {
        (Some(wish), Some(parts), _) => text.push_str(&entra(print, wish, parts)),
        (_, _, Some(client_id)) => {
            let _ = writeln!(text, "\nAPP_ID={}", quoted(client_id.as_str()));
        }
        _ => {}
    }
    text.push_str("\nneed aws\n");
    for account in &print.accounts {
        text.push_str(&aws(print, account));
    }
    text.push_str("\nsay \"Done. The client ID is $APP_ID.\"\n");
    PrintedFile { name: format!("{}-setup.sh", print.stem()), text, executable: true }
}

/// Encodes a part of an address.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Writes a text as JMESPath takes it literally.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

fn entra(print: &Print<'_>, wish: &EntraWish, parts: &EntraParts) -> String {
    let mut text = String::from(
        "\n# Microsoft Entra ID ---------------------------------------------------------------\n",
    );
    text.push_str(GRAPH_HEAD);
    let tenant = print.facts.tenant.clone().unwrap_or_else(|| wish.tenant.to_string());
    let notes = parts.app["notes"].as_str().unwrap_or_default();
    let tag = parts.app["tags"][0].as_str().unwrap_or_default();
    let _ = write!(
        text,
        r#"
TENANT={tenant}
GRAPH={graph}/v1.0
here=$(az account show --query tenantId --output tsv) || fail "sign in first: az login --tenant $TENANT --allow-no-subscriptions"
[ "$here" = "$TENANT" ] || fail "az is signed in to tenant $here; run: az login --tenant $TENANT --allow-no-subscriptions"

say {say}
APP={app}
APP_ID=$(look "$GRAPH/applications?\$filter={filter}" {query})
if [ -n "$APP_ID" ]; then
  send PATCH "$GRAPH/applications(appId='$APP_ID')" "$APP"
else
  APP_ID=$(az rest --method POST --url "$GRAPH/applications" --headers Content-Type=application/json --body "$APP" --query appId --output tsv)
fi
"#,
        tenant = quoted(&tenant),
        graph = quoted(graph_of(wish)),
        say = quoted(&format!("application {}", wish.app_name)),
        app = quoted(&parts.app.to_string()),
        filter = encoded(&format!("tags/any(t:t eq '{tag}')")),
        query = quoted(&format!("value[?notes=={}].appId | [0]", literal(notes))),
    );
    let principal = json!({
        "appId": CLIENT,
        "appRoleAssignmentRequired": wish.assignment_required,
        "tags": parts.principal_tags,
    });
    let required = json!({ "appRoleAssignmentRequired": wish.assignment_required });
    let _ = write!(
        text,
        r#"
say 'enterprise application'
SP_ID=$(look "$GRAPH/servicePrincipals?\$filter={by_app}%27$APP_ID%27" 'value[0].id')
if [ -n "$SP_ID" ]; then
  send PATCH "$GRAPH/servicePrincipals/$SP_ID" {required}
else
  patiently send POST "$GRAPH/servicePrincipals" {principal}
  SP_ID=$(look "$GRAPH/servicePrincipals?\$filter={by_app}%27$APP_ID%27" 'value[0].id')
fi
[ -n "$SP_ID" ] || fail 'the enterprise application was made and is not found yet; run this again in a minute'

say 'consent for everybody'
GRAPH_SP=$(look "$GRAPH/servicePrincipals?\$filter={by_app}%27{graph_app}%27" 'value[0].id')
GRANT=$(look "$GRAPH/oauth2PermissionGrants?\$filter=clientId%20eq%20%27$SP_ID%27" "value[?consentType=='AllPrincipals' && resourceId=='$GRAPH_SP'].id | [0]")
if [ -n "$GRANT" ]; then
  send PATCH "$GRAPH/oauth2PermissionGrants/$GRANT" {scope}
else
  patiently send POST "$GRAPH/oauth2PermissionGrants" {grant}
fi
"#,
        by_app = "appId%20eq%20",
        required = quoted(&required.to_string()),
        principal = spliced(&principal.to_string(), &[(CLIENT, "APP_ID")]),
        graph_app = GRAPH_APP_ID,
        scope = quoted(&json!({ "scope": parts.scopes.join(" ") }).to_string()),
        grant = spliced(
            &json!({ "clientId": "{sp}", "consentType": "AllPrincipals", "resourceId": "{graph}", "scope": parts.scopes.join(" ") })
                .to_string(),
            &[("{sp}", "SP_ID"), ("{graph}", "GRAPH_SP")],
        ),
    );
    if let Some((name, definition)) = &parts.claims {
        text.push_str(&claims(name, definition));
    }
    text.push_str(&people(wish));
    text
}

/// Microsoft Graph of a cloud (Microsoft Graph, "National cloud deployments").
fn graph_of(wish: &EntraWish) -> &'static str {
    match wish.authority.as_ref().and_then(|url| url.host_str()) {
        Some("login.microsoftonline.us") => "https://graph.microsoft.us",
        Some("login.partner.microsoftonline.cn" | "login.chinacloudapi.cn") => {
            "https://microsoftgraph.chinacloudapi.cn"
        }
        _ => "https://graph.microsoft.com",
    }
}

fn claims(name: &str, definition: &str) -> String {
    let body = json!({ "definition": [definition], "displayName": name, "isOrganizationDefault": false });
    let change = json!({ "definition": [definition] });
    let id_of = quoted(&format!("value[?displayName=={}].id | [0]", literal(name)));
    format!(
        r#"
say 'claims policy for the session tags'
POLICY=$(look "$GRAPH/policies/claimsMappingPolicies" {id_of})
if [ -n "$POLICY" ]; then
  send PATCH "$GRAPH/policies/claimsMappingPolicies/$POLICY" {change}
else
  POLICY=$(az rest --method POST --url "$GRAPH/policies/claimsMappingPolicies" --headers Content-Type=application/json --body {body} --query id --output tsv)
fi
if [ -z "$(look "$GRAPH/servicePrincipals/$SP_ID/claimsMappingPolicies" {id_of})" ]; then
  patiently send POST "$GRAPH/servicePrincipals/$SP_ID/claimsMappingPolicies/\$ref" {link}
fi
"#,
        body = quoted(&body.to_string()),
        change = quoted(&change.to_string()),
        link = spliced(
            &json!({ "@odata.id": "{graph}/policies/claimsMappingPolicies/{policy}" }).to_string(),
            &[("{graph}", "GRAPH"), ("{policy}", "POLICY")],
        ),
    )
}

fn people(wish: &EntraWish) -> String {
    if wish.groups.is_empty() && wish.users.is_empty() {
        return String::new();
    }
    let assignment = json!({
        "principalId": "{who}",
        "resourceId": "{sp}",
        "appRoleId": "00000000-0000-0000-0000-000000000000",
    });
    let mut text = format!(
        r#"
assign() {{ # OBJECT-ID NAME
  WHO=$1
  say "assignment of $2"
  [ -n "$WHO" ] || fail "nobody is called $2"
  case $WHO in *[!0-9a-fA-F-]*) fail "more than one is called $2; write the object ID into the wish" ;; esac
  if [ -z "$(look "$GRAPH/servicePrincipals/$SP_ID/appRoleAssignedTo" "value[?principalId=='$WHO'].id | [0]")" ]; then
    patiently send POST "$GRAPH/servicePrincipals/$SP_ID/appRoleAssignedTo" {}
  fi
}}
"#,
        spliced(&assignment.to_string(), &[("{who}", "WHO"), ("{sp}", "SP_ID")]),
    );
    for group in &wish.groups {
        let id = if is_guid(group) {
            quoted(group)
        } else {
            let filter = encoded(&format!("displayName eq '{}'", group.replace('\'', "''")));
            format!("\"$(look \"$GRAPH/groups?\\$filter={filter}\" 'value[].id')\"")
        };
        let _ = writeln!(text, "assign {id} {}", quoted(group));
    }
    for user in &wish.users {
        let id = if is_guid(user) {
            quoted(user)
        } else if user == ME {
            "\"$(look \"$GRAPH/me\" id)\"".to_owned()
        } else {
            format!("\"$(look \"$GRAPH/users/{}\" id)\"", encoded(user))
        };
        let _ = writeln!(text, "assign {id} {}", quoted(user));
    }
    text
}

fn aws(print: &Print<'_>, account: &Account<'_>) -> String {
    let (wish, facts) = (account.wish, print.facts);
    let mut text = format!("\n# AWS, {} {}\n(\n", account.label(), "-".repeat(60));
    match &wish.credential {
        CredentialFrom::Profile(profile) => {
            let _ = writeln!(text, "export AWS_PROFILE={}", quoted(profile));
        }
        CredentialFrom::Bookmark(name) => {
            let _ = writeln!(text, "eval \"$(pintail env {} --shell sh)\"", quoted(name.as_str()));
        }
        CredentialFrom::Environment => {}
    }
    let region = quoted(wish.region.as_str());
    let _ = writeln!(text, "export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=''");
    for (service, url) in [("IAM", &wish.endpoints.iam), ("STS", &wish.endpoints.sts)] {
        if let Some(url) = url {
            let _ = writeln!(text, "export AWS_ENDPOINT_URL_{service}={}", quoted(url.as_str()));
        }
    }
    text.push_str("ACCOUNT=$(aws sts get-caller-identity --query Account --output text)\n");
    if let Some(number) = account.number() {
        let _ = writeln!(
            text,
            "[ \"$ACCOUNT\" = {number} ] || fail \"the credential is of account $ACCOUNT, not {number}\"",
        );
    }
    let built_in = policies::is_built_in(facts);
    let tag = quoted(&format!("Key={MARK},Value={}", print.mark()));
    if built_in {
        let _ = writeln!(text, "PROVIDER={}", quoted(&policies::federated(wish.partition, "", facts)));
    } else {
        let _ = write!(
            text,
            r#"PROVIDER="arn:{partition}:iam::$ACCOUNT:oidc-provider/"{name}
say "identity provider $PROVIDER"
if aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$PROVIDER" >/dev/null 2>&1; then
  aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn "$PROVIDER" --client-id "$APP_ID"
else
  aws iam create-open-id-connect-provider --url {issuer} --client-id-list "$APP_ID" --tags {tag} >/dev/null
fi
"#,
            partition = wish.partition,
            name = quoted(issuer_name(&facts.issuer)),
            issuer = quoted(&facts.issuer),
        );
    }
    let trust = policies::trust(wish, &facts.issuer, PROVIDER, CLIENT).to_string();
    let _ = write!(
        text,
        r#"
ROLE={role}
TRUST={trust}
say "role $ROLE"
if aws iam get-role --role-name "$ROLE" >/dev/null 2>&1; then
  [ "$(aws iam get-role --role-name "$ROLE" --query {tag_query} --output text)" != None ] ||
    fail "role $ROLE was not made by a setup; its trust policy may be needed by others. Add this statement by hand: $TRUST"
  aws iam update-assume-role-policy --role-name "$ROLE" --policy-document "$TRUST"
  aws iam update-role --role-name "$ROLE" --max-session-duration {session}
else
  aws iam create-role --role-name "$ROLE" --path {path} --description {description} --max-session-duration {session} --assume-role-policy-document "$TRUST" --tags {tag} >/dev/null
fi
"#,
        role = quoted(&wish.role),
        trust = spliced(&trust, &[(PROVIDER, "PROVIDER"), (CLIENT, "APP_ID")]),
        tag_query = quoted(&format!("Role.Tags[?Key=={}].Value | [0]", literal(MARK))),
        session = wish.session_s,
        path = quoted(&wish.role_path),
        description = quoted(&crate::setup::aws::description(facts)),
    );
    // `render` checked that there is room.
    match policies::permissions(wish) {
        Ok(Permissions::Inline(document)) => {
            let _ = writeln!(
                text,
                "patiently aws iam put-role-policy --role-name \"$ROLE\" --policy-name {} --policy-document {}",
                quoted(INLINE_POLICY),
                quoted(&document.to_string()),
            );
        }
        Ok(Permissions::Managed(documents)) => text.push_str(&managed(account, &documents, &tag)),
        Err(_) => {}
    }
    text.push_str(")\n");
    text
}

fn managed(account: &Account<'_>, documents: &[Value], tag: &str) -> String {
    let wish = account.wish;
    let mut text = String::new();
    for managed in crate::setup::aws::managed(wish, "", documents, &Default::default()) {
        let _ = write!(
            text,
            r#"POLICY="arn:{partition}:iam::$ACCOUNT:policy"{path}{name}
aws iam get-policy --policy-arn "$POLICY" >/dev/null 2>&1 ||
  aws iam create-policy --policy-name {name} --path {path} --policy-document {document} --tags {tag} >/dev/null
patiently aws iam attach-role-policy --role-name "$ROLE" --policy-arn "$POLICY"
"#,
            partition = wish.partition,
            path = quoted(&managed.path),
            name = quoted(&managed.name),
            document = quoted(&managed.document.to_string()),
        );
    }
    text
}
