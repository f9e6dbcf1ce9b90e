//! The transport lent to sign-in: [`HttpClient`], one small request and one small answer.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Method, Request};
use pintail_core::seam::{BoxFuture, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use tokio::time::timeout;
use url::Position;

use super::{Origin, OutgoingBody, Reuse, Transport};

impl HttpClient for Transport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let limit = request.timeout.min(Duration::from_secs(24 * 60 * 60));
            let origin = origin_of(&request)?;
            timeout(limit, exchange(self, &origin, request)).await.unwrap_or_else(|_| Err(origin.timeout()))
        })
    }
}

async fn exchange(
    transport: &Transport,
    origin: &Origin,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    // A code or a refresh token works once: a request that may not be repeated must not meet a connection that the
    // server closed in the same moment.
    let reuse = match request.method {
        Method::GET | Method::HEAD => Reuse::Allowed,
        _ => Reuse::Fresh,
    };
    let response = match Transport::send(transport, origin, wire(origin, &request)?, reuse).await {
        // Not a retry of the exchange: reading again what a dead connection did not deliver changes nothing.
        Err(failure) if failure.stale => {
            Transport::send(transport, origin, wire(origin, &request)?, Reuse::Fresh).await
        }
        outcome => outcome,
    }
    .map_err(|failure| failure.error)?;
    let (head, body) = response.into_parts();
    let body = body.collect(request.response_limit_bytes).await?;
    Ok(HttpResponse { status: head.status, headers: head.headers, body })
}

fn origin_of(request: &HttpRequest) -> Result<Origin, HttpError> {
    let url = &request.url;
    match (url.scheme(), url.host_str()) {
        (scheme @ ("http" | "https"), Some(host)) => Ok(Origin::new(scheme == "https", host, url.port())),
        (scheme, host) => Err(HttpError {
            kind: HttpErrorKind::Connect,
            host: host.unwrap_or_default().to_owned(),
            source: Some(format!("the scheme {scheme} is not http or https").into()),
        }),
    }
}

fn wire(origin: &Origin, request: &HttpRequest) -> Result<Request<OutgoingBody>, HttpError> {
    let target = &request.url[Position::BeforePath..Position::AfterQuery];
    let mut wire = Request::builder()
        .method(request.method.clone())
        .uri(target)
        .body(OutgoingBody::whole(request.body.clone()))
        .map_err(|error| origin.error(HttpErrorKind::Connect, error))?;
    *wire.headers_mut() = request.headers.clone();
    let host = HeaderValue::from_str(&origin.authority())
        .map_err(|error| origin.error(HttpErrorKind::Connect, error))?;
    wire.headers_mut().insert(HOST, host);
    if !request.body.is_empty() || request.method == Method::POST {
        wire.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    Ok(wire)
}
