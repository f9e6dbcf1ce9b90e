//! From a call to its answer: place, credential, signature, transport, and trying again.
//!
//! [`S3Store::perform`] owns the branches. An attempt makes one request and says how it failed; [`S3Store::next_step`] says what
//! to do about it. Each attempt is signed anew with the credential and the time of its moment.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CONTENT_ENCODING, CONTENT_LENGTH, DATE, HOST, HeaderValue, USER_AGENT};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Method, Request, Response, StatusCode, response};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::credential::Credential;
use pintail_core::name::Region;
use pintail_core::retry::Retry;
use pintail_core::seam::HttpErrorKind;
use pintail_core::sign::{Payload as SignedAs, Scope, Target};
use tokio::time::timeout;

use super::call::{Call, CallBody, Wanted};
use super::endpoint::Place;
use super::error::{Asked, Refusal};
use super::upload::{Plan, Rung, SentChecksum, framed_body};
use super::{S3Store, header, time};
use crate::error::{Answer, ErrorKind, Operation, StoreError};
use crate::object_store::ChecksumChoice;
use crate::payload::Payload;
use crate::transport::{IncomingBody, OutgoingBody, Reuse};

/// The largest document accepted: a page of 1,000 keys of 1,024 bytes, each percent-encoded, is a fifth of it.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest error document read.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// How often one call follows its bucket to another region.
const REDIRECTS_MAX: u32 = 2;

/// How often one call has its credential renewed. Twice: a new one may meet its end on the way, or a server that has not
/// heard of it yet; what is refused after that is refused for another reason.
const RENEWALS_MAX: u32 = 2;
/// How long a refusal may take to arrive once it has begun, in all.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a document may take to arrive once it has begun, in all. The largest page of 1,000 keys needs 6 kB/s to fit
/// in; a copy that goes on keeps its line open with spaces meanwhile.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// The answer to a call that succeeded.
pub(super) struct Reply {
    pub(super) head: response::Parts,
    pub(super) body: ReplyBody,
    /// The checksum of the bytes that were sent.
    pub(super) sent: Option<Checksum>,
}

pub(super) enum ReplyBody {
    Document(Bytes),
    Stream(IncomingBody),
}

impl Reply {
    pub(super) fn document(&self) -> &[u8] {
        match &self.body {
            ReplyBody::Document(document) => document,
            ReplyBody::Stream(_) => &[],
        }
    }
}

/// A call that failed for good.
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// An earlier attempt may have been carried out.
    pub(super) ambiguous: bool,
    /// The service stumbled over a checksum.
    pub(super) about_checksums: bool,
    /// The checksum of the bytes that were sent, if they were sent whole.
    pub(super) sent: Option<Checksum>,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { error, ambiguous: false, about_checksums: false, sent: None }
    }
}

/// What one call has been through.
struct Course {
    /// Attempts that failed for a reason that waiting may mend.
    failed: u32,
    attempts: u32,
    redirects: u32,
    renewals: u32,
    /// The key of the credential that was refused last.
    refused: Option<String>,
    reuse: Reuse,
    rung: Rung,
    ambiguous: bool,
    clock_mended: bool,
    mismatched: bool,
    /// The checksum that goes into a header, computed by an earlier attempt.
    summed: Option<Checksum>,
    sent: Option<Checksum>,
}

impl Course {
    fn new(rung: Rung) -> Self {
        Self {
            failed: 0,
            attempts: 0,
            redirects: 0,
            renewals: 0,
            refused: None,
            reuse: Reuse::Allowed,
            rung,
            ambiguous: false,
            clock_mended: false,
            mismatched: false,
            summed: None,
            sent: None,
        }
    }
}

/// How one attempt failed.
struct Failed {
    kind: ErrorKind,
    answer: Answer,
    source: Option<Box<dyn Error + Send + Sync>>,
    stale: bool,
    about_checksums: bool,
    plan: Option<Plan>,
    credential: Option<Arc<Credential>>,
    /// Where it went, if it was refused there.
    place: Option<Arc<Place>>,
}

