//! A batch job: what it was asked for, and its life from one state to the next.
//!
//! Time does not drive it, and no task of its own: each look at a job (or at the list of jobs) takes it one step further, so that what a client sees is
//! the same on every run. A step of an active job is a hundred tasks.

use jiff::Timestamp;

use super::lists::{self, Item, Trouble};
use super::report;
use super::rights::Runner;
use super::tasks::{self, Outcome};
use super::xml::{Element, malformed};
use crate::query::Refused;
use crate::world::Core;

const TASKS_A_STEP: usize = 100;
/// From so many tasks on a job fails in which more than half of them failed (User Guide, "Tracking job failure").
const FAILURE_COUNTS_FROM: usize = 1000;

/// What a job does with each object.
#[derive(Clone, Debug)]
pub(super) enum What {
    Copy { bucket: String, prefix: Option<String>, class: Option<String>, replaces: bool },
    Tag(Vec<(String, String)>),
    DeleteTags,
    Restore { days: i32 },
}

/// How its list is written.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Csv(Vec<String>),
    Inventory,
}

/// Its list.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) format: Format,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) etag: String,
}

/// Where it reports.
#[derive(Clone, Debug)]
pub(super) struct ReportWish {
    pub(super) bucket: String,
    pub(super) prefix: Option<String>,
    pub(super) failed_only: bool,
}

