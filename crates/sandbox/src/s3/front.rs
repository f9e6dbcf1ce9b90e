//! The road into `s3s`, and what it cannot say itself: redirects between regions, lifetimes of presigned
//! addresses by the sandbox's clock, bodies where HTTP wants none, the identifiers of every answer.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};

use super::Store;
use super::access::{Caller, Gate};
use super::auth::{Hosts, Keys, split_host};
use super::operation;
use super::restore::Answered;
use crate::clock::after;
use crate::faults::Effect;
use crate::locked;
use crate::query::element;
use crate::server::{Body, Broken, Inbound, full};
use crate::sigv4::Claim;
use crate::world::{Core, Receiving};

const LONGEST_PRESIGNED_S: i64 = 604_800;
const SKEW_S: i64 = 900;

/// S3 as the server sees it.
pub(crate) struct Front {
    service: S3Service,
}

/// An error that is answered before `s3s` is asked.
struct Early {
    status: u16,
    code: &'static str,
    message: String,
    /// More elements of the error document.
    details: String,
    region: Option<String>,
}

impl Early {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Early {
        Early { status, code, message: message.into(), details: String::new(), region: None }
    }
}

impl Front {
    pub(crate) fn new(core: &Arc<Core>) -> Front {
        let mut config = S3Config::default();
        // `s3s` looks at the machine's clock; times are checked by the sandbox's, here and in the gate.
        config.presigned_url_max_skew_time_secs = u32::MAX;
        let mut builder = S3ServiceBuilder::new(Store { core: Arc::clone(core) });
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(Keys { core: Arc::clone(core) });
        builder.set_access(Gate { core: Arc::clone(core) });
        builder.set_host(Hosts);
        Front { service: builder.build() }
    }

    /// Names the operation.
    pub(crate) fn operation(&self, inbound: &Inbound) -> String {
        let (bucket, key) = address(inbound);
        operation::name(
            &inbound.method,
            bucket.as_deref(),
            key.as_deref(),
            &inbound.query(),
            &inbound.headers,
        )
        .to_owned()
    }

    /// Performs a request.
    pub(crate) async fn answer(&self, core: &Core, inbound: &Inbound, body: Body) -> Response<Body> {
        let (bucket, key) = address(inbound);
        let mut receiving = receive(core, inbound, bucket.as_deref(), key.as_deref());
        let counter = receiving.as_ref().map(Receiving::counter);
        let body = Lent { body: Arc::new(Mutex::new(body)), counter };
        let bucket_region = bucket
            .as_deref()
            .and_then(|bucket| locked(&core.storage).buckets.get(bucket).map(|bucket| bucket.region.clone()));
        let mut response = match prepare(core, inbound, bucket.as_deref(), bucket_region.as_deref()) {
            Err(early) => {
                take_in(body).await;
                early_response(&early, inbound)
            }
            Ok((caller, query, headers)) => self.pass(inbound, body, caller, query, headers).await,
        };
        if let Some(receiving) = &mut receiving
            && response.status().is_success()
        {
            receiving.keep();
        }
        finish(&mut response, inbound, bucket_region.as_deref());
        response
    }

    async fn pass(
        &self,
        inbound: &Inbound,
        lent: Lent,
        caller: Caller,
        query: Option<String>,
        headers: http::HeaderMap,
    ) -> Response<Body> {
        let failed = || {
            early_response(
                &Early::new(500, "InternalError", "We encountered an internal error. Please try again."),
                inbound,
            )
        };
        let target =
            query.map_or_else(|| inbound.path().to_owned(), |query| format!("{}?{query}", inbound.path()));
        let request = Request::builder()
            .method(inbound.method.clone())
            .uri(target)
            .body(s3s::Body::http_body_unsync(lent.clone()));
        let Ok(mut request) = request else { return failed() };
        *request.headers_mut() = headers;
        request.extensions_mut().insert(caller);
        match self.service.call(request).await {
            Ok(mut response) => {
                if let Some(Answered(status)) = response.extensions().get().copied() {
                    *response.status_mut() = status;
                }
                if !response.status().is_success() {
                    take_in(lent).await;
                }
                response.map(|body| body.map_err(Broken::new).boxed_unsync())
            }
            Err(error) => {
                tracing::debug!(?error, "s3s could not answer");
                failed()
            }
        }
    }
}

/// A body that can still be read when whoever was given it has refused it.
#[derive(Clone)]
struct Lent {
    body: Arc<Mutex<Body>>,
    /// Where its bytes are counted.
    counter: Option<Arc<AtomicU64>>,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = Pin::new(&mut *locked(&self.body)).poll_frame(cx);
        if let (Some(counter), Poll::Ready(Some(Ok(frame)))) = (&self.counter, &polled) {
            let count = frame.data_ref().map_or(0, Bytes::len);
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.body).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.body).size_hint()
    }
}

