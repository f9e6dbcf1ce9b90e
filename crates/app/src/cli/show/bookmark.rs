//! Bookmarks.

use std::io;

use pintail_core::bookmark::{Connection, Issuer, StsEndpoint};
use pintail_core::name::BookmarkName;
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
struct Line<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    client_id: &'a str,
    role: &'a str,
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

fn line<'a>(name: &'a BookmarkName, connection: &'a Connection) -> Line<'a> {
    let (tenant, issuer) = match &connection.issuer {
        Issuer::Entra { tenant, .. } => (Some(tenant.to_string()), None),
        Issuer::Other(url) => (None, Some(url.as_str())),
    };
    Line {
        name: name.as_str(),
        tenant,
        issuer,
        client_id: connection.client_id.as_str(),
        role: connection.role.as_str(),
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
                connection.role.account().to_string(),
                connection.role.role_name().to_owned(),
                issuer_text(connection),
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
fn reason(error: &Error) -> String {
    let explanation = explain(error);
    let parts: Vec<String> = std::iter::once(explanation.message).chain(explanation.causes).collect();
    harmless_words(&parts.join(": "))
}

fn issuer_text(connection: &Connection) -> String {
    match &connection.issuer {
        Issuer::Entra { tenant, .. } => tenant.to_string(),
        Issuer::Other(url) => url.to_string(),
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
        match &connection.issuer {
            Issuer::Entra { tenant, authority } => {
                pairs.push(("tenant", tenant.to_string()));
                pairs.extend(authority.as_ref().map(|url| ("authority", url.to_string())));
            }
            Issuer::Other(url) => pairs.push(("issuer", url.to_string())),
        }
        pairs.push(("client ID", connection.client_id.to_string()));
        pairs.push(("role", connection.role.to_string()));
        pairs.extend(connection.second_role.as_ref().map(|role| ("then role", role.to_string())));
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
            connection.only.as_ref().map(|(bucket, prefix)| ("only", format!("s3://{bucket}/{prefix}"))),
        );
        pairs.extend(connection.default_path.clone().map(|path| ("starts in", path)));
        facts(output, &pairs)
    })
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
    if let Issuer::Entra { tenant, .. } = &connection.issuer
        && !tenant.has_one_issuer()
    {
        output.say(&format!(
            "{} `{tenant}` stands for many tenants, each with an issuer of its own, and an IAM identity provider knows one issuer; \
             give your tenant's ID or domain unless you know that this is what you want",
            output.talk_style(Style::Bad, "warning:")
        ));
    }
    output.say(&format!("added the bookmark {name}"));
    let next = output.talk_style(Style::Code, &format!("pintail login {name}"));
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
