//! OpenID Connect providers.

use jiff::Timestamp;
use url::Url;

use super::{limit_exceeded, no_such_entity, required, tags};
use crate::clock::iso_seconds;
use crate::params::Params;
use crate::query::{Refused, element};
use crate::world::account::{Account, Provider, provider_name};

const MOST_PROVIDERS: usize = 100;
const MOST_CLIENT_IDS: usize = 100;
const MOST_THUMBPRINTS: usize = 5;
const LONGEST_TEXT: usize = 255;

fn invalid(message: &str) -> Refused {
    Refused::new(400, "InvalidInput", message)
}

pub(super) fn create(account: &mut Account, params: &Params, now: Timestamp) -> Result<String, Refused> {
    let url = required(params, "Url", LONGEST_TEXT)?;
    check_url(url)?;
    let arn = format!("arn:aws:iam::{}:oidc-provider/{}", account.id, provider_name(url));
    if account.providers.contains_key(&arn) {
        return Err(Refused::new(
            409,
            "EntityAlreadyExists",
            format!("Provider with url {url} already exists."),
        ));
    }
    if account.providers.len() >= MOST_PROVIDERS {
        return Err(limit_exceeded("Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"));
    }
    let client_ids: Vec<String> = params.members("ClientIDList", "").into_iter().map(str::to_owned).collect();
    if client_ids.len() > MOST_CLIENT_IDS {
        return Err(limit_exceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"));
    }
    if client_ids.iter().any(|id| id.is_empty() || id.len() > LONGEST_TEXT) {
        return Err(Refused::constraint(
            "clientIDList",
            Some("[...]"),
            "satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1]",
        ));
    }
    let thumbprints = thumbprints(params)?;
    let provider =
        Provider { url: url.to_owned(), client_ids, thumbprints, tags: tags::read(params)?, created: now };
    let told = tags::xml(&provider.tags);
    account.remember_provider(&arn);
    account.providers.insert(arn.clone(), provider);
    Ok(format!(
        "<CreateOpenIDConnectProviderResult>{}{told}</CreateOpenIDConnectProviderResult>",
        element("OpenIDConnectProviderArn", &arn)
    ))
}

fn thumbprints(params: &Params) -> Result<Vec<String>, Refused> {
    let thumbprints: Vec<String> =
        params.members("ThumbprintList", "").into_iter().map(str::to_owned).collect();
    if thumbprints.len() > MOST_THUMBPRINTS {
        return Err(invalid("Thumbprint list must contain fewer than 5 entries."));
    }
    let malformed = |print: &String| print.len() != 40 || !print.bytes().all(|byte| byte.is_ascii_hexdigit());
    if thumbprints.iter().any(malformed) { Err(invalid("Invalid thumbprint")) } else { Ok(thumbprints) }
}

pub(super) fn update_thumbprints(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let thumbprints = thumbprints(params)?;
    find(account, params)?.thumbprints = thumbprints;
    Ok(String::new())
}

/// AWS wants https, no query and rather no port. This sandbox's own kind of issuer, plain http on loopback,
/// is the one exception.
fn check_url(url: &str) -> Result<(), Refused> {
    let parsed = Url::parse(url).map_err(|_| invalid("Invalid Open ID Connect Provider URL"))?;
    let loopback = match parsed.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if parsed.scheme() != "https" && !(parsed.scheme() == "http" && loopback) {
        return Err(invalid("Invalid Open ID Connect Provider URL: the URL must begin with https://"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(invalid("Invalid Open ID Connect Provider URL: query parameters are not allowed"));
    }
    Ok(())
}

pub(super) fn find<'a>(account: &'a mut Account, params: &Params) -> Result<&'a mut Provider, Refused> {
    let arn = required(params, "OpenIDConnectProviderArn", 2048)?;
    account
        .providers
        .get_mut(arn)
        .ok_or_else(|| no_such_entity(&format!("OpenIDConnect Provider not found for arn {arn}")))
}

pub(super) fn get(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let provider = find(account, params)?;
    let members = |texts: &[String]| texts.iter().map(|text| element("member", text)).collect::<String>();
    Ok(format!(
        "<GetOpenIDConnectProviderResult>{}<ClientIDList>{}</ClientIDList><ThumbprintList>{}</ThumbprintList>{}{}</GetOpenIDConnectProviderResult>",
        element("Url", provider.name()),
        members(&provider.client_ids),
        members(&provider.thumbprints),
        element("CreateDate", &iso_seconds(provider.created)),
        tags::xml(&provider.tags)
    ))
}

pub(super) fn list(account: &Account) -> Result<String, Refused> {
    let members: String =
        account.providers.keys().map(|arn| format!("<member>{}</member>", element("Arn", arn))).collect();
    Ok(format!(
        "<ListOpenIDConnectProvidersResult><OpenIDConnectProviderList>{members}</OpenIDConnectProviderList></ListOpenIDConnectProvidersResult>"
    ))
}

pub(super) fn add_client_id(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let client_id = required(params, "ClientID", LONGEST_TEXT)?.to_owned();
    let provider = find(account, params)?;
    if !provider.client_ids.contains(&client_id) {
        if provider.client_ids.len() >= MOST_CLIENT_IDS {
            return Err(limit_exceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"));
        }
        provider.client_ids.push(client_id);
    }
    Ok(String::new())
}

pub(super) fn remove_client_id(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let client_id = required(params, "ClientID", LONGEST_TEXT)?.to_owned();
    find(account, params)?.client_ids.retain(|id| *id != client_id);
    Ok(String::new())
}

pub(super) fn delete(account: &mut Account, params: &Params) -> Result<String, Refused> {
    find(account, params)?;
    account.providers.remove(required(params, "OpenIDConnectProviderArn", 2048)?);
    Ok(String::new())
}
