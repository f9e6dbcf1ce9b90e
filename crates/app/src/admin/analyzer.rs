//! IAM Access Analyzer's look at a policy: what Amazon's own checks say of it (Access Analyzer API Reference, `ValidatePolicy`).
//!
//! An extra pair of eyes. Who may not ask it, or has no such service in the region, goes on without.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use pintail_core::name::Region;
use pintail_core::retry::Schedule;
use pintail_core::seam::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::AdminError;
use super::aws_query::{AwsClient, AwsEndpoint, AwsSeams};

const OPERATION: &str = "ValidatePolicy";
/// A document of ours has a handful of findings at most; five pages of a hundred are read and no more.
const PAGES_MAX: usize = 5;

/// What kind of policy is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    /// Permissions.
    Identity,
    /// The trust policy of a role.
    Trust,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyFinding {
    /// `ERROR`, `SECURITY_WARNING`, `SUGGESTION` or `WARNING`.
    pub(crate) finding_type: String,
    /// Its name, such as `REDUNDANT_ACTION`.
    pub(crate) issue_code: String,
    /// What it is about, in Amazon's words. Data of strangers: escape before a terminal.
    #[serde(default)]
    pub(crate) finding_details: String,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// These were found.
    Found(Vec<PolicyFinding>),
    /// Nobody looked, for this reason.
    NotAsked(String),
}

/// Access Analyzer of a region.
#[derive(Debug)]
pub(crate) struct Analyzer {
    client: AwsClient,
}

impl Analyzer {
    /// Makes a client. Nothing is asked yet.
    pub(crate) fn new(seams: AwsSeams, region: &Region, custom: Option<Url>) -> Self {
        let host = format!("access-analyzer.{region}.{}", region.partition().dns_suffix());
        let own = Url::parse(&format!("https://{host}/"));
        let endpoint = AwsEndpoint {
            // A freely named region may be no host name; then the endpoint is one that nobody answers at.
            url: custom.or_else(|| own.ok()).unwrap_or_else(unanswered),
            signing_region: region.clone(),
            signing_name: "access-analyzer",
            service: "IAM Access Analyzer",
        };
        // Nobody waits long for what is a second opinion.
        let schedule = Schedule { attempts_max: 2, ..Schedule::INTERACTIVE };
        Self { client: AwsClient::new(seams, endpoint).with_schedule(schedule) }
    }

    /// Has a policy looked at. Being refused, or finding no such service, is told and no error.
    pub(crate) async fn look(&self, kind: PolicyKind, document: &Value) -> Looked {
        match self.findings(kind, document).await {
            Ok(found) => Looked::Found(found),
            Err(error) => {
                tracing::debug!(%error, "a policy was not looked at");
                Looked::NotAsked(error.to_string())
            }
        }
    }

    async fn findings(&self, kind: PolicyKind, document: &Value) -> Result<Vec<PolicyFinding>, AdminError> {
        let mut body = json!({
            "policyDocument": document.to_string(),
            "policyType": match kind { PolicyKind::Identity => "IDENTITY_POLICY", PolicyKind::Trust => "RESOURCE_POLICY" },
        });
        if kind == PolicyKind::Trust {
            body["validatePolicyResourceType"] = "AWS::IAM::AssumeRolePolicyDocument".into();
        }
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(&body, next.as_deref()).await?;
            found.extend(page.findings);
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn page(&self, body: &Value, next: Option<&str>) -> Result<Page, AdminError> {
        let mut url = self.client.endpoint().url.clone();
        url.set_path("/policy/validation");
        // Tokens are letters of base 64; encoded as the signature wants them.
        url.set_query(next.map(|next| format!("nextToken={}", encoded(next))).as_deref());
        let mut request = HttpRequest::get(url);
        request.method = Method::POST;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.body = Bytes::from(body.to_string());
        let response = self.client.send(OPERATION, request, read_refusal).await?;
        serde_json::from_slice(&response.body)
            .map_err(|_| self.client.unusable(OPERATION, "it is not the JSON that was asked for"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    findings: Vec<PolicyFinding>,
    next_token: Option<String>,
}

fn unanswered() -> Url {
    Url::parse("https://access-analyzer.invalid/").expect("a reserved name")
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Reads a refusal of the REST-JSON protocol: the code stands in a header, or in the body.
fn read_refusal(response: &HttpResponse) -> (String, String, Option<String>) {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let header = response.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = header.map_or_else(|| text("__type"), str::to_owned);
    // `prefix#Code:address` in some of the protocol's dialects.
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    (code, text("message"), None)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::aws_query::testing::scripted;
    use super::*;

    #[tokio::test]
    async fn findings_are_read_over_their_pages() {
        let (seams, http) = scripted();
        let analyzer = Analyzer::new(seams, &"eu-central-1".parse().unwrap(), None);
        http.answer(200, r#"{"findings":[{"findingType":"WARNING","issueCode":"A","findingDetails":"a","locations":[]}],"nextToken":"t/1+="}"#);
        http.answer(200, r#"{"findings":[{"findingType":"ERROR","issueCode":"B"}]}"#);
        let Looked::Found(found) =
            analyzer.look(PolicyKind::Trust, &json!({ "Version": "2012-10-17" })).await
        else {
            panic!("not asked")
        };
        let codes: Vec<&str> = found.iter().map(|finding| finding.issue_code.as_str()).collect();
        assert_eq!(codes, ["A", "B"]);
        let requests = http.requests();
        assert_eq!(
            requests[0].url.as_str(),
            "https://access-analyzer.eu-central-1.amazonaws.com/policy/validation"
        );
        assert_eq!(requests[1].url.query(), Some("nextToken=t%2F1%2B%3D"));
        let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
        assert_eq!(body["policyType"], "RESOURCE_POLICY");
        assert_eq!(body["policyDocument"], r#"{"Version":"2012-10-17"}"#);
    }

    #[tokio::test]
    async fn being_refused_is_a_note() {
        let (seams, http) = scripted();
        let analyzer = Analyzer::new(seams, &"eu-central-1".parse().unwrap(), None);
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-errortype", HeaderValue::from_static("AccessDeniedException:http://x/"));
        http.answer_with(403, headers, r#"{"message":"no"}"#);
        let looked = analyzer.look(PolicyKind::Identity, &json!({})).await;
        let said = "IAM Access Analyzer refused ValidatePolicy: AccessDeniedException (403)";
        assert_eq!(looked, Looked::NotAsked(said.into()));
    }
}
