//! Asks the issuer without a sign-in, and has the answers judged.
//!
//! Nothing of it signs anybody in: the code that is sent to the token endpoint is none, and the sign-in page is asked for no page.

use pintail_core::connection::{Issuer, Redirect};
use pintail_core::seam::HttpRequest;
use pintail_identity::oidc::{DiscoveryError, Metadata};
use serde_json::Value;

use super::case::{Case, Discovered, authority, no_code};
use super::finding::Finding;
use super::issuer_facts as facts;
use super::issuer_facts::Answer;
use super::network::{Failed, Service};
use pintail_core::seam::HttpClient as _;

/// A challenge whose verifier nobody knows: the S256 form of nothing in particular.
const CHALLENGE: &str = "cGludGFpbC1kb2N0b3ItYXNrcy1mb3Itbm8tY29kZS4";
/// The port that is sent with a loopback redirect: any, where the issuer follows RFC 8252.
const PORT: u16 = 49_152;

/// Fetches the discovery document.
pub(super) async fn discovery(case: &mut Case<'_>) -> Finding {
    let (Some(web), Some(texts)) = (case.web().cloned(), case.application()) else {
        return Finding::not_run(
            "discovery",
            "there is no issuer",
            "Name one: `pintail bookmark edit NAME --tenant TENANT`.",
        );
    };
    let application = texts.as_application();
    let Some(authority) = authority(&web) else {
        return Finding::broken(
            "discovery",
            "the issuer's address cannot be used",
            "it has to be https, or http on this machine",
            format!("Correct it: `pintail bookmark edit {}`.", case.name()),
        );
    };
    case.reach().await;
    if let Some(blocked) = case.reached(Service::Issuer).and_then(super::network::Reached::blocked_by) {
        return Finding::blocked("discovery", blocked, super::finding::Level::Broken);
    }
    let url = authority.discovery_url();
    let answer = match case.transport() {
        Ok(transport) => {
            transport.send(HttpRequest::get(url.clone())).await.map_err(|error| super::case::failed(&error))
        }
        Err(text) => Err(Failed { kind: pintail_core::seam::HttpErrorKind::Tls, text }),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(failed) => {
            return Finding::broken(
                "discovery",
                failed.text,
                "the issuer is not reached: its address is wrong, it is away, or a firewall is in between",
                format!(
                    "Open {url} in a browser; if it opens there, ask for this machine to be let through."
                ),
            );
        }
    };
    let document = serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .filter(|document| document.get("issuer").is_some());
    let (200, Some(document)) = (answer.status.as_u16(), document) else {
        let said = Answer::read(answer.status.as_u16(), None, &answer.body);
        return facts::no_discovery(&said, &application, url.as_str());
    };
    let metadata = Metadata::parse(&authority, &answer.body);
    let finding = match &metadata {
        Ok(_) | Err(DiscoveryError::Issuer(_)) => {
            Finding::ok("discovery", format!("{url} describes the issuer"))
        }
        Err(error) => Finding::broken(
            "discovery",
            format!("the discovery document cannot be used: {}", super::local::with_causes(error)),
            "without it nobody can sign in",
            "Ask the issuer's admin to mend the discovery document.",
        ),
    };
    case.discovered = Some(Discovered { document, metadata: metadata.map_err(|error| error.to_string()) });
    finding
}

/// Compares the issuer that discovery names with the one that the bookmark does.
pub(super) fn issuer(case: &Case<'_>) -> Finding {
    let (Some(found), Some(web)) = (&case.discovered, case.web()) else {
        return Finding::blocked("issuer", "discovery", super::finding::Level::Broken);
    };
    let seen = found.issuer();
    let name = case.name();
    if let Issuer::Entra { tenant, .. } = &web.issuer
        && !tenant.has_one_issuer()
    {
        return Finding::warning(
            "issuer",
            format!("`{tenant}` stands for many tenants, each with an issuer of its own"),
            "an identity provider in IAM knows one issuer, so only people of that tenant get in; Entra refuses it for applications of one tenant (AADSTS50194)",
            format!(
                "Name your tenant: `pintail bookmark edit {name} --tenant TENANT` (its ID or a domain of it)."
            ),
        );
    }
    let host = |entry: &str| found.document.get(entry).and_then(Value::as_str).unwrap_or_default();
    let clouds = [
        ("microsoftonline.us", "login.microsoftonline.us"),
        ("partner.microsoftonline.cn", "login.partner.microsoftonline.cn"),
    ];
    if let Some((cloud, authority)) = clouds.iter().find(|(cloud, _)| host("cloud_instance_name") == *cloud)
        && !seen.contains(authority)
    {
        return Finding::broken(
            "issuer",
            format!("the tenant lives in the cloud {cloud}, and {seen} was asked"),
            "each national cloud has an authority of its own; tokens of another are not those of the provider in IAM",
            format!("Name the cloud: `pintail bookmark edit {name} --authority https://{authority}`."),
        );
    }
    match &found.metadata {
        Ok(metadata) => {
            Finding::ok("issuer", format!("the issuer is {}", metadata.issuer.issuer().unwrap_or(seen)))
        }
        Err(_) => {
            let is_entra = matches!(web.issuer, Issuer::Entra { .. });
            let expected = case.issuer().unwrap_or_default();
            facts::issuer(&expected, seen, &name, is_entra)
        }
    }
}