/// Reads what is still being sent to a request that is refused without it: a client in the middle of its bytes would see the
/// connection break, and not the answer.
pub(crate) async fn take_in(mut body: impl http_body::Body<Data = Bytes> + Unpin) {
    const BYTES_MAX: usize = 64 << 20;
    let mut taken = 0;
    while let Some(Ok(frame)) = body.frame().await {
        taken += frame.data_ref().map_or(0, Bytes::len);
        if taken > BYTES_MAX {
            return;
        }
    }
}

/// Begins to count what arrives, where the request carries bytes of an object.
fn receive<'a>(
    core: &'a Core,
    inbound: &Inbound,
    bucket: Option<&str>,
    key: Option<&str>,
) -> Option<Receiving<'a>> {
    let (bucket, key) = (bucket?, key?);
    let query = inbound.query();
    let part = match operation::name(&inbound.method, Some(bucket), Some(key), &query, &inbound.headers) {
        "PutObject" => None,
        "UploadPart" => Some((
            query.get("partNumber")?.parse().ok()?,
            query.get("uploadId").unwrap_or_default().to_owned(),
        )),
        _ => return None,
    };
    let length = inbound.header("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
    Some(Receiving::begin(core, bucket, key, part, length))
}

/// The answer of a scripted `Status` fault.
pub(crate) fn scripted(effect: &Effect, inbound: &Inbound) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    let mut response = error_document(*status, code, message, "", inbound);
    finish(&mut response, inbound, None);
    Some(response)
}

/// Bucket and key of a request, from host and path.
fn address(inbound: &Inbound) -> (Option<String>, Option<String>) {
    let (host_bucket, _) = split_host(inbound.header("host").unwrap_or_default());
    let path = inbound.path();
    let full = percent_decode_str(path.strip_prefix('/').unwrap_or(path)).decode_utf8_lossy();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match host_bucket {
        Some(bucket) => (some(bucket), some(&full)),
        None => match full.split_once('/') {
            Some((bucket, key)) => (some(bucket), some(key)),
            None => (some(&full), None),
        },
    }
}

/// Everything that can be said before `s3s`: who claims to ask, when, and whether this is the bucket's region.
fn prepare(
    core: &Core,
    inbound: &Inbound,
    bucket: Option<&str>,
    bucket_region: Option<&str>,
) -> Result<(Caller, Option<String>, http::HeaderMap), Early> {
    let query = inbound.query();
    let is_form = inbound.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if inbound.header("authorization").is_some_and(|value| value.starts_with("AWS "))
        || query.raw("Signature").is_some()
        || is_form
    {
        let text =
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return Err(Early::new(400, "InvalidRequest", text));
    }
    // Two proofs could be judged by different eyes: here by one, in `s3s` by the other.
    if inbound.headers.contains_key(header::AUTHORIZATION) && query.raw("X-Amz-Signature").is_some() {
        let text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
        return Err(Early::new(400, "InvalidArgument", text));
    }
    let Some(claim) = Claim::read(inbound) else {
        if inbound.header("authorization").is_some() {
            return Err(Early::new(
                400,
                "AuthorizationHeaderMalformed",
                "The authorization header is malformed.",
            ));
        }
        if query.raw("X-Amz-Signature").is_some() {
            return Err(Early::new(
                400,
                "AuthorizationQueryParametersError",
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            ));
        }
        // Nobody in particular: the gate asks the bucket's policy.
        let caller = Caller {
            now: inbound.now,
            peer: inbound.peer,
            signed_at: None,
            presigned: false,
            principal: None,
        };
        return Ok((caller, inbound.uri.query().map(str::to_owned), inbound.headers.clone()));
    };
    let mut caller = Caller {
        now: inbound.now,
        peer: inbound.peer,
        signed_at: claim.signed_at(),
        presigned: claim.expires_s.is_some(),
        principal: None,
    };
    let known = locked(&core.account).key(&claim.access_key_id);
    if let Some((principal, _)) = &known {
        inbound.name_caller(&locked(&core.account).arn_of(principal));
    }
    check_region(core, inbound, bucket, bucket_region, &claim)?;
    check_lists(core, inbound, bucket)?;
    let Some(expires_s) = claim.expires_s else {
        return Ok((caller, inbound.uri.query().map(str::to_owned), inbound.headers.clone()));
    };

    if !(1..=LONGEST_PRESIGNED_S).contains(&expires_s) {
        let text = "X-Amz-Expires must be between 1 and 604800 seconds";
        return Err(Early::new(400, "AuthorizationQueryParametersError", text));
    }
    let signed_at = caller.signed_at.ok_or_else(|| {
        Early::new(
            400,
            "AuthorizationQueryParametersError",
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        )
    })?;
    if signed_at > after(inbound.now, SKEW_S) {
        return Err(Early::new(403, "AccessDenied", "Request is not yet valid"));
    }
    if after(signed_at, expires_s) <= inbound.now {
        return Err(Early::new(403, "AccessDenied", "Request has expired"));
    }
    caller.presigned = true;
    let unknown = || {
        Early::new(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    };
    let (_, secret) = known.ok_or_else(unknown)?;
    if !claim.holds(inbound, &secret) {
        return Err(Early::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ));
    }
    let (query, headers) = claim.into_headers(inbound, &secret).ok_or_else(|| {
        Early::new(400, "AuthorizationQueryParametersError", "Malformed query authentication")
    })?;
    Ok((caller, Some(query), headers))
}

