//! What a diagnosis has gathered so far: each thing is asked for once, by the first check that needs it.

use jiff::Timestamp;
use pintail_connect::{Connector, Identity};
use pintail_core::connection::{Connection, Issuer, Redirect, StsEndpoint, Way, WebIdentity};
use pintail_core::name::{BookmarkName, BucketName, KeyPrefix, RoleArn};
use pintail_core::seam::{HttpClient as _, HttpErrorKind, HttpRequest};
use pintail_core::secret::Secret;
use pintail_identity::oidc::{Authority, Metadata};
use pintail_store::transport::Transport;
use serde_json::Value;
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::issuer_facts::{Answer, Application};
use super::local::with_causes;
use super::network::{Answered, Certificate, Failed, Reached, Service};
use super::token::{Expected, TokenAtHand};
use crate::ops::App;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// The bookmark; `None` looks at this machine alone.
    pub(crate) name: Option<BookmarkName>,
    /// An object may be written.
    pub(crate) write: bool,
    /// Where to look in S3, in place of the bookmark's own path.
    pub(crate) place: Option<(BucketName, KeyPrefix)>,
    /// Who reads IAM.
    pub(crate) admin: Admin,
    /// A trust policy, from somewhere else than IAM.
    pub(crate) trust_policy: Option<String>,
    /// Permission policies, from somewhere else than IAM.
    pub(crate) permission_policies: Vec<String>,
    /// A token, or its claims.
    pub(crate) token: Option<TokenAtHand>,
    /// Why a sign-in just before failed.
    pub(crate) sign_in_failure: Option<SignInFailure>,
}

/// A sign-in that failed.
#[derive(Clone, Debug)]
pub(crate) struct SignInFailure {
    /// What happened, with its causes.
    pub(crate) seen: String,
    /// What commands advise.
    pub(crate) next: String,
}

impl SignInFailure {
    /// Takes what an error of a sign-in says.
    pub(crate) fn of(error: &crate::ops::Error) -> Self {
        let (seen, next) = super::signed_in::words(error);
        Self { seen, next }
    }
}

/// Who reads IAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Admin {
    /// The session of the bookmark itself, should it be allowed to.
    #[default]
    Own,
    /// The keys or the default profile of AWS's environment.
    Environment,
    /// An AWS profile.
    Profile(String),
    /// Another bookmark.
    Bookmark(BookmarkName),
}

/// A discovery document that was read.
#[derive(Clone, Debug)]
pub(super) struct Discovered {
    /// As it is.
    pub(super) document: Value,
    /// As it is believed; the reason where it is not.
    pub(super) metadata: Result<Metadata, String>,
}

impl Discovered {
    fn url(&self, entry: &str) -> Option<Url> {
        self.document.get(entry)?.as_str()?.parse().ok()
    }

    /// Returns the issuer as the document names it.
    pub(super) fn issuer(&self) -> &str {
        self.document.get("issuer").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the address of the key set.
    pub(super) fn jwks_uri(&self) -> Option<Url> {
        self.url("jwks_uri")
    }

    /// Returns the token endpoint.
    pub(super) fn token_endpoint(&self) -> Option<Url> {
        self.url("token_endpoint")
    }

    /// Returns the authorization endpoint.
    pub(super) fn authorization_endpoint(&self) -> Option<Url> {
        self.url("authorization_endpoint")
    }

    /// Returns the device authorization endpoint.
    pub(super) fn device_endpoint(&self) -> Option<Url> {
        self.url("device_authorization_endpoint")
    }
}

/// The case: who asks, about what, and what is known by now.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a Request,
    pub(super) connection: Option<Connection>,
    pub(super) reached: Vec<Reached>,
    pub(super) discovered: Option<Discovered>,
    pub(super) device_answer: Option<Answer>,
    pub(super) authorize_answer: Option<Answer>,
    pub(super) keys: Option<Value>,
    pub(super) identity: Option<Identity>,
    pub(super) role: Option<RoleArn>,
    pub(super) token: Option<TokenAtHand>,
    pub(super) session_name: Option<String>,
    pub(super) iam_was_read: bool,
    pub(super) first_object: Option<pintail_core::name::ObjectKey>,
    pub(super) bucket: Option<(BucketName, KeyPrefix)>,
    /// The checksum that the service gave back for what was written; `None` within where it gave none.
    pub(super) written_checksum: Option<Option<&'static str>>,
}

