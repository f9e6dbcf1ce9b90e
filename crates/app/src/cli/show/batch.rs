//! Batch jobs: plans, states, reports, roles.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::facts;
use crate::cli::render::table::{Align, table};
use crate::cli::render::text::{harmless, harmless_words, size, span, time};
use crate::cli::render::{Output, Style};
use crate::ops::batch::role::RolePolicies;
use crate::ops::batch::{At, COPY_MAX_BYTES, Deed, EXPIRY_TAG, Job, JobStatus, Plan, Task, Wish};
use crate::ops::prices::{Estimate, EstimateLine};

#[derive(Serialize)]
struct PlanLine<'a> {
    event: &'static str,
    operation: &'static str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_large: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle: Option<LifecycleLine<'a>>,
}

#[derive(Serialize)]
struct LifecycleLine<'a> {
    bucket: &'a str,
    rule: &'a str,
    present: bool,
    other_rules: usize,
}

/// Shows what a job would go through and cost.
pub(in crate::cli) fn batch_plan(output: &Output, wish: &Wish, plan: &Plan) -> io::Result<()> {
    let load = &plan.load;
    let counted = |number: u64| load.is_counted.then_some(number);
    let is_copy = matches!(wish.deed, Deed::Copy { .. });
    let shard = (wish.shard.count() > 1).then(|| wish.shard.to_string());
    let line = PlanLine {
        event: "plan",
        operation: wish.deed.word(),
        region: plan.region.as_str(),
        objects: counted(load.objects),
        bytes: load.bytes.filter(|_| load.is_counted),
        left_out: counted(load.left_out),
        too_large: counted(load.too_large).filter(|_| is_copy),
        shard: shard.clone(),
        manifest_bytes: plan.upload_bytes(),
        estimate: plan.estimate.as_ref().map(Estimate::line),
        lifecycle: plan.expiry.as_ref().map(|expiry| LifecycleLine {
            bucket: expiry.bucket.as_str(),
            rule: &expiry.rule,
            present: expiry.present,
            other_rules: expiry.others,
        }),
    };
    let mut pairs = vec![("job", format!("{} in {}", wish.deed.word(), plan.region))];
    match (load.is_counted, load.bytes) {
        (false, _) => pairs.push(("objects", "as many as the inventory lists, not counted".to_owned())),
        (true, Some(bytes)) => pairs.push(("objects", format!("{}, {}", load.objects, size(bytes)))),
        (true, None) => pairs.push(("objects", load.objects.to_string())),
    }
    if load.left_out > 0 {
        pairs.push(("left out", load.left_out.to_string()));
    }
    pairs.extend(shard.map(|shard| ("shard", shard)));
    if is_copy && load.too_large > 0 {
        let text = format!(
            "{} objects are larger than {}, which a job cannot copy: they will fail",
            load.too_large,
            size(COPY_MAX_BYTES)
        );
        pairs.push(("too large", text));
    }
    pairs.extend(plan.upload_bytes().map(|bytes| ("list", format!("{} to upload", size(bytes)))));
    let unknown = || format!("not known: nothing says what things cost in {}", plan.region);
    pairs.push(("cost", plan.estimate.as_ref().map_or_else(unknown, Estimate::text)));
    if let Some(expiry) = &plan.expiry {
        let (key, value) = EXPIRY_TAG;
        let rule = match expiry.present {
            true => format!(
                "the rule of {} that deletes what is tagged {key}={value} is there already",
                expiry.bucket
            ),
            false => format!(
                "a rule that deletes what is tagged {key}={value} will be added to the {} that {} has: {}",
                expiry.others, expiry.bucket, expiry.rule
            ),
        };
        pairs.push(("lifecycle", rule));
    }
    output.data(&line, || facts(output, &pairs))
}

#[derive(Serialize)]
struct JobLine<'a> {
    event: &'static str,
    id: &'a str,
    status: &'a str,
    operation: &'a str,
    priority: u32,
    total: u64,
    succeeded: u64,
    failed: u64,
    active_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

