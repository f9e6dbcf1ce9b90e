//! An application object as JSON, and what Graph checks before it writes one.

use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::errors::GraphError;
use crate::world::directory::{App, Directory, Platform};

pub(super) const RESOURCE: &str = "Application";

/// A redirect URI may be this long, and an app that is for work accounts alone may have this many.
const LONGEST_URI: usize = 256;
const MOST_URIS: usize = 256;
/// Characters that no redirect URI may hold.
const FORBIDDEN: &str = "!$'(),;";
const LONGEST_NAME: usize = 256;

const READ_ONLY: [&str; 8] = [
    "id",
    "appId",
    "applicationTemplateId",
    "createdDateTime",
    "deletedDateTime",
    "disabledByMicrosoftStatus",
    "publisherDomain",
    "passwordCredentials",
];

/// The app as Graph shows it.
pub(super) fn json(directory: &Directory, app: &App) -> Value {
    let mut object = json!({
        "id": app.object_id,
        "deletedDateTime": null,
        "appId": app.client_id,
        "applicationTemplateId": null,
        "disabledByMicrosoftStatus": null,
        "createdDateTime": null,
        "displayName": app.name,
        "description": null,
        "groupMembershipClaims": null,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": null,
        "notes": null,
        "publisherDomain": directory.domain,
        "serviceManagementReference": null,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "tokenEncryptionKeyId": null,
        "uniqueName": null,
        "samlMetadataUrl": null,
        "defaultRedirectUri": null,
        "certification": null,
        "optionalClaims": null,
        "servicePrincipalLockConfiguration": null,
        "requestSignatureVerification": null,
        "addIns": [],
        "api": {
            "acceptMappedClaims": null,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": null,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "appRoles": [],
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": app.certificates.iter().map(|certificate| json!({
            "customKeyIdentifier": certificate.thumbprint,
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
        })).collect::<Vec<_>>(),
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "passwordCredentials": app.secrets.iter().map(|secret| json!({
            "customKeyIdentifier": null,
            "displayName": null,
            "hint": secret.chars().take(3).collect::<String>(),
            "secretText": null,
        })).collect::<Vec<_>>(),
        "publicClient": {},
        "requiredResourceAccess": [],
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
        "web": {
            "homePageUrl": null,
            "logoutUrl": null,
            "implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false},
            "redirectUriSettings": [],
        },
        "spa": {},
    });
    for (name, value) in &app.registration {
        match (object[name.as_str()].as_object_mut(), value) {
            (Some(known), Value::Object(more)) => known.extend(more.clone()),
            _ => object[name.as_str()] = value.clone(),
        }
    }
    for (name, platform) in PLATFORMS {
        let uris = app.redirect_uris.iter().filter(|(of, _)| *of == platform).map(|(_, uri)| uri.as_str());
        object[name]["redirectUris"] = uris.collect();
    }
    if app.public_client_flows || object["isFallbackPublicClient"] == true {
        object["isFallbackPublicClient"] = json!(app.public_client_flows);
    }
    if app.multi_tenant != is_multi_tenant(&object["signInAudience"]) {
        object["signInAudience"] =
            json!(if app.multi_tenant { "AzureADMultipleOrgs" } else { "AzureADMyOrg" });
    }
    object
}

const PLATFORMS: [(&str, Platform); 3] =
    [("publicClient", Platform::Mobile), ("web", Platform::Web), ("spa", Platform::Spa)];

fn is_multi_tenant(audience: &Value) -> bool {
    audience.as_str().is_some_and(|audience| audience != "AzureADMyOrg")
}

/// Writes what was sent into an app; the app is changed only when all of it is good.
pub(super) fn write(app: &mut App, body: &Map<String, Value>) -> Result<(), GraphError> {
    let mut changed = app.clone();
    for (name, value) in body {
        property(&mut changed, name, value)?;
    }
    check_platforms(&changed)?;
    let mapped = changed.registration.get("api").is_some_and(|api| api["acceptMappedClaims"] == true);
    if mapped && changed.multi_tenant {
        return Err(GraphError::rule(
            "api/acceptMappedClaims",
            "acceptMappedClaims may be true for applications of a single tenant only.",
        ));
    }
    *app = changed;
    Ok(())
}

