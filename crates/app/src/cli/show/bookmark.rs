//! Bookmarks.

use std::io;

use pintail_core::connection::{Connection, Issuer, StsEndpoint, Way};
use pintail_core::name::{BookmarkName, RoleArn};
use pintail_core::secret::Secret;
use serde::Serialize;

use super::facts;
use crate::cli::Failure;
use crate::cli::render::table::{Align, table};
use crate::cli::render::text::harmless_words;
use crate::cli::render::{Output, Style};
use crate::explain::explain;
use crate::ops::Error;

#[derive(Serialize)]
pub(super) struct Line<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    way: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more_roles: Vec<&'a str>,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sts_endpoint: Option<&'a str>,
    read_only: bool,
}

#[derive(Serialize)]
struct BrokenLine<'a> {
    name: &'a str,
    error: String,
}

pub(super) fn line<'a>(name: &'a BookmarkName, connection: &'a Connection) -> Line<'a> {
    let web = connection.web_identity();
    let (tenant, issuer) = match web.map(|web| &web.issuer) {
        Some(Issuer::Entra { tenant, .. }) => (Some(tenant.to_string()), None),
        Some(Issuer::Other(address)) => (None, Some(address.as_str())),
        None => (None, None),
    };
    let more = web.map(|web| web.roles.as_slice()).unwrap_or_default().iter().skip(1);
    Line {
        name: name.as_str(),
        tenant,
        issuer,
        way: connection.way.name().as_str(),
        client_id: web.map(|web| web.client_id.as_str()),
        role: connection.first_role().map(RoleArn::as_str),
        more_roles: more.map(RoleArn::as_str).collect(),
        region: connection.region.as_str(),
        s3_endpoint: connection.s3_endpoint.as_ref().map(url::Url::as_str),
        sts_endpoint: match &connection.sts_endpoint {
            StsEndpoint::Regional => None,
            StsEndpoint::Global => Some("global"),
            StsEndpoint::Custom(url) => Some(url.as_str()),
        },
        read_only: connection.read_only,
    }
}

/// Lists bookmarks; one that cannot be used is listed with the reason.
pub(in crate::cli) fn bookmarks(
    output: &Output,
    listed: &[(Result<Connection, Error>, BookmarkName)],
) -> io::Result<()> {
    let mut rows = Vec::new();
    for (connection, name) in listed {
        match connection {
            Ok(connection) if output.is_json() => output.json_line(&line(name, connection))?,
            Err(error) if output.is_json() => {
                output.json_line(&BrokenLine { name: name.as_str(), error: reason(error) })?;
            }
            Ok(connection) => rows.push(vec![
                format!("{name}:"),
                connection.role().map_or_else(|| "-".to_owned(), |role| role.account().to_string()),
                connection.role().map_or_else(|| "-".to_owned(), |role| role.role_name().to_owned()),
                way_text(connection),
            ]),
            Err(error) => rows.push(vec![format!("{name}:"), "-".into(), "-".into(), reason(error)]),
        }
    }
    if !output.is_json() {
        if rows.is_empty() {
            output.say("there is no bookmark yet; `pintail bookmark add --help` tells how to make one");
        } else {
            output.text_line(&table(&[Align::Left; 4], &rows))?;
        }
    }
    Ok(())
}

/// Says why a bookmark cannot be used, causes included.
pub(super) fn reason(error: &Error) -> String {
    let explanation = explain(error);
    let parts: Vec<String> = std::iter::once(explanation.message).chain(explanation.causes).collect();
    harmless_words(&parts.join(": "))
}

/// Says in a word or two where the credential comes from.
fn way_text(connection: &Connection) -> String {
    match &connection.way {
        Way::WebIdentity(web) => match &web.issuer {
            Issuer::Entra { tenant, .. } => tenant.to_string(),
            Issuer::Other(address) => address.to_string(),
        },
        Way::AwsProfile { profile } => format!("AWS profile {profile}"),
        Way::IdentityCenter(center) => center.start_url.to_string(),
        other => other.name().to_string(),
    }
}

/// Shows one bookmark.
pub(in crate::cli) fn bookmark(
    output: &Output,
    name: &BookmarkName,
    connection: &Connection,
) -> io::Result<()> {
    output.data(&line(name, connection), || {
        let mut pairs = vec![("name", name.to_string())];
        way_facts(connection, &mut pairs);
        pairs.extend(connection.wish.second_role.as_ref().map(|role| ("then role", role.to_string())));
        pairs.push(("region", connection.region.to_string()));
        pairs.extend(connection.s3_endpoint.as_ref().map(|url| ("S3", url.to_string())));
        match &connection.sts_endpoint {
            StsEndpoint::Regional => {}
            StsEndpoint::Global => pairs.push(("STS", "global".into())),
            StsEndpoint::Custom(url) => pairs.push(("STS", url.to_string())),
        }
        if connection.read_only {
            pairs.push(("access", "read only".into()));
        }
        pairs.extend(
            connection.wish.only.as_ref().map(|(bucket, prefix)| ("only", format!("s3://{bucket}/{prefix}"))),
        );
        pairs.extend(connection.default_path.clone().map(|path| ("starts in", path)));
        facts(output, &pairs)
    })
}