/// The states of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    New,
    Preparing,
    Suspended,
    Ready,
    Active,
    Completing,
    Complete,
    Cancelling,
    Cancelled,
    Failing,
    Failed,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::New => "New",
            Status::Preparing => "Preparing",
            Status::Suspended => "Suspended",
            Status::Ready => "Ready",
            Status::Active => "Active",
            Status::Completing => "Completing",
            Status::Complete => "Complete",
            Status::Cancelling => "Cancelling",
            Status::Cancelled => "Cancelled",
            Status::Failing => "Failing",
            Status::Failed => "Failed",
        }
    }

    pub(super) fn is_end(self) -> bool {
        matches!(self, Status::Complete | Status::Cancelled | Status::Failed)
    }
}

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) region: String,
    /// What its creator calls it, so that a repeated request creates it once.
    pub(super) token: String,
    /// The request as it came, told again to whoever asks.
    pub(super) request: Element,
    pub(super) what: What,
    pub(super) manifest: Manifest,
    pub(super) report: Option<ReportWish>,
    pub(super) role: String,
    pub(super) priority: i64,
    pub(super) description: Option<String>,
    pub(super) waits: bool,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) trouble: Option<(String, String)>,
    pub(super) created: Timestamp,
    pub(super) suspended: Option<Timestamp>,
    active: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    items: Vec<Item>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Job {
    /// Reads a request for one.
    pub(super) fn asked(request: Element, id: String, region: &str, now: Timestamp) -> Result<Job, Refused> {
        let invalid = |text: &str| Refused::new(400, "InvalidRequest", text);
        if request.name != "CreateJobRequest" {
            return Err(malformed());
        }
        let operation = request.child("Operation").ok_or_else(malformed)?;
        let [operation] = &operation.children[..] else {
            return Err(invalid("Exactly one operation must be specified"));
        };
        let what = what(operation)?;
        let priority = request.needed("Priority")?.parse().map_err(|_| malformed())?;
        if !(0..=2_147_483_647).contains(&priority) {
            return Err(invalid("Priority must be between 0 and 2147483647"));
        }
        let description = request.at("Description").map(str::to_owned);
        if description.as_ref().is_some_and(|text| text.chars().count() > 256) {
            return Err(invalid("Description must be no longer than 256 characters"));
        }
        let token = request.needed("ClientRequestToken")?;
        if token.len() > 64 {
            return Err(invalid("ClientRequestToken must be no longer than 64 characters"));
        }
        Ok(Job {
            id,
            region: region.to_owned(),
            token: token.to_owned(),
            what,
            manifest: manifest(request.child("Manifest").ok_or_else(malformed)?)?,
            report: report_wish(request.child("Report").ok_or_else(malformed)?)?,
            role: request.needed("RoleArn")?.to_owned(),
            priority,
            description,
            waits: request.at("ConfirmationRequired") == Some("true"),
            status: Status::New,
            reason: None,
            trouble: None,
            created: now,
            suspended: None,
            active: None,
            ended: None,
            items: Vec::new(),
            outcomes: Vec::new(),
            request,
        })
    }

    /// The name of what it does.
    pub(super) fn operation(&self) -> &str {
        self.request
            .child("Operation")
            .and_then(|operation| operation.children.first())
            .map_or("", |it| &it.name)
    }

    pub(super) fn total(&self) -> usize {
        self.items.len()
    }

    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.is_good()).count()
    }

    /// How long it has been running.
    pub(super) fn active_s(&self, now: Timestamp) -> i64 {
        self.active.map_or(0, |since| self.ended.unwrap_or(now).as_second() - since.as_second())
    }

    /// The tasks that are done, each with what came of it.
    pub(super) fn done(&self) -> impl Iterator<Item = (&Item, &Outcome)> {
        self.items.iter().zip(&self.outcomes)
    }

    /// Goes one step further.
    pub(super) fn step(&mut self, core: &Core, now: Timestamp) {
        if self.status.is_end() || self.status == Status::Suspended {
            return;
        }
        if let Err((code, text)) = self.advance(core, now) {
            self.trouble = Some((code.to_owned(), text));
            self.end(Status::Failed, now);
        }
    }

    fn advance(&mut self, core: &Core, now: Timestamp) -> Result<(), Trouble> {
        match self.status {
            Status::New => self.status = Status::Preparing,
            Status::Preparing => {
                let runner = Runner::take(core, &self.role, &self.id, now)?;
                self.items = lists::read(self, &runner)?;
                self.status = if self.waits { Status::Suspended } else { Status::Ready };
                self.suspended = self.waits.then_some(now);
            }
            Status::Ready => {
                self.status = Status::Active;
                self.active = Some(now);
            }
            Status::Active => {
                let runner = Runner::take(core, &self.role, &self.id, now)?;
                for at in self.outcomes.len()..self.items.len().min(self.outcomes.len() + TASKS_A_STEP) {
                    let outcome = tasks::perform(self, &self.items[at], &runner);
                    self.outcomes.push(outcome);
                }
                if self.outcomes.len() >= FAILURE_COUNTS_FROM && self.failed() * 2 > self.outcomes.len() {
                    let text = "The job exceeded the failure threshold".to_owned();
                    self.trouble = Some(("JobExceededFailureThreshold".to_owned(), text));
                    self.status = Status::Failing;
                } else if self.outcomes.len() == self.items.len() {
                    self.status = Status::Completing;
                }
            }
            Status::Completing | Status::Cancelling | Status::Failing => {
                if !self.outcomes.is_empty() {
                    report::write(self, &Runner::take(core, &self.role, &self.id, now)?)?;
                }
                self.end(
                    match self.status {
                        Status::Completing => Status::Complete,
                        Status::Cancelling => Status::Cancelled,
                        _ => Status::Failed,
                    },
                    now,
                );
            }
            Status::Suspended | Status::Complete | Status::Cancelled | Status::Failed => {}
        }
        Ok(())
    }

    fn end(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.ended = Some(now);
    }

    /// Brings it to a state that somebody asks for.
    pub(super) fn bring_to(
        &mut self,
        wanted: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        match (wanted, self.status) {
            ("Ready", Status::Suspended) => self.status = Status::Ready,
            ("Cancelled", Status::Active | Status::Completing) => self.status = Status::Cancelling,
            ("Cancelled", Status::New | Status::Preparing | Status::Suspended | Status::Ready) => {
                self.end(Status::Cancelled, now);
            }
            ("Ready" | "Cancelled", status) => {
                let text = format!("The job cannot go from {} to {wanted}", status.name());
                return Err(Refused::new(400, "JobStatusException", text));
            }
            _ => {
                return Err(Refused::new(
                    400,
                    "InvalidRequest",
                    "The requested status is not Ready or Cancelled",
                ));
            }
        }
        self.reason = reason.map(str::to_owned);
        Ok(())
    }
}

