//! Signed calls of AWS's query protocol: a form with `Action` and `Version` goes out, XML comes back.
//!
//! Written after the "Query API" chapter of the IAM API Reference. Passing trouble is tried again by a schedule, each attempt
//! signed anew; a credential that is refused as over is renewed once.

use std::sync::Arc;

use http::header::{ACCEPT, AGE, DATE};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use pintail_core::credential::{Credential, CredentialSource};
use pintail_core::name::{Partition, Region};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{Clock, HttpClient, HttpRequest, HttpResponse, Random};
use pintail_core::sign::{Payload, Scope, Signer, Target, encode_path};
use url::Url;

use super::xml::Element;
use super::{AdminError, Refusal};

/// The most of a server's message that is kept, in characters.
const MESSAGE_MAX_CHARS: usize = 600;

/// A host of a service, and the region its requests are signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsEndpoint {
    /// Where requests go.
    pub(crate) url: Url,
    /// What signatures name.
    pub(crate) signing_region: Region,
    /// What signatures name the service.
    pub(crate) signing_name: &'static str,
    /// What people call it.
    pub(crate) service: &'static str,
}

impl AwsEndpoint {
    /// Returns the endpoint of IAM, which has one for a whole partition, or one that somebody named (botocore's `endpoints.json`).
    pub(crate) fn iam(partition: Partition, custom: Option<Url>) -> Self {
        let signing_region = partition.default_region();
        let host = match partition {
            Partition::Aws => "iam.amazonaws.com".to_owned(),
            Partition::UsGov => "iam.us-gov.amazonaws.com".to_owned(),
            other => format!("iam.{signing_region}.{}", other.dns_suffix()),
        };
        let own = || Url::parse(&format!("https://{host}/")).expect("names of partitions are host names");
        Self { url: custom.unwrap_or_else(own), signing_region, signing_name: "iam", service: "IAM" }
    }
}

/// The doors to the outside that a client needs.
#[derive(Clone, Debug)]
pub(crate) struct AwsSeams {
    /// The network.
    pub(crate) http: Arc<dyn HttpClient>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Chance, for the jitter of retries.
    pub(crate) random: Arc<dyn Random>,
    /// Who asks.
    pub(crate) credentials: Arc<dyn CredentialSource>,
}

/// Sends signed requests to one endpoint.
#[derive(Debug)]
pub(crate) struct AwsClient {
    seams: AwsSeams,
    endpoint: AwsEndpoint,
    schedule: Schedule,
    signer: Signer,
}

impl AwsClient {
    /// Makes a client. Nothing is asked yet.
    pub(crate) fn new(seams: AwsSeams, endpoint: AwsEndpoint) -> Self {
        Self { seams, endpoint, schedule: Schedule::INTERACTIVE, signer: Signer::new() }
    }

    /// Takes another schedule than that of a call which somebody waits for.
    pub(crate) fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Returns where it sends to.
    pub(crate) fn endpoint(&self) -> &AwsEndpoint {
        &self.endpoint
    }

    /// Waits as long as the schedule says after a failed attempt, or tells that there is no other.
    pub(crate) async fn wait(&self, verdict: Retry, failed: u32) -> bool {
        let Some(delay) = self.schedule.delay(verdict, failed, &*self.seams.random) else { return false };
        tokio::time::sleep(delay).await;
        true
    }

    /// Performs an action of the query protocol and returns its result element (`ACTIONResult`; an empty one where there is
    /// none).
    ///
    /// # Errors
    /// When there is no credential, no answer, a no, or an answer that is no XML.
    pub(crate) async fn call(
        &self,
        version: &str,
        action: &str,
        fields: &[(String, String)],
    ) -> Result<Element, AdminError> {
        let own = [("Action", action), ("Version", version)];
        let given = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut request = HttpRequest::post_form(self.endpoint.url.clone(), own.into_iter().chain(given));
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/xml, application/xml"));
        let response = self.send(action, request, read_xml_refusal).await?;
        let unusable = |why: &str| self.unusable(action, why);
        let text = std::str::from_utf8(&response.body).map_err(|_| unusable("it is no UTF-8"))?;
        let mut root = Element::read(text).map_err(unusable)?;
        if root.name != format!("{action}Response") {
            return Err(unusable("it is the answer to something else"));
        }
        Ok(root.take(&format!("{action}Result")).unwrap_or_default())
    }