fn property(app: &mut App, name: &str, value: &Value) -> Result<(), GraphError> {
    let wrong = || GraphError::value(name, RESOURCE);
    if READ_ONLY.contains(&name) {
        return Err(GraphError::bad(&format!("Property '{name}' is read-only and cannot be set."))
            .detailed("ReadOnlyProperty", name));
    }
    match name {
        "displayName" => {
            let text = value.as_str().filter(|text| !text.is_empty() && text.chars().count() <= LONGEST_NAME);
            text.ok_or_else(wrong)?.clone_into(&mut app.name);
            return Ok(());
        }
        "publicClient" | "web" | "spa" => return platform(app, name, value),
        "signInAudience" => {
            let known = [
                "AzureADMyOrg",
                "AzureADMultipleOrgs",
                "AzureADandPersonalMicrosoftAccount",
                "PersonalMicrosoftAccount",
            ];
            if !value.as_str().is_some_and(|audience| known.contains(&audience)) {
                return Err(wrong());
            }
            app.multi_tenant = is_multi_tenant(value);
        }
        "isFallbackPublicClient" => {
            if !value.is_null() && !value.is_boolean() {
                return Err(wrong());
            }
            app.public_client_flows = value == true;
        }
        "tags" | "identifierUris" => {
            let texts = value.as_array().ok_or_else(wrong)?;
            let good = |one: &Value| one.as_str().is_some_and(|text| (1..=256).contains(&text.len()));
            if !texts.iter().all(good) {
                return Err(wrong());
            }
        }
        "notes" | "description" | "serviceManagementReference" => {
            if !value.is_null() && value.as_str().is_none_or(|text| text.chars().count() > 1024) {
                return Err(wrong());
            }
        }
        "groupMembershipClaims" => {
            let known = ["None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"];
            let good = |text: &str| text.split(',').all(|one| known.contains(&one.trim()));
            if !value.is_null() && !value.as_str().is_some_and(good) {
                return Err(wrong());
            }
        }
        "api" => api(value)?,
        "optionalClaims" => optional_claims(value)?,
        "requiredResourceAccess" => required_access(value)?,
        "appRoles" => app_roles(app, value)?,
        "info"
        | "requestSignatureVerification"
        | "servicePrincipalLockConfiguration"
        | "parentalControlSettings" => {
            if !value.is_object() && !value.is_null() {
                return Err(wrong());
            }
        }
        "addIns" | "keyCredentials" => {
            if value.as_array().is_none_or(|list| !list.is_empty()) {
                return Err(GraphError::bad(&format!("Property '{name}' cannot be written here.")));
            }
        }
        "defaultRedirectUri"
        | "isDeviceOnlyAuthSupported"
        | "tokenEncryptionKeyId"
        | "samlMetadataUrl"
        | "uniqueName" => {}
        _ => {
            return Err(
                GraphError::bad(&format!("Invalid property '{name}'.")).detailed("InvalidProperty", name)
            );
        }
    }
    match (app.registration.get_mut(name).and_then(Value::as_object_mut), value) {
        (Some(known), Value::Object(more)) if matches!(name, "api" | "info") => known.extend(more.clone()),
        _ => {
            app.registration.insert(name.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn platform(app: &mut App, name: &str, value: &Value) -> Result<(), GraphError> {
    let object = value.as_object().ok_or_else(|| GraphError::value(name, RESOURCE))?;
    let Some((_, platform)) = PLATFORMS.iter().find(|(known, _)| *known == name) else { return Ok(()) };
    for (inner, value) in object {
        let path = format!("{name}/{inner}");
        match inner.as_str() {
            "redirectUris" => {
                let uris = value.as_array().ok_or_else(|| GraphError::value(&path, RESOURCE))?;
                let mut texts: Vec<(Platform, String)> = Vec::new();
                for uri in uris {
                    let uri = uri.as_str().ok_or_else(|| GraphError::value(&path, RESOURCE))?;
                    check_uri(uri, *platform, &path)?;
                    if texts.iter().any(|(_, other)| other == uri) {
                        return Err(GraphError::rule(&path, "Redirect URIs must have distinct values."));
                    }
                    texts.push((*platform, uri.to_owned()));
                }
                app.redirect_uris.retain(|(of, _)| of != platform);
                app.redirect_uris.extend(texts);
            }
            "homePageUrl" | "logoutUrl" | "implicitGrantSettings" | "redirectUriSettings"
                if name == "web" =>
            {
                let web = app.registration.entry("web").or_insert_with(|| json!({}));
                web[inner.as_str()] = value.clone();
            }
            _ => {
                return Err(GraphError::bad(&format!("Invalid property '{inner}'."))
                    .detailed("InvalidProperty", &path));
            }
        }
    }
    Ok(())
}

fn check_platforms(app: &App) -> Result<(), GraphError> {
    if app.redirect_uris.len() > MOST_URIS {
        return Err(GraphError::rule(
            "redirectUris",
            "The application cannot have more than 256 redirect URIs.",
        ));
    }
    for (at, (platform, uri)) in app.redirect_uris.iter().enumerate() {
        if app.redirect_uris[..at].iter().any(|(other, known)| known == uri && other != platform) {
            return Err(GraphError::rule(
                "redirectUris",
                &format!("The redirect URI '{uri}' cannot stand under more than one platform."),
            ));
        }
    }
    Ok(())
}

fn check_uri(uri: &str, platform: Platform, path: &str) -> Result<(), GraphError> {
    let broken = |rule: &str| Err(GraphError::rule(path, &format!("{rule} The value was '{uri}'.")));
    if uri.chars().count() > LONGEST_URI {
        return broken("Redirect URIs must not be longer than 256 characters.");
    }
    if let Some(character) = uri.chars().find(|c| FORBIDDEN.contains(*c) || c.is_whitespace()) {
        return broken(&format!("Redirect URIs must not contain '{character}'."));
    }
    if !uri.is_ascii() {
        return broken("Internationalized domain names are not supported in redirect URIs.");
    }
    if uri.contains('#') {
        return broken("Redirect URIs must not contain a fragment.");
    }
    let Ok(url) = Url::parse(uri) else { return broken("Redirect URIs must be absolute URIs.") };
    match (url.scheme(), url.host()) {
        (_, Some(Host::Ipv6(_))) => broken("IPv6 addresses are not supported in redirect URIs."),
        ("https", Some(_)) => Ok(()),
        ("http", Some(Host::Domain("localhost"))) => Ok(()),
        ("http", Some(Host::Ipv4(address))) if address.is_loopback() => Ok(()),
        ("http" | "https", _) => {
            broken("Redirect URIs must start with 'https' or be on this machine: 'http://localhost'.")
        }
        ("javascript" | "data" | "file" | "about" | "blob", _) => {
            broken("The scheme of the redirect URI is not allowed.")
        }
        _ if platform == Platform::Mobile => Ok(()),
        _ => broken("Redirect URIs of this platform must use 'https' or 'http'."),
    }
}

fn api(value: &Value) -> Result<(), GraphError> {
    let object = value.as_object().ok_or_else(|| GraphError::value("api", RESOURCE))?;
    for (name, value) in object {
        let good = match name.as_str() {
            "acceptMappedClaims" => value.is_null() || value.is_boolean(),
            "requestedAccessTokenVersion" => value.is_null() || *value == 1 || *value == 2,
            "knownClientApplications" | "oauth2PermissionScopes" | "preAuthorizedApplications" => {
                value.is_array()
            }
            _ => return Err(GraphError::bad(&format!("Invalid property '{name}'."))),
        };
        if !good {
            return Err(GraphError::value(&format!("api/{name}"), RESOURCE));
        }
    }
    Ok(())
}

fn optional_claims(value: &Value) -> Result<(), GraphError> {
    if value.is_null() {
        return Ok(());
    }
    let wrong = || GraphError::value("optionalClaims", RESOURCE);
    for (kind, claims) in value.as_object().ok_or_else(wrong)? {
        if !matches!(kind.as_str(), "idToken" | "accessToken" | "saml2Token") {
            return Err(wrong());
        }
        for claim in claims.as_array().ok_or_else(wrong)? {
            let object = claim.as_object().ok_or_else(wrong)?;
            let named = claim["name"].as_str().is_some_and(|name| !name.is_empty());
            let known = object.iter().all(|(name, value)| match name.as_str() {
                "name" => true,
                "source" => value.is_null() || *value == "user",
                "essential" => value.is_boolean(),
                "additionalProperties" => value.is_array(),
                other => other.starts_with("@odata."),
            });
            if !named || !known {
                return Err(wrong());
            }
        }
    }
    Ok(())
}

fn is_guid(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    })
}

fn required_access(value: &Value) -> Result<(), GraphError> {
    let wrong = || GraphError::value("requiredResourceAccess", RESOURCE);
    for resource in value.as_array().ok_or_else(wrong)? {
        let access = resource["resourceAccess"].as_array().ok_or_else(wrong)?;
        let good = |one: &Value| is_guid(&one["id"]) && (one["type"] == "Scope" || one["type"] == "Role");
        if !is_guid(&resource["resourceAppId"]) || !access.iter().all(good) {
            return Err(wrong());
        }
    }
    Ok(())
}

fn app_roles(app: &App, value: &Value) -> Result<(), GraphError> {
    let wrong = || GraphError::value("appRoles", RESOURCE);
    let roles = value.as_array().ok_or_else(wrong)?;
    for role in roles {
        let members = role["allowedMemberTypes"].as_array().ok_or_else(wrong)?;
        let typed = !members.is_empty() && members.iter().all(|one| *one == "User" || *one == "Application");
        if !is_guid(&role["id"]) || !typed || !role["displayName"].is_string() {
            return Err(wrong());
        }
    }
    let known = app.registration.get("appRoles").and_then(Value::as_array);
    let kept = |id: &Value| roles.iter().any(|role| role["id"] == *id);
    if known.into_iter().flatten().any(|role| role["isEnabled"] != false && !kept(&role["id"])) {
        return Err(GraphError::bad(
            "Permission (scope or role) cannot be deleted or updated unless disabled first.",
        )
        .detailed("CannotDeleteOrUpdateEnabledEntitlement", "appRoles"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_held_to_entras_rules() {
        let long = format!("https://x.example/{}", "a".repeat(240));
        for (uri, platform, good) in [
            ("http://localhost", Platform::Mobile, true),
            ("http://127.0.0.1:7777/cb", Platform::Mobile, true),
            ("http://[::1]:7777/", Platform::Mobile, false),
            ("pintail://oauth", Platform::Mobile, true),
            ("pintail://oauth", Platform::Web, false),
            ("https://app.example/cb", Platform::Spa, true),
            ("http://app.example/cb", Platform::Web, false),
            ("https://app.example/c(b)", Platform::Web, false),
            ("https://app.example/c#b", Platform::Web, false),
            ("https://äpp.example/", Platform::Web, false),
            ("localhost", Platform::Mobile, false),
            ("javascript:alert", Platform::Mobile, false),
            (&long, Platform::Web, false),
        ] {
            assert_eq!(check_uri(uri, platform, "x").is_ok(), good, "{uri} {platform:?}");
        }
    }

    #[test]
    fn nothing_is_written_when_something_is_wrong() {
        let mut app = App::new("id", "before");
        let body = json!({"displayName": "after", "signInAudience": "everybody"});
        let error = write(&mut app, body.as_object().unwrap()).unwrap_err();
        assert!(error.message.contains("'signInAudience'"), "{error:?}");
        assert_eq!(app.name, "before");
        for body in [
            json!({"colour": "red"}),
            json!({"appId": "x"}),
            json!({"api": {"acceptMappedClaims": true}, "signInAudience": "AzureADMultipleOrgs"}),
            json!({"web": {"redirectUris": ["https://a/"]}, "spa": {"redirectUris": ["https://a/"]}}),
            json!({"publicClient": {"redirectUris": ["http://localhost", "http://localhost"]}}),
            json!({"optionalClaims": {"idToken": [{"source": "user"}]}}),
            json!({"requiredResourceAccess": [{"resourceAppId": "graph", "resourceAccess": []}]}),
        ] {
            assert!(write(&mut app, body.as_object().unwrap()).is_err(), "{body}");
        }
    }
}
