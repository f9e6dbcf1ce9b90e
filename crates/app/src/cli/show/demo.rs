//! The demo and the sandbox.

use std::io;

use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::render::text::harmless;
use crate::cli::render::{Output, Style};
use crate::explain::Exit;
use crate::ops::demo::Step;
use crate::ops::sandbox::Ready;

#[derive(Serialize)]
struct StepLine<'a> {
    event: &'static str,
    step: u32,
    title: &'a str,
    seen: &'a [String],
    proves: &'a str,
}

/// Shows a step of the demo: what was done, what was seen, what it proves.
pub(in crate::cli) fn demo_step(output: &Output, number: u32, step: &Step) -> io::Result<()> {
    let line =
        StepLine { event: "step", step: number, title: step.title, seen: &step.seen, proves: step.proves };
    output.data(&line, || {
        let mut text = format!(
            "{} {}",
            output.data_style(Style::Good, &format!("{number}.")),
            output.data_style(Style::Strong, step.title)
        );
        for seen in &step.seen {
            text.push_str(&format!("\n   {}", harmless(seen)));
        }
        text.push_str(&format!(
            "\n   {}",
            output.data_style(Style::Faint, &format!("proves: {}", step.proves))
        ));
        text
    })
}

#[derive(Serialize)]
struct EndLine {
    event: &'static str,
}

/// Says that the demo went well, and what to type next.
pub(in crate::cli) fn demo_end(output: &Output) -> Outcome {
    if output.is_json() {
        output.json_line(&EndLine { event: "done" })?;
        return Ok(Exit::Done);
    }
    let code = |text: &str| output.data_style(Style::Code, text);
    output.text_line("")?;
    output.text_line(&format!(
        "{} Nothing left this machine, and nothing is left behind.",
        output.data_style(Style::Good, "All of it worked.")
    ))?;
    output.text_line("")?;
    output.text_line("To play with it yourself:")?;
    output
        .text_line(&format!("  {}                 keeps the small cloud running", code("pintail sandbox")))?;
    output.text_line(&format!(
        "  {}           in another terminal; any of the people it names",
        code("pintail login sandbox")
    ))?;
    output.text_line(&format!("  {}", code("pintail ls sandbox:")))?;
    output.text_line("")?;
    output.text_line("With your own tenant and account:")?;
    output.text_line(&format!(
        "  {}",
        code("pintail bookmark add work --tenant contoso.com --client-id … --role-arn arn:aws:iam::…:role/…")
    ))?;
    output.text_line(&format!("  {}", code("pintail login work")))?;
    Ok(Exit::Done)
}

/// Says that the sandbox is up.
pub(in crate::cli) fn sandbox_ready(output: &Output, ready: &Ready<'_>) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(ready.summary);
    }
    let summary = ready.summary;
    output.say(&format!(
        "{} on this machine until you press Ctrl-C",
        output.talk_style(Style::Good, "the small cloud is up")
    ));
    let mut lines = vec![
        ("issuer", summary.issuer.clone()),
        ("tenant", summary.tenant.clone()),
        ("S3", summary.s3_endpoint.clone()),
        ("STS", summary.sts_endpoint.clone()),
        ("IAM", summary.iam_endpoint.clone()),
        ("Graph", summary.graph_endpoint.clone()),
    ];
    match &summary.empty {
        None => {
            lines.insert(2, ("client ID", summary.client_id.clone()));
            lines.insert(3, ("role", summary.role_arn.clone()));
        }
        Some(empty) => lines.extend([
            ("account", empty.account_id.clone()),
            ("AWS access key ID", empty.aws_access_key_id.clone()),
            ("AWS secret key", empty.aws_secret_access_key.clone()),
        ]),
    }
    lines.extend(
        summary
            .users
            .iter()
            .map(|user| ("person", format!("{} ({}), password {}", user.username, user.name, user.password))),
    );
    output.text_line(&super::facts(output, &lines))?;
    if let Some(bookmark) = &ready.bookmark {
        let login = output.talk_style(Style::Code, &format!("pintail login {bookmark}"));
        let list = output.talk_style(Style::Code, &format!("pintail ls {bookmark}:"));
        output.say(&format!(
            "{} in another terminal: {login}, then {list}",
            output.talk_style(Style::Strong, "next:")
        ));
    }
    Ok(())
}
