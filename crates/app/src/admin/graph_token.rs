//! A token to ask Microsoft Graph with: from the Azure CLI where somebody is signed in there, else from a sign-in of the admin.
//!
//! The sign-in is at Microsoft's own public application for command lines, so that no application has to be registered first. The
//! access token is held in memory, goes to Graph alone and is never asked of a person. A token of the Azure CLI goes to
//! Microsoft's Graph, or to a cloud on this machine, and nowhere else.

use std::process::Stdio;
use std::time::Duration;

use pintail_core::connection::Redirect;
use pintail_core::secret::Secret;
use pintail_identity::oidc::{Authority, Client, Driver, KnownIssuer, Renewal, Scopes, Tokens};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use url::Url;
use zeroize::Zeroizing;

use super::AdminError;
use crate::ops::sign_in::{self, Ask, Talk};
use crate::ops::{App, Error};

/// "Microsoft Graph Command Line Tools", public in every tenant.
const CLIENT_ID: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
/// The Azure CLI renews its token over the network, through whatever proxy there is.
const AZ_TIME_MAX: Duration = Duration::from_secs(60);
/// A token is some 3 KB.
const AZ_OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// Where Microsoft's Graph is, in its clouds.
const GRAPH_HOSTS: [&str; 4] = [
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];

/// How the admin proves who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AdminSignIn {
    /// By the Azure CLI where it is signed in to the tenant, else in the browser.
    #[default]
    Auto,
    /// By the Azure CLI.
    Az,
    /// In the browser.
    Browser,
    /// By a code on another device.
    Device,
}

/// A token, and what it can be renewed with.
#[derive(Debug)]
pub(crate) struct GraphToken {
    /// The access token.
    pub(crate) token: Secret,
    signed_in: Option<SignedIn>,
}

#[derive(Debug)]
struct SignedIn {
    tokens: Tokens,
    scopes: Scopes,
}

/// Whom a token is asked of, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    /// The tenant's authority.
    pub(crate) authority: &'a Authority,
    /// The tenant's GUID.
    pub(crate) tenant: &'a str,
    /// Where Graph is.
    pub(crate) graph: &'a Url,
    /// How the admin proves who they are.
    pub(crate) by: AdminSignIn,
    /// How a sign-in is shown.
    pub(crate) options: &'a sign_in::Options,
}

/// Gets a token with these permissions, such as `Application.Read.All`.
///
/// # Errors
/// When nobody is signed in there, or the sign-in fails.
pub(crate) async fn obtain(
    app: &App,
    wanted: &Wanted<'_>,
    permissions: &[&str],
    talk: &dyn Talk,
) -> Result<GraphToken, Error> {
    if matches!(wanted.by, AdminSignIn::Auto | AdminSignIn::Az) {
        match of_azure_cli(wanted).await {
            Ok(token) => return Ok(GraphToken { token, signed_in: None }),
            Err(why) if wanted.by == AdminSignIn::Az => return Err(AdminError::NoToken { why }.into()),
            Err(why) => tracing::info!(why, "the Azure CLI gives no token"),
        }
    }
    let scopes = scopes(wanted, permissions)?;
    let tokens = signed_in(app, wanted, &scopes, talk).await?;
    of_tokens(tokens, scopes)
}

impl GraphToken {
    /// Returns a token with further permissions: without asking the admin where the issuer allows it.
    ///
    /// # Errors
    /// As [`obtain`].
    pub(crate) async fn widened(
        self,
        app: &App,
        wanted: &Wanted<'_>,
        permissions: &[&str],
        talk: &dyn Talk,
    ) -> Result<Self, Error> {
        // What the Azure CLI may do is decided elsewhere.
        let Some(signed_in) = self.signed_in else { return Ok(self) };
        let scopes = scopes(wanted, permissions)?;
        let missing = |scope: &&str| !signed_in.scopes.contains(scope);
        let named = scopes.to_string();
        if !named.split(' ').any(|scope| missing(&scope)) {
            return Ok(Self { token: self.token, signed_in: Some(signed_in) });
        }
        if let Some(refresh_token) = signed_in.tokens.refresh_token.clone() {
            let renewal = Renewal {
                refresh_token,
                scopes: scopes.clone(),
                identity: signed_in.tokens.identity(),
                nonce: signed_in.tokens.nonce.clone(),
            };
            let http = app.plain_http()?;
            let silent = |_: pintail_identity::oidc::Event<'_>| {};
            let driver = Driver::new(http.as_ref(), app.clock(), app.random(), &silent);
            let client = client(wanted.authority);
            match driver.renew(&client, &renewal, &mut KnownIssuer::default()).await {
                Ok(tokens) => return of_tokens(tokens, scopes),
                // Somebody has to agree to it first.
                Err(error) => tracing::info!(%error, "further permissions need another sign-in"),
            }
        }
        let tokens = signed_in_again(app, wanted, &scopes, talk).await?;
        of_tokens(tokens, scopes)
    }
}

fn of_tokens(tokens: Tokens, scopes: Scopes) -> Result<GraphToken, Error> {
    let why = "the sign-in gave no access token".to_owned();
    let token = tokens.access_token.clone().ok_or(AdminError::NoToken { why })?;
    Ok(GraphToken { token, signed_in: Some(SignedIn { tokens, scopes }) })
}

