//! The texts of the calls: one unsigned form that carries the ID token, and the signed ones.

use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::seam::HttpRequest;
use pintail_core::secret::Secret;
use pintail_core::sign::{Payload, Scope, Signer, Target, encode_path};

use super::answer::ANSWER_MAX_BYTES;
use super::endpoint::StsEndpoint;

/// The version of the query protocol's STS interface.
const VERSION: &str = "2011-06-15";

/// What `AssumeRole` and `AssumeRoleWithWebIdentity` have in common.
#[derive(Clone, Copy, Debug)]
pub struct RoleSession<'a> {
    /// The role.
    pub role: &'a RoleArn,
    /// The session's name.
    pub name: &'a SessionName,
    /// How long the credential lives; `None` leaves it to the server.
    pub duration: Option<Duration>,
    /// The inline session policy.
    pub policy: Option<&'a str>,
    /// The managed policies that bound the session.
    pub policy_arns: &'a [String],
}

impl RoleSession<'_> {
    fn fields(&self, action: &str) -> Vec<(String, String)> {
        let mut fields = vec![
            ("Action".to_owned(), action.to_owned()),
            ("Version".to_owned(), VERSION.to_owned()),
            ("RoleArn".to_owned(), self.role.to_string()),
            ("RoleSessionName".to_owned(), self.name.to_string()),
        ];
        let seconds = self.duration.map(|duration| duration.as_secs().to_string());
        fields.extend(seconds.map(|seconds| ("DurationSeconds".to_owned(), seconds)));
        for (number, arn) in (1..).zip(self.policy_arns) {
            fields.push((format!("PolicyArns.member.{number}.arn"), arn.clone()));
        }
        fields.extend(self.policy.map(|policy| ("Policy".to_owned(), policy.to_owned())));
        fields
    }
}

/// Makes the exchange of an ID token. The body carries the token; the request is not signed.
pub fn assume_role_with_web_identity(
    endpoint: &StsEndpoint,
    session: RoleSession<'_>,
    token: &Secret,
) -> HttpRequest {
    let fields = session.fields("AssumeRoleWithWebIdentity");
    post(endpoint, pairs(&fields).chain([("WebIdentityToken", token.expose())]))
}

/// What only a signed `AssumeRole` can say.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssumeDetails<'a> {
    /// What the role's owner asks to be told.
    pub external_id: Option<&'a str>,
    /// The name that stays with everything done in the session, and in sessions bought with it.
    pub source_identity: Option<&'a str>,
    /// The session's tags, as keys and values.
    pub tags: &'a [(String, String)],
    /// The second factor.
    pub mfa: Option<&'a MfaProof>,
}

/// A code of an MFA device, good for one call.
#[derive(Clone, Debug)]
pub struct MfaProof {
    /// The device: its ARN, or the number printed on a hardware device.
    pub serial: String,
    /// The code it shows.
    pub code: Secret,
}

impl MfaProof {
    fn fields(&self) -> [(&str, &str); 2] {
        [("SerialNumber", &self.serial), ("TokenCode", self.code.expose())]
    }
}

/// Makes a signed `AssumeRole`: from keys or another role's session into a role.
pub fn assume_role(
    endpoint: &StsEndpoint,
    session: RoleSession<'_>,
    details: AssumeDetails<'_>,
    credential: &Credential,
    now: Timestamp,
) -> HttpRequest {
    let mut fields = session.fields("AssumeRole");
    for (number, (key, value)) in (1..).zip(details.tags) {
        fields.push((format!("Tags.member.{number}.Key"), key.clone()));
        fields.push((format!("Tags.member.{number}.Value"), value.clone()));
    }
    let own = details.external_id.map(|id| ("ExternalId", id));
    let own = own.into_iter().chain(details.source_identity.map(|name| ("SourceIdentity", name)));
    let own = own.chain(details.mfa.into_iter().flat_map(MfaProof::fields));
    signed(endpoint, post(endpoint, pairs(&fields).chain(own)), credential, now)
}