impl<'a> Case<'a> {
    pub(super) fn new(app: &'a App, request: &'a Request) -> Self {
        Self {
            app,
            request,
            connection: None,
            reached: Vec::new(),
            discovered: None,
            device_answer: None,
            authorize_answer: None,
            keys: None,
            identity: None,
            role: None,
            token: request.token.clone(),
            session_name: None,
            iam_was_read: false,
            first_object: None,
            bucket: None,
            written_checksum: None,
        }
    }

    /// Returns the bookmark's name, as people type it.
    pub(super) fn name(&self) -> String {
        self.request.name.as_ref().map_or_else(|| "BOOKMARK".to_owned(), ToString::to_string)
    }

    /// Returns the web sign-in, where that is the way in.
    pub(super) fn web(&self) -> Option<&WebIdentity> {
        self.connection.as_ref().and_then(Connection::web_identity)
    }

    pub(super) fn reached(&self, service: Service) -> Option<&Reached> {
        self.reached.iter().find(|reached| reached.service == service)
    }

    /// Returns the role that is asked for, as far as it is known by now.
    pub(super) fn role_wanted(&self) -> Option<RoleArn> {
        let named = || self.web().and_then(|web| web.roles.first().cloned());
        self.role.clone().or_else(named)
    }

    /// Returns the issuer that tokens have to name, as far as it is known by now.
    pub(super) fn issuer(&self) -> Option<String> {
        let believed = self.discovered.as_ref().and_then(|found| found.metadata.as_ref().ok());
        let of_discovery = believed.and_then(|metadata| metadata.issuer.issuer().map(str::to_owned));
        of_discovery.or_else(|| {
            let authority = authority(self.web()?)?;
            match &self.web()?.issuer {
                Issuer::Other(address) => Some(address.to_string()),
                Issuer::Entra { tenant, .. } if super::issuer_facts::is_guid(&tenant.to_string()) => {
                    let url = authority.discovery_url();
                    Some(url.as_str().trim_end_matches("/.well-known/openid-configuration").to_owned())
                }
                Issuer::Entra { .. } => None,
            }
        })
    }

    /// Returns what the token is held against.
    pub(super) fn expected(&self) -> Expected {
        let believed = self.discovered.as_ref().and_then(|found| found.metadata.as_ref().ok());
        Expected {
            issuer: self.issuer(),
            client_id: self.web().map(|web| web.client_id.to_string()),
            tenant: believed.and_then(|metadata| metadata.issuer.tenant().map(str::to_owned)),
            role: self.role_wanted().map(|role| role.to_string()),
            bookmark: self.name(),
        }
    }

    /// Returns the application, as judgements know it.
    pub(super) fn application(&self) -> Option<ApplicationTexts> {
        let web = self.web()?;
        let redirect = match &web.redirect {
            Redirect::Loopback(url) | Redirect::Scheme(url) => url.as_str().trim_end_matches('/').to_owned(),
        };
        Some(ApplicationTexts {
            bookmark: self.name(),
            client_id: web.client_id.to_string(),
            tenant: match &web.issuer {
                Issuer::Entra { tenant, .. } => Some(tenant.to_string()),
                Issuer::Other(_) => None,
            },
            redirect,
            is_confidential: web.authentication != pintail_core::connection::Authentication::Public,
        })
    }

    /// Returns the network as the bookmark's connection has it.
    pub(super) fn transport(&self) -> Result<Transport, String> {
        let bundle = self.connection.as_ref().and_then(|connection| connection.ca_bundle.as_deref());
        self.app.transport(bundle).map_err(|error| with_causes(&error))
    }

    /// Sends a request and returns its answer as the issuer's.
    pub(super) async fn ask(&self, request: HttpRequest) -> Result<Answer, Failed> {
        let transport = self.transport().map_err(|text| Failed { kind: HttpErrorKind::Tls, text })?;
        let answer = transport.send(request).await.map_err(|error| failed(&error))?;
        let location = answer.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
        Ok(Answer::read(answer.status.as_u16(), location, &answer.body))
    }

    /// Makes the first contact with every service of the bookmark.
    pub(super) async fn reach(&mut self) {
        if !self.reached.is_empty() {
            return;
        }
        let Some(connection) = self.connection.clone() else { return };
        let Ok(transport) = self.transport() else { return };
        let mut targets: Vec<(Service, Url)> = Vec::new();
        if let Some(authority) = connection.web_identity().and_then(authority) {
            targets.push((Service::Issuer, authority.discovery_url()));
        }
        if asks_sts(&connection)
            && let Ok(endpoint) = pintail_connect::sts_endpoint(&connection)
        {
            targets.push((Service::Sts, endpoint.url().clone()));
        }
        if let Some(url) = s3_url(&connection) {
            targets.push((Service::S3, url));
        }
        for (service, url) in targets {
            self.reached.push(reach(self.app, &transport, service, &url).await);
        }
    }
}

