//! What the documentation of Terraform's providers says can stand in the resources that set-up prints, and whether a module
//! keeps to it and to names that it declares.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Resources and data sources, by `resource.TYPE` or `data.TYPE`, with their arguments and blocks; a block's own follow after a slash.
/// Written down from the documentation of hashicorp/azuread 3 and hashicorp/aws 6; those needed are marked with `!`.
const DOCUMENTED: &[(&str, &str)] = &[
    (
        "resource.azuread_application",
        "display_name! sign_in_audience fallback_public_client_enabled notes tags group_membership_claims public_client api optional_claims required_resource_access",
    ),
    ("resource.azuread_application/public_client", "redirect_uris"),
    (
        "resource.azuread_application/api",
        "requested_access_token_version mapped_claims_enabled known_client_applications oauth2_permission_scope",
    ),
    ("resource.azuread_application/optional_claims", "access_token id_token saml2_token"),
    ("resource.azuread_application/optional_claims/id_token", "name! additional_properties essential source"),
    ("resource.azuread_application/required_resource_access", "resource_app_id! resource_access!"),
    ("resource.azuread_application/required_resource_access/resource_access", "id! type!"),
    (
        "resource.azuread_service_principal",
        "client_id! account_enabled app_role_assignment_required notes tags use_existing",
    ),
    (
        "resource.azuread_service_principal_delegated_permission_grant",
        "claim_values! resource_service_principal_object_id! service_principal_object_id! user_object_id",
    ),
    ("resource.azuread_app_role_assignment", "app_role_id! principal_object_id! resource_object_id!"),
    ("resource.azuread_claims_mapping_policy", "definition! display_name!"),
    (
        "resource.azuread_service_principal_claims_mapping_policy_assignment",
        "claims_mapping_policy_id! service_principal_id!",
    ),
    ("resource.aws_iam_openid_connect_provider", "url! client_id_list! thumbprint_list tags provider"),
    (
        "resource.aws_iam_role",
        "assume_role_policy! name path description max_session_duration permissions_boundary tags provider",
    ),
    ("resource.aws_iam_role_policy", "role! policy! name provider"),
    ("resource.aws_iam_policy", "policy! name path description tags provider"),
    ("resource.aws_iam_role_policy_attachment", "role! policy_arn! provider"),
    ("data.azuread_service_principal", "client_id display_name object_id"),
    ("data.azuread_group", "display_name object_id security_enabled mail_enabled"),
    ("data.azuread_user", "user_principal_name object_id mail"),
    ("data.azuread_client_config", ""),
    ("data.aws_iam_openid_connect_provider", "arn url provider"),
];

/// What the wishes have to print at least once.
pub(super) const RESOURCES: [&str; 14] = [
    "resource.azuread_application",
    "resource.azuread_service_principal",
    "resource.azuread_service_principal_delegated_permission_grant",
    "resource.azuread_app_role_assignment",
    "resource.azuread_claims_mapping_policy",
    "resource.azuread_service_principal_claims_mapping_policy_assignment",
    "resource.aws_iam_openid_connect_provider",
    "resource.aws_iam_role",
    "resource.aws_iam_role_policy",
    "resource.aws_iam_policy",
    "resource.aws_iam_role_policy_attachment",
    "data.azuread_group",
    "data.azuread_user",
    "data.azuread_client_config",
];

/// The files of one wish.
#[derive(Default)]
pub(super) struct Module {
    /// By kind, type and name.
    things: Vec<(String, String, Value)>,
    providers: Vec<Value>,
    texts: String,
}

impl Module {
    pub(super) fn add(&mut self, tree: &Value) {
        self.texts += &tree.to_string();
        for kind in ["resource", "data"] {
            for entry in tree[kind].as_array().into_iter().flatten() {
                for (type_name, named) in entry.as_object().unwrap() {
                    for (name, body) in named.as_object().unwrap() {
                        self.things.push((format!("{kind}.{type_name}"), name.clone(), body.clone()));
                    }
                }
            }
        }
        self.providers.extend(tree["terraform"].as_array().into_iter().flatten().cloned());
    }

    /// Checks arguments, names and references, and returns what was seen.
    pub(super) fn check(&self, wish: &str) -> BTreeSet<String> {
        let needed = self.providers.first().expect("a module says which providers it needs").to_string();
        let mut names = BTreeSet::new();
        for (kind, name, body) in &self.things {
            check_body(wish, kind, body.as_object().unwrap());
            assert!(names.insert((kind.clone(), name.clone())), "{wish}: {kind} {name} stands twice");
            let provider = kind.split('.').nth(1).unwrap().split('_').next().unwrap();
            assert!(
                needed.contains(&format!("\"hashicorp/{provider}\"")),
                "{wish}: {provider} is not among {needed}"
            );
        }
        for (kind, name) in self.references() {
            assert!(
                names.contains(&(kind.clone(), name.clone())),
                "{wish}: {kind} {name} is nowhere declared"
            );
        }
        self.things.iter().map(|(kind, _, _)| kind.clone()).collect()
    }

    /// Everything of the form `TYPE.NAME.` or `data.TYPE.NAME.` outside of quotes that the policies bring.
    fn references(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for prefix in ["azuread_", "aws_iam_"] {
            for (at, _) in self.texts.match_indices(prefix) {
                let before = &self.texts[..at];
                let rest = &self.texts[at..];
                let parts: Vec<&str> = rest.splitn(3, '.').collect();
                let [type_name, name, _] = parts[..] else { continue };
                let word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !word(type_name) || !word(name) {
                    continue;
                }
                let kind = if before.ends_with("data.") { "data" } else { "resource" };
                found.push((format!("{kind}.{type_name}"), name.to_owned()));
            }
        }
        found
    }
}

fn check_body(wish: &str, path: &str, body: &Map<String, Value>) {
    let documented = DOCUMENTED.iter().find(|(known, _)| *known == path);
    let (_, arguments) = documented.unwrap_or_else(|| panic!("{wish}: {path} is not in the table"));
    let known: Vec<&str> = arguments.split_whitespace().collect();
    for (name, value) in body {
        assert!(
            known.iter().any(|known| known.trim_end_matches('!') == name),
            "{wish}: {path} has no argument {name}"
        );
        let inner = format!("{path}/{name}");
        if DOCUMENTED.iter().any(|(known, _)| *known == inner) {
            for block in value.as_array().unwrap_or_else(|| panic!("{wish}: {inner} is a block")) {
                check_body(wish, &inner, block.as_object().unwrap());
            }
        }
    }
    for needed in known.iter().filter_map(|known| known.strip_suffix('!')) {
        assert!(body.contains_key(needed), "{wish}: {path} lacks {needed}");
    }
}
