//! What is sent to support or to an admin: the findings with the facts around them, in one JSON text without secrets.
//!
//! It is built of values that hold no secret, and run through `core::redact` as a second net, which masks people as well. Variables are
//! named without their values. See `docs/formats.md`.

use jiff::Timestamp;
use pintail_connect::{Connection, Environment};
use pintail_core::connection::{Issuer, Redirect, StsEndpoint};
use pintail_core::name::BookmarkName;
use pintail_core::redact::Redactor;
use serde_json::{Map, Value, json};

use super::Report;

/// The version of the format.
pub(crate) const VERSION: u64 = 1;
/// What `format` says.
pub(crate) const FORMAT: &str = "pintail-doctor-bundle";

/// Makes the text of a bundle.
pub(crate) fn text(
    report: &Report,
    name: Option<&BookmarkName>,
    connection: Option<&Connection>,
    environment: &Environment,
    now: Timestamp,
) -> String {
    let bundle = json!({
        "format": FORMAT,
        "version": VERSION,
        "made_at": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "pintail": env!("CARGO_PKG_VERSION"),
        "system": { "os": std::env::consts::OS, "architecture": std::env::consts::ARCH },
        "broken_link": report.first().map(|finding| finding.check),
        "findings": report.findings,
        "bookmark": name.map(|name| bookmark(name, connection)),
        "claims": report.claims,
        "environment": surroundings(environment),
    });
    let text = serde_json::to_string_pretty(&bundle).unwrap_or_default();
    let home = environment.home.as_ref().map(|home| home.display().to_string());
    let mut redacted = Redactor::for_bundle(home.as_deref()).text(&text);
    redacted.push('\n');
    redacted
}

fn bookmark(name: &BookmarkName, connection: Option<&Connection>) -> Value {
    let Some(connection) = connection else { return json!({ "name": name.to_string() }) };
    let web = connection.web_identity().map(|web| {
        let redirect = match &web.redirect {
            Redirect::Loopback(url) | Redirect::Scheme(url) => url.as_str(),
        };
        let issuer = match &web.issuer {
            Issuer::Entra { tenant, authority } => json!({
                "tenant": tenant.to_string(),
                "authority": authority.as_ref().map(url::Url::as_str),
            }),
            Issuer::Other(address) => json!({ "issuer": address.as_str() }),
        };
        json!({
            "issuer": issuer,
            "client_id": web.client_id.as_str(),
            "redirect": redirect,
            "scopes": web.extra_scopes,
            "roles": web.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    let sts = match &connection.sts_endpoint {
        StsEndpoint::Regional => "regional".to_owned(),
        StsEndpoint::Global => "global".to_owned(),
        StsEndpoint::Custom(url) => url.to_string(),
    };
    json!({
        "name": name.to_string(),
        "way": connection.way.name().to_string(),
        "web": web,
        "region": connection.region.as_str(),
        "s3_endpoint": connection.s3_endpoint.as_ref().map(url::Url::as_str),
        "sts_endpoint": sts,
        "read_only": connection.read_only,
        "path": connection.default_path,
    })
}

fn surroundings(environment: &Environment) -> Value {
    let mut facts = Map::new();
    let aws: Vec<&str> = environment.aws.telling.iter().map(|(name, _)| *name).collect();
    facts.insert("aws_variables_set".into(), json!(aws));
    facts.insert("keychain_chosen".into(), json!(environment.keychain));
    facts.insert("has_session_bus".into(), json!(environment.session_bus.is_some()));
    facts.insert("has_display".into(), json!(environment.has_display));
    facts.insert("is_remote".into(), json!(environment.is_remote));
    facts.insert("https_proxy".into(), json!(environment.https_proxy.as_deref().map(without_password)));
    facts.insert("http_proxy".into(), json!(environment.http_proxy.as_deref().map(without_password)));
    facts.insert("no_proxy".into(), json!(environment.no_proxy));
    facts.insert(
        "ca_bundle".into(),
        json!(environment.ca_bundle.as_ref().map(|path| path.display().to_string())),
    );
    Value::Object(facts)
}

/// Takes user name and password out of a proxy's address.
fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    if scheme.is_empty() { place.to_owned() } else { format!("{scheme}://{place}") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::finding::{Finding, Line};
    use super::*;

    #[test]
    fn a_bundle_has_the_findings_and_no_secret_and_no_person() {
        let mut environment = Environment::in_folder(Path::new("/home/alice/pintail"));
        environment.home = Some("/home/alice".into());
        environment.https_proxy = Some("http://alice:pass-word@proxy.example:3128".into());
        environment.aws.telling = vec![("AWS_ACCESS_KEY_ID", "ASIAABCDEFGHIJKLMNOP".into())];
        let finding =
            Finding::broken("claims", "the token is for alice@contoso.com", "m", "n").with(vec![Line::new(
                "sub",
                "a-subject",
                "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
                false,
            )]);
        let claims = json!({ "sub": "pairwise-subject", "aud": "client-1", "preferred_username": "alice@contoso.com" });
        let report = Report { findings: vec![finding], claims: claims.as_object().cloned() };
        let name = "lab".parse().unwrap();
        let text = text(&report, Some(&name), None, &environment, Timestamp::UNIX_EPOCH);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((value["version"].as_u64(), value["broken_link"].as_str()), (Some(1), Some("claims")));
        assert_eq!(value["claims"]["aud"], "client-1");
        assert_eq!(value["environment"]["https_proxy"], "http://proxy.example:3128");
        for hidden in ["alice", "pass-word", "c2lnbmF0dXJl", "ASIAABCDEFGHIJKLMNOP", "pairwise-subject"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}
