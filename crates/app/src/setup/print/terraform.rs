//! Terraform for both clouds, with references in place of copied IDs.
//!
//! Pure: a wish in, files out. Argument names are those of the providers' documentation (hashicorp/azuread 3, hashicorp/aws 6); a test compares them with a table.

use serde_json::Value;

use super::hcl::{Block, Hcl, document};
use super::parts::{EntraParts, GRAPH_APP_ID, is_guid};
use super::{Account, Print, PrintedFile};
use crate::setup::aws::policies::{self, Permissions};
use crate::setup::aws::{INLINE_POLICY, MARK};
use crate::setup::desired::{CredentialFrom, EntraWish, ME};

/// Stands for the provider's ARN until it is a reference.
const PROVIDER: &str = "{provider}";
/// Stands for the client ID until it is a reference.
const CLIENT: &str = "{client}";
/// The role of an application that has none of its own.
const DEFAULT_ROLE: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn files(print: &Print<'_>) -> Vec<PrintedFile> {
    let mut files = vec![file("main.tf", &main(print))];
    if let (Some(wish), Some(parts)) = (print.desired.issuer.entra(), &print.entra) {
        files.push(file("entra.tf", &entra(wish, parts)));
    }
    for account in &print.accounts {
        files.push(file(&format!("aws-{}.tf", account.label()), &aws(print, account)));
    }
    files
}

fn file(name: &str, blocks: &[Block]) -> PrintedFile {
    let head =
        "# Written by `pintail setup --print terraform`. Write it anew rather than change it by hand.\n\n";
    PrintedFile { name: name.to_owned(), text: format!("{head}{}", document(blocks)), executable: false }
}

fn main(print: &Print<'_>) -> Vec<Block> {
    let needed = |source: &str, version: &str| {
        Hcl::Object(vec![("source".into(), Hcl::text(source)), ("version".into(), Hcl::text(version))])
    };
    let mut providers = Block::new("required_providers", &[]);
    if print.entra.is_some() {
        providers = providers.with("azuread", needed("hashicorp/azuread", "~> 3.0"));
    }
    providers = providers.with("aws", needed("hashicorp/aws", "~> 6.0"));
    let mut blocks =
        vec![Block::new("terraform", &[]).with("required_version", Hcl::text(">= 1.5")).block(providers)];
    if let Some(wish) = print.desired.issuer.entra() {
        let tenant = print.facts.tenant.clone().unwrap_or_else(|| wish.tenant.to_string());
        blocks.push(
            Block::new("provider", &["azuread"])
                .with("tenant_id", Hcl::text(tenant))
                .with_some("environment", cloud(wish).map(Hcl::text)),
        );
    }
    let several = print.accounts.len() > 1;
    for account in &print.accounts {
        let wish = account.wish;
        let profile = match &wish.credential {
            CredentialFrom::Profile(profile) => Some(Hcl::text(profile)),
            CredentialFrom::Environment | CredentialFrom::Bookmark(_) => None,
        };
        let allowed = account.number().map(|number| Hcl::texts([number]));
        let mut block = Block::new("provider", &["aws"]);
        if let CredentialFrom::Bookmark(name) = &wish.credential {
            block = block
                .comment(&format!("Run terraform inside of `pintail exec {name} -- …` for its credential."));
        }
        block = block.with_some("alias", several.then(|| Hcl::text(alias(account))));
        block = block.with("region", Hcl::text(wish.region.as_str())).with_some("profile", profile);
        blocks.push(block.with_some("allowed_account_ids", allowed));
    }
    blocks
}

/// The name that the provider has for a cloud other than the global one.
fn cloud(wish: &EntraWish) -> Option<&'static str> {
    match wish.authority.as_ref()?.host_str()? {
        "login.microsoftonline.us" => Some("usgovernment"),
        "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Some("china"),
        _ => None,
    }
}

fn alias(account: &Account<'_>) -> String {
    format!("account_{}", account.index + 1)
}