fn job_line<'a>(event: &'static str, job: &'a Job) -> JobLine<'a> {
    JobLine {
        event,
        id: job.id.as_str(),
        status: job.status.as_str(),
        operation: &job.operation,
        priority: job.priority,
        total: job.progress.total,
        succeeded: job.progress.succeeded,
        failed: job.progress.failed,
        active_seconds: job.progress.active_s,
        description: job.description.as_deref(),
        created: job.created.map(|at| at.to_string()),
        ended: job.ended.map(|at| at.to_string()),
        reason: job.reason.as_deref(),
        failures: job
            .failures
            .iter()
            .map(|(code, reason)| json!({ "code": code, "reason": reason }))
            .collect(),
        role: job.role.as_deref(),
        manifest: job.manifest.as_deref(),
        report: report_place(job),
        region: None,
    }
}

/// Where a job's report is, once it is there.
fn report_place(job: &Job) -> Option<String> {
    let report = job.report.as_ref()?;
    let prefix = report.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    Some(format!("s3://{}/{prefix}job-{}/", report.bucket, job.id))
}

/// Says that a job was created.
pub(in crate::cli) fn batch_created(output: &Output, at: &At, job: &Job) -> io::Result<()> {
    let line = JobLine { region: Some(at.region().as_str()), ..job_line("created", job) };
    output.data(&line, || job.id.to_string())?;
    let options = format!("--bookmark {} --region {}", at.bookmark, at.region());
    output.say(&format!("created; follow it with `pintail batch watch {} {options}`", job.id));
    Ok(())
}

/// Shows a job with all that is known of it.
pub(in crate::cli) fn batch_job(output: &Output, job: &Job) -> io::Result<()> {
    let mut pairs =
        vec![("job", job.id.to_string()), ("state", job.status.to_string()), ("does", job.operation.clone())];
    let progress = job.progress;
    if progress.total > 0 || job.status.is_end() {
        let failed =
            if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
        pairs.push(("objects", format!("{} of {} done{failed}", progress.succeeded, progress.total)));
    }
    if progress.active_s > 0 {
        pairs.push(("running", span(progress.active_s)));
    }
    pairs.extend(job.description.clone().map(|text| ("description", text)));
    pairs.push(("priority", job.priority.to_string()));
    pairs.extend(job.created.map(|at| ("created", time(at) + " UTC")));
    pairs.extend(job.ended.map(|at| ("ended", time(at) + " UTC")));
    pairs.extend(job.reason.clone().map(|text| ("reason", text)));
    pairs.extend(job.failures.iter().map(|(code, reason)| ("failure", format!("{code}: {reason}"))));
    pairs.extend(job.role.clone().map(|text| ("role", text)));
    pairs.extend(job.manifest.clone().map(|text| ("list", text)));
    pairs.extend(report_place(job).map(|text| ("report", text)));
    output.data(&job_line("job", job), || facts(output, &pairs))?;
    if job.status == JobStatus::Suspended {
        output.say(&format!("it waits to be confirmed: `pintail batch confirm {}`", job.id));
    } else if job.progress.failed > 0 && job.report.is_some() && job.status.is_end() {
        output.say(&format!("what failed: `pintail batch report {} --failed`", job.id));
    }
    Ok(())
}

/// Says how far a job is.
pub(in crate::cli) fn batch_progress(output: &Output, job: &Job) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&job_line("progress", job));
    }
    let progress = job.progress;
    let done = progress.succeeded + progress.failed;
    let far = match done.saturating_mul(100).checked_div(progress.total) {
        Some(percent) => format!("  {done} of {} objects, {percent} %", progress.total),
        None => String::new(),
    };
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    output.say(&format!("{:<10}{far}{failed}", harmless(job.status.as_str()).to_string()));
    Ok(())
}