    /// Says what is wrong with an answer.
    pub(crate) fn unusable(&self, operation: &str, why: &str) -> AdminError {
        AdminError::Unusable {
            service: self.endpoint.service,
            operation: operation.to_owned(),
            why: why.to_owned(),
        }
    }

    /// Signs and sends a request until an answer of success or an error that time does not mend.
    ///
    /// # Errors
    /// As [`AwsClient::call`].
    pub(crate) async fn send(
        &self,
        operation: &str,
        request: HttpRequest,
        read_refusal: fn(&HttpResponse) -> (String, String, Option<String>),
    ) -> Result<HttpResponse, AdminError> {
        let service = self.endpoint.service;
        let mut failed = 0;
        loop {
            let credential = self.seams.credentials.credential().await;
            let credential = credential
                .map_err(|source| AdminError::Credential { service, source })?
                .ok_or(AdminError::Anonymous { service })?;
            let error = match self.seams.http.send(self.signed(request.clone(), &credential)).await {
                Ok(response) => {
                    if let Some(server_now) = date_of(&response) {
                        self.seams.clock.observe(server_now);
                    }
                    if response.status.is_success() {
                        return Ok(response);
                    }
                    AdminError::Refused(Box::new(self.refusal(operation, &response, read_refusal)))
                }
                Err(source) => AdminError::Http { service, operation: operation.to_owned(), source },
            };
            failed += 1;
            let verdict = error.retry();
            if verdict == Retry::AfterRenewal {
                self.seams.credentials.refused(&credential);
                // Keys that do not change are refused the second time as well.
                if failed > 1 {
                    return Err(error);
                }
            }
            if !self.wait(verdict, failed).await {
                return Err(error);
            }
            tracing::debug!(service, operation, failed, "trying again");
        }
    }

    fn signed(&self, mut request: HttpRequest, credential: &Credential) -> HttpRequest {
        let url = &request.url;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        // A custom address may hold a path; the URL has it encoded already, as it goes over the wire.
        let decoded = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
        let path = encode_path(&decoded);
        let query = url.query().unwrap_or_default().to_owned();
        let method = request.method.to_string();
        let target = Target { method: &method, host: &host, path: &path, query: &query };
        let scope =
            Scope { region: self.endpoint.signing_region.as_str(), service: self.endpoint.signing_name };
        let payload = Payload::of(&request.body);
        let now = self.seams.clock.now();
        self.signer.sign(credential, scope, target, &mut request.headers, payload, now);
        request
    }

    fn refusal(
        &self,
        operation: &str,
        response: &HttpResponse,
        read: fn(&HttpResponse) -> (String, String, Option<String>),
    ) -> Refusal {
        let (code, message, request_id) = read(response);
        let header = response.headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok());
        let request_id = request_id.or_else(|| header.map(str::to_owned));
        Refusal {
            service: self.endpoint.service,
            operation: operation.to_owned(),
            status: response.status,
            code: code.chars().take(100).collect(),
            message: message.chars().take(MESSAGE_MAX_CHARS).collect(),
            request_id: request_id.map(|id| id.chars().take(100).collect()),
            retry_after: None,
        }
    }
}

/// Reads code, message and request ID of the query protocol's `ErrorResponse`.
fn read_xml_refusal(response: &HttpResponse) -> (String, String, Option<String>) {
    let text = String::from_utf8_lossy(&response.body);
    let root = Element::read(&text).unwrap_or_default();
    let find = |name: &str| root.find(name).map(|element| element.text().to_owned());
    (find("Code").unwrap_or_default(), find("Message").unwrap_or_default(), find("RequestId"))
}

