//! The AWS web console, opened with a bookmark's credential.
//!
//! AWS's federation service takes a temporary credential and gives a sign-in token; the token in an address opens the console
//! for as long as the credential or the length asked for says (IAM User Guide, "Enable custom identity broker access to the
//! AWS console"). The address lets whoever has it in, for a quarter of an hour.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::name::{BookmarkName, Partition, Region};
use pintail_core::seam::HttpRequest;
use pintail_core::secret::Secret;
use pintail_identity::oidc::{Browser, BrowserError, NoBrowser, SystemBrowser};
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::connection::{is_chained, partition};
use super::handover::Handover;
use super::{LendError, failure, lendable};
use crate::ops::{App, Error};

/// AWS's answer has some two thousand bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What to open, and how.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    /// The bookmark.
    pub(crate) name: BookmarkName,
    /// The service whose page to open, as it stands in the console's addresses.
    pub(crate) service: String,
    /// How long the console session lasts, where AWS lets one choose.
    pub(crate) duration: Option<Duration>,
    /// Return the address instead of opening it.
    pub(crate) print: bool,
}

/// The console, on its way.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The address, where it was asked for. Whoever has it is in.
    pub(crate) url: Option<Secret>,
    /// When the address stops working.
    pub(crate) until: Timestamp,
}

/// How long AWS takes a sign-in token.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// Opens the console, or gives its address.
pub(crate) async fn console(app: &App, request: Console) -> Result<Opened, Error> {
    let name = &request.name;
    let lent = app.credential_source(name).await?;
    let other = lent.connection.signin_endpoint.as_ref().map(Url::as_str);
    let site = Site::of(partition(&lent.connection), other)?;
    if request.duration.is_some() && is_chained(&lent.connection) {
        return Err(LendError::ChainedDuration(name.clone()).into());
    }
    let destination = site.page(&request.service, &lent.connection.region)?;
    let credential = lendable(lent.source.as_ref()).await.map_err(failure)?;
    let credential = credential.ok_or_else(|| LendError::Anonymous(name.clone()))?;
    let session = session(&credential).ok_or_else(|| LendError::StaticKeys(name.clone()))?;

    let mut asked = HttpRequest::get(site.token_request(&session, request.duration));
    asked.response_limit_bytes = ANSWER_BYTES_MAX;
    let answer = lent.http.send(asked).await.map_err(LendError::FederationUnreachable)?;
    let until = app.now() + TOKEN_LIFE;
    let token = if answer.status == StatusCode::OK { signin_token(&answer.body) } else { None };
    let token = token.ok_or(LendError::Federation { status: answer.status.as_u16() })?;
    let url = site.login(&destination, &token);
    if request.print {
        return Ok(Opened { url: Some(url), until });
    }
    open(app, url).await?;
    Ok(Opened { url: None, until })
}

/// Opens an address that lets whoever has it in.
async fn open(app: &App, url: Secret) -> Result<(), Error> {
    let browser: Box<dyn Browser> = if app.can_open_browser() {
        Box::new(SystemBrowser::new(app.environment().browser.as_deref()))
    } else {
        Box::new(NoBrowser)
    };
    let handover = Handover::to(url, app.random()).await?;
    let address = handover.url().clone();
    // Some openers end only when their browser does: they wait for what is given meanwhile.
    let opening = async {
        match browser.open(&address).await {
            Ok(()) => std::future::pending().await,
            Err(error) => Result::<(), BrowserError>::Err(error),
        }
    };
    tokio::select! {
        given = handover.give() => Ok(given?),
        failed = opening => Ok(failed.map_err(LendError::Browser)?),
    }
}

/// Where a partition's console and its sign-in are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    federation: Url,
    console: Url,
}

impl Site {
    fn of(partition: Partition, other: Option<&str>) -> Result<Self, LendError> {
        let hosts = match partition {
            Partition::Aws => Some(("signin.aws.amazon.com", "console.aws.amazon.com")),
            Partition::China => Some(("signin.amazonaws.cn", "console.amazonaws.cn")),
            Partition::UsGov => Some(("signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com")),
            _ => None,
        };
        let at = |host: &str, path: &str| {
            Url::parse(&format!("https://{host}/{path}")).expect("hosts of the table above")
        };
        match (other, hosts) {
            (None, Some((signin, console))) => {
                Ok(Self { federation: at(signin, "federation"), console: at(console, "") })
            }
            (None, None) => Err(LendError::NoConsole(partition)),
            (Some(text), hosts) => {
                let federation = own_address(text)?;
                let console = hosts.map(|(_, console)| at(console, ""));
                Ok(Self { console: console.unwrap_or_else(|| federation.clone()), federation })
            }
        }
    }

