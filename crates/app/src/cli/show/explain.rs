//! Answers for pasted errors.

use std::io;

use pintail_core::pasted::{Ids, Named};
use serde::Serialize;

use crate::cli::render::text::harmless_words;
use crate::cli::render::{Output, Style};
use crate::explain::pasted::Answer;
use crate::explain::{Exit, Explanation};

/// An answer as a program sees it.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    id: &'a str,
    known: bool,
    aadsts: Option<u32>,
    code: Option<&'a str>,
    suberror: Option<&'a str>,
    service: Option<&'static str>,
    operation: Option<&'a str>,
    status: Option<u16>,
    said: Option<&'a str>,
    means: Option<&'a str>,
    usually: Option<&'a str>,
    next: &'a [String],
    who: Option<&'static str>,
    checks: Vec<&'static str>,
    proof: Vec<String>,
    look_up: Option<&'a str>,
    times: usize,
    ids: IdsLine<'a>,
    named: NamedLine<'a>,
}

#[derive(Serialize)]
struct IdsLine<'a> {
    correlation_id: Option<&'a str>,
    trace_id: Option<&'a str>,
    request_id: Option<&'a str>,
    host_id: Option<&'a str>,
    client_request_id: Option<&'a str>,
    timestamp: Option<&'a str>,
}

#[derive(Serialize)]
struct NamedLine<'a> {
    tenant: Option<&'a str>,
    client_id: Option<&'a str>,
    redirect: Option<&'a str>,
    issuer: Option<&'a str>,
    account: Option<&'a str>,
    role: Option<&'a str>,
    action: Option<&'a str>,
    resource: Option<&'a str>,
    bucket: Option<&'a str>,
    region: Option<&'a str>,
}

/// Shows what each error means and what to do.
pub(in crate::cli) fn answers(output: &Output, answers: &[Answer]) -> io::Result<()> {
    for (index, answer) in answers.iter().enumerate() {
        if output.is_json() {
            output.json_line(&line(answer))?;
        } else {
            let gap = if index > 0 { "\n" } else { "" };
            output.text_line(&format!("{gap}{}", words(output, answer)))?;
        }
    }
    Ok(())
}

/// Says that nothing in the text was recognised, and returns how the run ends.
pub(in crate::cli) fn nothing_recognised(output: &Output) -> Exit {
    super::failure(
        output,
        &Explanation {
            message: "no error of Entra, OAuth, Graph, STS, IAM or S3 was recognised in the text".into(),
            causes: Vec::new(),
            next: vec![
                "Paste the whole message, with its code: `pintail explain -` reads it from standard input."
                    .into(),
                "Without an error to go by, look at the whole chain: `pintail doctor`.".into(),
            ],
            exit: Exit::NotFound,
        },
    )
}

/// The commands that prove the cause. Where it is not known, the doctor looks at everything.
fn proof(answer: &Answer) -> Vec<String> {
    match &answer.text {
        Some(text) if answer.exact => {
            text.checks.iter().map(|check| format!("pintail doctor --only {}", check.name())).collect()
        }
        _ => vec!["pintail doctor".to_owned()],
    }
}

fn line(answer: &Answer) -> Line<'_> {
    let error = &answer.error;
    let Ids { correlation_id, trace_id, request_id, host_id, client_request_id, timestamp } = &error.ids;
    let Named { account, action, bucket, client_id, issuer, redirect, region, resource, role_arn, tenant } =
        &error.named;
    let text = answer.text.as_ref();
    Line {
        event: "answer",
        id: &answer.id,
        known: answer.exact,
        aadsts: error.aadsts,
        code: error.code.as_deref(),
        suberror: error.suberror.as_deref(),
        service: error.service.map(pintail_core::pasted::Service::name),
        operation: error.operation.as_deref(),
        status: error.status,
        said: error.message.as_deref(),
        means: text.map(|text| text.meaning),
        usually: text.map(|text| text.cause),
        next: &answer.next,
        who: text.map(|text| text.who.word()),
        checks: text.map(|text| text.checks.iter().map(|check| check.name()).collect()).unwrap_or_default(),
        proof: proof(answer),
        look_up: answer.look_up.as_deref(),
        times: answer.times,
        ids: IdsLine {
            correlation_id: correlation_id.as_deref(),
            trace_id: trace_id.as_deref(),
            request_id: request_id.as_deref(),
            host_id: host_id.as_deref(),
            client_request_id: client_request_id.as_deref(),
            timestamp: timestamp.as_deref(),
        },
        named: NamedLine {
            tenant: tenant.as_deref(),
            client_id: client_id.as_deref(),
            redirect: redirect.as_deref(),
            issuer: issuer.as_deref(),
            account: account.as_deref(),
            role: role_arn.as_deref(),
            action: action.as_deref(),
            resource: resource.as_deref(),
            bucket: bucket.as_deref(),
            region: region.as_deref(),
        },
    }
}

/// An answer for people.
fn words(output: &Output, answer: &Answer) -> String {
    let error = &answer.error;
    let mut head = output.data_style(Style::Strong, &harmless_words(&answer.title));
    let whose = [error.service.map(|service| service.name().to_owned()), error.operation.clone()];
    for part in whose.into_iter().flatten() {
        head.push_str(&format!(" · {}", harmless_words(&part)));
    }
    if answer.times > 1 {
        head.push_str(&format!(" · {} times", answer.times));
    }
    let mut rows: Vec<(&str, String)> = Vec::new();
    let mut add = |name: &'static str, value: String| rows.push((name, value));
    match &answer.text {
        Some(text) => {
            if !answer.exact {
                let code = error.code.as_deref().unwrap_or("error");
                add("unknown", format!("this number is not known here; the code {code} beside it is"));
            }
            add("means", text.meaning.to_owned());
            add("usually", text.cause.to_owned());
        }
        None => {
            add("unknown", "this code is not known here; this is what was read of it".to_owned());
            if let Some(said) = &error.message {
                add("said", said.clone());
            }
        }
    }
    for next in &answer.next {
        add("do", next.clone());
    }
    if let Some(text) = &answer.text {
        add("who", text.who.words().to_owned());
    }
    for command in proof(answer) {
        add("proof", output.data_style(Style::Code, &command));
    }
    let named = &error.named;
    let names = [
        ("tenant", &named.tenant),
        ("client ID", &named.client_id),
        ("redirect", &named.redirect),
        ("issuer", &named.issuer),
        ("role", &named.role_arn),
        ("action", &named.action),
        ("bucket", &named.bucket),
        ("region", &named.region),
    ];
    let list = |pairs: &[(&str, &Option<String>)]| {
        let said: Vec<String> =
            pairs.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
        said.join(", ")
    };
    let ids = &error.ids;
    let ticket = [
        ("correlation ID", &ids.correlation_id),
        ("trace ID", &ids.trace_id),
        ("request ID", &ids.request_id),
        ("host ID", &ids.host_id),
        ("client request ID", &ids.client_request_id),
        ("time", &ids.timestamp),
    ];
    for (name, pairs) in [("names", list(&names)), ("ticket", list(&ticket))] {
        if !pairs.is_empty() {
            add(name, pairs);
        }
    }
    if let Some(page) = &answer.look_up {
        add("look up", page.clone());
    }
    let mut text = head;
    for (name, value) in rows {
        // Styled values are ours; everything else may hold words of strangers.
        let value = if name == "proof" { value } else { harmless_words(&value) };
        text.push_str(&format!("\n  {}  {value}", output.data_style(Style::Faint, &format!("{name:7}"))));
    }
    text
}