impl Failed {
    fn here(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            answer: Answer::default(),
            source: Some(source.into()),
            stale: false,
            about_checksums: false,
            plan: None,
            credential: None,
            place: None,
        }
    }

    /// Tells whether the service may have done what was asked all the same.
    fn is_ambiguous(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Transport(
                HttpErrorKind::Interrupted | HttpErrorKind::Timeout | HttpErrorKind::BadResponse
            ) | ErrorKind::Unavailable
                | ErrorKind::BadAnswer
        )
    }
}

enum Step {
    GiveUp,
    Now,
    Wait(Duration),
}

/// A request ready to go, and what becomes known of its body on the way.
struct Prepared {
    request: Request<OutgoingBody>,
    plan: Option<Plan>,
    /// The checksum sent in a header, or the one that will have been sent in a trailer.
    header_sum: Option<Checksum>,
    trailer_sum: Option<SentChecksum>,
}

impl S3Store {
    /// Carries out a call: as often as the schedule allows, wherever the bucket is, with whatever the service takes.
    pub(super) async fn perform(&self, call: &Call<'_>) -> Result<Reply, Failure> {
        let mut course = Course::new(self.learned.rung());
        loop {
            course.attempts += 1;
            let failed = match self.attempt(call, &mut course).await {
                Ok(reply) => {
                    self.learned.stand_on(course.rung);
                    return Ok(reply);
                }
                Err(failed) => failed,
            };
            if !failed.stale {
                self.pressure.count_failure(&failed.kind, failed.answer.status);
            }
            let step = self.next_step(call, &failed, &mut course);
            course.ambiguous |= failed.is_ambiguous();
            match step {
                Step::Now => {}
                Step::Wait(delay) => {
                    tracing::debug!(
                        operation = ?call.operation, kind = %failed.kind, attempts = course.attempts, ?delay,
                        "trying again"
                    );
                    tokio::time::sleep(delay).await;
                }
                Step::GiveUp => {
                    let error =
                        call.error(failed.kind).answered(failed.answer).after_attempts(course.attempts);
                    return Err(Failure {
                        error: match failed.source {
                            Some(source) => error.because(source),
                            None => error,
                        },
                        ambiguous: course.ambiguous,
                        about_checksums: failed.about_checksums,
                        sent: course.sent,
                    });
                }
            }
        }
    }

    /// Says what to do about a failed attempt.
    fn next_step(&self, call: &Call<'_>, failed: &Failed, course: &mut Course) -> Step {
        // A connection that had been closed under our hands: no fault of anyone, so no wait and no count.
        if failed.stale {
            course.reuse = Reuse::Fresh;
            return Step::Now;
        }
        if failed.about_checksums
            && let Some(below) = failed.plan.and_then(|plan| course.rung.below(&plan))
        {
            tracing::debug!(rung = below.value(), "the service refuses this form of checksum");
            course.rung = below;
            course.summed = None;
            return Step::Now;
        }
        let verdict = match &failed.kind {
            ErrorKind::WrongRegion { region }
                if course.redirects < REDIRECTS_MAX && call.elsewhere.is_none() =>
            {
                course.redirects += 1;
                let Some(used) = failed.place.as_ref().map(|place| &place.region) else {
                    return Step::GiveUp;
                };
                // Another call may have been led to the bucket in the meantime.
                let moved = self.place(call.bucket).region != *used;
                match region {
                    _ if moved => return Step::Now,
                    Some(region) if region != used => self.learn_region(call.bucket, region),
                    _ => return Step::GiveUp,
                }
                return Step::Now;
            }
            // The answer's own date has been taken in by now.
            ErrorKind::ClockSkew if !course.clock_mended => {
                course.clock_mended = true;
                return Step::Now;
            }
            ErrorKind::CredentialRefused => {
                let Some(credential) = &failed.credential else { return Step::GiveUp };
                // The source was told before, and it still has no other one.
                if course.refused.as_ref() == Some(&credential.access_key_id) {
                    return Step::GiveUp;
                }
                self.credentials.refused(credential);
                course.refused = Some(credential.access_key_id.clone());
                course.renewals += 1;
                if course.renewals > RENEWALS_MAX {
                    return Step::GiveUp;
                }
                Retry::AfterRenewal
            }
            // Sent once more, and read once more: chance does not strike twice, a wrong checksum does.
            ErrorKind::ChecksumMismatch if course.mismatched => Retry::Never,
            ErrorKind::ChecksumMismatch => {
                course.mismatched = true;
                course.summed = None;
                Retry::Backoff
            }
            // Its source has tried already.
            ErrorKind::CredentialUnavailable { .. } => Retry::Never,
            kind => kind.retry(),
        };
        course.failed += 1;
        match self.options.schedule.delay(verdict, course.failed, &*self.random) {
            Some(delay) if delay.is_zero() => Step::Now,
            Some(delay) => Step::Wait(delay),
            None => Step::GiveUp,
        }
    }

