//! The dialogue of a setup: what neither file nor options say, one question after the other, each answer checked at once.

use crate::cli::{Failure, render::Output, show};
use crate::ops::{App, Error};
use crate::setup::desired::{Draft, Fault, Problem};
use crate::setup::sides;

/// What a question is about.
struct Question {
    key: &'static str,
    text: &'static str,
    /// What an empty answer means, in words; nothing is said then.
    usual: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Words,
    YesMeans(&'static str),
}

const QUESTIONS: [Question; 8] = [
    Question { key: "entra.app-name", text: "Name of the application", usual: "Pintail", kind: Kind::Text },
    Question {
        key: "entra.groups",
        text: "Groups that may use it, with commas between",
        usual: "only you, until `pintail setup grant`",
        kind: Kind::Words,
    },
    Question {
        key: "entra.redirects",
        text: "Shall Cyberduck and Mountain Duck sign in as well? [y/N]",
        usual: "",
        kind: Kind::YesMeans("cyberduck"),
    },
    Question {
        key: "aws.profile",
        text: "AWS profile that may change IAM",
        usual: "AWS_ACCESS_KEY_ID, else the profile `default`",
        kind: Kind::Text,
    },
    Question { key: "aws.region", text: "Region of the buckets", usual: "us-east-1", kind: Kind::Text },
    Question { key: "aws.role", text: "Name of the role", usual: "PintailS3", kind: Kind::Text },
    Question {
        key: "aws.buckets",
        text: "Buckets, or parts as bucket/folder/, with commas between",
        usual: "",
        kind: Kind::Words,
    },
    Question {
        key: "aws.access",
        text: "May they be read only? [y/N]",
        usual: "",
        kind: Kind::YesMeans("read"),
    },
];

/// Asks for what is not said. Who named the tenant and the buckets is asked nothing: the rest has a default.
pub(super) async fn complete(app: &App, output: &Output, draft: &mut Draft) -> Result<(), Failure> {
    let is_entra = !draft.says("issuer.url");
    let needs_tenant = is_entra && !draft.says("entra.tenant");
    if !needs_tenant && draft.says("aws.buckets") {
        return Ok(());
    }
    if needs_tenant {
        ask_tenant(app, output, draft).await?;
    }
    for question in &QUESTIONS {
        let (section, _) = question.key.split_once('.').unwrap_or_default();
        let said = draft.says(question.key)
            || (question.key == "aws.profile" && draft.says("aws.bookmark"))
            || (question.key == "entra.groups" && draft.says("entra.users"))
            || (question.key == "entra.groups" && draft.says("entra.assignment-required"));
        if !said && (is_entra || section != "entra") {
            ask(output, draft, question).await?;
        }
    }
    Ok(())
}

/// Asks for the tenant until one answers, and tells which it is.
async fn ask_tenant(app: &App, output: &Output, draft: &mut Draft) -> Result<(), Failure> {
    loop {
        let Some(text) =
            line(output, "Tenant of Microsoft Entra ID (a domain such as contoso.com, or its ID):").await?
        else {
            return Ok(());
        };
        if text.is_empty() {
            continue;
        }
        draft.say("entra.tenant", &text);
        if let Some(fault) = fault_of(draft, "entra.tenant") {
            show::wrong_setup_answer(output, &fault.problem.to_string());
            draft.unsay("entra.tenant");
            continue;
        }
        let Some(issuer) = draft.issuer() else { continue };
        match sides::discover(app, &issuer).await {
            Ok(found) => {
                let tenant = found.facts.tenant.unwrap_or_default();
                show::setup_tenant(output, &text, &tenant);
                return Ok(());
            }
            Err(error) => {
                let why = crate::explain::explain(&error).message;
                show::wrong_setup_answer(output, &format!("no tenant {text:?} answers: {why}"));
                draft.unsay("entra.tenant");
            }
        }
    }
}

async fn ask(output: &Output, draft: &mut Draft, question: &Question) -> Result<(), Failure> {
    let text = match question.usual {
        "" => format!("{}:", question.text),
        usual => format!("{} (empty: {usual}):", question.text),
    };
    loop {
        let Some(answer) = line(output, &text).await? else { return Ok(()) };
        if let Kind::YesMeans(value) = question.kind {
            if ["y", "yes"].contains(&answer.to_lowercase().as_str()) {
                match value {
                    "cyberduck" => draft.say_list(question.key, ["loopback", "cyberduck", "mountain-duck"]),
                    value => draft.say(question.key, value),
                }
            }
            return Ok(());
        }
        if answer.is_empty() {
            if question.usual.is_empty() {
                continue;
            }
            return Ok(());
        }
        match question.kind {
            Kind::Words => {
                let words = answer.split(',').map(str::trim).filter(|word| !word.is_empty());
                draft.say_list(question.key, words);
            }
            _ => draft.say(question.key, &answer),
        }
        match fault_of(draft, question.key) {
            None => return Ok(()),
            Some(fault) => {
                show::wrong_setup_answer(output, &fault.problem.to_string());
                draft.unsay(question.key);
            }
        }
    }
}

/// Returns what is wrong with an answer; what other questions will say is not missing yet.
fn fault_of(draft: &Draft, key: &str) -> Option<Fault> {
    let faults = draft.read().err()?;
    let wrong = |fault: &&Fault| fault.key.starts_with(key) && !matches!(fault.problem, Problem::Missing(_));
    faults.0.iter().find(wrong).cloned()
}

async fn line(output: &Output, question: &str) -> Result<Option<String>, Failure> {
    Ok(output.ask_line(question).await.map_err(Error::Stdio)?)
}