fn entra(wish: &EntraWish, parts: &EntraParts) -> Vec<Block> {
    let mut blocks = vec![
        Block::new("data", &["azuread_service_principal", "microsoft_graph"])
            .with("client_id", Hcl::text(GRAPH_APP_ID)),
        application(wish, parts),
        Block::new("resource", &["azuread_service_principal", "pintail"])
            .with("client_id", Hcl::raw("azuread_application.pintail.client_id"))
            .with("app_role_assignment_required", Hcl::Flag(wish.assignment_required))
            .with("tags", Hcl::texts(parts.principal_tags.iter().map(String::as_str))),
        Block::new("resource", &["azuread_service_principal_delegated_permission_grant", "pintail"])
            .with("service_principal_object_id", Hcl::raw("azuread_service_principal.pintail.object_id"))
            .with(
                "resource_service_principal_object_id",
                Hcl::raw("data.azuread_service_principal.microsoft_graph.object_id"),
            )
            .with("claim_values", Hcl::texts(parts.scopes.iter().map(String::as_str))),
    ];
    if let Some((name, definition)) = &parts.claims {
        let definition: Value = serde_json::from_str(definition).unwrap_or_default();
        blocks.push(
            Block::new("resource", &["azuread_claims_mapping_policy", "session_tags"])
                .with("display_name", Hcl::text(name))
                .with("definition", Hcl::List(vec![encoded(&definition)])),
        );
        let link = "azuread_service_principal_claims_mapping_policy_assignment";
        blocks.push(
            Block::new("resource", &[link, "session_tags"])
                .with("claims_mapping_policy_id", Hcl::raw("azuread_claims_mapping_policy.session_tags.id"))
                .with("service_principal_id", Hcl::raw("azuread_service_principal.pintail.id")),
        );
    }
    blocks.extend(people(wish));
    blocks.push(
        Block::new("output", &["client_id"])
            .with("description", Hcl::text("The application's ID, for the bookmark"))
            .with("value", Hcl::raw("azuread_application.pintail.client_id")),
    );
    blocks
}

fn application(wish: &EntraWish, parts: &EntraParts) -> Block {
    let text = |key: &str| Hcl::json(parts.app.get(key).unwrap_or(&Value::Null));
    let mut block = Block::new("resource", &["azuread_application", "pintail"])
        .with("display_name", text("displayName"))
        .with("sign_in_audience", text("signInAudience"))
        .with("fallback_public_client_enabled", Hcl::Flag(wish.device_code))
        .with("notes", text("notes"))
        .with("tags", text("tags"));
    if let Some(groups) = parts.app.get("groupMembershipClaims").and_then(Value::as_str) {
        block = block.with("group_membership_claims", Hcl::texts([groups]));
    }
    let mapped = parts.app.pointer("/api/acceptMappedClaims").and_then(Value::as_bool) == Some(true);
    block = block
        .block(
            Block::new("public_client", &[])
                .with("redirect_uris", Hcl::texts(wish.redirects.iter().map(String::as_str))),
        )
        .block(
            Block::new("api", &[])
                .with("requested_access_token_version", Hcl::Number(2))
                .with_some("mapped_claims_enabled", mapped.then_some(Hcl::Flag(true))),
        );
    let claims = parts.app.pointer("/optionalClaims/idToken").and_then(Value::as_array);
    if let Some(claims) = claims {
        let mut all = Block::new("optional_claims", &[]);
        for name in claims.iter().filter_map(|claim| claim["name"].as_str()) {
            all = all.block(Block::new("id_token", &[]).with("name", Hcl::text(name)));
        }
        block = block.block(all);
    }
    let mut access =
        Block::new("required_resource_access", &[]).with("resource_app_id", Hcl::text(GRAPH_APP_ID));
    for scope in &parts.scopes {
        let id = format!(
            "data.azuread_service_principal.microsoft_graph.oauth2_permission_scope_ids[\"{scope}\"]"
        );
        access = access.block(
            Block::new("resource_access", &[]).with("id", Hcl::raw(id)).with("type", Hcl::text("Scope")),
        );
    }
    block.block(access)
}

fn people(wish: &EntraWish) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut assign = |name: &str, principal: Hcl| {
        blocks.push(
            Block::new("resource", &["azuread_app_role_assignment", name])
                .with("app_role_id", Hcl::text(DEFAULT_ROLE))
                .with("principal_object_id", principal)
                .with("resource_object_id", Hcl::raw("azuread_service_principal.pintail.object_id")),
        );
    };
    let mut found = Vec::new();
    for (number, group) in (1..).zip(&wish.groups) {
        let name = format!("group_{number}");
        if is_guid(group) {
            assign(&name, Hcl::text(group));
        } else {
            let data = Block::new("data", &["azuread_group", &name]).with("display_name", Hcl::text(group));
            found.push(data);
            assign(&name, Hcl::raw(format!("data.azuread_group.{name}.object_id")));
        }
    }
    for (number, user) in (1..).zip(&wish.users) {
        let name = format!("user_{number}");
        if user == ME {
            found.push(Block::new("data", &["azuread_client_config", &name]));
            assign(&name, Hcl::raw(format!("data.azuread_client_config.{name}.object_id")));
        } else if is_guid(user) {
            assign(&name, Hcl::text(user));
        } else {
            let data =
                Block::new("data", &["azuread_user", &name]).with("user_principal_name", Hcl::text(user));
            found.push(data);
            assign(&name, Hcl::raw(format!("data.azuread_user.{name}.object_id")));
        }
    }
    found.extend(blocks);
    found
}