    /// Makes one request and waits for its answer.
    async fn attempt(&self, call: &Call<'_>, course: &mut Course) -> Result<Reply, Failed> {
        let place = call.elsewhere.clone().unwrap_or_else(|| self.place(call.bucket));
        let credential =
            self.credentials.credential().await.map_err(|error| {
                Failed::here(ErrorKind::CredentialUnavailable { retry: error.retry }, error)
            })?;
        let prepared = self.prepare(call, &place, credential.as_deref(), course).await?;
        let Prepared { request, plan, header_sum, trailer_sum } = prepared;
        let progress = request.body().progress();
        let length_bytes = request.body().length_bytes();
        self.pressure.count_request(call.operation, course.attempts > 1);
        let outcome = self.transport.send(&place.origin, request, course.reuse).await;
        // What was sent is known whether or not an answer came: it is how a lost write is recognised.
        let sent = header_sum.or_else(|| trailer_sum.as_ref()?.get().copied());
        course.sent = sent.or(course.sent);
        let response = match outcome {
            Ok(response) => {
                self.pressure.count_sent(progress.sent_of(length_bytes));
                response
            }
            Err(failure) => {
                self.pressure.count_sent(progress.sent());
                return Err(match progress.take_failure() {
                    Some(source) => Failed::here(ErrorKind::SourceFailed, source),
                    None => Failed {
                        stale: failure.stale,
                        plan,
                        ..Failed::here(ErrorKind::Transport(failure.error.kind), failure.error)
                    },
                });
            }
        };
        if response.status().is_success() {
            place.confirm();
            self.observe(response.headers());
            if let Some(waited) = response.body().waited() {
                self.pressure.take_first_byte(waited);
            }
            let reply = self.read(call, response, sent).await?;
            if plan.is_some_and(|plan| plan.framed) && !self.learned.trailers_proven() {
                self.prove_framing(call, &reply, plan).await?;
            }
            return Ok(reply);
        }
        let mut failed = self.refusal(call, response, credential.as_deref(), &place.region).await;
        if header::has_no_body(&call.method) && credential.as_deref().is_some_and(is_temporary) {
            self.ask_why(call, &mut failed).await;
        }
        failed.plan = plan;
        failed.credential = credential;
        failed.place = Some(place);
        Err(failed)
    }