/// Graph's permissions are named by its own address.
fn scopes(wanted: &Wanted<'_>, permissions: &[&str]) -> Result<Scopes, Error> {
    let graph = wanted.graph.as_str().trim_end_matches('/').trim_end_matches("/v1.0");
    let full: Vec<_> = permissions.iter().map(|permission| format!("{graph}/{permission}")).collect();
    let usual = ["profile", "offline_access"];
    let all = usual.into_iter().chain(full.iter().map(String::as_str));
    Scopes::new(all).map_err(|error| Error::Connect(pintail_connect::Error::Scope(error)))
}

fn client(authority: &Authority) -> Client {
    let client_id = CLIENT_ID.parse().expect("a GUID is a client ID");
    Client::public(authority.clone(), client_id)
}

async fn signed_in(
    app: &App,
    wanted: &Wanted<'_>,
    scopes: &Scopes,
    talk: &dyn Talk,
) -> Result<Tokens, Error> {
    let http = app.plain_http()?;
    let client = client(wanted.authority);
    let redirect = Url::parse("http://localhost/").expect("a loopback address is an address");
    let redirect = Redirect::Loopback(redirect);
    let account = wanted.options.account.as_deref();
    let ask = Ask { http: http.as_ref(), client: &client, scopes, redirect: &redirect, account };
    let mut options = wanted.options.clone();
    if wanted.by == AdminSignIn::Device {
        options.method = sign_in::Method::Device;
    }
    sign_in::sign_in_for(app, &ask, &options, talk).await
}

/// The browser has a session by now: usually nobody types anything the second time.
async fn signed_in_again(
    app: &App,
    wanted: &Wanted<'_>,
    scopes: &Scopes,
    talk: &dyn Talk,
) -> Result<Tokens, Error> {
    signed_in(app, wanted, scopes, talk).await
}

/// Asks the Azure CLI for a token. The error is why there is none, as a fragment.
async fn of_azure_cli(wanted: &Wanted<'_>) -> Result<Secret, String> {
    if !may_get_azure_token(wanted.graph) {
        return Err(format!(
            "{} is no Graph that the Azure CLI has tokens for",
            wanted.graph.host_str().unwrap_or_default()
        ));
    }
    let program = if cfg!(windows) { "az.cmd" } else { "az" };
    let arguments = [
        "account",
        "get-access-token",
        "--resource-type",
        "ms-graph",
        "--tenant",
        wanted.tenant,
        "--output",
        "json",
    ];
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it says there is for its own people, and may hold anything.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| "the Azure CLI (az) is not installed".to_owned())?;
    let stdout = child.stdout.take().expect("standard output is a pipe");
    let work = async {
        let mut output = Zeroizing::new(Vec::new());
        stdout.take(AZ_OUTPUT_BYTES_MAX).read_to_end(&mut output).await?;
        child.wait().await.map(|status| (status, output))
    };
    let ended = tokio::time::timeout(AZ_TIME_MAX, work).await;
    let (status, output) = ended
        .map_err(|_| format!("the Azure CLI did not answer within {} s", AZ_TIME_MAX.as_secs()))?
        .map_err(|error| format!("the Azure CLI could not be read: {error}"))?;
    if !status.success() {
        return Err(format!("nobody is signed in to tenant {} with the Azure CLI", wanted.tenant));
    }
    read_azure_token(&output, wanted.tenant)
}

/// A token of Microsoft's is shown to Microsoft only, or to this machine.
fn may_get_azure_token(graph: &Url) -> bool {
    let host = graph.host_str().unwrap_or_default();
    let is_here = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    is_here || (graph.scheme() == "https" && GRAPH_HOSTS.contains(&host))
}

fn read_azure_token(output: &[u8], tenant: &str) -> Result<Secret, String> {
    let answer: Value =
        serde_json::from_slice(output).map_err(|_| "the answer of the Azure CLI is no JSON".to_owned())?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    if !text("tenant").eq_ignore_ascii_case(tenant) {
        let of = text("tenant").chars().filter(char::is_ascii_graphic).take(40).collect::<String>();
        return Err(format!("the Azure CLI is signed in to tenant {of}, not to {tenant}"));
    }
    match text("accessToken") {
        "" => Err("the answer of the Azure CLI has no token".to_owned()),
        token => Ok(Secret::new(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_azure_cli_is_for_the_tenant_that_is_meant() {
        let answer = |tenant: &str, token: &str| {
            format!(
                r#"{{"accessToken": "{token}", "expires_on": 1, "subscription": "s", "tenant": "{tenant}", "tokenType": "Bearer"}}"#
            )
        };
        let token = read_azure_token(answer("AA", "secret-token").as_bytes(), "aa").unwrap();
        assert!(token.matches("secret-token"));
        for (output, why) in [
            (answer("bb", "secret-token"), "signed in to tenant bb, not to aa"),
            (answer("aa", ""), "has no token"),
            ("Please run az login".to_owned(), "no JSON"),
        ] {
            let refused = read_azure_token(output.as_bytes(), "aa").unwrap_err();
            assert!(refused.contains(why) && !refused.contains("secret-token"), "{refused}");
        }
    }

    #[test]
    fn it_goes_to_microsoft_or_stays_here() {
        for (graph, may) in [
            ("https://graph.microsoft.com/v1.0", true),
            ("https://microsoftgraph.chinacloudapi.cn/v1.0", true),
            ("http://127.0.0.1:8080/graph/v1.0", true),
            ("http://graph.microsoft.com/v1.0", false),
            ("https://graph.microsoft.com.evil.example/v1.0", false),
            ("https://graph.contoso.com/v1.0", false),
        ] {
            assert_eq!(may_get_azure_token(&Url::parse(graph).unwrap()), may, "{graph}");
        }
    }
}