fn aws(print: &Print<'_>, account: &Account<'_>) -> Vec<Block> {
    let (wish, facts) = (account.wish, print.facts);
    let several = print.accounts.len() > 1;
    let name = if several { alias(account) } else { "pintail".to_owned() };
    let here = |kind: &str, resource: &str, name: &str| {
        let block = Block::new(kind, &[resource, name]);
        block.with_some("provider", several.then(|| Hcl::raw(format!("aws.{}", alias(account)))))
    };
    let tags = Hcl::Object(vec![(MARK.to_owned(), Hcl::text(print.mark()))]);
    let client_id = match &facts.client_id {
        Some(client_id) if print.entra.is_none() => Hcl::text(client_id.as_str()),
        _ => Hcl::raw("azuread_application.pintail.client_id"),
    };
    let mut blocks = Vec::new();
    let provider = if policies::is_built_in(facts) {
        Hcl::text(policies::federated(wish.partition, "", facts))
    } else if account.known.provider_exists {
        blocks.push(
            here("data", "aws_iam_openid_connect_provider", &name)
                .comment(
                    "The account has it already: add the client ID to its audiences, which this does not do.",
                )
                .with("url", Hcl::text(&facts.issuer)),
        );
        Hcl::raw(format!("data.aws_iam_openid_connect_provider.{name}.arn"))
    } else {
        blocks.push(
            here("resource", "aws_iam_openid_connect_provider", &name)
                .with("url", Hcl::text(&facts.issuer))
                .with("client_id_list", Hcl::List(vec![client_id.clone()]))
                .with("tags", tags.clone()),
        );
        Hcl::raw(format!("aws_iam_openid_connect_provider.{name}.arn"))
    };
    let trust = policies::trust(wish, &facts.issuer, PROVIDER, CLIENT);
    let trust = replaced(Hcl::json(&trust), &[(PROVIDER, &provider), (CLIENT, &client_id)]);
    blocks.push(
        here("resource", "aws_iam_role", &name)
            .with("name", Hcl::text(&wish.role))
            .with("path", Hcl::text(&wish.role_path))
            .with("description", Hcl::text(crate::setup::aws::description(facts)))
            .with("max_session_duration", Hcl::Number(wish.session_s.into()))
            .with("assume_role_policy", call("jsonencode", &trust))
            .with("tags", tags.clone()),
    );
    let role = format!("aws_iam_role.{name}.name");
    // `render` checked that there is room.
    match policies::permissions(wish) {
        Ok(Permissions::Inline(document)) => blocks.push(
            here("resource", "aws_iam_role_policy", &name)
                .with("name", Hcl::text(INLINE_POLICY))
                .with("role", Hcl::raw(role))
                .with("policy", encoded(&document)),
        ),
        Ok(Permissions::Managed(documents)) => {
            let managed = crate::setup::aws::managed(wish, "", &documents, &Default::default());
            for (number, managed) in (1..).zip(managed) {
                let own = format!("{name}_{number}");
                blocks.push(
                    here("resource", "aws_iam_policy", &own)
                        .with("name", Hcl::text(managed.name))
                        .with("path", Hcl::text(managed.path))
                        .with("policy", encoded(&managed.document))
                        .with("tags", tags.clone()),
                );
                blocks.push(
                    here("resource", "aws_iam_role_policy_attachment", &own)
                        .with("role", Hcl::raw(role.clone()))
                        .with("policy_arn", Hcl::raw(format!("aws_iam_policy.{own}.arn"))),
                );
            }
        }
        Err(_) => {}
    }
    blocks.push(
        Block::new("output", &[&format!("role_arn_{}", account.label().replace('-', "_"))])
            .with("description", Hcl::text("The role that people take, for the bookmark"))
            .with("value", Hcl::raw(format!("aws_iam_role.{name}.arn"))),
    );
    blocks
}

fn encoded(value: &Value) -> Hcl {
    call("jsonencode", &Hcl::json(value))
}

fn call(function: &str, argument: &Hcl) -> Hcl {
    Hcl::Call(function.to_owned(), Box::new(argument.clone()))
}

fn replaced(value: Hcl, references: &[(&str, &Hcl)]) -> Hcl {
    match value {
        Hcl::Text(text) => {
            let found = references.iter().find(|(stands_for, _)| *stands_for == text);
            found.map_or(Hcl::Text(text), |(_, reference)| (*reference).clone())
        }
        Hcl::List(items) => Hcl::List(items.into_iter().map(|item| replaced(item, references)).collect()),
        Hcl::Object(members) => {
            Hcl::Object(members.into_iter().map(|(key, value)| (key, replaced(value, references))).collect())
        }
        other => other,
    }
}