    /// Reads the body of a success as the call wants it.
    async fn read(
        &self,
        call: &Call<'_>,
        response: Response<IncomingBody>,
        sent: Option<Checksum>,
    ) -> Result<Reply, Failed> {
        let (head, body) = response.into_parts();
        if call.wanted == Wanted::Stream {
            return Ok(Reply { head, body: ReplyBody::Stream(body), sent });
        }
        let document = timeout(DOCUMENT_TIME_MAX, body.collect(DOCUMENT_BYTES_MAX))
            .await
            .map_err(|late| Failed::here(ErrorKind::Transport(HttpErrorKind::Timeout), late))?
            .map_err(|error| Failed::here(ErrorKind::Transport(error.kind), error))?;
        self.pressure.count_read(document.len() as u64);
        // A long operation begins its answer before it knows its outcome.
        if call.wanted == Wanted::Document && is_error_document(&document) {
            let refusal = Refusal::read(head.status, &head.headers, &document);
            return Err(failed_by(refusal, call, false, None));
        }
        if let (Some(sent), Some(kept)) = (sent, header::checksum(&head.headers))
            && sent.algorithm() == kept.algorithm()
            && kept.parts().is_none()
            && sent != kept
        {
            let source = format!("{sent:?} was sent, {kept:?} was kept");
            return Err(Failed::here(ErrorKind::ChecksumMismatch, source));
        }
        Ok(Reply { head, body: ReplyBody::Document(document), sent })
    }

    async fn refusal(
        &self,
        call: &Call<'_>,
        response: Response<IncomingBody>,
        credential: Option<&Credential>,
        region: &Region,
    ) -> Failed {
        let (head, body) = response.into_parts();
        self.observe(&head.headers);
        // The status alone has to do when the rest of the answer is lost.
        let (body, lost) = match timeout(REFUSAL_TIME_MAX, body.collect(REFUSAL_BYTES_MAX)).await {
            Ok(Ok(body)) => (body, None),
            Ok(Err(error)) => (Bytes::new(), Some(error.kind)),
            Err(_) => (Bytes::new(), Some(HttpErrorKind::Timeout)),
        };
        self.pressure.count_read(body.len() as u64);
        let refusal = Refusal::read(head.status, &head.headers, &body);
        let mut failed = failed_by(refusal, call, credential.is_some_and(is_temporary), Some(region));
        // It says anything from "too slow" to "your credential has ended", and only the body would have told what.
        let is_open = head.status == StatusCode::BAD_REQUEST;
        if let (Some(lost), None, true) = (lost, &failed.answer.code, is_open) {
            failed.kind = ErrorKind::Transport(lost);
        }
        failed
    }

