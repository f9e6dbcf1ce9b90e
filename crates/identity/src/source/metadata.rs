//! Asking a metadata service: a host one hop away that answers at once or not at all.

use std::time::Duration;

use http::StatusCode;
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{HttpError, HttpRequest, HttpResponse};
use url::{Host, Url};

use super::{ProviderContext, ProviderError};
use crate::oidc::untrusted::printable;

/// How long one question may take: the service is on the same machine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Three tries, as the AWS SDKs make.
const SCHEDULE: Schedule =
    Schedule { attempts_max: 3, base: Duration::from_millis(500), cap: Duration::from_secs(1) };
/// The largest answer: a credential with its token is a few kilobytes.
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// Sends a request until there is an answer that time would not change.
pub(super) async fn ask(context: &ProviderContext, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
    let mut failed = 0;
    loop {
        let request =
            HttpRequest { timeout: TIMEOUT, response_limit_bytes: ANSWER_MAX_BYTES, ..request.clone() };
        let answer = context.http.send(request).await;
        let verdict = match &answer {
            Ok(response) if is_passing(response.status) => Retry::Backoff,
            Ok(_) => return answer,
            Err(error) => error.retry(),
        };
        failed += 1;
        let Some(delay) = SCHEDULE.delay(verdict, failed, &*context.random) else { return answer };
        tokio::time::sleep(delay).await;
    }
}

/// Tells whether a status passes with time.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Makes the error of an answer nobody has a better word for.
pub(super) fn refused(who: &str, response: &HttpResponse) -> ProviderError {
    let retry = if is_passing(response.status) { Retry::Backoff } else { Retry::Never };
    ProviderError::new(format!("{who} answered with status {}", response.status.as_u16()), retry)
}

/// Returns the address as errors may show it: without user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    printable(&format!("{}{}", url.origin().ascii_serialization(), url.path()), 300)
}

/// Tells whether an address is on this machine. A name that only may lead here is not, except `localhost`.
pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}