/// Jobs as they come.
pub(in crate::cli) struct Jobs<'a> {
    output: &'a Output,
    rows: Vec<Vec<String>>,
}

impl<'a> Jobs<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output, rows: Vec::new() }
    }

    pub(in crate::cli) fn job(&mut self, job: &Job) -> io::Result<()> {
        if self.output.is_json() {
            return self.output.json_line(&job_line("job", job));
        }
        let progress = job.progress;
        self.rows.push(vec![
            job.id.to_string(),
            harmless(job.status.as_str()).to_string(),
            harmless(&job.operation).to_string(),
            progress.total.to_string(),
            if progress.failed > 0 { format!("{} failed", progress.failed) } else { String::new() },
            job.created.map(time).unwrap_or_default(),
            harmless(job.description.as_deref().unwrap_or_default()).to_string(),
        ]);
        Ok(())
    }

    pub(in crate::cli) fn finish(self, at: &At) -> io::Result<()> {
        if self.output.is_json() {
            return Ok(());
        }
        if self.rows.is_empty() {
            self.output.say(&format!("no batch job in {}", at.region()));
            return Ok(());
        }
        let alignment =
            [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left, Align::Left];
        self.output.text_line(&table(&alignment, &self.rows))
    }
}

#[derive(Serialize)]
struct TaskLine<'a> {
    event: &'static str,
    bucket: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    succeeded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Shows what became of one object.
pub(in crate::cli) fn batch_task(output: &Output, task: &Task) -> io::Result<()> {
    let line = TaskLine {
        event: "task",
        bucket: &task.bucket,
        key: task.key.as_str(),
        version_id: task.version.as_deref(),
        succeeded: task.succeeded,
        http_status: task.http_status,
        code: task.code.as_deref(),
        message: task.message.as_deref(),
    };
    output.data(&line, || {
        let place = format!("s3://{}/{}", harmless(&task.bucket), harmless(task.key.as_str()));
        if task.succeeded {
            return format!("{}  {place}", output.data_style(Style::Good, "done  "));
        }
        let why = [task.code.as_deref(), task.message.as_deref()];
        let why: Vec<String> = why.into_iter().flatten().map(harmless_words).collect();
        format!("{}  {place}  {}", output.data_style(Style::Bad, "failed"), why.join(": "))
    })
}

#[derive(Serialize)]
struct SavedLine<'a> {
    event: &'static str,
    file: std::borrow::Cow<'a, str>,
    bytes: u64,
}

/// Says where a report was written.
pub(in crate::cli) fn batch_report_saved(output: &Output, path: &Path, bytes: u64) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&SavedLine { event: "report", file: path.to_string_lossy(), bytes });
    }
    output.say(&format!("wrote {} ({})", path.display(), size(bytes)));
    Ok(())
}

#[derive(Serialize)]
struct RoleLine<'a> {
    event: &'static str,
    trust_policy: &'a Value,
    permissions: &'a Value,
}

/// Shows what the role of a job needs.
pub(in crate::cli) fn batch_role(output: &Output, role: &RolePolicies) -> io::Result<()> {
    let line = RoleLine { event: "role", trust_policy: &role.trust, permissions: &role.permissions };
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    output.data(&line, || {
        let title = |text: &str| output.data_style(Style::Strong, text);
        format!(
            "{}\n{}\n\n{}\n{}",
            title("Trust policy"),
            pretty(&role.trust),
            title("Permissions"),
            pretty(&role.permissions)
        )
    })
}

#[derive(Serialize)]
struct KubernetesLine<'a> {
    event: &'static str,
    name: String,
    text: &'a str,
}

/// Shows a manifest for Kubernetes as it is to be applied.
pub(in crate::cli) fn batch_kubernetes(output: &Output, name: &str, yaml: &str) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&KubernetesLine { event: "file", name: format!("{name}.yaml"), text: yaml });
    }
    output.bytes(yaml.as_bytes())
}