    /// Finds out why a HEAD was refused, whose answer has no body to say so: a GET of nothing is refused alike.
    ///
    /// It matters for temporary credentials alone, where a refusal may be their end.
    async fn ask_why(&self, call: &Call<'_>, failed: &mut Failed) {
        let unclear = failed.answer.code.is_none()
            && matches!(failed.answer.status, Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN))
            && !matches!(failed.kind, ErrorKind::WrongRegion { .. });
        if !unclear {
            return;
        }
        let mut twin = Call::new(call.operation, Method::GET);
        (twin.bucket, twin.key) = (call.bucket, call.key);
        twin.query = if call.key.is_some() { call.query.clone() } else { "list-type=2&max-keys=0".into() };
        twin.headers = call.headers.clone();
        if call.key.is_some() {
            twin.headers.insert(http::header::RANGE, HeaderValue::from_static("bytes=0-0"));
        }
        let mut course = Course::new(Rung::TOP);
        if let Err(explained) = Box::pin(self.attempt(&twin, &mut course)).await
            && explained.answer.status == failed.answer.status
            && explained.answer.code.is_some()
        {
            failed.kind = explained.kind;
            failed.answer.code = explained.answer.code;
            failed.answer.message = explained.answer.message;
        }
    }

    /// Makes sure, once, that a service which says nothing of checksums did not store the frames with the bytes.
    async fn prove_framing(&self, call: &Call<'_>, reply: &Reply, plan: Option<Plan>) -> Result<(), Failed> {
        let CallBody::Payload(payload, _) = &call.body else { return Ok(()) };
        let proven = header::checksum(&reply.head.headers).is_some()
            || Box::pin(self.length_kept(call)).await == Some(payload.length_bytes());
        if proven {
            self.learned.prove_trailers();
            return Ok(());
        }
        let source = "the service may have stored the framing of the body";
        Err(Failed { about_checksums: true, plan, ..Failed::here(ErrorKind::Unsupported, source) })
    }

    /// Turns a call into a request for this attempt.
    async fn prepare(
        &self,
        call: &Call<'_>,
        place: &Place,
        credential: Option<&Credential>,
        course: &mut Course,
    ) -> Result<Prepared, Failed> {
        let mut headers = HeaderMap::with_capacity(call.headers.len() + 12);
        headers.extend(call.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.insert(HOST, place.host.clone());
        headers.insert(USER_AGENT, self.user_agent.clone());
        if self.options.requester_pays {
            headers.insert(header::REQUEST_PAYER, HeaderValue::from_static("requester"));
        }
        let (target, path_length) = call.target(place);
        let form = self.form(call, place, credential.is_none(), &mut headers, course).await?;
        let seed = credential.map(|credential| {
            let scope = Scope { region: place.region.as_str(), service: "s3" };
            let target = Target {
                method: call.method.as_str(),
                host: &place.authority,
                path: &target[..path_length],
                query: &call.query,
            };
            self.learned.signer.sign(
                credential,
                scope,
                target,
                &mut headers,
                form.signed_as,
                self.service_now(),
            )
        });
        let mut trailer_sum = None;
        let body = match (&call.body, form.plan) {
            (CallBody::Empty, _) => OutgoingBody::empty(),
            (CallBody::Document(document), _) => OutgoingBody::whole(document.clone()),
            (CallBody::Payload(payload, _), Some(plan)) if plan.framed => {
                let algorithm = plan.algorithm.unwrap_or(Algorithm::Crc64Nvme);
                let (body, sum) = framed_body(payload, &plan, algorithm, seed.filter(|_| plan.signed));
                trailer_sum = Some(sum);
                body
            }
            (CallBody::Payload(payload, _), _) => match payload.as_bytes() {
                Some(bytes) => OutgoingBody::whole(bytes.clone()),
                None => OutgoingBody::stream(payload.open(), payload.length_bytes()),
            },
        };
        if !matches!(call.body, CallBody::Empty) || matches!(call.method, Method::PUT | Method::POST) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.length_bytes()));
        }
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target))
            .map_err(|error| Failed::here(ErrorKind::InvalidArgument("the key cannot be sent"), error))?;
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = Uri::from(target);
        *request.headers_mut() = headers;
        Ok(Prepared { request, plan: form.plan, header_sum: form.header_sum, trailer_sum })
    }

    /// Decides how the body goes out and writes the headers that say so.
    async fn form(
        &self,
        call: &Call<'_>,
        place: &Place,
        anonymous: bool,
        headers: &mut HeaderMap,
        course: &mut Course,
    ) -> Result<Form, Failed> {
        let (payload, choice) = match &call.body {
            CallBody::Empty => return Ok(Form::unplanned(SignedAs::of(b""))),
            // Documents are small, and some services want a checksum with them.
            CallBody::Document(document) => return Ok(Form::unplanned(SignedAs::of(document))),
            CallBody::Payload(payload, choice) => (*payload, *choice),
        };
        // The proof that frames are taken off would come after the write, and a write under a condition cannot be
        // mended: its own first attempt would be in the way.
        let unproven = call.is_conditional() && !self.learned.trailers_proven();
        let rung = if unproven { course.rung.max(Rung::UNFRAMED) } else { course.rung };
        let plan = Plan::new(payload, choice, rung, place.private, anonymous);
        let mut form = Form { plan: Some(plan), signed_as: plan.signed_as(None), header_sum: None };
        if plan.framed {
            let algorithm = plan.algorithm.unwrap_or(Algorithm::Crc64Nvme);
            let length = HeaderValue::from(payload.length_bytes());
            headers.insert(header::DECODED_CONTENT_LENGTH, length);
            let name = HeaderValue::from_static(header::checksum_text(algorithm));
            headers.insert(header::TRAILER, name);
            headers.insert(header::SDK_CHECKSUM_ALGORITHM, HeaderValue::from_static(algorithm.name()));
            let encoding = match headers.get(CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()) {
                Some(own) => {
                    HeaderValue::from_str(&format!("aws-chunked,{own}")).expect("it was a header before")
                }
                None => HeaderValue::from_static("aws-chunked"),
            };
            headers.insert(CONTENT_ENCODING, encoding);
            return Ok(form);
        }
        if let Some(algorithm) = plan.algorithm {
            let checksum = match (choice, course.summed) {
                (ChecksumChoice::Known(checksum), _) => checksum,
                (_, Some(checksum)) if checksum.algorithm() == algorithm => checksum,
                _ => sum(payload, algorithm).await?,
            };
            course.summed = Some(checksum);
            form.header_sum = Some(checksum);
            let value = HeaderValue::from_str(&checksum.to_string()).expect("base64 is ASCII");
            headers.insert(header::checksum_name(algorithm), value);
        }
        if plan.signed {
            let sha256 = match form.header_sum.filter(|sum| sum.algorithm() == Algorithm::Sha256) {
                Some(checksum) => checksum,
                None => sum(payload, Algorithm::Sha256).await?,
            };
            form.signed_as = plan.signed_as(sha256.as_bytes().try_into().ok());
        }
        Ok(form)
    }

    /// Takes in the time that an answer states. Every answer counts, since the clock may be corrected by others meanwhile:
    /// what was learned before that would correct it twice. An answer out of a cache (it has an age) states the time of long ago.
    fn observe(&self, headers: &HeaderMap) {
        if headers.contains_key(AGE) {
            return;
        }
        if let Some(time) = header::text(headers, DATE).and_then(time::of_header) {
            self.learned.set_time_ahead(time.duration_since(self.clock.now()));
        }
    }
}