pub(super) fn way_facts(connection: &Connection, pairs: &mut Vec<(&'static str, String)>) {
    match &connection.way {
        Way::WebIdentity(web) => {
            match &web.issuer {
                Issuer::Entra { tenant, authority } => {
                    pairs.push(("tenant", tenant.to_string()));
                    pairs.extend(authority.as_ref().map(|url| ("authority", url.to_string())));
                }
                Issuer::Other(address) => pairs.push(("issuer", address.to_string())),
            }
            pairs.push(("client ID", web.client_id.to_string()));
            let roles = web.roles.iter().map(ToString::to_string).map(|role| ("role", role));
            pairs.extend(roles);
            if web.roles.is_empty() {
                pairs.push(("role", "those that the sign-in offers".into()));
            }
        }
        Way::Keys(key) => pairs.push(("access key", key.id.clone())),
        Way::Anonymous => pairs.push(("credentials", "none: requests are not signed".into())),
        Way::AwsProfile { profile } => pairs.push(("AWS profile", profile.clone())),
        Way::InstanceMetadata { endpoint } | Way::ContainerMetadata { endpoint, .. } => {
            pairs.push(("credentials", connection.way.name().to_string()));
            pairs.extend(endpoint.as_ref().map(|url| ("endpoint", url.to_string())));
        }
        Way::AssumeRole { key, role, mfa_serial } => {
            pairs.push(("access key", key.id.clone()));
            pairs.push(("role", role.to_string()));
            pairs.extend(mfa_serial.clone().map(|serial| ("MFA device", serial)));
        }
        Way::SessionToken { key, mfa_serial } => {
            pairs.push(("access key", key.id.clone()));
            pairs.extend(mfa_serial.clone().map(|serial| ("MFA device", serial)));
        }
        Way::IdentityCenter(center) => {
            pairs.push(("start address", center.start_url.to_string()));
            pairs.push(("portal region", center.region.to_string()));
            pairs.extend(center.account.as_ref().map(|account| ("account", account.to_string())));
            pairs.extend(center.role_name.clone().map(|role| ("role", role)));
        }
    }
}

#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    bookmark: Line<'a>,
}

#[derive(Serialize)]
struct Removed<'a> {
    event: &'static str,
    name: &'a str,
}

/// Says that a bookmark was added, and what to do with it.
pub(in crate::cli) fn bookmark_added(
    output: &Output,
    name: &BookmarkName,
    connection: &Connection,
) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&Event { event: "bookmark_added", bookmark: line(name, connection) });
    }
    if let Some(Issuer::Entra { tenant, .. }) = connection.web_identity().map(|web| &web.issuer)
        && !tenant.has_one_issuer()
    {
        output.say(&format!(
            "{} `{tenant}` stands for many tenants, each with an issuer of its own, and an IAM identity provider knows one issuer; \
             give your tenant's ID or domain unless you know that this is what you want",
            output.talk_style(Style::Bad, "warning:")
        ));
    }
    output.say(&format!("added the bookmark {name}"));
    let next = match connection.way {
        Way::Anonymous | Way::InstanceMetadata { .. } | Way::ContainerMetadata { .. } => {
            format!("pintail ls {name}:")
        }
        Way::AwsProfile { .. } => format!("pintail whoami {name}"),
        _ => format!("pintail login {name}"),
    };
    let next = output.talk_style(Style::Code, &next);
    output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    Ok(())
}

/// Says that a bookmark was removed.
pub(in crate::cli) fn bookmark_removed(output: &Output, name: &BookmarkName) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&Removed { event: "bookmark_removed", name: name.as_str() });
    }
    output.say(&format!("removed the bookmark {name}"));
    Ok(())
}

/// Asks for a secret: without an echo on a terminal, else one line of standard input.
pub(in crate::cli) async fn ask_secret(output: &Output, question: &str) -> Result<Secret, Failure> {
    let answer = output.ask_hidden(question).await.map_err(Error::Stdio)?;
    if answer.is_empty() {
        return Err(Error::Usage("a secret is missing on standard input".into()).into());
    }
    Ok(answer)
}