fn what(operation: &Element) -> Result<What, Refused> {
    let owned = |path: &str| operation.at(path).map(str::to_owned);
    Ok(match operation.name.as_str() {
        "S3PutObjectCopy" => What::Copy {
            bucket: bucket_of(operation.needed("TargetResource")?)?,
            prefix: owned("TargetKeyPrefix"),
            class: owned("StorageClass"),
            replaces: operation.at("MetadataDirective") == Some("REPLACE"),
        },
        "S3PutObjectTagging" => {
            let tags = operation.child("TagSet").map(|set| &set.children[..]).unwrap_or_default();
            let tags = tags.iter().map(|tag| {
                let value = tag.child("Value").map(|value| value.text.clone()).unwrap_or_default();
                Ok((tag.needed("Key")?.to_owned(), value))
            });
            What::Tag(tags.collect::<Result<_, Refused>>()?)
        }
        "S3DeleteObjectTagging" => What::DeleteTags,
        "S3InitiateRestoreObject" => {
            if !matches!(operation.at("GlacierJobTier"), None | Some("STANDARD" | "BULK")) {
                return Err(malformed());
            }
            let days: i32 = operation.needed("ExpirationInDays")?.parse().map_err(|_| malformed())?;
            if days < 1 {
                let text = "ExpirationInDays must be at least 1";
                return Err(Refused::new(400, "InvalidRequest", text));
            }
            What::Restore { days }
        }
        other => {
            let text = format!("This sandbox has no jobs of the kind {other}");
            return Err(Refused::new(400, "InvalidRequest", text));
        }
    })
}

fn manifest(element: &Element) -> Result<Manifest, Refused> {
    let fields = element.child("Spec").and_then(|spec| spec.child("Fields"));
    let fields: Vec<String> = fields
        .map(|fields| fields.children.iter().map(|field| field.text.clone()).collect())
        .unwrap_or_default();
    let format = match element.needed("Spec/Format")? {
        "S3BatchOperations_CSV_20180820" => {
            let named = |name: &str| fields.iter().any(|field| field == name);
            if !named("Bucket") || !named("Key") {
                let text = "The manifest's fields must include Bucket and Key";
                return Err(Refused::new(400, "InvalidRequest", text));
            }
            Format::Csv(fields)
        }
        "S3InventoryReport_CSV_20161130" if fields.is_empty() => Format::Inventory,
        _ => return Err(malformed()),
    };
    let arn = element.needed("Location/ObjectArn")?;
    let place = arn.splitn(6, ':').nth(5).and_then(|rest| rest.split_once('/')).ok_or_else(malformed)?;
    Ok(Manifest {
        format,
        bucket: place.0.to_owned(),
        key: place.1.to_owned(),
        etag: element.needed("Location/ETag")?.to_owned(),
    })
}

fn report_wish(element: &Element) -> Result<Option<ReportWish>, Refused> {
    if element.needed("Enabled")? != "true" {
        return Ok(None);
    }
    if element.needed("Format")? != "Report_CSV_20180820" {
        return Err(malformed());
    }
    Ok(Some(ReportWish {
        bucket: bucket_of(element.needed("Bucket")?)?,
        prefix: element.at("Prefix").map(str::to_owned),
        failed_only: match element.needed("ReportScope")? {
            "AllTasks" => false,
            "FailedTasksOnly" => true,
            _ => return Err(malformed()),
        },
    }))
}

fn bucket_of(arn: &str) -> Result<String, Refused> {
    let bucket =
        arn.strip_prefix("arn:aws:s3:::").filter(|bucket| !bucket.is_empty() && !bucket.contains('/'));
    bucket
        .map(str::to_owned)
        .ok_or_else(|| Refused::new(400, "InvalidRequest", format!("{arn} is no ARN of a bucket")))
}
