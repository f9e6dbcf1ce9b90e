//! The three listeners, and what every request passes through: naming, scripted faults, the service, the record.
//!
//! The first port is the issuer's and Graph's, the second that of AWS's signed services, the third leads to the
//! other ways in: Identity Center, the metadata services, the console's sign-in. A service sees an [`Inbound`] and gives a
//! response; everything that can break a connection happens here.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::{after, http_date};
use crate::faults::{Effect, Service};
use crate::moments::{Phase, Watch};
use crate::params::Params;
use crate::recorder::Call;
use crate::s3::Front;
use crate::socket::{Reset, Socket};
use crate::world::Core;
use crate::{analyzer, batch, doors, issuer, locked, query};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, Broken>;

/// A body that ended before its time.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub(crate) struct Broken(#[source] BoxError);

impl Broken {
    pub(crate) fn new(source: impl Into<BoxError>) -> Broken {
        Broken(source.into())
    }
}

/// Forms and query-protocol calls are small; anything larger is not one.
const FORM_LIMIT_BYTES: usize = 1 << 20;

/// A body that is all there.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A request as a service sees it.
pub(crate) struct Inbound {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Empty for S3, which streams.
    pub(crate) body: Bytes,
    /// The service's time for this request, skew included.
    pub(crate) now: Timestamp,
    pub(crate) peer: IpAddr,
    pub(crate) request_id: String,
    caller: Mutex<Option<String>>,
}

impl Inbound {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn query(&self) -> Params {
        Params::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    pub(crate) fn form(&self) -> Params {
        Params::parse(&self.body)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The scheme and host the client used.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("127.0.0.1"))
    }

    /// Tells the recorder who this was.
    pub(crate) fn name_caller(&self, caller: &str) {
        *locked(&self.caller) = Some(caller.to_owned());
    }
}

/// Which of the listeners a connection came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Port {
    Aws,
    Doors,
    Issuer,
}