/// Asks for a device code and for a sign-in page, as the application.
pub(super) async fn client(case: &mut Case<'_>) -> Finding {
    let (Some(found), Some(texts)) = (case.discovered.clone(), case.application()) else {
        return Finding::blocked("client", "discovery", super::finding::Level::Broken);
    };
    let application = texts.as_application();
    if let Some(url) = found.device_endpoint() {
        let fields = [("client_id", application.client_id), ("scope", "openid")];
        case.device_answer = case.ask(HttpRequest::post_form(url, fields)).await.ok();
    }
    if let (Some(mut url), Some(redirect)) = (found.authorization_endpoint(), redirect_sent(case)) {
        let (state, nonce) = (no_code(case.app), no_code(case.app));
        url.query_pairs_mut().extend_pairs([
            ("client_id", application.client_id),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", redirect.as_str()),
            ("scope", "openid profile offline_access"),
            ("state", state.expose()),
            ("nonce", nonce.expose()),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ]);
        case.authorize_answer = case.ask(HttpRequest::get(url)).await.ok();
    }
    facts::client(case.device_answer.as_ref(), case.authorize_answer.as_ref(), &application)
}

/// Returns the redirect address as a sign-in sends it.
fn redirect_sent(case: &Case<'_>) -> Option<String> {
    match &case.web()?.redirect {
        Redirect::Scheme(url) => Some(url.to_string()),
        Redirect::Loopback(url) => {
            let mut url = url.clone();
            if url.port().is_none_or(|port| port == 0) {
                url.set_port(Some(PORT)).ok()?;
            }
            Some(url.to_string())
        }
    }
}

/// Judges what the sign-in page said to the redirect.
pub(super) fn redirect(case: &Case<'_>) -> Finding {
    let (Some(sent), Some(texts)) = (redirect_sent(case), case.application()) else {
        return Finding::blocked("redirect", "client", super::finding::Level::Broken);
    };
    match &case.authorize_answer {
        Some(answer) => facts::redirect(answer, &sent, &texts.as_application()),
        None => Finding::broken(
            "redirect",
            "the sign-in page does not answer",
            "nobody can sign in in a browser",
            "Try again in a minute; if it stays, ask the issuer's admin.",
        ),
    }
}

/// Sends a code that is none to the token endpoint.
pub(super) async fn client_kind(case: &Case<'_>) -> Finding {
    let (Some(found), Some(texts)) = (&case.discovered, case.application()) else {
        return Finding::blocked("client-kind", "discovery", super::finding::Level::Broken);
    };
    let application = texts.as_application();
    // A sign-in has sent a real code, and knows more than a code that is none.
    if let Some(failure) = &case.request.sign_in_failure {
        let text = failure.seen.clone();
        let answer = Answer { status: 400, number: facts::aadsts(&text), text, ..Answer::default() };
        let finding = facts::client_kind(&answer, &application);
        if finding.level == super::finding::Level::Broken {
            return finding;
        }
    }
    let (Some(url), Some(redirect)) = (found.token_endpoint(), redirect_sent(case)) else {
        return Finding::info("client-kind", "there is no token endpoint to ask");
    };
    let (code, verifier) = (no_code(case.app), no_code(case.app));
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", application.client_id),
        ("code", code.expose()),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier.expose()),
    ];
    match case.ask(HttpRequest::post_form(url, fields)).await {
        Ok(answer) => facts::client_kind(&answer, &application),
        Err(failed) => Finding::broken(
            "client-kind",
            failed.text,
            "the token endpoint is not reached, so no sign-in ends well",
            "Ask for this machine to be let through to the token endpoint.",
        ),
    }
}

/// Fetches the key set.
pub(super) async fn keys(case: &mut Case<'_>) -> Finding {
    let Some(url) = case.discovered.as_ref().and_then(Discovered::jwks_uri) else {
        return Finding::blocked("keys", "discovery", super::finding::Level::Broken);
    };
    let answer = match case.transport() {
        Ok(transport) => transport
            .send(HttpRequest::get(url.clone()))
            .await
            .map_err(|error| super::case::failed(&error).text),
        Err(text) => Err(text),
    };
    match answer {
        Ok(answer) => {
            let document = serde_json::from_slice::<Value>(&answer.body).ok();
            let finding = facts::keys(document.as_ref(), answer.status.as_u16());
            case.keys = document;
            finding
        }
        Err(text) => Finding::broken(
            "keys",
            format!("the key set at {url} is not reached: {text}"),
            "nobody can check the issuer's tokens, AWS neither",
            "Ask the issuer's admin: the address `jwks_uri` of the discovery document has to answer.",
        ),
    }
}