/// Compares the region a request was signed for, and sent to, with the bucket's.
fn check_region(
    core: &Core,
    inbound: &Inbound,
    bucket: Option<&str>,
    bucket_region: Option<&str>,
    claim: &Claim,
) -> Result<(), Early> {
    let region = claim.region.as_str();
    if claim.service != "s3" {
        let text = format!(
            "The authorization header is malformed; incorrect service \"{}\". This endpoint belongs to \"s3\".",
            claim.service
        );
        return Err(Early::new(400, "AuthorizationHeaderMalformed", text));
    }
    let asks_location = inbound.query().raw("location").is_some();
    let (Some(bucket), Some(actual), false) = (bucket, bucket_region, asks_location) else {
        if core.regions.iter().any(|known| known == region) || asks_location {
            return Ok(());
        }
        return Err(wrong_region(region, core.region()));
    };
    if region == actual {
        return Ok(());
    }
    if core.regions.iter().any(|known| known == region) {
        // Signed rightly for another endpoint: that endpoint knows where the bucket is.
        return Err(Early {
            details: format!(
                "{}{}",
                element("Endpoint", &format!("{bucket}.s3.{actual}.amazonaws.com")),
                element("Bucket", bucket)
            ),
            region: Some(actual.to_owned()),
            ..Early::new(
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
            )
        });
    }
    Err(wrong_region(region, actual))
}

/// Where the bucket's owner owns everything, a request that gives rights by access control lists is refused, unless
/// it gives the owner what the owner has.
fn check_lists(core: &Core, inbound: &Inbound, bucket: Option<&str>) -> Result<(), Early> {
    let given = inbound.header("x-amz-acl").is_some_and(|acl| acl != "bucket-owner-full-control")
        || inbound.headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"));
    let enforced = bucket.is_some_and(|bucket| {
        locked(&core.storage).buckets.get(bucket).is_some_and(|bucket| bucket.owner_enforced)
    });
    if given && enforced {
        return Err(Early::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    Ok(())
}

fn wrong_region(region: &str, expected: &str) -> Early {
    Early {
        details: element("Region", expected),
        region: Some(expected.to_owned()),
        ..Early::new(
            400,
            "AuthorizationHeaderMalformed",
            format!(
                "The authorization header is malformed; the region '{region}' is wrong; expecting '{expected}'"
            ),
        )
    }
}

fn early_response(early: &Early, inbound: &Inbound) -> Response<Body> {
    let mut response = error_document(early.status, early.code, &early.message, &early.details, inbound);
    if let Some(region) = early.region.as_deref().and_then(|region| HeaderValue::from_str(region).ok()) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    response
}

fn error_document(
    status: u16,
    code: &str,
    message: &str,
    details: &str,
    inbound: &Inbound,
) -> Response<Body> {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{}{}{details}<RequestId>{}</RequestId><HostId>sandbox</HostId></Error>",
        element("Code", code),
        element("Message", message),
        inbound.request_id
    );
    let mut response = Response::new(full(document));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// What every answer carries, and the bodies that HTTP forbids.
fn finish(response: &mut Response<Body>, inbound: &Inbound, bucket_region: Option<&str>) {
    let status = response.status();
    let tells_region = inbound.method == Method::HEAD || status.is_redirection() || status.is_client_error();
    if let Some(region) =
        bucket_region.filter(|_| tells_region).and_then(|region| HeaderValue::from_str(region).ok())
    {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    if status == StatusCode::NOT_MODIFIED || inbound.method == Method::HEAD && !status.is_success() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = full("");
    }
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
    headers.insert("x-amz-id-2", HeaderValue::from_static("sandbox"));
    if let Ok(id) = HeaderValue::from_str(&inbound.request_id) {
        headers.insert("x-amz-request-id", id);
    }
}