/// Makes a signed `GetSessionToken`. `duration` is left to the server when `None`.
pub fn get_session_token(
    endpoint: &StsEndpoint,
    duration: Option<Duration>,
    mfa: Option<&MfaProof>,
    credential: &Credential,
    now: Timestamp,
) -> HttpRequest {
    let seconds = duration.map(|duration| duration.as_secs().to_string());
    let fields = [("Action", "GetSessionToken"), ("Version", VERSION)];
    let fields = fields.into_iter().chain(seconds.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    let request = post(endpoint, fields.chain(mfa.into_iter().flat_map(MfaProof::fields)));
    signed(endpoint, request, credential, now)
}

/// Makes a signed `GetCallerIdentity`.
pub fn get_caller_identity(endpoint: &StsEndpoint, credential: &Credential, now: Timestamp) -> HttpRequest {
    let request = post(endpoint, [("Action", "GetCallerIdentity"), ("Version", VERSION)]);
    signed(endpoint, request, credential, now)
}

fn pairs(fields: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn post<'a>(endpoint: &StsEndpoint, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> HttpRequest {
    let mut request = HttpRequest::post_form(endpoint.url().clone(), fields);
    request.headers.insert(ACCEPT, HeaderValue::from_static("text/xml, application/xml"));
    request.response_limit_bytes = ANSWER_MAX_BYTES;
    request
}

fn signed(
    endpoint: &StsEndpoint,
    mut request: HttpRequest,
    credential: &Credential,
    now: Timestamp,
) -> HttpRequest {
    let url = endpoint.url();
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    // A custom address may hold a path; the URL has it encoded already, as it goes over the wire.
    let decoded = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
    let path = encode_path(&decoded);
    let target = Target { method: "POST", host: &host, path: &path, query: "" };
    let scope = Scope { region: endpoint.signing_region().as_str(), service: "sts" };
    let payload = Payload::of(&request.body);
    Signer::new().sign(credential, scope, target, &mut request.headers, payload, now);
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::endpoint::EndpointChoice;

    fn body(request: &HttpRequest) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&request.body).into_owned().collect()
    }

    fn endpoint() -> StsEndpoint {
        StsEndpoint::new(&EndpointChoice::Regional, &"eu-central-1".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_unsigned_exchange_carries_the_token_in_its_body_only() {
        let role: RoleArn = "arn:aws:iam::123456789012:role/S3Reader".parse().unwrap();
        let name: SessionName = "alice@contoso.com".parse().unwrap();
        let arns = ["arn:aws:iam::aws:policy/A".to_owned(), "arn:aws:iam::aws:policy/B".to_owned()];
        let session = RoleSession {
            role: &role,
            name: &name,
            duration: Some(Duration::from_secs(43_200)),
            policy: Some("{\"a\":1}"),
            policy_arns: &arns,
        };
        let request = assume_role_with_web_identity(&endpoint(), session, &Secret::new("ey.J.x"));
        assert_eq!(format!("{request:?}"), "POST https://sts.eu-central-1.amazonaws.com/");
        assert!(!request.headers.contains_key("authorization"));
        let expected = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", "arn:aws:iam::123456789012:role/S3Reader"),
            ("RoleSessionName", "alice@contoso.com"),
            ("DurationSeconds", "43200"),
            ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/A"),
            ("PolicyArns.member.2.arn", "arn:aws:iam::aws:policy/B"),
            ("Policy", "{\"a\":1}"),
            ("WebIdentityToken", "ey.J.x"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(body(&request), expected);
    }

    #[test]
    fn the_chained_call_is_signed_for_sts_and_its_region() {
        let role: RoleArn = "arn:aws:iam::210987654321:role/Hub".parse().unwrap();
        let name: SessionName = "alice".parse().unwrap();
        let session = RoleSession {
            role: &role,
            name: &name,
            duration: Some(Duration::from_secs(3600)),
            policy: None,
            policy_arns: &[],
        };
        let credential = Credential {
            access_key_id: "ASIAFIRST".into(),
            secret_access_key: Secret::new("secret-of-first"),
            session_token: Some(Secret::new("token-of-first")),
            expires_at: None,
        };
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let request = assume_role(
            &endpoint(),
            session,
            AssumeDetails { external_id: Some("ext 1"), ..AssumeDetails::default() },
            &credential,
            now,
        );
        assert!(body(&request).contains(&("ExternalId".to_owned(), "ext 1".to_owned())));
        let authorization = request.headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("Credential=ASIAFIRST/20261123/eu-central-1/sts/aws4_request"));
        assert!(
            authorization.contains("content-type;host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
        assert_eq!(request.headers["x-amz-security-token"], "token-of-first");
        assert!(request.headers["x-amz-security-token"].is_sensitive());
        let request = get_caller_identity(&endpoint(), &credential, now);
        assert_eq!(body(&request)[0].1, "GetCallerIdentity");
    }
}
