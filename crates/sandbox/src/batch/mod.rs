//! S3 Control's batch jobs: five calls on the port of the signed services, and jobs that run over the sandbox's own buckets.
//!
//! Copy, tagging, removal of tags and restoration are carried out; other kinds of jobs are refused when they are asked for. A role is taken only
//! if its trust policy lets the service, every task and the report need its permissions, and whoever creates a job needs `iam:PassRole`.

mod job;
mod lists;
mod report;
mod rights;
mod tasks;
mod xml;

use http::{HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;

use self::job::Job;
use self::xml::Element;
use crate::authority::account_of;
use crate::faults::{Effect, Service};
use crate::locked;
use crate::query::{Refused, authenticate, authorize, element, signed_region};
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::account::Principal;

const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";
const PATH: &str = "/v20180820/jobs";
const LARGEST_PAGE: usize = 1000;

/// All jobs, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Vec<Job>);

impl Jobs {
    /// Their IDs and states.
    pub(crate) fn states(&self) -> Vec<(String, String)> {
        self.0.iter().map(|job| (job.id.clone(), job.status.name().to_owned())).collect()
    }
}

/// Whether a request on the port of AWS's signed services is meant for this one.
pub(crate) fn is_meant(inbound: &Inbound) -> bool {
    let below = inbound.path().strip_prefix(PATH);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && inbound.headers.contains_key("x-amz-account-id")
}

/// Names the operation.
pub(crate) fn operation(inbound: &Inbound) -> &'static str {
    let rest = inbound.path().strip_prefix(PATH).unwrap_or_default().trim_start_matches('/');
    let is_post = inbound.method == Method::POST;
    match (rest.split_once('/'), is_post) {
        (None, true) if rest.is_empty() => "CreateJob",
        (None, false) if rest.is_empty() => "ListJobs",
        (None, false) => "DescribeJob",
        (Some((_, "priority")), true) => "UpdateJobPriority",
        (Some((_, "status")), true) => "UpdateJobStatus",
        _ => "unknown",
    }
}

/// The answer of a scripted `Status` fault.
pub(crate) fn scripted(effect: &Effect, inbound: &Inbound) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    Some(error(&Refused::new(*status, code, message.as_str()), inbound))
}

/// Performs a request.
pub(crate) fn answer(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    match call(core, inbound, operation) {
        Ok(inside) => {
            let text = format!("<{operation}Result xmlns=\"{NAMESPACE}\">{inside}</{operation}Result>");
            respond(StatusCode::OK, &text, inbound)
        }
        Err(refused) => error(&refused, inbound),
    }
}