/// How the body of one request goes out.
struct Form {
    plan: Option<Plan>,
    signed_as: SignedAs,
    header_sum: Option<Checksum>,
}

impl Form {
    fn unplanned(signed_as: SignedAs) -> Self {
        Self { plan: None, signed_as, header_sum: None }
    }
}

async fn sum(payload: &Payload, algorithm: Algorithm) -> Result<Checksum, Failed> {
    payload.checksum(algorithm).await.map_err(|error| Failed::here(ErrorKind::SourceFailed, error))
}

fn failed_by(refusal: Refusal, call: &Call<'_>, temporary: bool, region: Option<&Region>) -> Failed {
    let kind = refusal.kind(&Asked { operation: call.operation, method: &call.method, region, temporary });
    let sends = matches!(call.body, CallBody::Payload(..)) || call.operation == Operation::CreateUpload;
    Failed {
        about_checksums: sends && refusal.is_about_checksums(),
        kind,
        answer: refusal.answer,
        source: None,
        stale: false,
        plan: None,
        credential: None,
        place: None,
    }
}

fn is_temporary(credential: &Credential) -> bool {
    credential.session_token.is_some()
}

/// Tells whether a document is an error, without reading it whole: the root is the first element.
fn is_error_document(document: &[u8]) -> bool {
    let is_element = |at: &usize| !matches!(document.get(at + 1), Some(b'?' | b'!') | None);
    let mut opened = document.iter().enumerate().filter(|(_, byte)| **byte == b'<').map(|(at, _)| at);
    let Some(root) = opened.find(is_element) else { return false };
    let name = &document[root + 1..];
    name.starts_with(b"Error>") || name.starts_with(b"Error ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_from_a_result_that_lists_errors() {
        for (document, is_error) in [
            ("<Error><Code>x</Code></Error>", true),
            (" \n<?xml version=\"1.0\"?>\n<!-- c --><Error xmlns=\"x\"/>", true),
            ("<DeleteResult><Error><Key>a</Key></Error></DeleteResult>", false),
            ("<Errors/>", false),
            ("", false),
            ("<", false),
        ] {
            assert_eq!(is_error_document(document.as_bytes()), is_error, "{document}");
        }
    }
}
