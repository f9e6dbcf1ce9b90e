//! A sandbox with a standing clock, and the requests that the tests send it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderName, Method, Response};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::random::{hex, sha256};
use crate::visitor::{VisitError, Visitor};
use crate::{Options, Sandbox, SeededRandom, SettableClock, web};

pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const REDIRECT: &str = "pintail://oauth";

pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    pub(super) clock: Arc<SettableClock>,
}

/// An AWS credential.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// An answer, read to the end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) response: Response<Bytes>,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Answer {
        let text = String::from_utf8_lossy(response.body()).into_owned();
        Answer { status: response.status().as_u16(), text, response }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The text of the first element of that name.
    pub(super) fn element(&self, name: &str) -> String {
        let (_, rest) = self
            .text
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("no {name} in {}", self.text));
        rest.split_once('<').unwrap().0.to_owned()
    }

    /// The status and code of an AWS error.
    pub(super) fn refusal(&self) -> (u16, String) {
        (self.status, self.element("Code"))
    }
}

impl Bench {
    pub(super) async fn start() -> Bench {
        Bench::with(Options::default()).await
    }

    pub(super) async fn with(options: Options) -> Bench {
        let clock = Arc::new(SettableClock::new("2026-09-01T12:00:00Z".parse::<Timestamp>().unwrap()));
        let options = Options {
            clock: Arc::clone(&clock) as Arc<dyn crate::Clock>,
            random: Arc::new(SeededRandom::new(1)),
            ..options
        };
        Bench { sandbox: Sandbox::start(options).await.unwrap(), clock }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn tenant_base(&self) -> String {
        self.sandbox.summary().issuer.trim_end_matches("/v2.0").to_owned()
    }

    pub(super) fn visitor(&self, name: &str) -> Visitor {
        let person =
            self.sandbox.summary().users.iter().find(|user| user.username.starts_with(name)).unwrap();
        Visitor::new(&person.username, &person.password)
    }

    /// An authorize address; later pairs replace earlier ones, an empty value leaves the parameter out.
    pub(super) fn authorize_url(&self, more: &[(&str, &str)]) -> String {
        let summary = self.sandbox.summary();
        let mut pairs = vec![
            ("client_id", summary.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile email offline_access"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            pairs.retain(|(other, _)| other != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Url::parse_with_params(&format!("{}/oauth2/v2.0/authorize", self.tenant_base()), pairs)
            .unwrap()
            .into()
    }

    /// Signs in and returns the parameters of the redirect.
    pub(super) async fn arrive(
        &self,
        name: &str,
        more: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, VisitError> {
        let arrival = self.visitor(name).sign_in(&self.authorize_url(more)).await?;
        Ok(Url::parse(&arrival.url).unwrap().query_pairs().into_owned().collect())
    }

    pub(super) async fn code(&self, name: &str) -> String {
        value(&self.arrive(name, &[]).await.unwrap(), "code")
    }

    /// Asks the token endpoint.
    pub(super) async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let client_id = self.sandbox.summary().client_id.clone();
        let mut pairs = pairs.to_vec();
        if !pairs.iter().any(|(name, _)| *name == "client_id") {
            pairs.push(("client_id", &client_id));
        }
        post_form(&format!("{}/oauth2/v2.0/token", self.tenant_base()), &pairs, &[]).await
    }

    pub(super) async fn redeem(&self, code: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub(super) async fn id_token(&self, name: &str) -> String {
        let code = self.code(name).await;
        self.redeem(&code).await.json()["id_token"].as_str().unwrap().to_owned()
    }

    /// Swaps a token at STS.
    pub(super) async fn exchange(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let summary = self.sandbox.summary();
        let mut pairs = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", summary.role_arn.as_str()),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", token),
        ];
        for (name, value) in more {
            pairs.retain(|(other, _)| other != name);
            pairs.push((name, value));
        }
        post_form(&summary.sts_endpoint, &pairs, &[]).await
    }

    pub(super) async fn session(&self, name: &str, more: &[(&str, &str)]) -> Key {
        let answer = self.exchange(&self.id_token(name).await, more).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Key {
            id: answer.element("AccessKeyId"),
            secret: answer.element("SecretAccessKey"),
            token: Some(answer.element("SessionToken")),
        }
    }

    /// An address that reads an object for so many seconds.
    pub(super) fn presigned(&self, key: &Key, path: &str, seconds: u32) -> String {
        let summary = self.sandbox.summary();
        let date = self.sandbox.world().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let scope = format!("{}/{}/{}/s3/aws4_request", key.id, &date[..8], summary.region);
        let query = format!(
            "X-Amz-Algorithm=AWS4%2DHMAC%2DSHA256&X-Amz-Credential={}&X-Amz-Date={date}&X-Amz-Expires={seconds}&X-Amz-Security-Token={}&X-Amz-SignedHeaders=host",
            encode(&scope).replace("%2D", "-").replace("%5F", "_"),
            encode(key.token.as_deref().unwrap_or_default())
        )
        .replace("%2D", "-");
        let host = summary.s3_endpoint.trim_start_matches("http://");
        let canonical = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let (_, signature) = signature(key, (&summary.region, "s3"), &date, &canonical);
        format!("{}{path}?{query}&X-Amz-Signature={signature}", summary.s3_endpoint)
    }

    /// Sends a signed S3 request for the default region.
    pub(super) async fn s3(
        &self,
        key: &Key,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.s3_in(&self.sandbox.summary().region.clone(), key, method, path, headers, body).await
    }

    pub(super) async fn s3_in(
        &self,
        region: &str,
        key: &Key,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let (url, all) = self.signed_in(region, key, method, path, headers, body);
        let method: Method = method.parse().unwrap();
        Answer::of(web::send(method, &url, &all, Bytes::copy_from_slice(body)).await.unwrap())
    }

    /// The address and the headers of a signed S3 request.
    pub(super) fn signed_in(
        &self,
        region: &str,
        key: &Key,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (Url, Vec<(HeaderName, String)>) {
        let url = Url::parse(&format!("{}{path}", self.sandbox.summary().s3_endpoint)).unwrap();
        let date = self.sandbox.world().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !all.iter().any(|(name, _)| name == "x-amz-content-sha256") {
            all.push(("x-amz-content-sha256".into(), hex(&sha256(body))));
        }
        all.push(("x-amz-date".into(), date.clone()));
        all.extend(key.token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        let mut signed = all.clone();
        signed.push(("host".into(), format!("127.0.0.1:{}", url.port().unwrap())));
        let scope = (region, "s3");
        all.push(("authorization".into(), authorization(key, scope, &date, method, &url, signed)));
        (url, all.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect())
    }
}

impl Bench {
    /// The key of the account's sample user.
    pub(super) fn user_key(&self) -> Key {
        let user = &self.sandbox.summary().key_user;
        Key { id: user.access_key_id.clone(), secret: user.secret_access_key.clone(), token: None }
    }

    pub(super) fn admin_key(&self) -> Key {
        let admin = &self.sandbox.summary().admin;
        Key { id: admin.access_key_id.clone(), secret: admin.secret_access_key.clone(), token: None }
    }

    /// Sends a signed call to STS (`sts`) or IAM (`iam`).
    pub(super) async fn call(&self, service: &str, key: &Key, pairs: &[(&str, &str)]) -> Answer {
        let summary = self.sandbox.summary();
        let url = Url::parse(&format!("{}/", summary.sts_endpoint)).unwrap();
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Version", version)
            .extend_pairs(pairs)
            .finish();
        let date = self.sandbox.world().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut all = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("x-amz-content-sha256".to_owned(), hex(&sha256(body.as_bytes()))),
            ("x-amz-date".to_owned(), date.clone()),
        ];
        all.extend(key.token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        let mut signed = all.clone();
        signed.push(("host".into(), format!("127.0.0.1:{}", url.port().unwrap())));
        let region = if service == "iam" { "us-east-1" } else { summary.region.as_str() };
        all.push((
            "authorization".into(),
            authorization(key, (region, service), &date, "POST", &url, signed),
        ));
        let all: Vec<(HeaderName, String)> =
            all.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect();
        Answer::of(web::send(Method::POST, &url, &all, body.into()).await.unwrap())
    }
}

impl Bench {
    /// Sends a signed `POST` with JSON to one of AWS's REST services, in the default region.
    pub(super) async fn rest(&self, key: &Key, service: &str, path: &str, input: &Value) -> Answer {
        let summary = self.sandbox.summary();
        let url = Url::parse(&format!("{}{path}", summary.sts_endpoint)).unwrap();
        let date = self.sandbox.world().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let body = input.to_string();
        let mut all = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-amz-content-sha256".to_owned(), hex(&sha256(body.as_bytes()))),
            ("x-amz-date".to_owned(), date.clone()),
        ];
        all.extend(key.token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        let mut signed = all.clone();
        signed.push(("host".into(), format!("127.0.0.1:{}", url.port().unwrap())));
        let scope = (summary.region.as_str(), service);
        all.push(("authorization".into(), authorization(key, scope, &date, "POST", &url, signed)));
        let all: Vec<(HeaderName, String)> =
            all.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect();
        Answer::of(web::send(Method::POST, &url, &all, body.into()).await.unwrap())
    }
}

impl Answer {
    /// The credential of an STS answer.
    pub(super) fn key(&self) -> Key {
        assert_eq!(self.status, 200, "{}", self.text);
        Key {
            id: self.element("AccessKeyId"),
            secret: self.element("SecretAccessKey"),
            token: Some(self.element("SessionToken")),
        }
    }

    /// The status and, before the colon, the exception's name in the header.
    pub(super) fn exception(&self) -> (u16, String) {
        let name = self.header("x-amzn-errortype").unwrap_or_default();
        (self.status, name.split(':').next().unwrap_or_default().to_owned())
    }
}

/// The signing chain of a day, a region and a service.
fn signature(key: &Key, (region, service): (&str, &str), date: &str, canonical: &str) -> (String, String) {
    let scope = format!("{}/{region}/{service}/aws4_request", &date[..8]);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let mac = |key: &[u8], data: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
    };
    let secret = mac(format!("AWS4{}", key.secret).as_bytes(), &date[..8]);
    let secret = [region, service, "aws4_request"].iter().fold(secret, |secret, part| mac(&secret, part));
    (scope, hex(&mac(&secret, &text)))
}

/// A signature as the documentation describes it, for requests whose query is already in canonical order.
fn authorization(
    key: &Key,
    region_and_service: (&str, &str),
    date: &str,
    method: &str,
    url: &Url,
    mut signed: Vec<(String, String)>,
) -> String {
    signed.sort();
    let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let payload = &signed.iter().find(|(name, _)| name == "x-amz-content-sha256").unwrap().1;
    let query = url.query().unwrap_or_default();
    let query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    let canonical = format!("{method}\n{}\n{}\n{lines}\n{names}\n{payload}", url.path(), query.join("&"));
    let (scope, signature) = signature(key, region_and_service, date, &canonical);
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", key.id)
}

pub(super) async fn post_form(address: &str, pairs: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut all = vec![(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
    all.extend(headers.iter().map(|(name, value)| (name.parse().unwrap(), (*value).to_owned())));
    Answer::of(web::send(Method::POST, &Url::parse(address).unwrap(), &all, body.into()).await.unwrap())
}

/// Sends a request with these headers.
pub(super) async fn send(method: &str, address: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: Vec<(HeaderName, String)> =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), (*value).to_owned())).collect();
    let url = Url::parse(address).unwrap();
    Answer::of(web::send(method.parse().unwrap(), &url, &headers, body.to_owned().into()).await.unwrap())
}

pub(super) async fn get(address: &str) -> Answer {
    Answer::of(web::send(Method::GET, &Url::parse(address).unwrap(), &[], Bytes::new()).await.unwrap())
}

pub(super) fn value(pairs: &[(String, String)], name: &str) -> String {
    pairs
        .iter()
        .find(|(other, _)| other == name)
        .unwrap_or_else(|| panic!("no {name} in {pairs:?}"))
        .1
        .clone()
}

/// The claims of a token.
pub(super) fn claims(token: &str) -> Value {
    crate::jose::Jwt::parse(token).unwrap().claims
}