fn call(core: &Core, inbound: &Inbound, operation: &str) -> Result<String, Refused> {
    // It signs as S3 does, and knows keys by S3's names for what is wrong with them.
    let principal = authenticate(core, inbound, Service::S3).map_err(|refused| Refused {
        code: match refused.code.as_str() {
            "InvalidClientTokenId" => "InvalidAccessKeyId".to_owned(),
            _ => refused.code,
        },
        ..refused
    })?;
    let account = locked(&core.account).id.clone();
    if inbound.header("x-amz-account-id") != Some(account.as_str()) {
        return Err(Refused::new(403, "AccessDenied", "Access Denied"));
    }
    let region = signed_region(inbound).unwrap_or_default();
    let rest = inbound.path().strip_prefix(PATH).unwrap_or_default().trim_start_matches('/');
    let id = rest.split('/').next().unwrap_or_default();
    let resource = match operation {
        "CreateJob" | "ListJobs" => "*".to_owned(),
        _ => arn(&account, &region, id),
    };
    if operation == "unknown" {
        return Err(Refused::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    authorize(core, inbound, &principal, &format!("s3:{operation}"), &resource)?;
    let query = inbound.query();
    match operation {
        "CreateJob" => create(core, inbound, &principal, &account, &region),
        "ListJobs" => list(core, inbound, &region),
        _ => {
            let mut jobs = locked(&core.jobs);
            let job = jobs.0.iter_mut().find(|job| job.id == id && job.region == region);
            let job = job.ok_or_else(|| {
                Refused::new(404, "NoSuchJob", format!("The specified job does not exist: {id}"))
            })?;
            match operation {
                "DescribeJob" => {
                    // What is told is what was; then it goes on.
                    let told = described(job, &account, inbound.now);
                    job.step(core, inbound.now);
                    Ok(told)
                }
                "UpdateJobPriority" => {
                    let priority = query.get("priority").and_then(|text| text.parse().ok());
                    job.priority =
                        priority.filter(|it| (0..=2_147_483_647).contains(it)).ok_or_else(xml::malformed)?;
                    Ok(element("JobId", id) + &element("Priority", &job.priority.to_string()))
                }
                _ => {
                    let reason = query.get("statusUpdateReason");
                    job.bring_to(query.get("requestedJobStatus").unwrap_or_default(), reason, inbound.now)?;
                    let reason = reason.map(|text| element("StatusUpdateReason", text)).unwrap_or_default();
                    Ok(element("JobId", id) + &element("Status", job.status.name()) + &reason)
                }
            }
        }
    }
}

fn arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:s3:{region}:{account}:job/{id}")
}

fn create(
    core: &Core,
    inbound: &Inbound,
    principal: &Principal,
    account: &str,
    region: &str,
) -> Result<String, Refused> {
    let request = Element::parse(&inbound.body)?;
    let job = Job::asked(request, core.ids.guid(), region, inbound.now)?;
    if account_of(&job.role) != account {
        return Err(Refused::new(400, "InvalidRequest", "The role must belong to the account of the job"));
    }
    authorize(core, inbound, principal, "iam:PassRole", &job.role)?;
    let mut jobs = locked(&core.jobs);
    if let Some(before) = jobs.0.iter().find(|other| other.token == job.token && other.region == job.region) {
        if before.request != job.request {
            let text = "The ClientRequestToken was used for another job";
            return Err(Refused::new(400, "IdempotencyException", text));
        }
        return Ok(element("JobId", &before.id));
    }
    let told = element("JobId", &job.id);
    jobs.0.push(job);
    Ok(told)
}

fn list(core: &Core, inbound: &Inbound, region: &str) -> Result<String, Refused> {
    let invalid = |code: &str, text: &str| Refused::new(400, code, text);
    let query = inbound.uri.query().unwrap_or_default();
    let statuses: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "jobStatuses")
        .map(|(_, value)| value.into_owned())
        .collect();
    let query = inbound.query();
    let size = match query.get("maxResults").map(str::parse::<usize>) {
        None | Some(Ok(0)) => LARGEST_PAGE,
        Some(Ok(size)) if size <= LARGEST_PAGE => size,
        Some(_) => return Err(invalid("InvalidRequest", "maxResults must be between 0 and 1000")),
    };
    let mut jobs = locked(&core.jobs);
    let fitting = |job: &&mut Job| {
        job.region == region
            && (statuses.is_empty() || statuses.iter().any(|status| status == job.status.name()))
    };
    let mut newest: Vec<&mut Job> = jobs.0.iter_mut().rev().filter(fitting).collect();
    let start = match query.get("nextToken") {
        None => 0,
        Some(token) => newest
            .iter()
            .position(|job| job.id == token)
            .ok_or_else(|| invalid("InvalidNextTokenException", "The next token is not valid"))?,
    };
    let next = newest.get(start + size).map(|job| element("NextToken", &job.id)).unwrap_or_default();
    let members: String = newest
        .iter_mut()
        .skip(start)
        .take(size)
        .map(|job| {
            let told = format!("<member>{}</member>", listed(job, inbound.now));
            job.step(core, inbound.now);
            told
        })
        .collect();
    Ok(format!("{next}<Jobs>{members}</Jobs>"))
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn progress(job: &Job, now: Timestamp) -> String {
    let done = job.outcomes.len();
    let timer = element("ElapsedTimeInActiveSeconds", &job.active_s(now).to_string());
    format!(
        "<ProgressSummary>{}{}{}<Timers>{timer}</Timers></ProgressSummary>",
        element("TotalNumberOfTasks", &job.total().to_string()),
        element("NumberOfTasksSucceeded", &(done - job.failed()).to_string()),
        element("NumberOfTasksFailed", &job.failed().to_string())
    )
}

/// What both a list and a description tell.
fn common(job: &Job, now: Timestamp) -> String {
    let optional =
        |name: &str, text: Option<String>| text.map(|text| element(name, &text)).unwrap_or_default();
    [
        element("JobId", &job.id),
        optional("Description", job.description.clone()),
        element("Priority", &job.priority.to_string()),
        element("Status", job.status.name()),
        element("CreationTime", &moment(job.created)),
        optional("TerminationDate", job.ended.map(moment)),
        progress(job, now),
    ]
    .concat()
}

fn listed(job: &Job, now: Timestamp) -> String {
    common(job, now) + &element("Operation", job.operation())
}

fn described(job: &Job, account: &str, now: Timestamp) -> String {
    let asked: String = ["Operation", "Manifest", "Report"]
        .iter()
        .filter_map(|name| job.request.child(name))
        .map(Element::write)
        .collect();
    let failures = job.trouble.as_ref().map(|(code, text)| {
        format!("<member>{}{}</member>", element("FailureCode", code), element("FailureReason", text))
    });
    let optional =
        |name: &str, text: Option<String>| text.map(|text| element(name, &text)).unwrap_or_default();
    format!(
        "<Job>{}{}{}{}{}{}<FailureReasons>{}</FailureReasons>{}{asked}</Job>",
        common(job, now),
        element("JobArn", &arn(account, &job.region, &job.id)),
        element("ConfirmationRequired", if job.waits { "true" } else { "false" }),
        element("RoleArn", &job.role),
        optional("StatusUpdateReason", job.reason.clone()),
        optional("SuspendedDate", job.suspended.map(moment)),
        failures.unwrap_or_default(),
        optional("SuspendedCause", job.suspended.map(|_| "Awaiting confirmation".to_owned())),
    )
}

fn error(refused: &Refused, inbound: &Inbound) -> Response<Body> {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{}{}</Error>{}{}</ErrorResponse>",
        element("Code", &refused.code),
        element("Message", &refused.message),
        element("RequestId", &inbound.request_id),
        element("HostId", &inbound.request_id)
    );
    respond(status, &text, inbound)
}

fn respond(status: StatusCode, text: &str, inbound: &Inbound) -> Response<Body> {
    let mut response = Response::new(full(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(id) = inbound.request_id.parse() {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response
}