/// Returns when the answer was made, unless a cache kept it since.
fn date_of(response: &HttpResponse) -> Option<Timestamp> {
    if response.headers.contains_key(AGE) || response.status == StatusCode::NOT_MODIFIED {
        return None;
    }
    let text = response.headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
pub(crate) mod testing {
    //! A client with a script in place of the network.

    use super::*;
    use pintail_core::credential::CredentialError;
    use pintail_core::seam::{BoxFuture, ManualClock, ScriptedHttp, SeededRandom};
    use pintail_core::secret::Secret;

    /// Keys that never change.
    #[derive(Debug)]
    pub(crate) struct Keys;

    impl CredentialSource for Keys {
        fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
            let credential = Credential {
                access_key_id: "AKIAADMIN".into(),
                secret_access_key: Secret::new("admin-secret"),
                session_token: None,
                expires_at: None,
            };
            Box::pin(async move { Ok(Some(Arc::new(credential))) })
        }

        fn refused(&self, _: &Credential) {}
    }

    /// Returns the doors of a test, and the script behind one of them.
    pub(crate) fn scripted() -> (AwsSeams, Arc<ScriptedHttp>) {
        let http = Arc::new(ScriptedHttp::default());
        let seams = AwsSeams {
            http: Arc::clone(&http) as Arc<dyn HttpClient>,
            clock: Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap())),
            random: Arc::new(SeededRandom::new(1)),
            credentials: Arc::new(Keys),
        };
        (seams, http)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::scripted;
    use super::*;

    fn client() -> (AwsClient, Arc<pintail_core::seam::ScriptedHttp>) {
        let (seams, http) = scripted();
        (AwsClient::new(seams, AwsEndpoint::iam(Partition::Aws, None)), http)
    }

    fn no(code: &str) -> String {
        format!(
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>why &lt;not&gt;</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        )
    }

    #[test]
    fn hosts_follow_the_partition() {
        for (partition, host, region) in [
            (Partition::Aws, "iam.amazonaws.com", "us-east-1"),
            (Partition::China, "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            (Partition::UsGov, "iam.us-gov.amazonaws.com", "us-gov-west-1"),
            (Partition::EuSovereign, "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
            (Partition::Iso, "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ] {
            let endpoint = AwsEndpoint::iam(partition, None);
            assert_eq!((endpoint.url.host_str(), endpoint.signing_region.as_str()), (Some(host), region));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_signed_and_its_result_read() {
        let (client, http) = client();
        http.answer(
            200,
            "<ListXResponse><ListXResult><A>1</A></ListXResult><ResponseMetadata/></ListXResponse>",
        );
        let result = client.call("2010-05-08", "ListX", &[("B".into(), "c d".into())]).await.unwrap();
        assert_eq!(result.value("A"), Some("1"));
        let request = &http.requests()[0];
        assert_eq!(request.body, "Action=ListX&Version=2010-05-08&B=c+d");
        let signature = request.headers["authorization"].to_str().unwrap();
        assert!(signature.contains("AKIAADMIN/20261123/us-east-1/iam/aws4_request"), "{signature}");
    }

    #[tokio::test(start_paused = true)]
    async fn passing_trouble_is_tried_again_and_a_no_is_told_whole() {
        let (client, http) = client();
        http.answer(400, no("Throttling"));
        http.fail(pintail_core::seam::HttpErrorKind::Interrupted);
        http.answer(500, "<html>");
        http.answer(409, no("EntityAlreadyExists"));
        let error = client.call("2010-05-08", "CreateX", &[]).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(error.to_string(), "IAM refused CreateX: EntityAlreadyExists (409)");
        assert_eq!((refusal.message.as_str(), refusal.request_id.as_deref()), ("why <not>", Some("r-1")));
        assert_eq!(http.requests().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_is_over_is_renewed_once() {
        let (client, http) = client();
        http.answer(403, no("ExpiredToken"));
        http.answer(403, no("ExpiredToken"));
        let error = client.call("2010-05-08", "GetX", &[]).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().code, "ExpiredToken");
        assert_eq!(http.requests().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_something_else_is_not_believed() {
        let (client, http) = client();
        for body in ["<html></html>", "{}", "<GetYResponse/>"] {
            http.answer(200, body);
            let error = client.call("2010-05-08", "GetX", &[]).await.unwrap_err();
            assert!(matches!(error, AdminError::Unusable { .. }), "{body}: {error}");
        }
    }
}