/// The texts that an [`Application`] borrows.
#[derive(Clone, Debug)]
pub(super) struct ApplicationTexts {
    bookmark: String,
    client_id: String,
    tenant: Option<String>,
    redirect: String,
    is_confidential: bool,
}

impl ApplicationTexts {
    pub(super) fn as_application(&self) -> Application<'_> {
        Application {
            bookmark: &self.bookmark,
            client_id: &self.client_id,
            tenant: self.tenant.as_deref(),
            redirect: &self.redirect,
            is_confidential: self.is_confidential,
        }
    }
}

/// Returns the authority of a web sign-in.
pub(super) fn authority(web: &WebIdentity) -> Option<Authority> {
    match &web.issuer {
        Issuer::Entra { tenant, authority: None } => Some(Authority::entra(tenant.clone())),
        Issuer::Entra { tenant, authority: Some(url) } => {
            Authority::entra_at(url.as_str(), tenant.clone()).ok()
        }
        Issuer::Other(address) => Authority::issuer(address.as_str()).ok(),
    }
}

fn asks_sts(connection: &Connection) -> bool {
    matches!(connection.way, Way::WebIdentity(_) | Way::AssumeRole { .. } | Way::SessionToken { .. })
        && (connection.s3_endpoint.is_none() || !matches!(connection.sts_endpoint, StsEndpoint::Regional))
}

fn s3_url(connection: &Connection) -> Option<Url> {
    let own = || {
        let suffix = connection.region.partition().dns_suffix();
        format!("https://s3.{}.{suffix}/", connection.region).parse().ok()
    };
    connection.s3_endpoint.clone().or_else(own)
}

/// Makes the first contact with one service: a plain GET, whose answer does not matter.
async fn reach(app: &Connector, transport: &Transport, service: Service, url: &Url) -> Reached {
    let certificate = match transport.presented(url).await {
        Ok(Some(presented)) => presented
            .chain
            .last()
            .map(|der| Certificate { issuer: issuer_of(der), is_public: presented.is_public }),
        _ => None,
    };
    let before = app.now();
    let answer = transport.send(HttpRequest::get(url.clone())).await;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let outcome = match answer {
        Ok(answer) => {
            let half = app.now().duration_since(before) / 2;
            let date = answer.headers.get(http::header::DATE).and_then(|value| value.to_str().ok());
            // A cache's answer is as old as it says.
            let is_cached = answer.headers.contains_key(http::header::AGE);
            Ok(Answered {
                date: date.filter(|_| !is_cached).and_then(http_date),
                here: before.checked_add(half).unwrap_or(before),
            })
        }
        Err(error) => Err(failed(&error)),
    };
    Reached {
        service,
        host,
        is_https: url.scheme() == "https",
        proxy: transport.proxy_of(url),
        outcome,
        certificate,
    }
}

pub(super) fn failed(error: &pintail_core::seam::HttpError) -> Failed {
    Failed { kind: error.kind, text: with_causes(error) }
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Returns the name of the authority that signed a certificate.
fn issuer_of(der: &[u8]) -> String {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return "an unreadable certificate".into();
    };
    let name = certificate.issuer();
    let first = |mut names: Box<dyn Iterator<Item = Option<String>> + '_>| names.next().flatten();
    let organization =
        first(Box::new(name.iter_organization().map(|it| it.as_str().ok().map(str::to_owned))));
    let common = first(Box::new(name.iter_common_name().map(|it| it.as_str().ok().map(str::to_owned))));
    match (organization, common) {
        (Some(organization), Some(common)) if organization != common => format!("{common} ({organization})"),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => "an authority without a name".into(),
    }
}

/// Draws a code that is none: it tells of the application, and redeems nothing. Long enough for a PKCE verifier as well.
pub(super) fn no_code(app: &App) -> Secret {
    let mut bytes = [0; 16];
    app.random().fill(&mut bytes);
    Secret::new(format!("0.pintail-doctor-{0:032x}{0:032x}", u128::from_le_bytes(bytes)))
}
