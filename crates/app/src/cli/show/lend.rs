//! A sign-in that is lent to other tools. What grants access stands on standard output only, and only where it was asked for.

use std::io;

use jiff::Timestamp;
use pintail_core::name::BookmarkName;
use pintail_core::secret::Secret;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::render::text::{harmless, harmless_words, time};
use crate::cli::render::{Output, Style};
use crate::ops::lend::{Opened, Serving, Shell, Variables};

/// Says until when plain keys work.
pub(in crate::cli) fn keys_until(output: &Output, until: Option<Timestamp>) {
    match until {
        Some(until) => output.say(&format!("the keys work until {} UTC and are not renewed", time(until))),
        None => output.say("the keys do not end"),
    }
}

#[derive(Serialize)]
struct EnvLine<'a> {
    bookmark: &'a str,
    variables: Map<String, Value>,
    unset: Vec<&'static str>,
    until: Option<String>,
}

/// Shows a credential as variables.
pub(in crate::cli) fn env(
    output: &Output,
    name: &BookmarkName,
    variables: &Variables,
    until: Option<Timestamp>,
    shell: Shell,
) -> io::Result<()> {
    if output.is_json() {
        let line = EnvLine {
            bookmark: name.as_str(),
            variables: json(variables),
            unset: variables.conflicting().collect(),
            until: until.map(|until| until.to_string()),
        };
        output.json_line(&line)?;
    } else {
        for name in variables.conflicting() {
            output.text_line(&shell.unset(name))?;
        }
        set_lines(output, variables, shell)?;
    }
    keys_until(output, until);
    Ok(())
}

#[derive(Serialize)]
struct UnsetLine<'a> {
    unset: &'a [&'static str],
}

/// Shows what takes the variables of a credential away.
pub(in crate::cli) fn env_unset(output: &Output, shell: Shell) -> io::Result<()> {
    let names = Variables::of_keys();
    if output.is_json() {
        return output.json_line(&UnsetLine { unset: &names });
    }
    names.iter().try_for_each(|name| output.text_line(&shell.unset(name)))
}

#[derive(Serialize)]
struct ServingLine<'a> {
    event: &'static str,
    port: u16,
    token_file: String,
    bookmarks: Vec<ServedLine<'a>>,
}

#[derive(Serialize)]
struct ServedLine<'a> {
    bookmark: &'a str,
    variables: Map<String, Value>,
}

/// Says that credentials are served, and what tools have to be told.
pub(in crate::cli) fn serving(output: &Output, serving: &Serving, shell: Shell) -> io::Result<()> {
    for (name, refusal) in &serving.missing {
        let warning = output.talk_style(Style::Bad, "warning:");
        output.insist(&format!("{warning} {name} cannot be lent now: {}", harmless_words(&refusal.message)));
    }
    if output.is_json() {
        let served = |(name, variables): &'_ (BookmarkName, Variables)| (name.to_string(), json(variables));
        let all: Vec<(String, Map<String, Value>)> = serving.lent.iter().map(served).collect();
        return output.json_line(&ServingLine {
            event: "ready",
            port: serving.port,
            token_file: serving.token_file.display().to_string(),
            bookmarks: all
                .iter()
                .map(|(name, variables)| ServedLine { bookmark: name, variables: variables.clone() })
                .collect(),
        });
    }
    let up = output.talk_style(Style::Good, "credentials are served");
    output.say(&format!(
        "{up} on port {} of this machine until you press Ctrl-C; tools need these variables:",
        serving.port
    ));
    for (name, variables) in &serving.lent {
        output.text_line(&output.data_style(Style::Faint, &format!("# {}", harmless(name.as_str()))))?;
        set_lines(output, variables, shell)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ConsoleLine<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    until: String,
}

/// Shows the address of the console, where it was asked for, or says that the console was opened.
pub(in crate::cli) fn console(output: &Output, opened: &Opened) -> io::Result<()> {
    let url = opened.url.as_ref().map(Secret::expose);
    if output.is_json() {
        let event = if url.is_some() { "console_address" } else { "console_opened" };
        return output.json_line(&ConsoleLine { event, url, until: opened.until.to_string() });
    }
    match url {
        Some(url) => {
            output.text_line(url)?;
            output.say(&format!("works until {} UTC; whoever has it is in", time(opened.until)));
        }
        None => output.say("the console is open in your browser"),
    }
    Ok(())
}

fn set_lines(output: &Output, variables: &Variables, shell: Shell) -> io::Result<()> {
    variables.set.iter().try_for_each(|(name, value)| output.text_line(&shell.set(name, value.expose())))
}

fn json(variables: &Variables) -> Map<String, Value> {
    variables.set.iter().map(|(name, value)| ((*name).to_owned(), value.expose().into())).collect()
}
