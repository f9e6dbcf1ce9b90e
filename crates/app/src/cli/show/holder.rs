//! Whose credential a bookmark uses by another way than a web sign-in, and what is asked on the way there.

use std::io;

use pintail_core::name::BookmarkName;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use serde::Serialize;

use super::facts;
use super::sign_in::until_text;
use crate::cli::render::text::{harmless_words, time};
use crate::cli::render::{Output, Style};
use crate::ops::sign_in::ways::{Asks, Holder};

/// Asks on standard error, and reads from standard input.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Asking(pub(in crate::cli) Output);

impl Asks for Asking {
    fn hidden<'a>(&'a self, question: &'a str) -> BoxFuture<'a, io::Result<Secret>> {
        let question = harmless_words(question);
        Box::pin(async move { self.0.ask_hidden(&question).await })
    }

    fn choose<'a>(
        &'a self,
        question: &'a str,
        offered: &'a [String],
    ) -> BoxFuture<'a, io::Result<Option<usize>>> {
        Box::pin(async move {
            if !self.0.can_ask() {
                return Ok(None);
            }
            for (number, text) in offered.iter().enumerate() {
                self.0.insist(&format!("{:>3}  {}", number + 1, harmless_words(text)));
            }
            let answer = self.0.ask_line(&format!("{question} (1-{})", offered.len())).await?;
            let number = answer.and_then(|answer| answer.parse::<usize>().ok());
            Ok(number.and_then(|number| number.checked_sub(1)).filter(|at| *at < offered.len()))
        })
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    bookmark: &'a str,
    way: &'static str,
    access_key_id: Option<&'a str>,
    account: Option<&'a str>,
    arn: Option<&'a str>,
    role: Option<&'a str>,
    until: Option<String>,
    renews: bool,
    keychain: Option<&'a str>,
}

fn line<'a>(event: Option<&'static str>, name: &'a BookmarkName, holder: &'a Holder) -> Line<'a> {
    Line {
        event,
        bookmark: name.as_str(),
        way: holder.way.as_str(),
        access_key_id: holder.access_key_id.as_deref(),
        account: holder.account.as_deref(),
        arn: holder.arn.as_deref(),
        role: holder.role.as_deref(),
        until: holder.until.map(|until| until.to_string()),
        renews: holder.renews,
        keychain: holder.keychain.as_deref(),
    }
}

/// Shows whose credential it is.
pub(in crate::cli) fn holder(output: &Output, name: &BookmarkName, holder: &Holder) -> io::Result<()> {
    output.data(&line(None, name, holder), || {
        let mut pairs = vec![("way in", holder.way.to_string())];
        match &holder.access_key_id {
            Some(id) => pairs.push(("access key", harmless_words(id))),
            None => pairs.push(("access key", "none: requests are not signed".into())),
        }
        pairs.extend(holder.account.as_deref().map(|text| ("account", harmless_words(text))));
        pairs.extend(holder.arn.as_deref().map(|text| ("signed in as", harmless_words(text))));
        pairs.extend(holder.role.as_deref().map(|text| ("role", harmless_words(text))));
        if let Some(until) = holder.until {
            pairs.push(("until", format!("{} UTC,{}", time(until), until_text(until, holder.now))));
            let renewal = if holder.renews { "by itself" } else { "only by signing in again" };
            pairs.push(("renews", renewal.into()));
        }
        pairs.extend(holder.keychain.clone().map(|keychain| ("kept in", keychain)));
        facts(output, &pairs)
    })
}

/// Says that the way works.
pub(in crate::cli) fn holder_signed_in(
    output: &Output,
    name: &BookmarkName,
    holder: &Holder,
) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&line(Some("signed_in"), name, holder));
    }
    let whom = holder.arn.as_deref().or(holder.role.as_deref()).or(holder.access_key_id.as_deref());
    let until = holder.until.map(|until| until_text(until, holder.now)).unwrap_or_default();
    match whom {
        Some(whom) => output.say(&format!(
            "{} as {}{until}",
            output.talk_style(Style::Good, "signed in"),
            harmless_words(whom)
        )),
        None => output.say("nobody signs in: requests are not signed"),
    }
    let next = output.talk_style(Style::Code, &format!("pintail ls {name}:"));
    output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    Ok(())
}