/// Accepts connections until the task is ended; connections end with it.
pub(crate) async fn accept(listener: TcpListener, port: Port, core: Arc<Core>, front: Arc<Front>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                let (core, front) = (Arc::clone(&core), Arc::clone(&front));
                let counted = matches!(port, Port::Aws).then(|| core.moments.connect());
                connections.spawn(async move {
                    let _counted = counted;
                    let _ = stream.set_nodelay(true);
                    let socket = Socket::new(stream);
                    let reset = socket.reset();
                    let service = service_fn(move |request| {
                        answer(Arc::clone(&core), Arc::clone(&front), port, (peer, reset.clone()), request)
                    });
                    // A connection that breaks is the client's to notice: often it is the point of the test.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// The connection shall end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection cut by the script")]
struct Severed;

async fn answer(
    core: Arc<Core>,
    front: Arc<Front>,
    port: Port,
    (peer, reset): (SocketAddr, Reset),
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    if !is_local(request.headers()) {
        let mut refused = Response::new(full("this sandbox answers to loopback names only\n"));
        *refused.status_mut() = StatusCode::FORBIDDEN;
        return Ok(refused);
    }
    let (parts, body) = request.into_parts();
    let mut inbound = Inbound {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: Bytes::new(),
        now: core.clock.now(),
        peer: peer.ip(),
        request_id: core.ids.hex(8).to_ascii_uppercase(),
        caller: Mutex::new(None),
    };
    let mut body: Body = body.map_err(Broken::new).boxed_unsync();
    let (service, operation) = match port {
        Port::Issuer => {
            let (service, operation) = issuer::operation(&inbound.method, inbound.path());
            (service, operation.to_owned())
        }
        Port::Doors => doors::operation(&inbound),
        Port::Aws if query::is_query(&inbound) => {
            inbound.body = Limited::new(body, FORM_LIMIT_BYTES).collect().await?.to_bytes();
            body = full(inbound.body.clone());
            query::operation(&inbound)
        }
        Port::Aws if analyzer::is_meant(&inbound) => (Service::AccessAnalyzer, "ValidatePolicy".to_owned()),
        Port::Aws if batch::is_meant(&inbound) => (Service::S3Control, batch::operation(&inbound).to_owned()),
        Port::Aws => (Service::S3, front.operation(&inbound)),
    };

    let mut watch = (service == Service::S3).then(|| core.moments.begin());
    let place = watch.as_ref().and_then(Watch::phase);
    let effects = core.faults.strike(service, &operation, inbound.path());
    let mut call = Call {
        service,
        operation,
        method: inbound.method.to_string(),
        path: inbound.path().to_owned(),
        range: inbound.header("range").map(str::to_owned),
        caller: None,
        region: query::signed_region(&inbound),
        user_agent: inbound.header("user-agent").map(str::to_owned),
        status: None,
        faulted: !effects.is_empty(),
        at: inbound.now,
    };
    if place == Some(Phase::Begun) {
        core.recorder.record(call);
        return Err(Severed.into());
    }
    let length = body.size_hint().exact().unwrap_or_default();
    let in_request = matches!(place, Some(Phase::InBody { .. })) && length > 0;
    if let (Some(Phase::InBody { per_mille }), true) = (place, in_request) {
        let bend = Bend::Reach(length * u64::from(per_mille.min(1000)) / 1000);
        body = Bent { watch: watch.take(), ..Bent::with(body, bend) }.boxed_unsync();
    }
    let mut cut_request = in_request;
    let mut scripted = None;
    for effect in &effects {
        match effect {
            Effect::Delay(delay) => tokio::time::sleep(*delay).await,
            Effect::SkewClock(seconds) => inbound.now = after(inbound.now, *seconds),
            Effect::ExpireSessions => locked(&core.account).expire_sessions(inbound.now),
            Effect::ForgetSessions => locked(&core.account).sessions.clear(),
            Effect::FlipRequestByte(offset) => {
                body = Bent::with(body, Bend::Flip(*offset)).boxed_unsync();
            }
            Effect::CutRequest(_) | Effect::CutRequestMidway if length > 0 => {
                let after = if let Effect::CutRequest(after) = effect { *after } else { length / 2 };
                body = Bent::with(body, Bend::CutWhole(after)).boxed_unsync();
                cut_request = true;
            }
            Effect::DropRequest | Effect::ResetRequest | Effect::CutRequest(_) | Effect::CutRequestMidway => {
                if matches!(effect, Effect::ResetRequest) {
                    reset.order();
                }
                core.recorder.record(call);
                return Err(Severed.into());
            }
            Effect::Status { .. } => scripted = Some(effect),
            Effect::CutBody(_)
            | Effect::CutBodyMidway
            | Effect::StallBody(_)
            | Effect::StallBodyMidway
            | Effect::DropAnswer
            | Effect::ResetAnswer
            | Effect::FlipByte(_)
            | Effect::ReplaceBody(_) => {}
        }
    }

    let mut response = match scripted {
        Some(effect) => {
            if service == Service::S3 {
                crate::s3::take_in(body).await;
            }
            scripted_status(effect, service, &inbound)
        }
        None if service == Service::S3 => front.answer(&core, &inbound, body).await,
        None => {
            inbound.body = Limited::new(body, FORM_LIMIT_BYTES).collect().await?.to_bytes();
            match service {
                Service::Iam | Service::Sts => query::answer(&core, &inbound, service, &call.operation).await,
                Service::AccessAnalyzer => analyzer::answer(&core, &inbound),
                Service::S3Control => batch::answer(&core, &inbound, &call.operation),
                Service::Issuer => issuer::answer(&core, &inbound, &call.operation),
                Service::Graph => issuer::answer_graph(&core, &inbound, &call.operation),
                _ => doors::answer(&core, &inbound, service, &call.operation),
            }
        }
    };
    if let Ok(date) = HeaderValue::from_str(&http_date(inbound.now)) {
        response.headers_mut().insert(header::DATE, date);
    }
    call.caller = locked(&inbound.caller).take();
    let length = response.body().size_hint().exact();
    let in_answer = matches!(place, Some(Phase::InBody { .. })) && !in_request && length != Some(0);
    let drops = effects.iter().any(|effect| match effect {
        Effect::DropAnswer => true,
        Effect::ResetAnswer => {
            reset.order();
            true
        }
        Effect::CutBodyMidway => length == Some(0),
        _ => false,
    });
    if drops || cut_request || place.is_some() && !in_answer {
        core.recorder.record(call);
        return Err(Severed.into());
    }
    if length == Some(0) && effects.iter().any(|effect| matches!(effect, Effect::StallBodyMidway)) {
        core.recorder.record(call);
        std::future::pending::<()>().await;
        return Err(Severed.into());
    }
    if let Some(watch) = &watch {
        watch.pause();
    }
    call.status = Some(response.status().as_u16());
    core.recorder.record(call);
    let response = effects.into_iter().fold(response, bend_response);
    let (Some(Phase::InBody { per_mille }), true) = (place, in_answer) else { return Ok(response) };
    // The moment belongs to the body now.
    let after = length.unwrap_or_default() * u64::from(per_mille.min(1000)) / 1000;
    Ok(measured(response).map(|inner| {
        Bent { inner, position: 0, bend: Bend::Reach(after), watch, is_flushed: false }.boxed_unsync()
    }))
}

/// Whether the `Host` header names this machine or one of AWS's hosts that a client was pointed here for.
/// A page on the web that re-binds its own name to loopback is neither.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.ends_with(".amazonaws.com")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn scripted_status(effect: &Effect, service: Service, inbound: &Inbound) -> Response<Body> {
    let response = match service {
        Service::Graph | Service::Issuer => issuer::scripted(effect, inbound, service),
        Service::Iam | Service::Sts => query::scripted(effect, inbound, service),
        Service::S3 => crate::s3::scripted(effect, inbound),
        Service::AccessAnalyzer => analyzer::scripted(effect),
        Service::S3Control => batch::scripted(effect, inbound),
        _ => doors::scripted(effect, service),
    };
    let mut response = response.unwrap_or_else(|| Response::new(full("")));
    if let Effect::Status { retry_after_s: Some(seconds), .. } = effect {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

fn bend_response(mut response: Response<Body>, effect: Effect) -> Response<Body> {
    let midway = response.body().size_hint().exact().unwrap_or_default() / 2;
    let bend = match effect {
        Effect::CutBody(after) => Bend::Cut(after),
        Effect::CutBodyMidway => Bend::Cut(midway),
        Effect::StallBody(after) => Bend::Stall(after),
        Effect::StallBodyMidway => Bend::Stall(midway),
        Effect::FlipByte(offset) => Bend::Flip(offset),
        Effect::ReplaceBody(bytes) => {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            return response.map(|_| full(bytes));
        }
        _ => return response,
    };
    measured(response).map(|inner| Bent::with(inner, bend).boxed_unsync())
}

/// An answer that says how long its body is, which it does not do by itself once the body is bent.
fn measured(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact()
        && !response.headers().contains_key(header::CONTENT_LENGTH)
    {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// What is done to a body as it flows.
#[derive(Clone, Copy, Debug)]
enum Bend {
    /// It breaks off after so many bytes.
    Cut(u64),
    /// The same, and it breaks off at its end if that comes first.
    CutWhole(u64),
    /// The byte at this place is inverted.
    Flip(u64),
    /// After so many bytes the moment that is waited for has come, and it breaks off.
    Reach(u64),
    /// After so many bytes none come any more.
    Stall(u64),
}

impl Bend {
    /// Where it ends, if it does not flow to its own end.
    fn end(self) -> Option<u64> {
        match self {
            Bend::Cut(after) | Bend::CutWhole(after) | Bend::Reach(after) | Bend::Stall(after) => Some(after),
            Bend::Flip(_) => None,
        }
    }
}

/// A body with one defect.
struct Bent {
    inner: Body,
    position: u64,
    bend: Bend,
    watch: Option<Watch>,
    /// Whether what flowed before the end had time to be sent.
    is_flushed: bool,
}

impl Bent {
    fn with(inner: Body, bend: Bend) -> Bent {
        Bent { inner, position: 0, bend, watch: None, is_flushed: false }
    }

    fn break_off(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if matches!(self.bend, Bend::Stall(_)) {
            // Nobody wakes it: the connection ends it.
            return Poll::Pending;
        }
        if !self.is_flushed {
            self.is_flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(watch) = &mut self.watch {
            watch.reach();
        }
        Poll::Ready(Some(Err(Broken::new(Severed))))
    }
}

impl http_body::Body for Bent {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.bend.end().is_some_and(|end| self.position >= end) {
            return self.break_off(cx);
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(None) if matches!(self.bend, Bend::CutWhole(_) | Bend::Reach(_)) => {
                return self.break_off(cx);
            }
            other => return other,
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        let start = self.position;
        self.position += data.len() as u64;
        let data = match self.bend {
            Bend::Flip(offset) if (start..self.position).contains(&offset) => {
                let mut bytes = data.to_vec();
                bytes[usize::try_from(offset - start).unwrap_or_default()] ^= 0xff;
                Bytes::from(bytes)
            }
            Bend::Flip(_) => data,
            bend => {
                let left = bend.end().unwrap_or_default() - start;
                data.slice(..data.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
            }
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.bend {
            Bend::Flip(_) => self.inner.size_hint(),
            _ => SizeHint::new(),
        }
    }
}