    /// Returns the page of a service.
    fn page(&self, service: &str, region: &Region) -> Result<Url, LendError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if service.is_empty() || service.len() > 64 || !service.bytes().all(plain) {
            return Err(LendError::Service(service.to_owned()));
        }
        let mut page = self.console.clone();
        page.set_path(&format!("{service}/home"));
        page.query_pairs_mut().clear().append_pair("region", region.as_str());
        Ok(page)
    }

    /// Returns the request for a sign-in token. It carries the credential.
    fn token_request(&self, session: &str, duration: Option<Duration>) -> Url {
        let mut url = self.federation.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("Action", "getSigninToken");
        if let Some(duration) = duration {
            query.append_pair("SessionDuration", &duration.as_secs().to_string());
        }
        query.append_pair("Session", session);
        drop(query);
        url
    }

    /// Returns the address that opens the console.
    fn login(&self, destination: &Url, token: &Secret) -> Secret {
        let mut url = self.federation.clone();
        url.query_pairs_mut()
            .append_pair("Action", "login")
            .append_pair("Destination", destination.as_str())
            .append_pair("SigninToken", token.expose());
        Secret::new(url.as_str())
    }
}

/// Reads an address that a credential may be sent to: https, or this machine.
fn own_address(text: &str) -> Result<Url, LendError> {
    let refused = || LendError::SigninAddress(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && own);
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if safe && bare { Ok(url) } else { Err(refused()) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionText<'a> {
    session_id: &'a str,
    session_key: &'a str,
    session_token: &'a str,
}

/// Writes a credential as the federation service reads it, `None` for keys that are not temporary.
fn session(credential: &Credential) -> Option<Zeroizing<String>> {
    let text = SessionText {
        session_id: &credential.access_key_id,
        session_key: credential.secret_access_key.expose(),
        session_token: credential.session_token.as_ref()?.expose(),
    };
    Some(Zeroizing::new(serde_json::to_string(&text).expect("texts can be written into memory")))
}

fn signin_token(body: &[u8]) -> Option<Secret> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        signin_token: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(Secret::new(answer.signin_token)).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_console_or_none() {
        for (partition, federation, page) in [
            (
                Partition::Aws,
                "https://signin.aws.amazon.com/federation",
                "https://console.aws.amazon.com/s3/home?region=eu-central-1",
            ),
            (
                Partition::China,
                "https://signin.amazonaws.cn/federation",
                "https://console.amazonaws.cn/s3/home?region=eu-central-1",
            ),
            (
                Partition::UsGov,
                "https://signin.amazonaws-us-gov.com/federation",
                "https://console.amazonaws-us-gov.com/s3/home?region=eu-central-1",
            ),
        ] {
            let site = Site::of(partition, None).unwrap();
            assert_eq!(site.federation.as_str(), federation);
            assert_eq!(site.page("s3", &"eu-central-1".parse().unwrap()).unwrap().as_str(), page);
        }
        assert!(matches!(Site::of(Partition::IsoB, None), Err(LendError::NoConsole(Partition::IsoB))));
        assert!(Site::of(Partition::IsoB, Some("https://signin.example/federation")).is_ok());
    }

    #[test]
    fn a_credential_is_sent_over_tls_or_not_beyond_this_machine() {
        for (text, good) in [
            ("https://signin.example/federation", true),
            ("http://127.0.0.1:4711/federation", true),
            ("http://[::1]:4711/federation", true),
            ("http://localhost:4711/federation", true),
            ("http://signin.example/federation", false),
            ("http://127.0.0.1.example/federation", false),
            ("https://user@signin.example/federation", false),
            ("https://signin.example/federation?a=b", false),
            ("file:///federation", false),
            ("signin.example", false),
        ] {
            assert_eq!(own_address(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn requests_are_as_the_service_reads_them() {
        let site = Site::of(Partition::Aws, None).unwrap();
        let credential = Credential {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("a+key/"),
            session_token: Some(Secret::new("a token")),
            expires_at: None,
        };
        let text = session(&credential).unwrap();
        assert_eq!(*text, r#"{"sessionId":"ASIAEXAMPLE","sessionKey":"a+key/","sessionToken":"a token"}"#);
        let url = site.token_request(&text, Some(Duration::from_secs(3600)));
        let pairs: Vec<_> = url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            pairs,
            ["Action=getSigninToken", "SessionDuration=3600", &format!("Session={}", text.as_str())]
        );
        let page = site.page("s3", &"eu-central-1".parse().unwrap()).unwrap();
        assert_eq!(
            site.login(&page, &Secret::new("t/+")).expose(),
            "https://signin.aws.amazon.com/federation?Action=login\
             &Destination=https%3A%2F%2Fconsole.aws.amazon.com%2Fs3%2Fhome%3Fregion%3Deu-central-1&SigninToken=t%2F%2B"
        );
        assert!(session(&Credential { session_token: None, ..credential }).is_none());
    }

    #[test]
    fn a_service_is_a_plain_word() {
        let site = Site::of(Partition::Aws, None).unwrap();
        let region = "eu-central-1".parse().unwrap();
        for bad in ["", "../x", "S3", "s3/../..", "s3?x", "a b"] {
            assert!(site.page(bad, &region).is_err(), "{bad}");
        }
        assert!(site.page("cloudwatch", &region).is_ok());
    }

    #[test]
    fn answers_without_a_token_are_none() {
        assert!(signin_token(br#"{"SigninToken":"x"}"#).is_some_and(|token| token.expose() == "x"));
        for bad in ["{\"SigninToken\":\"\"}", "{}", "<html>", ""] {
            assert!(signin_token(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
